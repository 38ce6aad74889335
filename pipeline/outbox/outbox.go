// Package outbox sends once per key. Everything that leaves the system goes
// through it: a report that is made twice, by a retry or by two processes, is
// mailed once, and a notice about the same occasion goes out once.
//
// A send is claimed before it is made and recorded after it. When the process
// dies between the two nobody can know whether the mail left. It is then sent
// again, after the claim's lease: a report that comes twice, with the same
// Message-ID, is a nuisance; one that never comes is a loss. So delivery is
// exactly once without crashes and at least once with them.
package outbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// DefaultLease is how long a claim keeps others away unless Outbox.Lease says
// otherwise: longer than any mailer takes.
const DefaultLease = 10 * time.Minute

// root is where records lie in the store.
const root = "outbox/"

// Outbox sends mails and notices, each key once. Its records lie in Store under
// outbox/<key>/: claim.0001 and on for the attempts, sent for the outcome.
type Outbox struct {
	Store    env.Store
	Mailer   env.Mailer   // only Send needs it
	Notifier env.Notifier // only Notify needs it
	Clock    env.Clock
	Lease    time.Duration // 0 is DefaultLease
}

// claim is one attempt, as stored.
type claim struct {
	At     time.Time `json:"at"`
	Failed string    `json:"failed,omitempty"` // why it is over without success
}

// outcome is what is known about a key that was sent.
type outcome struct {
	At         time.Time `json:"at"`
	From       string    `json:"from,omitempty"`       // of a mail
	Recipients int       `json:"recipients,omitempty"` // of a mail
	Subject    string    `json:"subject,omitempty"`    // of a notice
	SHA256     string    `json:"sha256"`               // of the raw mail, or of the notice's body
}

// Send sends m unless something was sent under key before: then it returns
// false and no error. The key names the occasion, not the content, like
// "weekly/2026-W47/pm@example.com", and must be fit for a store. While another
// attempt is under way, by another process or one that died within the lease,
// Send is a fault of kind Retry. After an error of the mailer, which is
// returned as it is, the next Send tries again at once. true with an error
// means that the mail left and could not be recorded.
func (o *Outbox) Send(ctx context.Context, key string, m env.Mail) (sent bool, err error) {
	return o.once(ctx, key, func(ctx context.Context) error { return o.Mailer.Send(ctx, m) },
		outcome{From: m.From, Recipients: len(m.To), SHA256: digest(m.Raw)})
}

// Notify is Send for a notice: one claim, one key, one notice. Mails and
// notices share their keys.
func (o *Outbox) Notify(ctx context.Context, key string, n env.Notice) (sent bool, err error) {
	return o.once(ctx, key, func(ctx context.Context) error { return o.Notifier.Notify(ctx, n) },
		outcome{Subject: n.Subject, SHA256: digest([]byte(n.Body))})
}

// Sent lists the keys that begin with prefix and under which something was
// sent, sorted. Attempts that are under way or failed are not among them.
func (o *Outbox) Sent(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	for info, err := range o.Store.List(ctx, root+prefix) {
		if err != nil {
			return nil, fmt.Errorf("look for what was sent under %s: %w", prefix, err)
		}
		if key, ok := strings.CutSuffix(strings.TrimPrefix(info.Key, root), "/sent"); ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys) // a/b/sent comes after a/b-c/sent in a listing
	return keys, nil
}

// once delivers unless something was delivered under key before. done is what
// is recorded then; its time is filled in here.
func (o *Outbox) once(ctx context.Context, key string, deliver func(context.Context) error, done outcome) (sent bool, err error) {
	if err := env.CheckKey(o.key(key, "sent")); err != nil {
		return false, fmt.Errorf("send %q: %w", key, err)
	}
	before, err := o.exists(ctx, o.key(key, "sent"))
	if before || err != nil {
		return false, err
	}
	mine, err := o.claim(ctx, key)
	if err != nil {
		return false, err
	}
	// Somebody may have finished between the first look and the claim.
	if before, err = o.exists(ctx, o.key(key, "sent")); before || err != nil {
		return false, err
	}
	// From here on the record must follow, even when the caller gives up.
	record := context.WithoutCancel(ctx)
	if err := deliver(ctx); err != nil {
		failed := o.put(record, mine, claim{At: o.Clock.Now().UTC(), Failed: err.Error()})
		return false, errors.Join(err, failed)
	}
	done.At = o.Clock.Now().UTC()
	return true, o.put(record, o.key(key, "sent"), done)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// claim makes the next attempt this caller's and returns its key.
func (o *Outbox) claim(ctx context.Context, key string) (string, error) {
	n, last := 0, ""
	for info, err := range o.Store.List(ctx, o.key(key, "claim.")) {
		if err != nil {
			return "", fmt.Errorf("look for attempts to send %s: %w", key, err)
		}
		n++
		last = info.Key
	}
	now := o.Clock.Now().UTC()
	if last != "" {
		c, err := o.read(ctx, last)
		if err != nil {
			return "", err
		}
		lease := o.Lease
		if lease <= 0 {
			lease = DefaultLease
		}
		if until := c.At.Add(lease); c.Failed == "" && now.Before(until) {
			return "", fault.Retryf("send %s: another attempt is under way, or its process died; try again after %s", key, until.Format(time.RFC3339))
		}
	}
	mine := o.key(key, fmt.Sprintf("claim.%04d", n+1))
	body, err := json.Marshal(claim{At: now})
	if err != nil {
		return "", fmt.Errorf("claim the sending of %s: %w", key, err)
	}
	if err := o.Store.Create(ctx, mine, bytes.NewReader(body)); err != nil {
		if errors.Is(err, env.ErrExist) {
			return "", fault.Retryf("send %s: another attempt has just begun", key)
		}
		return "", fmt.Errorf("claim the sending of %s: %w", key, err)
	}
	return mine, nil
}

func (o *Outbox) key(key, part string) string {
	return root + strings.TrimSuffix(key, "/") + "/" + part
}

func (o *Outbox) exists(ctx context.Context, key string) (bool, error) {
	obj, err := o.Store.Open(ctx, key)
	if errors.Is(err, env.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look into the outbox: %w", err)
	}
	return true, obj.Close()
}

// read reads a claim. Stores write whole objects, so one that makes no sense
// was damaged later: an error, for somebody to look at.
func (o *Outbox) read(ctx context.Context, key string) (claim, error) {
	obj, err := o.Store.Open(ctx, key)
	if err != nil {
		return claim{}, fmt.Errorf("look into the outbox: %w", err)
	}
	defer func() { _ = obj.Close() }()
	var c claim
	b, err := io.ReadAll(io.NewSectionReader(obj, 0, min(obj.Size(), 1<<20)))
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		return claim{}, fmt.Errorf("read %s: %w", key, err)
	}
	return c, nil
}

func (o *Outbox) put(ctx context.Context, key string, v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		err = o.Store.Put(ctx, key, bytes.NewReader(b))
	}
	if err != nil {
		return fmt.Errorf("record in the outbox: %w", err)
	}
	return nil
}
