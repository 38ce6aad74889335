package localenv

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// QueueLimits bound what may wait in a queue. Messages that were set aside do
// not count: poison must not close the door.
type QueueLimits struct {
	Messages int   // 0 is 2,000,000
	Bytes    int64 // of bodies; 0 is 8 GiB
}

// maxReceiveBytes bounds the bodies that one Receive brings into memory. The
// first message always comes, however large.
const maxReceiveBytes = 32 << 20

// Queue is env.Sender, Receiver, DeadLetters and Gauge on an SQLite file that
// one process owns. One goroutine does all the writing: whatever sends, claims
// and deletes wait while it works go into its next transaction together and
// share that transaction's flush to the disk. Every method returns after the
// commit of what it did.
//
// Leases belong to the owning process: when the file is opened again, by a new
// process, everything that was in flight or delayed is visible at once. The
// count of attempts survives.
type Queue struct {
	path   string
	clock  env.Clock
	limits QueueLimits

	messages, bytes atomic.Int64 // stored or being stored, against limits

	opPool  sync.Pool    // of *op
	closing sync.RWMutex // held for reading while an op is handed over
	closed  bool
	ops     chan *op
	done    chan struct{} // closed when the writer has ended
	failed  error         // of the writer's end, read after done
}

var (
	_ env.Sender      = (*Queue)(nil)
	_ env.Receiver    = (*Queue)(nil)
	_ env.DeadLetters = (*Queue)(nil)
	_ env.Gauge       = (*Queue)(nil)
)

// OpenQueue opens the queue in the file at path, which is made when it is
// missing, with the default limits. Another process that has the file open, a
// file that is no queue, or a folder that cannot be written is a fault of kind
// Permanent that says so.
func OpenQueue(path string, clock env.Clock) (*Queue, error) {
	return OpenQueueLimited(path, clock, QueueLimits{})
}

// OpenQueueLimited is OpenQueue with other limits.
func OpenQueueLimited(path string, clock env.Clock, limits QueueLimits) (*Queue, error) {
	if limits.Messages <= 0 {
		limits.Messages = 2_000_000
	}
	if limits.Bytes <= 0 {
		limits.Bytes = 8 << 30
	}
	db, err := openQueueDB(path)
	if err != nil {
		return nil, err
	}
	q := &Queue{
		path: path, clock: clock, limits: limits,
		ops: make(chan *op, 1024), done: make(chan struct{}),
	}
	q.messages.Store(db.messages)
	q.bytes.Store(db.bytes)
	go q.write(db)
	return q, nil
}

// Close finishes what was begun, refuses what comes, and gives the file back.
func (q *Queue) Close() error {
	q.closing.Lock()
	if !q.closed {
		q.closed = true
		close(q.ops)
	}
	q.closing.Unlock()
	<-q.done
	return q.failed
}

// Send queues m and returns nil when it is on the disk. A message whose id is
// queued or set aside already is acknowledged and not stored again. A queue
// that is at its limit, and a full disk, are faults of kind Retry.
func (q *Queue) Send(ctx context.Context, m env.Message) error {
	if m.ID == "" {
		return fault.Permanentf("queue a message: it has no id")
	}
	if err := q.reserve(int64(len(m.Body))); err != nil {
		return err
	}
	stored := false
	err := q.do(ctx, func(db *queueDB) (err error) {
		stored, err = db.insert(m, q.clock.Now())
		return err
	})
	if !stored || err != nil {
		q.free(1, int64(len(m.Body)))
	}
	if err != nil {
		return fmt.Errorf("queue message %s: %w", m.ID, err)
	}
	return nil
}

