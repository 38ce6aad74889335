package localenv

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/queries"
)

var update = flag.Bool("update", false, "rewrite what the cases of the views want")

// TestViews runs testdata/views/*.txtar. Their sections are taken in order:
//
//	hot/NAME   rows of a batch, a JSON object a line: "in" names the table,
//	           the rest are columns; missing ones have plain defaults
//	compact    merges; hot files stay beside the base that holds them
//	clear      merges, and deletes the hot files
//	ask/NAME   a query; want/NAME is its answer
//
// Every question is asked three times: of the engine's own views, of the row
// views that both engines share, and again when everything is compacted.
func TestViews(t *testing.T) {
	files, err := filepath.Glob("testdata/views/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { runViewCase(t, file) })
	}
}

func runViewCase(t *testing.T, file string) {
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	asks, want := buildLake(t, dir, a)
	got := answers(t, dir, asks, false)
	if *update {
		for i, f := range a.Files {
			if name, ok := strings.CutPrefix(f.Name, "want/"); ok {
				a.Files[i].Data = []byte(got[name])
			}
		}
		if err := os.WriteFile(file, txtar.Format(a), 0o600); err != nil {
			t.Fatal(err)
		}
		want = got
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the engine's own views (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, answers(t, dir, asks, true)); diff != "" {
		t.Errorf("the views of both engines (-want +got):\n%s", diff)
	}
	compactLake(t, dir, 0)
	if diff := cmp.Diff(want, answers(t, dir, asks, false)); diff != "" {
		t.Errorf("after compaction (-want +got):\n%s", diff)
	}
}

// buildLake does what the sections say and returns the questions.
func buildLake(t *testing.T, dir string, a *txtar.Archive) (asks [][2]string, want map[string]string) {
	want = map[string]string{}
	for _, f := range a.Files {
		kind, name, _ := strings.Cut(f.Name, "/")
		switch kind {
		case "hot":
			writeBatch(t, dir, name, string(f.Data))
		case "compact":
			compactLake(t, dir, time.Hour)
		case "clear":
			compactLake(t, dir, 0)
		case "ask":
			asks = append(asks, [2]string{name, string(f.Data)})
		case "want":
			want[name] = string(f.Data)
		default:
			t.Fatalf("unknown section %s", f.Name)
		}
	}
	return asks, want
}

