package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/enrich"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/ledger"
	"upshot.dev/upshot/pipeline/process"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/pipeline/source"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// history is a random sequence of deliveries together with the account that
// must come of it, kept by counting.
type history struct {
	rand *rand.Rand
	msgs []env.Message
	book map[[3]string]*ledger.Row
	seen map[string]bool
}

// add makes a delivery received some minutes after the one before it.
func (h *history) add(t *testing.T) {
	n := len(h.msgs)
	at := noon.Add(time.Duration(n) * 17 * time.Minute)
	src := []string{"api", "backup"}[h.rand.IntN(2)]
	count := func(table string) *ledger.Row {
		k := [3]string{src, table, at.Truncate(time.Hour).Format(time.RFC3339)}
		if h.book[k] == nil {
			h.book[k] = &ledger.Row{Source: k[0], Table: k[1], Hour: k[2]}
		}
		h.book[k].Received++
		return h.book[k]
	}
	stored := func(table, id string) {
		if k := src + table + id; h.seen[k] {
			count(table).Duplicate++
		} else {
			h.seen[k] = true
			count(table).Stored++
		}
	}
	items := []string{}
	for range h.rand.IntN(5) {
		k := h.rand.IntN(12) // few ids: most come again
		id := fmt.Sprint("id", k)
		day := fmt.Sprintf("2026-10-%02dT0%d:00:00Z", 10+k%3, h.rand.IntN(10))
		switch h.rand.IntN(6) {
		case 0, 1:
			stored("events", id)
			items = append(items, fmt.Sprintf(`{"table":"events","kind":"page","event_id":%q,"occurred_at":%q}`, id, day))
		case 2:
			stored("events", "clock"+id)
			items = append(items, fmt.Sprintf(`{"table":"events","kind":"page","event_id":"clock%s","occurred_at":"1999-01-01"}`, id))
		case 3:
			stored("tickets", id)
			items = append(items, fmt.Sprintf(`{"table":"tickets","ticket_id":"1","change":"created","event_id":%q,"occurred_at":%q}`, id, day))
		case 4:
			count("surveys").Rejected++
			items = append(items, `{"table":"surveys","response_id":"r","kind":"nps","score":12}`)
		default:
			count("").Rejected++
			items = append(items, `{"table":"nonsense"}`)
		}
	}
	if len(items) == 0 {
		count("").Ignored++
	}
	h.send(t, fmt.Sprintf("d%04d", n), src, at, "["+strings.Join(items, ",")+"]")
}

func (h *history) send(t *testing.T, id, src string, at time.Time, body string) {
	e := record.Envelope{Version: 1, ID: id, Source: src, ReceivedAt: at, Body: []byte(body)}
	raw, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	h.msgs = append(h.msgs, env.Message{ID: id, Body: raw})
}

// want is the account in the order of the book.
func (h *history) want() []ledger.Row {
	var rows []ledger.Row
	for _, r := range h.book {
		rows = append(rows, *r)
	}
	slices.SortFunc(rows, func(a, b ledger.Row) int {
		return strings.Compare(a.Source+"\x00"+a.Table+"\x00"+a.Hour, b.Source+"\x00"+b.Table+"\x00"+b.Hour)
	})
	return rows
}