// Receive takes up to limit visible messages, fewer when their bodies are
// larger than 32 MiB together.
func (q *Queue) Receive(ctx context.Context, limit int, lease time.Duration) ([]env.Message, error) {
	var msgs []env.Message
	err := q.do(ctx, func(db *queueDB) (err error) {
		now := q.clock.Now()
		msgs, err = db.claim(limit, now, now.Add(lease))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("receive from the queue: %w", err)
	}
	return msgs, nil
}

// Delete removes finished messages.
func (q *Queue) Delete(ctx context.Context, ids ...string) error {
	var n, bytes int64
	err := q.do(ctx, func(db *queueDB) (err error) {
		n, bytes, err = db.remove(ids)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete %d messages from the queue: %w", len(ids), err)
	}
	q.free(n, bytes)
	return nil
}

// Release gives messages back, visible after delay.
func (q *Queue) Release(ctx context.Context, delay time.Duration, ids ...string) error {
	err := q.do(ctx, func(db *queueDB) error {
		return db.release(ids, q.clock.Now().Add(delay))
	})
	if err != nil {
		return fmt.Errorf("give %d messages back to the queue: %w", len(ids), err)
	}
	return nil
}

// SetAside moves messages out of the queue and keeps them with the reason.
func (q *Queue) SetAside(ctx context.Context, reason string, ids ...string) error {
	var n, bytes int64
	err := q.do(ctx, func(db *queueDB) (err error) {
		n, bytes, err = db.setAside(ids, reason, q.clock.Now())
		return err
	})
	if err != nil {
		return fmt.Errorf("set %d messages aside: %w", len(ids), err)
	}
	q.free(n, bytes)
	return nil
}

// Redrive puts everything that was set aside back into its old place, with no
// attempts. It may exceed the limits: these messages were acknowledged.
func (q *Queue) Redrive(ctx context.Context) (int, error) {
	var n, bytes int64
	err := q.do(ctx, func(db *queueDB) (err error) {
		n, bytes, err = db.redrive()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("redrive the queue: %w", err)
	}
	q.free(-n, -bytes)
	return int(n), nil
}

// DeadLetter is a message that was set aside.
type DeadLetter struct {
	ID       string    `json:"id"`
	SentAt   time.Time `json:"sent_at"`
	SetAside time.Time `json:"set_aside_at"`
	Reason   string    `json:"reason"`
	Bytes    int64     `json:"bytes"` // of the body
}

// Dead lists what was set aside, the oldest first, at most limit of it.
func (q *Queue) Dead(ctx context.Context, limit int) ([]DeadLetter, error) {
	var out []DeadLetter
	err := q.do(ctx, func(db *queueDB) (err error) {
		out, err = db.dead(limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the dead letters: %w", err)
	}
	return out, nil
}

// Depth counts the messages.
func (q *Queue) Depth(ctx context.Context) (env.Depth, error) {
	var d env.Depth
	err := q.do(ctx, func(db *queueDB) (err error) {
		d, err = db.depth(q.clock.Now())
		return err
	})
	if err != nil {
		return env.Depth{}, fmt.Errorf("measure the queue: %w", err)
	}
	return d, nil
}

// Ready says why messages cannot be taken right now: the queue is full or
// closed. nil means that they can.
func (q *Queue) Ready(context.Context) error {
	q.closing.RLock()
	defer q.closing.RUnlock()
	if q.closed {
		return errQueueClosed
	}
	if err := q.reserve(0); err != nil {
		return err
	}
	q.free(1, 0)
	return nil
}

// reserve takes room for one message of the given size or says that the queue
// is full.
func (q *Queue) reserve(size int64) error {
	n, b := q.messages.Add(1), q.bytes.Add(size)
	if n <= int64(q.limits.Messages) && b <= q.limits.Bytes {
		return nil
	}
	q.free(1, size)
	return fault.Retryf("the queue is full: %d messages, %d bytes wait in %s; it takes more when processing has caught up",
		n-1, b-size, q.path)
}

func (q *Queue) free(messages, bytes int64) {
	q.messages.Add(-messages)
	q.bytes.Add(-bytes)
}

var errQueueClosed = fault.Retryf("the queue is closed: the process is ending")

// do hands one piece of work to the writer and waits for its commit. An ended
// context keeps work from being begun; what is begun is waited for, so that
// the answer is the truth and run's memory is not used after the return.
func (q *Queue) do(ctx context.Context, run func(*queueDB) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o, ok := q.opPool.Get().(*op)
	if !ok {
		o = &op{result: make(chan error, 1)}
	}
	o.run = run
	if err := q.hand(ctx, o); err != nil {
		return err
	}
	err := <-o.result
	o.run = nil
	q.opPool.Put(o)
	return err
}

func (q *Queue) hand(ctx context.Context, o *op) error {
	q.closing.RLock()
	defer q.closing.RUnlock()
	if q.closed {
		return errQueueClosed
	}
	select {
	case q.ops <- o:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// op is one piece of work for the writer. run may run twice, the second time
// after a rollback, and then alone.
type op struct {
	run    func(*queueDB) error
	result chan error
}

// group bounds one transaction.
const group = 1024

// write is the writer: the only goroutine that touches the file.
func (q *Queue) write(db *queueDB) {
	defer close(q.done)
	batch := make([]*op, 0, group)
	for o := range q.ops {
		batch = append(batch[:0], o)
		for more := true; more && len(batch) < group; {
			select {
			case o, ok := <-q.ops:
				if more = ok; ok {
					batch = append(batch, o)
				}
			default:
				more = false
			}
		}
		commitGroup(db, batch)
	}
	q.failed = db.close()
}

// commitGroup runs a group in one transaction. When that fails each op gets a
// transaction of its own: a send for which there is no room must not keep the
// delete beside it from making some.
func commitGroup(db *queueDB, batch []*op) {
	err := db.transact(batch)
	for _, o := range batch {
		if err != nil && len(batch) > 1 {
			o.result <- db.transact([]*op{o})
			continue
		}
		o.result <- err
	}
}

// explainQueue says what to do about an error of the queue file.
func explainQueue(path, doing string, err error) error {
	kind, hint := diagnose(err)
	if hint == "" {
		return fault.New(kind, fmt.Errorf("%s %s: %w", doing, path, err))
	}
	return fault.New(kind, fmt.Errorf("%s %s: %s: %w", doing, path, hint, err))
}

// errForeign is in the chain of the error for a file of another kind.
var errForeign = errors.New("not a queue of this version")
