package lake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/record"
)

// stalling is a store whose n-th change to a table is sent, and comes to pass
// only after meanwhile: whoever sent it was suspended, or its request lay in some
// queue.
type stalling struct {
	env.Store
	mu        sync.Mutex
	n         int
	meanwhile func()
}

func (s *stalling) stall(key string) {
	if strings.HasPrefix(key, lockPrefix) {
		return
	}
	s.mu.Lock()
	s.n--
	now := s.n == 0
	s.mu.Unlock()
	if now {
		s.meanwhile()
	}
}

func (s *stalling) sent(key string, r io.Reader) (io.Reader, error) {
	b, err := io.ReadAll(r)
	if err == nil {
		s.stall(key)
	}
	return bytes.NewReader(b), err
}

func (s *stalling) Put(ctx context.Context, key string, r io.Reader) error {
	r, err := s.sent(key, r)
	if err != nil {
		return err
	}
	return s.Store.Put(context.WithoutCancel(ctx), key, r)
}

func (s *stalling) Replace(ctx context.Context, key, version string, r io.Reader) error {
	r, err := s.sent(key, r)
	if err != nil {
		return err
	}
	return s.Store.Replace(context.WithoutCancel(ctx), key, version, r)
}

func (s *stalling) Create(ctx context.Context, key string, r io.Reader) error {
	r, err := s.sent(key, r)
	if err != nil {
		return err
	}
	return s.Store.Create(context.WithoutCancel(ctx), key, r)
}

func (s *stalling) Remove(ctx context.Context, key string) error {
	s.stall(key)
	return s.Store.Remove(context.WithoutCancel(ctx), key)
}

// TestAStalledCompactionUndoesNothing: whatever a compaction had under way when it
// was suspended may come to pass any time later, after others took over, merged
// what came since, and removed it.
func TestAStalledCompactionUndoesNothing(t *testing.T) {
	// run is a compaction and the rows that come before it.
	type run struct {
		rows int
		o    CompactOptions
	}
	rapid.Check(t, func(t *rapid.T) {
		clock := memenv.NewClock(noon)
		s := memenv.NewStore(clock)
		draw := func(least int) run {
			return run{rapid.IntRange(least, 5).Draw(t, "rows"), CompactOptions{
				Clock: clock, Grace: rapid.SampledFrom([]time.Duration{0, 0, time.Hour}).Draw(t, "grace"),
				BucketBytes: rapid.SampledFrom([]int64{1 << 30, 1 << 30, 1500}).Draw(t, "bucket"),
			}}
		}
		var runs [3][]run // before, meanwhile, after
		for i, least := range []int{0, 1, 2} {
			for range rapid.IntRange(least, 3).Draw(t, "runs") {
				runs[i] = append(runs[i], draw(0))
			}
		}
		slow := draw(1)
		batch := 0
		compact := func(through env.Store, r run, write bool) {
			clock.Advance(2 * time.Hour)
			if batch++; write && r.rows > 0 {
				var rows []record.ReceiptRow
				for i := range r.rows {
					rows = append(rows, record.ReceiptRow{DeliveryID: fmt.Sprint("d", 3*batch+i), Source: "s", Outcome: "stored"})
				}
				if err := WriteHot(context.Background(), s, Ledger, testDay, fmt.Sprint("batch-", batch), rows); err != nil {
					panic(err)
				}
			}
			if _, err := Compact(context.Background(), through, r.o); err != nil && !errors.Is(err, errLost) {
				panic(err)
			}
		}
		for _, r := range runs[0] {
			compact(s, r, true)
		}
		stalled := &stalling{Store: s, n: rapid.IntRange(1, 4).Draw(t, "stalls at"), meanwhile: func() {
			for _, r := range runs[1] {
				compact(s, r, true)
			}
		}}
		compact(stalled, slow, true)
		var rows []int // all that were ever written, by the number of the batch
		n := 0
		for _, r := range append(append(append([]run{}, runs[0]...), slow), runs[1]...) {
			if n++; r.rows > 0 && n <= batch {
				rows = append(rows, n, r.rows)
			}
		}
		check := func(when string) {
			t.Helper()
			ids := map[string]bool{}
			for i := 0; i < len(rows); i += 2 {
				for n := range rows[i+1] {
					ids[fmt.Sprint("d", 3*rows[i]+n)] = true
				}
			}
			if got := view(t, s, Ledger); len(got) != len(ids) {
				t.Fatalf("%s: %d rows are seen of %d", when, len(got), len(ids))
			}
		}
		check("after a compaction that stalled")
		for _, r := range runs[2] { // and what it left behind does no harm later
			compact(s, r, false)
		}
		check("after the next")
	})
}