func openTestStore(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func compactLake(t *testing.T, dir string, grace time.Duration) {
	t.Helper()
	_, err := lake.Compact(t.Context(), openTestStore(t, dir), lake.CompactOptions{Clock: env.ClockFunc(time.Now), Grace: grace})
	if err != nil {
		t.Fatal(err)
	}
}

func answers(t *testing.T, dir string, asks [][2]string, shared bool) map[string]string {
	t.Helper()
	q, err := OpenQuerier(t.Context(), dir, QuerierOptions{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	if shared {
		for _, table := range queries.RowTables() {
			sql := fmt.Sprintf("CREATE OR REPLACE VIEW %s_rows AS %s", table, queries.RowView(table))
			if err := q.exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
	}
	out := map[string]string{}
	for _, ask := range asks {
		out[ask[0]] = queryText(t, q, ask[1])
	}
	return out
}

// queryText gives a result as lines of cells; null is a dash.
func queryText(t *testing.T, q env.Querier, sql string) string {
	t.Helper()
	r, err := q.Query(t.Context(), sql)
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	defer r.Release()
	var b strings.Builder
	for r.Next() {
		rec := r.RecordBatch()
		for i := range int(rec.NumRows()) {
			for c, col := range rec.Columns() {
				if c > 0 {
					b.WriteString(" | ")
				}
				if col.IsNull(i) {
					b.WriteString("-")
				} else {
					b.WriteString(col.ValueStr(i))
				}
			}
			b.WriteString("\n")
		}
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// writeBatch writes the rows of a batch as the tables' hot files.
func writeBatch(t *testing.T, dir, batch, lines string) {
	t.Helper()
	s := openTestStore(t, dir)
	var b lakeBatch
	for line := range strings.Lines(lines) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		table, _ := m["in"].(string)
		delete(m, "in")
		setDefault(m, "source", "s")
		setDefault(m, "delivery_id", batch)
		b.add(t, table, m)
	}
	if err := b.write(t.Context(), s, batch); err != nil {
		t.Fatal(err)
	}
}

// lakeBatch gathers rows by table and day.
type lakeBatch struct {
	tickets  map[string][]record.TicketRow
	surveys  map[string][]record.SurveyRow
	events   map[string][]record.EventRow
	releases map[string][]record.ReleaseRow
	links    map[string][]record.LinkRow
	rejects  map[string][]record.RejectRow
	ledger   map[string][]record.ReceiptRow
}

func (b *lakeBatch) add(t *testing.T, table string, m map[string]any) {
	t.Helper()
	switch table {
	case "tickets":
		setDefault(m, "public", true)
		b.tickets = addRow(t, b.tickets, m)
	case "surveys":
		b.surveys = addRow(t, b.surveys, m)
	case "events":
		setDefault(m, "kind", "track")
		b.events = addRow(t, b.events, m)
	case "releases":
		b.releases = addRow(t, b.releases, m)
	case "links":
		delete(m, "delivery_id")
		b.links = addRow(t, b.links, m)
	case "rejects":
		b.rejects = addRow(t, b.rejects, m)
	case "ledger":
		b.ledger = addRow(t, b.ledger, m)
	default:
		t.Fatalf("no table %q", table)
	}
}

func (b *lakeBatch) write(ctx context.Context, s env.Blobs, batch string) error {
	for _, f := range []func() error{
		func() error { return writeDays(ctx, s, "tickets", batch, b.tickets) },
		func() error { return writeDays(ctx, s, "surveys", batch, b.surveys) },
		func() error { return writeDays(ctx, s, "events", batch, b.events) },
		func() error { return writeDays(ctx, s, "releases", batch, b.releases) },
		func() error { return writeDays(ctx, s, "links", batch, b.links) },
		func() error { return writeDays(ctx, s, "rejects", batch, b.rejects) },
		func() error { return writeDays(ctx, s, "ledger", batch, b.ledger) },
	} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func writeDays[T any](ctx context.Context, s env.Blobs, table, batch string, days map[string][]T) error {
	for dt, rows := range days {
		if err := lake.WriteHot(ctx, s, table, dt, batch, rows); err != nil {
			return err
		}
	}
	return nil
}

func setDefault(m map[string]any, key string, value any) {
	if _, ok := m[key]; !ok {
		m[key] = value
	}
}

// addRow makes a row of its columns by the tags of the row type.
func addRow[T any](t *testing.T, days map[string][]T, m map[string]any) map[string][]T {
	t.Helper()
	setDefault(m, "received_at", m["occurred_at"])
	var row T
	v := reflect.ValueOf(&row).Elem()
	var when time.Time
	for _, f := range reflect.VisibleFields(v.Type()) {
		name, rest, _ := strings.Cut(f.Tag.Get("parquet"), ",")
		value, ok := m[name]
		if !ok || name == "" {
			continue
		}
		delete(m, name)
		if value == nil {
			continue
		}
		if strings.Contains(rest, "timestamp") {
			at, err := time.Parse("2006-01-02T15:04:05.999Z", value.(string))
			if err != nil {
				t.Fatal(err)
			}
			if name == "occurred_at" || name == "received_at" && when.IsZero() {
				when = at
			}
			value = at.UnixMicro()
		}
		raw, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, v.FieldByIndex(f.Index).Addr().Interface()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	delete(m, "received_at")
	if len(m) > 0 {
		t.Fatalf("unknown columns %v", m)
	}
	if days == nil {
		days = map[string][]T{}
	}
	dt := when.Format(time.DateOnly)
	days[dt] = append(days[dt], row)
	return days
}
