package memenv

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"upshot.dev/upshot/pipeline/env"
)

// Queue is env.Sender, Receiver, DeadLetters and Gauge in memory. What it
// acknowledges is as durable as the process, which is all that a twin can
// promise.
type Queue struct {
	clock env.Clock

	mu   sync.Mutex
	live []*message // in the order they were sent
	dead []*message
	seq  uint64
}

type message struct {
	env.Message
	seq     uint64
	held    bool // received or given back with a delay, until visible
	visible time.Time
}

var (
	_ env.Sender      = (*Queue)(nil)
	_ env.Receiver    = (*Queue)(nil)
	_ env.DeadLetters = (*Queue)(nil)
	_ env.Gauge       = (*Queue)(nil)
)

// NewQueue makes an empty queue whose leases run by clock.
func NewQueue(clock env.Clock) *Queue { return &Queue{clock: clock} }

// Send queues m; a message whose id is queued or set aside already is ignored.
func (q *Queue) Send(ctx context.Context, m env.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	same := func(o *message) bool { return o.ID == m.ID }
	if slices.ContainsFunc(q.live, same) || slices.ContainsFunc(q.dead, same) {
		return nil
	}
	q.seq++
	q.live = append(q.live, &message{seq: q.seq, Message: env.Message{
		ID: m.ID, Body: bytes.Clone(m.Body), SentAt: q.clock.Now(),
	}})
	return nil
}

// Receive takes up to limit visible messages.
func (q *Queue) Receive(ctx context.Context, limit int, lease time.Duration) ([]env.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.clock.Now()
	var out []env.Message
	for _, m := range q.live {
		if len(out) >= limit {
			break
		}
		if m.waits(now) {
			continue
		}
		taken := m.Message
		taken.Body = bytes.Clone(m.Body)
		out = append(out, taken)
		m.Attempts++
		m.held, m.visible = true, now.Add(lease)
	}
	return out, nil
}

// Delete removes finished messages.
func (q *Queue) Delete(_ context.Context, ids ...string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.live = slices.DeleteFunc(q.live, func(m *message) bool { return slices.Contains(ids, m.ID) })
	return nil
}

// Release gives messages back.
func (q *Queue) Release(_ context.Context, delay time.Duration, ids ...string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	visible := q.clock.Now().Add(delay)
	for _, m := range q.live {
		if m.held && slices.Contains(ids, m.ID) {
			m.visible = visible
		}
	}
	return nil
}

// SetAside moves messages out of the way.
func (q *Queue) SetAside(_ context.Context, _ string, ids ...string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.live = slices.DeleteFunc(q.live, func(m *message) bool {
		if !slices.Contains(ids, m.ID) {
			return false
		}
		q.dead = append(q.dead, m)
		return true
	})
	return nil
}

// Redrive puts the messages that were set aside back into their old places,
// with no attempts.
func (q *Queue) Redrive(context.Context) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.dead)
	for _, m := range q.dead {
		m.Attempts, m.held = 0, false
		q.live = append(q.live, m)
	}
	q.dead = nil
	slices.SortFunc(q.live, func(a, b *message) int {
		if a.seq < b.seq {
			return -1
		}
		return 1
	})
	return n, nil
}

// Depth counts the messages.
func (q *Queue) Depth(context.Context) (env.Depth, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.clock.Now()
	d := env.Depth{Dead: len(q.dead)}
	for _, m := range q.live {
		if m.waits(now) {
			d.InFlight++
		} else {
			d.Queued++
		}
		d.Oldest = max(d.Oldest, now.Sub(m.SentAt))
	}
	return d, nil
}

// waits reports whether the message is invisible now.
func (m *message) waits(now time.Time) bool { return m.held && now.Before(m.visible) }
