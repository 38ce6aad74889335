package awsenv_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"upshot.dev/upshot/internal/standin/athena"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/env/localenv"
)

// manual is a clock that moves when somebody sleeps, and by nothing else.
type manual struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

func newManual() *manual { return &manual{now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)} }

func (m *manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *manual) sleep(ctx context.Context, d time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now, m.slept = m.now.Add(d), append(m.slept, d)
	return ctx.Err()
}

// total is how long was slept.
func (m *manual) total() (sum time.Duration) {
	for _, d := range m.slept {
		sum += d
	}
	return sum
}

// faulty is a querier over an empty lake, on a clock of its own.
type faulty struct {
	*awsenv.Querier
	server *athena.Server
	clock  *manual
	stats  []awsenv.QueryStats
}

func newFaulty(t *testing.T, o awsenv.QuerierOptions) *faulty {
	t.Helper()
	engine := athena.OpenLake(t.TempDir(), localenv.QuerierOptions{Threads: 1})
	t.Cleanup(func() { _ = engine.Close() })
	f := &faulty{clock: newManual()}
	o.Clock = f.clock
	o.Sleep = func(ctx context.Context, d time.Duration) error {
		f.server.Settle()
		return f.clock.sleep(ctx, d)
	}
	o.OnStats = func(s awsenv.QueryStats) { f.stats = append(f.stats, s) }
	f.Querier, f.server = athenaQuerier(t, engine, o)
	return f
}

// query asks and reads everything; it gives the number of rows.
func (f *faulty) query(ctx context.Context, sql string) (n int64, err error) {
	r, err := f.Query(ctx, sql)
	if err != nil {
		return 0, err
	}
	defer r.Release()
	for r.Next() {
		n += r.RecordBatch().NumRows()
	}
	return n, r.Err()
}
