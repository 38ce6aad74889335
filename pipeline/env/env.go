// Package env says once what the stages need from outside: where bytes are
// kept, where deliveries wait, who answers SQL, who carries mail, what time it
// is. Each interface has an in-memory twin (memenv) and an adapter for one
// machine (localenv) and for AWS (awsenv); all of them pass the conformance
// suites of envtest. Nothing in the stages asks where it runs.
package env

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// ErrNotExist is in the chain of every error that a missing object causes.
var ErrNotExist = errors.New("object does not exist")

// ErrExist is in the chain of the error of Creator.Create for a taken key.
var ErrExist = errors.New("object exists already")

// ErrChanged is in the chain of the error of Replacer.Replace for an object that
// is no longer the one that was meant.
var ErrChanged = errors.New("object was changed meanwhile")

// Object is an opened blob. It stays readable, with the content it had when
// it was opened, even when the key is overwritten or removed meanwhile.
type Object interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Info is one line of a listing.
type Info struct {
	Key      string // slash-separated, never starting with a slash
	Size     int64
	Modified time.Time
	Version  string // another for another content; never empty
}

// Blobs keeps immutable bytes under keys like
// "events/tier=hot/dt=2026-11-01/ab12.parquet".
type Blobs interface {
	// Open opens key for reading; ErrNotExist when there is none.
	Open(ctx context.Context, key string) (Object, error)
	// Put stores body under key and replaces what was there, atomically: a
	// reader sees the old bytes or the new ones. When it returns nil the
	// bytes are durable. After an error the old content stands.
	Put(ctx context.Context, key string, body io.Reader) error
	// List yields all objects whose key starts with prefix, sorted by key.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
}

// Remover deletes blobs. Few stages may.
type Remover interface {
	// Remove deletes key; a missing key is no error.
	Remove(ctx context.Context, key string) error
}

// Creator writes a key only once.
type Creator interface {
	// Create is Put that fails with ErrExist, changing nothing, when the key
	// is taken. Of two concurrent calls exactly one succeeds.
	Create(ctx context.Context, key string, body io.Reader) error
}

// Replacer writes a key only if nobody has since it was listed.
type Replacer interface {
	// Replace is Put that fails with ErrChanged, changing nothing, when the
	// object under key does not have this version, or is gone. Of concurrent
	// calls for one version exactly one succeeds. However late a call comes to
	// pass, it undoes nothing that it did not know of.
	Replace(ctx context.Context, key, version string, body io.Reader) error
}

// Store is everything a lake needs of its bytes.
type Store interface {
	Blobs
	Remover
	Creator
	Replacer
}

// Message is one queued delivery.
type Message struct {
	ID       string // chosen by the sender of the message, unique, sorts by time
	Body     []byte
	Attempts int       // how often it was received before this time
	SentAt   time.Time // when it was queued
}

// Sender puts messages into the queue.
type Sender interface {
	// Send returns nil only when the message is durable: it survives the
	// death of the process at any later moment. Many goroutines call it at
	// once; adapters group their writes.
	Send(ctx context.Context, m Message) error
}

// Receiver takes messages out of the queue. Delivery is at least once.
type Receiver interface {
	// Receive returns up to limit messages, oldest first, none when the queue
	// is empty. They stay invisible for lease and come back afterwards unless
	// they are deleted.
	Receive(ctx context.Context, limit int, lease time.Duration) ([]Message, error)
	// Delete removes finished messages for good; unknown ids are no error.
	Delete(ctx context.Context, ids ...string) error
	// Release makes messages visible again after delay.
	Release(ctx context.Context, delay time.Duration, ids ...string) error
}

// DeadLetters keeps messages that failed too often, out of everybody's way.
type DeadLetters interface {
	// SetAside moves messages out of the queue, with the reason.
	SetAside(ctx context.Context, reason string, ids ...string) error
	// Redrive puts all of them back and says how many there were.
	Redrive(ctx context.Context) (int, error)
}

// Depth is the state of a queue. All zero means that everything accepted has
// been processed.
type Depth struct {
	Queued   int           // visible
	InFlight int           // received, not deleted yet
	Dead     int           // set aside
	Oldest   time.Duration // age of the oldest message that is not dead
}

// Gauge measures a queue.
type Gauge interface {
	Depth(ctx context.Context) (Depth, error)
}

// Querier answers SQL in the two-engine dialect over the lake's views.
type Querier interface {
	// Query runs one statement. The caller releases the reader. A wrong
	// statement is a fault of kind Invalid that quotes the engine's message.
	Query(ctx context.Context, sql string) (array.RecordReader, error)
}

// Mail is one message ready to be sent.
type Mail struct {
	From string
	To   []string
	Raw  []byte // a whole RFC 5322 message
}

// Mailer hands a mail over for delivery.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

// Notice is one alert ready to go to whoever is on call.
type Notice struct {
	Subject    string // one line, at most 100 characters of ASCII
	Body       string // plain text
	Attributes map[string]string
}

// Notifier hands a notice over to whoever is on call.
type Notifier interface {
	Notify(ctx context.Context, n Notice) error
}

// Secrets finds a source's active secrets; several while one is rotated.
type Secrets interface {
	// Secrets returns none for a source without secrets: whoever verifies
	// must refuse then.
	Secrets(ctx context.Context, source string) ([]string, error)
}

// Clock tells the time. Stages never call time.Now.
type Clock interface {
	Now() time.Time
}

// ClockFunc makes a function a Clock.
type ClockFunc func() time.Time

// Now calls f.
func (f ClockFunc) Now() time.Time { return f() }
