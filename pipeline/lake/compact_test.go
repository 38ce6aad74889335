package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/record"
)

const testDay = "2026-11-01"

var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// replaced reports whether a base file lies beside a later generation, all of it.
func replaced(key string, listed map[string]string) bool {
	f, _ := ParseKey(key)
	generations := map[int]int{}
	for other := range listed {
		o, _ := ParseKey(other)
		generations[o.Buckets]++
	}
	for buckets, n := range generations {
		if buckets > f.Buckets && n == buckets {
			return true
		}
	}
	return false
}

// everything makes a listing whole.
var everything = CompactOptions{listed: maxListed, taken: maxTaken}

// failing is a store whose n-th write or removal fails, before or after it
// took effect: the process died there.
type failing struct {
	env.Store
	mu    sync.Mutex
	n     int
	after bool
}

var errDied = errors.New("the process died here")

func (f *failing) step(do func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n--
	if f.n == 0 && !f.after {
		return errDied
	}
	err := do()
	if f.n == 0 {
		return errDied
	}
	return err
}

func (f *failing) Put(ctx context.Context, key string, r io.Reader) error {
	return f.step(func() error { return f.Store.Put(ctx, key, r) })
}

func (f *failing) Create(ctx context.Context, key string, r io.Reader) error {
	return f.step(func() error { return f.Store.Create(ctx, key, r) })
}

func (f *failing) Replace(ctx context.Context, key, version string, r io.Reader) error {
	return f.step(func() error { return f.Store.Replace(ctx, key, version, r) })
}

func (f *failing) Remove(ctx context.Context, key string) error {
	return f.step(func() error { return f.Store.Remove(ctx, key) })
}

// view is what a reader sees of a day: of the rows that are the same the one
// that ranks first, in any tier.
func view(t *rapid.T, s env.Blobs, table string) []string {
	return seen(readTier(t, s, table, Hot, readTier(t, s, table, Base, nil)))
}

