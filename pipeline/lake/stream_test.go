package lake

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/record"
)

// TestPackedRowsComeBack: every value of a row, its levels and its place.
func TestPackedRowsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for table, row := range map[string]any{
			"tickets": &record.TicketRow{Row: drawRow(t), Tags: rapid.SliceOfN(text, 0, 3).Draw(t, "tags"), Feedback: drawFeedback(t, 3)},
			"surveys": &record.SurveyRow{Row: drawRow(t), Score: number.Draw(t, "score"), Feedback: drawFeedback(t, 3)},
			"events":  &record.EventRow{Row: drawRow(t), Revenue: number.Draw(t, "revenue")},
			"links":   &record.LinkRow{Source: text.Draw(t, "source"), UserKey: text.Draw(t, "user"), Excluded: rapid.Bool().Draw(t, "excluded")},
		} {
			l, err := newLayout(specs[table])
			if err != nil {
				t.Fatal(err)
			}
			want := l.schema.Deconstruct(nil, row)
			p, _ := l.pack([]byte("before"), want, origin{tier: fromHot})
			got := l.unpack(nil, p.rec[p.value:])
			if diff := cmp.Diff(describeValues(want), describeValues(got)); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", table, diff)
			}
		}
	})
}

// drawDay writes hot files of a day with many repetitions.
func drawDay(t *rapid.T, s env.Store, table, name string) {
	for file := range rapid.IntRange(1, 4).Draw(t, "files") {
		var tickets []record.TicketRow
		var receipts []record.ReceiptRow
		for range rapid.IntRange(1, 12).Draw(t, "rows") {
			row := record.Row{
				EventID: fmt.Sprint("e", rapid.IntRange(0, 15).Draw(t, "id")), Source: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "source"),
				OccurredAt: rapid.Int64Range(0, 5).Draw(t, "occurred") * 1000, ReceivedAt: rapid.Int64Range(0, 2).Draw(t, "received"),
				DeliveryID: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "delivery"), UserKey: text.Draw(t, "user"),
			}
			tickets = append(tickets, record.TicketRow{Row: row, Feedback: drawFeedback(t, 2)})
			receipts = append(receipts, record.ReceiptRow{
				DeliveryID: row.EventID, Item: int32(row.OccurredAt), Source: row.Source, Outcome: row.UserKey, ReceivedAt: row.ReceivedAt,
			})
		}
		var err error
		if table == "tickets" {
			err = WriteHot(t.Context(), s, table, testDay, fmt.Sprint(name, file), tickets)
		} else {
			err = WriteHot(t.Context(), s, table, testDay, fmt.Sprint(name, file), receipts)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// contents are the base files of a table.
func contents(t testing.TB, s env.Blobs, table string) map[string]string {
	out := map[string]string{}
	for info, err := range s.List(t.Context(), table+"/tier=base/") {
		if err != nil {
			t.Fatal(err)
		}
		out[info.Key] = string(content(t, s, info.Key))
	}
	return out
}

func content(t testing.TB, s env.Blobs, key string) []byte {
	o, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rapidTB lets helpers that want a testing.TB report to rapid.
type rapidTB struct {
	testing.TB
	t *rapid.T
}

func (r rapidTB) Context() context.Context { return r.t.Context() }
func (r rapidTB) Fatal(args ...any)        { r.t.Fatal(args...) }
func (r rapidTB) Helper()                  {}

// TestEveryPathWritesTheSame: in memory, by temporary files, and the plainest
// merge there is, over several generations of base files.
func TestEveryPathWritesTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tb := rapidTB{t: t}
		clock := memenv.NewClock(noon)
		table := rapid.SampledFrom([]string{"tickets", Ledger}).Draw(t, "table")
		small, large := memenv.NewStore(clock), memenv.NewStore(clock)
		for step := range rapid.IntRange(1, 3).Draw(t, "steps") {
			o := CompactOptions{Clock: clock, BucketBytes: rapid.SampledFrom([]int64{1 << 30, 12_000, 4_000}).Draw(t, "bucket")}
			if table == Ledger { // whose rows are small
				o.BucketBytes /= 4
			}
			drawDay(t, small, table, fmt.Sprint("step", step))
			for info, err := range small.List(t.Context(), table+"/tier=hot/") {
				if err != nil {
					t.Fatal(err)
				}
				if err := large.Put(t.Context(), info.Key, bytes.NewReader(content(tb, small, info.Key))); err != nil {
					t.Fatal(err)
				}
			}
			want := plain(tb, large, table)
			if _, err := Compact(t.Context(), large, o); err != nil {
				t.Fatal(err)
			}
			o.Memory = 1 // every batch of rows goes to a temporary file
			if _, err := Compact(t.Context(), small, o); err != nil {
				t.Fatal(err)
			}
			got := contents(tb, large, table)
			if diff := cmp.Diff(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(contents(tb, small, table)))); diff != "" {
				t.Fatal("other files:", diff)
			}
			for key, b := range contents(tb, small, table) {
				f, _ := ParseKey(key)
				if b != got[key] {
					t.Fatalf("step %d: %s differs between memory and temporary files", step, key)
				}
				if b != want(f.Bucket, f.Buckets) {
					t.Fatalf("step %d: %s differs from the plainest merge", step, key)
				}
			}
		}
	})
}

