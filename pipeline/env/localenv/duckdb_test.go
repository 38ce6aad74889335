package localenv

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
)

func openQuerier(t testing.TB, dir string) *Querier {
	t.Helper()
	q, err := OpenQuerier(t.Context(), dir, QuerierOptions{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
	return q
}

// event is a line for writeBatch.
func event(id string, day int) string {
	return fmt.Sprintf(`{"in":"events","event_id":%q,"occurred_at":"2026-11-%02dT10:00:00Z","name":"x"}`+"\n", id, day)
}

var filesRead = regexp.MustCompile(`"Total Files Read": "?(\d+)`)

// TestBoundsPruneFiles: a literal bound on dt reaches the files through every
// view that can honour it.
func TestBoundsPruneFiles(t *testing.T) {
	dir := t.TempDir()
	var lines strings.Builder
	for day := 1; day <= 20; day++ {
		lines.WriteString(event("e", day))
		at := fmt.Sprintf(`"occurred_at":"2026-11-%02dT10:00:00Z"`, day)
		fmt.Fprintf(&lines, `{"in":"releases","event_id":"r","kind":"deploy",%s}`+"\n", at)
		fmt.Fprintf(&lines, `{"in":"tickets","event_id":"t%d","ticket_id":"t%d","change":"created","text":"x","themes":["a"],%s}`+"\n", day, day, at)
		fmt.Fprintf(&lines, `{"in":"surveys","event_id":"s%d","response_id":"r","kind":"nps",%s}`+"\n", day, at)
	}
	writeBatch(t, dir, "a", lines.String())
	compactLake(t, dir, 0)
	writeBatch(t, dir, "b", event("e", 3)+event("late", 3)+event("other", 9))
	q := openQuerier(t, dir)
	for view, most := range map[string]int{
		// Two or three base files, and on the third the hot ones.
		"events": 5, "releases": 2, "tickets": 2, "surveys": 2, "events_all": 4,
		// The items of two days, and the latest state of all tickets and answers.
		// mentions cannot do better than all: the engine does not carry a bound
		// through the unfolding of lists.
		"feedback": 2 + 20 + 20, "mentions": 20 + 20 + 20,
	} {
		plan := queryText(t, q, fmt.Sprintf(
			"EXPLAIN (ANALYZE, FORMAT json) SELECT count(*), min(source) FROM %s WHERE dt >= date_add('day', -1, date '2026-11-04') AND dt < date '2026-11-05'", view))
		read := 0
		for _, m := range filesRead.FindAllStringSubmatch(plan, -1) {
			n, _ := strconv.Atoi(m[1])
			read += n
		}
		if read == 0 || read > most {
			t.Errorf("%s read %d files, at most %d are needed", view, read, most)
		}
	}
}

// TestOldFilesLackColumns: a file from before a column existed has null there.
func TestOldFilesLackColumns(t *testing.T) {
	type oldRow struct {
		EventID      string `parquet:"event_id"`
		Source       string `parquet:"source,dict"`
		OccurredAt   int64  `parquet:"occurred_at,timestamp(microsecond:local)"`
		ReceivedAt   int64  `parquet:"received_at,timestamp(microsecond:local)"`
		TimeAdjusted bool   `parquet:"time_adjusted"`
		DeliveryID   string `parquet:"delivery_id,dict"`
		DeliverySeq  int32  `parquet:"delivery_seq"`
		Excluded     bool   `parquet:"excluded"`
		Kind         string `parquet:"kind,dict"`
	}
	dir := t.TempDir()
	var buf bytes.Buffer
	if err := parquet.Write(&buf, []oldRow{{EventID: "old", Source: "s", Kind: "track"}}); err != nil {
		t.Fatal(err)
	}
	s := openTestStore(t, dir)
	if err := s.Put(t.Context(), lake.HotKey("events", "2026-11-01", "old"), &buf); err != nil {
		t.Fatal(err)
	}
	const ask = "SELECT event_id, name, user_key, properties, dt FROM events ORDER BY dt"
	if got, want := queryText(t, openQuerier(t, dir), ask), "old | - | - | - | 2026-11-01\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	writeBatch(t, dir, "new", event("new", 2))
	want := "old | - | - | - | 2026-11-01\nnew | x | - | - | 2026-11-02\n"
	if got := queryText(t, openQuerier(t, dir), ask); got != want {
		t.Errorf("beside a new file %q, want %q", got, want)
	}
	compactLake(t, dir, 0)
	if got := queryText(t, openQuerier(t, dir), ask); got != want {
		t.Errorf("compacted %q, want %q", got, want)
	}
}

func TestRefreshShowsNewFiles(t *testing.T) {
	dir := t.TempDir()
	q := openQuerier(t, dir)
	const ask = "SELECT count(*), count(person_key) FROM events"
	for step, do := range []func(){
		func() {},
		func() { writeBatch(t, dir, "a", event("1", 1)+event("2", 2)) },
		func() { writeBatch(t, dir, "b", event("2", 2)+event("3", 2)) },
		func() { compactLake(t, dir, time.Hour) },
		func() { compactLake(t, dir, 0) },
		func() {},
	} {
		do()
		if err := q.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []string{"0 | 0\n", "2 | 0\n", "3 | 0\n", "3 | 0\n", "3 | 0\n", "3 | 0\n"}[step]
		if got := queryText(t, q, ask); got != want {
			t.Errorf("step %d: %q, want %q", step, got, want)
		}
	}
	// Without Refresh the files are gone: the querier lists again by itself.
	writeBatch(t, dir, "c", event("4", 2))
	compactLake(t, dir, 0)
	if got := queryText(t, q, ask); got != "4 | 0\n" {
		t.Errorf("after a compaction nobody told of: %q", got)
	}
}

// TestQueriesBesideCompaction asks while files come, merge and go: a row that
// was there before the question is in the answer, once.
func TestQueriesBesideCompaction(t *testing.T) {
	dir := t.TempDir()
	s := openTestStore(t, dir)
	write := func(batch int) {
		rows := make([]record.EventRow, 200)
		for i := range rows {
			rows[i] = record.EventRow{Kind: "track", Row: record.Row{
				EventID: fmt.Sprintf("%d-%d", batch, i), Source: "s", DeliveryID: strconv.Itoa(batch), DeliverySeq: int32(i),
			}}
		}
		if err := lake.WriteHot(context.WithoutCancel(t.Context()), s, "events", "2026-11-01", strconv.Itoa(batch), rows); err != nil {
			t.Error(err)
		}
	}
	write(0)
	q := openQuerier(t, dir)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		for batch := 1; batch <= 12; batch++ {
			write(batch)
			opts := lake.CompactOptions{Clock: env.ClockFunc(time.Now), BucketBytes: int64(40_000 / batch)}
			if _, err := lake.Compact(context.WithoutCancel(t.Context()), s, opts); err != nil {
				t.Error(err)
			}
		}
	})
	least, questions := 200, 0
	for running := true; running; questions++ {
		select {
		case <-done:
			running = false
		default:
		}
		r, err := q.Query(t.Context(), "SELECT count(*) AS n, count(DISTINCT event_id) AS d FROM events")
		if fault.Is(err, fault.Retry) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		r.Next()
		n, _ := strconv.Atoi(r.RecordBatch().Column(0).ValueStr(0))
		d, _ := strconv.Atoi(r.RecordBatch().Column(1).ValueStr(0))
		r.Release()
		if n != d || n < least || n%200 != 0 {
			t.Fatalf("%d rows, %d of them different, at least %d expected", n, d, least)
		}
		least = n
	}
	wg.Wait()
	if err := q.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := queryText(t, q, "SELECT count(*) FROM events"); got != "2600\n" {
		t.Errorf("at the end %s", got)
	}
	t.Logf("%d questions", questions)
}