// readTier adds the rows of a tier to those of m, which may be nil.
func readTier(t *rapid.T, s env.Blobs, table, tier string, m *reference) *reference {
	if m == nil {
		var err error
		if m, err = newReference(specs[table]); err != nil {
			t.Fatal(err)
		}
	}
	for info, err := range s.List(t.Context(), table+"/tier="+tier+"/") {
		if err == nil {
			err = m.read(t.Context(), s, info.Key, false)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// seen are the rows that a view shows of those that were read.
func seen(m *reference) []string {
	m.unique()
	var out []string
	for _, r := range m.rows {
		out = append(out, strings.Join(describeValues(r.row), " "))
	}
	return out
}

// TestCompactionNeverShowsThroughTheView drives random writes and compactions
// that die at any step, and compares what a reader sees after each of them.
func TestCompactionNeverShowsThroughTheView(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := t.Context()
		clock := memenv.NewClock(noon)
		s := memenv.NewStore(clock)
		table := Ledger // it has all that matters here, and few columns
		for step := range rapid.IntRange(1, 4).Draw(t, "steps") {
			n := rapid.IntRange(1, 6).Draw(t, "rows")
			var rows []record.ReceiptRow
			for i := range n {
				rows = append(rows, record.ReceiptRow{
					DeliveryID: rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "id"), Source: "s",
					ReceivedAt: rapid.Int64Range(0, 3).Draw(t, "received"), Outcome: "stored",
					Table: rapid.SampledFrom([]string{"", "events"}).Draw(t, "table"), EventKey: int64(10*step + i),
				})
			}
			if err := WriteHot(ctx, s, table, testDay, fmt.Sprintf("batch-%d", step), rows); err != nil {
				t.Fatal(err)
			}
			want := view(t, s, table)
			clock.Advance(time.Duration(rapid.IntRange(0, 90).Draw(t, "minutes")) * time.Minute)
			slow := readTier(t, s, table, Base, nil) // a reader that goes on with hot files later
			listed := contents(rapidTB{t: t}, s, table)
			broken := &failing{Store: s, n: rapid.IntRange(0, 8).Draw(t, "dies at"), after: rapid.Bool().Draw(t, "after")}
			opts := CompactOptions{
				Clock: clock, Grace: time.Duration(rapid.IntRange(0, 1).Draw(t, "grace")) * time.Hour,
				BucketBytes: rapid.SampledFrom([]int64{1 << 30, 1000}).Draw(t, "bucket"),
			}
			if _, err := Compact(ctx, broken, opts); err != nil && !errors.Is(err, errDied) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, view(t, s, table)); diff != "" {
				t.Fatalf("after a compaction that died at %d (-want +got):\n%s", broken.n, diff)
			}
			if opts.Grace == 0 {
				continue
			}
			if diff := cmp.Diff(want, seen(readTier(t, s, table, Hot, slow))); diff != "" {
				t.Fatalf("seen by a reader that read base before and hot files after (-want +got):\n%s", diff)
			}
			for key := range listed { // a reader that listed base before opens it now
				if _, err := s.Open(ctx, key); err != nil && !replaced(key, listed) {
					t.Fatalf("%s was removed while readers needed it", key)
				}
			}
		}
		// Merged files that still have their grace are not merged again.
		if _, err := Compact(ctx, s, CompactOptions{Clock: clock, Grace: 100 * time.Hour}); err != nil {
			t.Fatal(err)
		}
		idle, err := Compact(ctx, s, CompactOptions{Clock: clock, Grace: 100 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		for _, tr := range idle.Tables {
			if !idle.Busy && tr.Days != 0 {
				t.Fatalf("%d days were rewritten though nothing was new", tr.Days)
			}
		}
		// Undisturbed, it ends with base files only, each row once.
		want := view(t, s, table)
		for range 2 { // the second removes what the first merged
			clock.Advance(2 * time.Hour)
			if rep, err := Compact(ctx, s, CompactOptions{Clock: clock, Grace: time.Hour}); err != nil || rep.Busy {
				t.Fatal(rep, err)
			}
		}
		if diff := cmp.Diff(want, view(t, s, table)); diff != "" {
			t.Fatalf("after the last compaction (-want +got):\n%s", diff)
		}
		days, err := listTable(ctx, s, table, everything)
		if err != nil {
			t.Fatal(err)
		}
		if d := days[testDay]; len(d.hot) > 0 || len(d.base) != d.buckets {
			t.Fatalf("left behind: %+v", d)
		}
		again, err := Compact(ctx, s, CompactOptions{Clock: clock})
		if err != nil {
			t.Fatal(err)
		}
		for _, tr := range again.Tables {
			if tr.Days != 0 {
				t.Fatalf("a second compaction rewrote %d days", tr.Days)
			}
		}
	})
}

func hotFiles(t testing.TB, s env.Blobs, dt string) (n int) {
	for _, err := range s.List(t.Context(), "events/tier=hot/dt="+dt) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func TestOneCompactionAtATime(t *testing.T) {
	ctx := t.Context()
	clock := memenv.NewClock(noon)
	s := memenv.NewStore(clock)
	if _, err := lockLake(ctx, s, clock); err != nil {
		t.Fatal(err)
	}
	rep, err := Compact(ctx, s, CompactOptions{Clock: clock})
	if err != nil || !rep.Busy {
		t.Fatalf("%+v, %v", rep, err)
	}
	var b strings.Builder
	if err := rep.Write(&b); err != nil || !strings.Contains(b.String(), "another compaction") {
		t.Errorf("%q, %v", b.String(), err)
	}
	clock.Advance(lockLease)
	if rep, err = Compact(ctx, s, CompactOptions{Clock: clock}); err != nil || rep.Busy {
		t.Errorf("a lock whose holder died stands: %+v, %v", rep, err)
	}
	b.Reset()
	if err := rep.Write(&b); err != nil || !strings.Contains(b.String(), "events") {
		t.Errorf("%q, %v", b.String(), err)
	}
}

// TestSameRowsSameBytes: the order of the rows does not matter.
func TestSameRowsSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rows []record.TicketRow
		for range rapid.IntRange(1, 5).Draw(t, "rows") {
			rows = append(rows, record.TicketRow{Row: drawRow(t), Feedback: drawFeedback(t, 3)})
		}
		clock := memenv.NewClock(noon)
		content := func(rows []record.TicketRow) string {
			s := memenv.NewStore(clock)
			if err := WriteHot(t.Context(), s, "tickets", testDay, "b", rows); err != nil {
				t.Fatal(err)
			}
			o, err := s.Open(t.Context(), HotKey("tickets", testDay, "b"))
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		first := content(sorted(rows))
		if content(sorted(rows)) != first {
			t.Fatal("the same rows gave other bytes")
		}
	})
}

