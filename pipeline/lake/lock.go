package lake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

const (
	lockPrefix = "compact/lock."
	// lockLease is how long a lock stands without being renewed. It is renewed
	// four times in that time, also while a file is written.
	lockLease = 5 * time.Minute
)

// lock keeps two compactions from writing over each other's base files. It is
// a sequence of objects, compact/lock.<n>, of which the last one counts: whoever
// created it holds the lake, until its lease is over or it says that it was
// released. Taking, renewing and releasing are all the creation of the next
// object, which only one succeeds at, so a holder that was slow finds out that
// another took over and can never undo that. The last object is never removed,
// so numbers are never used again.
//
// The lease is measured between clocks, and a holder may be suspended between
// asking for the lock and writing. So the lock saves work; what keeps the lake
// whole is that a base file is written only in place of the one that was read
// (or of none), and that a file is removed only when all its rows are in files
// that were written before: whatever a holder had under way may come to pass at
// any later time.
type lock struct {
	s     env.Store
	clock env.Clock

	mu      sync.Mutex
	n       int
	renewed time.Time
	lost    error
}

// errLost ends a compaction from which another took over.
var errLost = fault.Retryf("another compaction took over, as this one did not renew its lock in %s", lockLease)

// lockState is what an object of the lock says.
type lockState struct {
	At       time.Time `json:"at"`
	Released bool      `json:"released,omitempty"`
}

// lockLake takes the lock; env.ErrExist when another compaction holds it.
func lockLake(ctx context.Context, s env.Store, clock env.Clock) (*lock, error) {
	l := &lock{s: s, clock: clock}
	n, err := l.last(ctx)
	if err != nil {
		return nil, err
	}
	l.n = n
	if n > 0 {
		st, err := l.read(ctx, n)
		if err != nil {
			return nil, err
		}
		if l.holds(st) {
			return nil, fmt.Errorf("the lock is held since %s: %w", st.At.Format(time.RFC3339), env.ErrExist)
		}
	}
	if err := l.advance(ctx, false); err != nil {
		return nil, err
	}
	return l, nil
}

// holds reports whether a lock in this state keeps others away.
func (l *lock) holds(st lockState) bool {
	age := l.clock.Now().Sub(st.At)
	// A lock from the future comes from a clock that was set back.
	return !st.Released && age < lockLease && age > -lockLease
}

// last is the number of the last object; 0 when there is none.
func (l *lock) last(ctx context.Context) (n int, err error) {
	for info, err := range l.s.List(ctx, lockPrefix) {
		if err != nil {
			return 0, fmt.Errorf("look for the lock: %w", err)
		}
		n = max(n, lockNumber(info.Key))
	}
	return n, nil
}

// lockNumber is that of an object of the lock; 0 for others.
func lockNumber(key string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(key, lockPrefix))
	if err != nil {
		return 0
	}
	return n
}

func lockKey(n int) string { return fmt.Sprintf("%s%010d", lockPrefix, n) }

// read reads an object of the lock. One that another has just removed, having
// created a later one, is held; one that makes no sense is not, so that damage
// does not stop compaction for good.
func (l *lock) read(ctx context.Context, n int) (st lockState, err error) {
	o, err := l.s.Open(ctx, lockKey(n))
	if errors.Is(err, env.ErrNotExist) {
		return st, fmt.Errorf("another takes it right now: %w", env.ErrExist)
	}
	if err != nil {
		return st, err
	}
	defer func() { _ = o.Close() }()
	b, err := io.ReadAll(io.NewSectionReader(o, 0, min(o.Size(), 4096)))
	if err != nil {
		return st, err
	}
	if json.Unmarshal(b, &st) != nil {
		return lockState{}, nil
	}
	return st, nil
}

// advance creates the next object and removes the ones before. env.ErrExist
// when another was faster. The caller holds mu, or the only reference.
func (l *lock) advance(ctx context.Context, release bool) error {
	now := l.clock.Now()
	b, err := json.Marshal(lockState{now.UTC(), release})
	if err != nil {
		return err
	}
	next := l.n + 1
	if err := l.s.Create(ctx, lockKey(next), strings.NewReader(string(b))); err != nil {
		return err
	}
	l.n = next
	// Another may have gone further and removed the object that this one has
	// just made again: only the last one counts.
	last := next
	for info, err := range l.s.List(ctx, lockPrefix) {
		if err != nil {
			return fmt.Errorf("look at the lock: %w", err)
		}
		n := lockNumber(info.Key)
		last = max(last, n)
		if n < next {
			_ = l.s.Remove(ctx, info.Key) // what stays is removed the next time
		}
	}
	if last != next {
		return fmt.Errorf("another is at %d already: %w", last, env.ErrExist)
	}
	l.renewed = now
	return nil
}

// renew is called before every step that cannot be undone. It fails for good
// when another took over. It renews when a good part of the lease is over.
func (l *lock) renew(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != nil {
		return l.lost
	}
	if age := l.clock.Now().Sub(l.renewed); age >= 0 && age < lockLease/4 {
		return nil
	}
	err := l.advance(ctx, false)
	if errors.Is(err, env.ErrExist) {
		l.lost = errLost
		return l.lost
	}
	if err != nil {
		return fmt.Errorf("renew the lock: %w", err)
	}
	return nil
}

// release lets the next compaction in at once. It does nothing when another
// took over.
func (l *lock) release(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != nil {
		return nil
	}
	err := l.advance(context.WithoutCancel(ctx), true)
	if errors.Is(err, env.ErrExist) {
		return nil
	}
	return err
}