// TestGenerations: while a day is split into more files, and after a crash in
// the middle of it, every row is there once.
func TestGenerations(t *testing.T) {
	dir := t.TempDir()
	writeBatch(t, dir, "a", event("1", 1)+event("2", 1)+event("3", 1))
	compactLake(t, dir, 0)
	base := filepath.Join(dir, "events/tier=base/dt=2026-11-01")
	one, err := os.ReadFile(filepath.Join(base, "0000-of-0001.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what  string
		files []string
	}{
		{"the first of two new files", []string{"0000-of-0002.parquet"}},
		{"several unfinished generations", []string{"0001-of-0003.parquet", "0000-of-0004.parquet"}},
	} {
		for _, f := range c.files {
			if err := os.WriteFile(filepath.Join(base, f), one, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := queryText(t, openQuerier(t, dir), "SELECT count(*), count(DISTINCT event_id) FROM events"); got != "3 | 3\n" {
			t.Errorf("%s: %q", c.what, got)
		}
	}
	if err := os.Remove(filepath.Join(base, "0000-of-0001.parquet")); err != nil {
		t.Fatal(err)
	}
	if got := queryText(t, openQuerier(t, dir), "SELECT count(*), count(DISTINCT event_id) FROM events"); got != "3 | 3\n" {
		t.Errorf("without any complete generation: %q", got)
	}
}

func TestQuerierFaults(t *testing.T) {
	if _, err := OpenQuerier(t.Context(), filepath.Join(t.TempDir(), "missing"), QuerierOptions{}); !fault.Is(err, fault.Permanent) {
		t.Errorf("a missing folder: %v", err)
	}
	dir := t.TempDir()
	bad := filepath.Join(dir, "events/tier=hot/dt=2026-11-01")
	if err := os.MkdirAll(bad, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bad, "x.parquet"), []byte("PAR1 nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenQuerier(t.Context(), dir, QuerierOptions{}); err == nil || !strings.Contains(err.Error(), "x.parquet") {
		t.Errorf("a damaged file: %v", err)
	}
	q := openQuerier(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := q.Query(ctx, "SELECT 1"); err == nil {
		t.Error("a cancelled question was answered")
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Query(t.Context(), "SELECT 1"); !fault.Is(err, fault.Permanent) {
		t.Errorf("a closed querier: %v", err)
	}
	if err := q.Refresh(t.Context()); !fault.Is(err, fault.Permanent) {
		t.Errorf("a closed querier: %v", err)
	}
}