func TestKeys(t *testing.T) {
	for key, want := range map[string]File{
		HotKey("events", testDay, "b-1"):       {Table: "events", Tier: Hot, DT: testDay},
		BaseKey("ledger", testDay, 3, 16):      {Table: "ledger", Tier: Base, DT: testDay, Bucket: 3, Buckets: 16},
		ArchiveKey(testDay, "b"):               {},
		"events/tier=base/dt=x/a.parquet":      {},
		"events/tier=cold/dt=x/a.parquet":      {},
		"events/tier=hot/dt=x/a.txt":           {},
		"events/tier=base/dt=x/5-of-2.parquet": {},
	} {
		got, ok := ParseKey(key)
		if diff := cmp.Diff(want, got); diff != "" || ok != (want.Table != "") {
			t.Errorf("%s: %v %s", key, ok, diff)
		}
	}
}

func TestColumns(t *testing.T) {
	types := map[string]string{}
	for _, c := range Columns("tickets") {
		types[c.Name] = c.Type
	}
	for name, want := range map[string]string{
		"event_id": "varchar", "occurred_at": "timestamp(6)", "time_adjusted": "boolean", "delivery_seq": "integer",
		"tags": "array(varchar)", "mention_sentiments": "array(double)", "redactions": "map(varchar, bigint)", "sentiment": "double",
	} {
		if types[name] != want {
			t.Errorf("%s is %q, want %q", name, types[name], want)
		}
	}
	for _, table := range Tables() {
		if len(Columns(table)) == 0 {
			t.Errorf("%s has no columns", table)
		}
	}
	if Columns("orders") != nil {
		t.Error("an unknown table has columns")
	}
}

// TestFilesOnTheirWayOutSplitNoDay: what stays for readers, hot files that are
// merged and an older generation, is no reason to split a day once more.
func TestFilesOnTheirWayOutSplitNoDay(t *testing.T) {
	clock := memenv.NewClock(noon)
	s := memenv.NewStore(clock)
	o := CompactOptions{Clock: clock, Grace: time.Hour}
	compact := func() int {
		clock.Advance(time.Second)
		if _, err := Compact(t.Context(), s, o); err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Second)
		days, err := listTable(t.Context(), s, "events", everything)
		if err != nil {
			t.Fatal(err)
		}
		return days[testDay].buckets
	}
	write := func(batch string, from int) {
		if err := WriteHot(t.Context(), s, "events", testDay, batch, usage(2000, from)); err != nil {
			t.Fatal(err)
		}
	}
	write("a", 0)
	one := compact()
	var size int64
	for _, b := range contents(t, s, "events") {
		size = int64(len(b))
	}
	o.BucketBytes = size * 3 / 2
	if n := compact(); one != 1 || n != 1 {
		t.Errorf("%d buckets, then %d for the same rows", one, n)
	}
	write("b", 2000)
	for i := range 4 {
		if n := compact(); n != 2 {
			t.Errorf("%d buckets in compaction %d after the day had grown", n, i)
		}
	}
}

// meddling is a store in which something else happens before a key is created.
type meddling struct {
	env.Store
	before func(key string)
}

func (m meddling) Create(ctx context.Context, key string, r io.Reader) error {
	m.before(key)
	return m.Store.Create(ctx, key, r)
}

// TestHotFileWrittenAgain: a batch that is processed again, by a version that
// makes more of it, overwrites its hot file after compaction has read that. What
// is new is in no base file, so the file stays.
func TestHotFileWrittenAgain(t *testing.T) {
	ctx, clock := t.Context(), memenv.NewClock(noon)
	s := memenv.NewStore(clock)
	write := func(batch string, n int) {
		if err := WriteHot(ctx, s, "events", testDay, batch, usage(n, 0)); err != nil {
			t.Fatal(err)
		}
	}
	write("a", 1)
	write("b", 1)
	clock.Advance(time.Minute)
	again := meddling{s, func(key string) {
		if strings.HasPrefix(key, "events/tier=base/") {
			write("a", 2)
		}
	}}
	rep, err := Compact(ctx, again, CompactOptions{Clock: clock})
	if r := rep.Tables[2]; err != nil || r.RowsOut != 1 || r.Deleted != 1 || r.FilesAfter != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	if rep, err = Compact(ctx, s, CompactOptions{Clock: clock}); err != nil || rep.Tables[2].RowsOut != 2 || hotFiles(t, s, testDay) != 0 {
		t.Errorf("%+v, %v", rep.Tables[2], err)
	}
}