// plain reads the day and gives the bytes of any base file of it.
func plain(t testing.TB, s env.Blobs, table string) func(bucket, buckets int) string {
	ref, err := newReference(specs[table])
	if err != nil {
		t.Fatal(err)
	}
	days, err := listTable(t.Context(), s, table, everything)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range days[testDay].base {
		if err := ref.read(t.Context(), s, f.Key, true); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range days[testDay].hot {
		if err := ref.read(t.Context(), s, f.Key, false); err != nil {
			t.Fatal(err)
		}
	}
	ref.unique()
	return func(bucket, buckets int) string {
		var b bytes.Buffer
		if err := ref.write(bucket, buckets)(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
}

// gauge samples the heap at every access to the store and keeps the most.
type gauge struct {
	env.Store
	most atomic.Uint64
}

// heapInUse is what is held, with no garbage of what ran before.
func heapInUse() uint64 {
	runtime.GC()
	runtime.GC() // what pools keep lives for two collections
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

func (h *gauge) sample() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	for old := h.most.Load(); m.HeapInuse > old && !h.most.CompareAndSwap(old, m.HeapInuse); old = h.most.Load() {
	}
}

func (h *gauge) Open(ctx context.Context, key string) (env.Object, error) {
	h.sample()
	return h.Store.Open(ctx, key)
}

func (h *gauge) Create(ctx context.Context, key string, r io.Reader) error {
	return h.Store.Create(ctx, key, readerFunc(func(b []byte) (int, error) { h.sample(); return r.Read(b) }))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// TestMemoryDoesNotGrowWithTheDay: the same day with little memory and with as
// much as it wants. Garbage is collected early, as when it is left waiting
// depends on the machine and says nothing of what is held.
func TestMemoryDoesNotGrowWithTheDay(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	const files, each, repeated = 40, 8000, 7
	s := &folder{dir: t.TempDir()}
	for i := range files {
		// Some files repeat the one before.
		if err := WriteHot(t.Context(), s, "events", testDay, fmt.Sprint("hot-", i), usage(each, (i-i/(files/repeated))*each)); err != nil {
			t.Fatal(err)
		}
	}
	peak := func(memory int64) uint64 {
		before := heapInUse()
		g := &gauge{Store: s}
		o := CompactOptions{Clock: memenv.NewClock(noon), Memory: memory, Temp: t.TempDir(), Grace: 1000 * time.Hour}
		rep, err := Compact(t.Context(), g, o)
		if err != nil {
			t.Fatal(err)
		}
		if r := rep.Tables[2]; r.RowsIn < files*each || r.RowsOut != (files-repeated)*each {
			t.Errorf("%d rows in, %d out", r.RowsIn, r.RowsOut)
		}
		if err := s.Remove(t.Context(), BaseKey("events", testDay, 0, 1)); err != nil {
			t.Fatal(err)
		}
		return (max(g.most.Load(), before) - before) >> 20
	}
	little, much := peak(8<<20), peak(1<<30)
	t.Logf("at most %d MiB of heap with 8 MiB for the rows, %d MiB with all in memory", little, much)
	if little > 64 || 4*much < 5*little { // else the test could not fail
		t.Errorf("the heap grew to %d MiB with little memory, to %d MiB with much", little, much)
	}
	if n := s.most.Load(); n > filesAtOnce {
		t.Errorf("%d files were open at once", n)
	}
}

// TestRepeatedWithoutEnd: one row that was delivered so often that the copies
// do not fit into memory, though they all fall into one part.
func TestRepeatedWithoutEnd(t *testing.T) {
	l, err := newLayout(specs["events"])
	if err != nil {
		t.Fatal(err)
	}
	row := usage(1, 0)[0]
	values := l.schema.Deconstruct(nil, &row)
	s := newSorter(1, 64<<10, t.TempDir(), 1<<20, 1)
	for range 40 {
		b := batch{}
		for range 100 {
			var p packed
			p, b.chunk = l.pack(b.chunk, values, origin{tier: fromHot})
			b.rows = append(b.rows, p)
		}
		if err := s.take(b); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.bucket(0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := got.each(func(*packed) error { n++; return nil }); err != nil || n != 1 || s.parts == 0 {
		t.Errorf("%d rows, %v, in %d parts", n, err, s.parts)
	}
	if err := got.close(); err != nil {
		t.Error(err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

// TestPartsThatDoNotFit: rows whose hashes collide, as whoever chooses ids can
// make them, or of which far more come than the first files let expect, are
// merged within bounded memory all the same, in their order and each once.
func TestPartsThatDoNotFit(t *testing.T) {
	const n, size, budget = 40_000, 1000, 1 << 20
	rows := func(from, count int) (b batch) {
		for i := range count {
			k := uint32(from+i) * 0x9E3779B1 // every number once, in no order
			rec := binary.BigEndian.AppendUint32(nil, k)
			rec = append(binary.BigEndian.AppendUint32(rec, k), make([]byte, size)...)
			b.chunk = append(b.chunk, rec...)
			b.rows = append(b.rows, packed{rec: b.chunk[len(b.chunk)-len(rec):], same: 4, prefer: 8, value: 8, hash: 7})
		}
		return b
	}
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	before := heapInUse()
	s := newSorter(1, budget, t.TempDir(), 1<<20, 1)
	for from := 0; from < n; from += 500 {
		if err := s.take(rows(from, 500)); err != nil {
			t.Fatal(err)
		}
		if from%2000 == 0 { // some come twice
			if err := s.take(rows(from, 100)); err != nil {
				t.Fatal(err)
			}
		}
	}
	g, done := &gauge{}, make(chan struct{})
	var sampling sync.WaitGroup
	sampling.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				g.sample()
			}
		}
	})
	got, err := s.bucket(0)
	if err != nil {
		t.Fatal(err)
	}
	count, last := 0, uint32(0)
	err = got.each(func(p *packed) error {
		k := binary.BigEndian.Uint32(p.rec)
		if count > 0 && k <= last {
			return fmt.Errorf("%d comes after %d", k, last)
		}
		last = k
		count++
		return nil
	})
	if err != nil || count != n || got.rows != n {
		t.Errorf("%d rows, %d counted, %v", count, got.rows, err)
	}
	close(done)
	sampling.Wait()
	most := max(g.most.Load(), before) - before
	t.Logf("%.1f MiB of heap for %d MiB of rows", float64(most)/(1<<20), n*size>>20)
	if most > 20<<20 {
		t.Errorf("%d MiB of heap for %d MiB of rows with room for 1", most>>20, n*size>>20)
	}
	if err := errors.Join(got.close(), s.close()); err != nil {
		t.Error(err)
	}
}
