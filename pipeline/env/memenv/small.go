package memenv

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"upshot.dev/upshot/pipeline/env"
)

// Mailer keeps the mails that it is given.
type Mailer struct {
	mu    sync.Mutex
	mails []env.Mail
	err   error
}

var _ env.Mailer = (*Mailer)(nil)

// Send keeps a copy of m, or fails when Fail said so.
func (m *Mailer) Send(ctx context.Context, mail env.Mail) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	mail.To, mail.Raw = slices.Clone(mail.To), bytes.Clone(mail.Raw)
	m.mails = append(m.mails, mail)
	return nil
}

// Fail makes every following Send return err; nil mends it.
func (m *Mailer) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// Mails returns what was sent, in order.
func (m *Mailer) Mails() []env.Mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mails)
}

// Secrets is env.Secrets by configured name. It is not changed while in use.
type Secrets map[string][]string

var _ env.Secrets = Secrets{}

// Secrets returns the secrets of source, none for an unknown one.
func (s Secrets) Secrets(_ context.Context, source string) ([]string, error) {
	return s[source], nil
}

// Clock stands still until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

var _ env.Clock = (*Clock)(nil)

// NewClock makes a clock that shows now.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now is the time the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set moves the clock to now.
func (c *Clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// Advance moves the clock by d and returns the new time.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}
