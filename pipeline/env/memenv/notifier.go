package memenv

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// Notifier keeps the notices that it is given.
type Notifier struct {
	mu      sync.Mutex
	notices []env.Notice
	err     error
}

var _ env.Notifier = (*Notifier)(nil)

// maxSubject is that of a notice, in characters.
const maxSubject = 100

// Notify keeps a copy of n with a subject that is fit, or fails when Fail said
// so.
func (m *Notifier) Notify(ctx context.Context, n env.Notice) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if n.Body == "" {
		return fault.Invalidf("the notice has no body")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	n.Subject = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f:
			return ' '
		case r > '~':
			return '?'
		}
		return r
	}, n.Subject))
	n.Subject = strings.TrimSpace(n.Subject[:min(len(n.Subject), maxSubject)])
	n.Attributes = maps.Clone(n.Attributes)
	m.notices = append(m.notices, n)
	return nil
}

// Fail makes every following Notify return err; nil mends it.
func (m *Notifier) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// Notices returns what was sent, in order.
func (m *Notifier) Notices() []env.Notice {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.notices)
}