// newLake is an empty lake in a folder, with a processor.
func newLake(t *testing.T) (string, *localenv.Store, *process.Processor) {
	t.Helper()
	dir := t.TempDir()
	store, err := localenv.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	e, err := enrich.New(enrich.Options{})
	if err != nil {
		t.Fatal(err)
	}
	api, ok := source.Lookup("api")
	if !ok {
		t.Fatal("no source api")
	}
	p, err := process.New(process.Options{
		Store: store, Enricher: e, Keys: record.NewKeyring([]byte("key")),
		Sources: map[string]*source.Source{"api": api, "backup": api},
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir, store, p
}

func query(t *testing.T, dir string) *localenv.Querier {
	t.Helper()
	q, err := localenv.OpenQuerier(t.Context(), dir, localenv.QuerierOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	return q
}

// TestRandomHistories processes deliveries in random groups, many of them
// several times, and holds the book of the view against the one that was kept
// by counting, and the lake against the book.
func TestRandomHistories(t *testing.T) {
	for seed := range uint64(3) {
		h := &history{rand: rand.New(rand.NewPCG(seed, 2026)), book: map[[3]string]*ledger.Row{}, seen: map[string]bool{}}
		for range 60 {
			h.add(t)
		}
		dir, _, p := newLake(t)
		for range 3 {
			h.rand.Shuffle(len(h.msgs), func(i, j int) { h.msgs[i], h.msgs[j] = h.msgs[j], h.msgs[i] })
			for group := range slices.Chunk(h.msgs, 10+h.rand.IntN(40)) {
				if _, err := p.Process(t.Context(), group); err != nil {
					t.Fatal(err)
				}
			}
		}
		q := query(t, dir)
		book, err := ledger.Read(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(h.want(), book.Rows); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
		total := book.Total()
		if !total.Balanced() || total.Duplicate == 0 || total.Rejected == 0 || total.Ignored == 0 || total.Stored == 0 {
			t.Errorf("seed %d: %+v", seed, total)
		}
		if gaps, err := ledger.Gaps(t.Context(), q); err != nil || len(gaps) > 0 {
			t.Errorf("seed %d: %v, %v", seed, gaps, err)
		}
	}
}

// TestGaps loses a file and doubles a row, and finds both.
func TestGaps(t *testing.T) {
	dir, store, p := newLake(t)
	h := &history{}
	h.send(t, "d1", "api", noon, `[{"table":"events","kind":"page","event_id":"a","occurred_at":"2026-10-01"},
		{"table":"events","kind":"page","event_id":"b","occurred_at":"2026-10-02"},
		{"table":"releases","kind":"deploy","event_id":"r","occurred_at":"2026-10-02"},
		{"table":"surveys","kind":"nps","score":3,"response_id":"r","event_id":"s","occurred_at":"2026-10-02"}]`)
	h.send(t, "d2", "backup", noon, `{"table":"tickets","ticket_id":"1","change":"created","event_id":"a","occurred_at":"2026-10-01"}`)
	if _, err := p.Process(t.Context(), h.msgs); err != nil {
		t.Fatal(err)
	}
	check := func(what string, want []ledger.Gap) {
		t.Helper()
		gaps, err := ledger.Gaps(t.Context(), query(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, gaps); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	check("whole", nil)
	for info, err := range store.List(t.Context(), "events/tier=hot/dt=2026-10-02/") {
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Remove(t.Context(), info.Key); err != nil {
			t.Fatal(err)
		}
	}
	lost := ledger.Gap{Source: "api", Table: "events", Ledger: 2, Lake: 1}
	check("a file is lost", []ledger.Gap{lost})
	// The same row on another day is no duplicate that the views could see.
	doubled := record.TicketRow{Row: record.Row{
		EventID: "a", Source: "backup", OccurredAt: record.Micros(noon), ReceivedAt: record.Micros(noon), DeliveryID: "d2",
	}, TicketID: "1", Change: "created"}
	if err := lake.WriteHot(t.Context(), store, "tickets", "2026-11-02", "odd", []record.TicketRow{doubled}); err != nil {
		t.Fatal(err)
	}
	check("and a row is doubled", []ledger.Gap{lost, {Source: "backup", Table: "tickets", Ledger: 1, Lake: 2}})
}

func TestEmptyLake(t *testing.T) {
	dir, _, _ := newLake(t)
	q := query(t, dir)
	book, err := ledger.Read(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := json.Marshal(book); err != nil || string(b) != `{"rows":[]}` {
		t.Errorf("%s, %v", b, err)
	}
	if gaps, err := ledger.Gaps(t.Context(), q); err != nil || gaps != nil {
		t.Errorf("%v, %v", gaps, err)
	}
}

func TestSums(t *testing.T) {
	b := ledger.Book{Rows: []ledger.Row{
		{Source: "a", Table: "events", Hour: "x", Received: 5, Stored: 3, Duplicate: 2},
		{Source: "a", Table: "tickets", Hour: "x", Received: 2, Rejected: 1, Ignored: 1},
		{Source: "b", Received: 1, Stored: 1},
	}}
	want := []ledger.Row{
		{Source: "a", Received: 7, Stored: 3, Duplicate: 2, Rejected: 1, Ignored: 1},
		{Source: "b", Received: 1, Stored: 1},
	}
	if diff := cmp.Diff(want, b.BySource()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if total := b.Total(); total.Received != 8 || !total.Balanced() {
		t.Errorf("%+v", total)
	}
	if (ledger.Row{Received: 2, Stored: 1}).Balanced() {
		t.Error("one is missing, and yet it is balanced")
	}
}

// canned answers every query with one row of a fixed form.
type canned struct {
	hour    arrow.DataType
	numbers arrow.DataType
	failure error
	late    error
}

func (c canned) Query(context.Context, string) (array.RecordReader, error) {
	if c.failure != nil {
		return nil, c.failure
	}
	fields := []arrow.Field{
		{Name: "source", Type: arrow.BinaryTypes.String},
		{Name: "table_name", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "hour", Type: c.hour},
	}
	text := `[{"source":"s","table_name":null,"hour":"2026-11-02T12:00:00Z"`
	for _, name := range []string{"received", "stored", "duplicate", "rejected", "ignored"} {
		fields = append(fields, arrow.Field{Name: name, Type: c.numbers})
		text += `,"` + name + `":1`
	}
	schema := arrow.NewSchema(fields, nil)
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(text+"}]"))
	if err != nil {
		return nil, err
	}
	r, err := array.NewRecordReader(schema, []arrow.RecordBatch{rec})
	if c.late != nil {
		return broken{r, c.late}, err
	}
	return r, err
}

// broken is a reader whose engine fails half-way.
type broken struct {
	array.RecordReader
	err error
}

func (broken) Next() bool   { return false }
func (b broken) Err() error { return b.err }

func TestEnginesDiffer(t *testing.T) {
	for _, unit := range []arrow.DataType{arrow.FixedWidthTypes.Timestamp_us, arrow.FixedWidthTypes.Timestamp_ms, arrow.FixedWidthTypes.Timestamp_ns, arrow.FixedWidthTypes.Timestamp_s} {
		book, err := ledger.Read(t.Context(), canned{hour: unit, numbers: arrow.PrimitiveTypes.Int64})
		if err != nil {
			t.Fatal(err)
		}
		want := []ledger.Row{{Source: "s", Hour: "2026-11-02T12:00:00Z", Received: 1, Stored: 1, Duplicate: 1, Rejected: 1, Ignored: 1}}
		if diff := cmp.Diff(want, book.Rows); diff != "" {
			t.Errorf("%s (-want +got):\n%s", unit, diff)
		}
	}
	errEngine := errors.New("the engine fails")
	us, wide := arrow.FixedWidthTypes.Timestamp_us, arrow.PrimitiveTypes.Int64
	for _, c := range []struct {
		q    canned
		want string
	}{
		{canned{hour: arrow.BinaryTypes.String, numbers: wide}, "hour is a utf8"},
		{canned{hour: us, numbers: arrow.PrimitiveTypes.Int32}, "received is a int32"},
		{canned{failure: errEngine}, "the engine fails"},
		{canned{hour: us, numbers: wide, late: errEngine}, "the engine fails"},
	} {
		if _, err := ledger.Read(t.Context(), c.q); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	if _, err := ledger.Gaps(t.Context(), canned{hour: us, numbers: wide}); err == nil {
		t.Error("a timestamp was taken for a number")
	}
	if _, err := ledger.Gaps(t.Context(), canned{failure: errEngine}); !errors.Is(err, errEngine) {
		t.Errorf("got %v", err)
	}
}
