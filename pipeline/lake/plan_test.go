package lake

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
)

// opening is a store that does something before a file of a table is opened.
type opening struct {
	env.Store
	before func(key string) error
}

func (o opening) Open(ctx context.Context, key string) (env.Object, error) {
	if _, isTable := ParseKey(key); isTable {
		if err := o.before(key); err != nil {
			return nil, err
		}
	}
	return o.Store.Open(ctx, key)
}

func writeDays(t *testing.T, s env.Blobs, days int) {
	t.Helper()
	for d := range days {
		for i := range 2 {
			if err := WriteHot(t.Context(), s, "events", fmt.Sprintf("2026-11-%02d", d+1), fmt.Sprint("hot-", i), usage(10, 10*i)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestVanishedFile: a day whose files change between the listing and the reading
// is left for the next time, and no other is held up.
func TestVanishedFile(t *testing.T) {
	clock := memenv.NewClock(noon)
	s := memenv.NewStore(clock)
	writeDays(t, s, 3)
	gone := HotKey("events", "2026-11-02", "hot-1")
	rep, err := Compact(t.Context(), opening{s, func(key string) error {
		if key == gone {
			return s.Remove(t.Context(), key)
		}
		return nil
	}}, CompactOptions{Clock: clock})
	if r := rep.Tables[2]; err != nil || rep.Remaining != 1 || r.Days != 2 || hotFiles(t, s, "2026-11-02") != 1 {
		t.Fatalf("%+v, %v", rep, err)
	}
	if rep, err = Compact(t.Context(), s, CompactOptions{Clock: clock}); err != nil || rep.Remaining != 0 || hotFiles(t, s, "") != 0 {
		t.Errorf("%+v, %v", rep, err)
	}
}

// TestThrottled: a store that gives up in the middle ends the compaction with its
// own error, which says that trying again helps; the days that are done stay done.
func TestThrottled(t *testing.T) {
	clock := memenv.NewClock(noon)
	s := memenv.NewStore(clock)
	writeDays(t, s, 12)
	rep, err := Compact(t.Context(), opening{s, func(key string) error {
		if strings.Contains(key, "2026-11-10") {
			return fault.Retryf("SlowDown")
		}
		return nil
	}}, CompactOptions{Clock: clock})
	if !fault.Is(err, fault.Retry) || !strings.Contains(err.Error(), "SlowDown") || !strings.Contains(err.Error(), "2026-11-10") {
		t.Fatalf("%+v, %v", rep, err)
	}
	if n := hotFiles(t, s, ""); n < 2 || n > 12 {
		t.Errorf("%d hot files are left of 24", n)
	}
	if rep, err = Compact(t.Context(), s, CompactOptions{Clock: clock}); err != nil || rep.Busy || hotFiles(t, s, "") != 0 {
		t.Errorf("%+v, %v", rep, err)
	}
}

// TestOutOfTime: compaction ends before its context does, says what is left, and
// the next one goes on.
func TestOutOfTime(t *testing.T) {
	clock := env.ClockFunc(time.Now)
	s := memenv.NewStore(clock)
	const days = 40
	writeDays(t, s, days)
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	rep, err := Compact(ctx, opening{s, func(string) error { time.Sleep(50 * time.Millisecond); return nil }}, CompactOptions{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	done := rep.Tables[2].Days
	if done == 0 || rep.Remaining == 0 || done+rep.Remaining != days || rep.Tables[2].FilesAfter != done+2*rep.Remaining {
		t.Errorf("%+v", rep)
	}
	if rep, err = Compact(t.Context(), s, CompactOptions{Clock: clock}); err != nil || rep.Busy || rep.Tables[2].Days != days-done {
		t.Errorf("the next: %+v, %v", rep, err)
	}
	// Without any time it does nothing, and leaves no lock.
	writeDays(t, s, days)
	ctx, cancel = context.WithTimeout(t.Context(), 0)
	defer cancel()
	if _, err := Compact(ctx, s, CompactOptions{Clock: clock}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without time: %v", err)
	}
	if rep, err = Compact(t.Context(), s, CompactOptions{Clock: clock}); err != nil || rep.Busy {
		t.Errorf("after that: %+v, %v", rep, err)
	}
}

// TestMoreFilesThanAreListed: after a long pause there may be more hot files than
// fit into memory by name. The oldest days' come first; the rest is left and
// counted, and the next compactions go on.
func TestMoreFilesThanAreListed(t *testing.T) {
	clock := memenv.NewClock(noon)
	s := memenv.NewStore(clock)
	writeDays(t, s, 4)
	for i, want := range []struct{ hot, left int }{{5, 3}, {2, 1}, {0, 0}} {
		rep, err := Compact(t.Context(), s, CompactOptions{Clock: clock, listed: 3})
		if n := hotFiles(t, s, ""); err != nil || n != want.hot || rep.Remaining != want.left {
			t.Errorf("compaction %d: %d hot files, %d days are left, %v", i, n, rep.Remaining, err)
		}
		files := len(contents(t, s, "events")) + want.hot
		if r := rep.Tables[2]; r.FilesAfter != files || r.BytesAfter == 0 || i == 0 && r.FilesBefore != 8 {
			t.Errorf("compaction %d: %+v, there are %d files", i, r, files)
		}
	}
}

// TestADayLargerThanTheTemporaryFiles: of one day, too, a compaction takes on so
// many bytes of hot files that its temporary files have a bound.
func TestADayLargerThanTheTemporaryFiles(t *testing.T) {
	clock := memenv.NewClock(noon)
	s := memenv.NewStore(clock)
	const files = 5
	for i := range files {
		if err := WriteHot(t.Context(), s, "events", testDay, fmt.Sprint("hot-", i), usage(10, 10*i)); err != nil {
			t.Fatal(err)
		}
	}
	var size int64
	for info, err := range s.List(t.Context(), "events/") {
		if size = max(size, info.Size); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []struct{ hot, left int }{{3, 1}, {1, 1}, {0, 0}} {
		rep, err := Compact(t.Context(), s, CompactOptions{Clock: clock, taken: 2 * size})
		if n := hotFiles(t, s, testDay); err != nil || n != want.hot || rep.Remaining != want.left {
			t.Errorf("compaction %d: %d hot files, %d days are left, %v", i, n, rep.Remaining, err)
		}
	}
	// A file that is larger than that is taken on alone.
	if err := WriteHot(t.Context(), s, "events", testDay, "hot", usage(10, 1000)); err != nil {
		t.Fatal(err)
	}
	if rep, err := Compact(t.Context(), s, CompactOptions{Clock: clock, taken: 1}); err != nil || hotFiles(t, s, testDay) != 0 || rep.Tables[2].RowsOut != 10*(files+1) {
		t.Errorf("%+v, %v", rep, err)
	}
}
