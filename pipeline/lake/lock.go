package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"upshot.dev/upshot/pipeline/env"
)

const (
	lockKey = "compact/lock"
	// lockLease is how long a lock stands without being renewed: the work on
	// one day of one table takes far less.
	lockLease = 5 * time.Minute
)

// lock keeps two compactions from writing over each other's base files.
type lock struct {
	s       env.Store
	clock   env.Clock
	mu      sync.Mutex
	renewed time.Time
}

// lockLake takes the lock; env.ErrExist when another compaction holds it. A
// lock whose holder died is taken over after its lease.
func lockLake(ctx context.Context, s env.Store, clock env.Clock) (*lock, error) {
	l := &lock{s: s, clock: clock, renewed: clock.Now()}
	err := s.Create(ctx, lockKey, l.stamp())
	if !errors.Is(err, env.ErrExist) {
		return l, err
	}
	held, readErr := l.held(ctx)
	if readErr != nil {
		return nil, readErr
	}
	if held {
		return nil, err
	}
	if err := s.Remove(ctx, lockKey); err != nil {
		return nil, err
	}
	return l, s.Create(ctx, lockKey, l.stamp())
}

// held reports whether the lock in the store is still within its lease.
func (l *lock) held(ctx context.Context) (bool, error) {
	o, err := l.s.Open(ctx, lockKey)
	if errors.Is(err, env.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = o.Close() }()
	b, err := io.ReadAll(io.NewSectionReader(o, 0, min(o.Size(), 64)))
	if err != nil {
		return false, err
	}
	t, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return false, nil
	}
	age := l.clock.Now().Sub(t)
	// A lock from the future comes from a clock that was set back.
	return age < lockLease && age > -lockLease, nil
}

func (l *lock) stamp() io.Reader {
	return strings.NewReader(l.clock.Now().UTC().Format(time.RFC3339Nano))
}

// renew writes the lock anew when a good part of its lease is over.
func (l *lock) renew(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	if age := now.Sub(l.renewed); age >= 0 && age < lockLease/4 {
		return nil
	}
	l.renewed = now
	if err := l.s.Put(ctx, lockKey, l.stamp()); err != nil {
		return fmt.Errorf("renew the lock: %w", err)
	}
	return nil
}

func (l *lock) release(ctx context.Context) error {
	return l.s.Remove(context.WithoutCancel(ctx), lockKey)
}
