package localenv

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/queries"
)

// TestBothFormsGiveEqualRows compares <table>_rows as the engine has it with
// the SQL that both engines share, over generated lakes with repeats, adjusted
// times and compactions in between.
func TestBothFormsGiveEqualRows(t *testing.T) {
	parent := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		// A lake and an engine of its own for each: a folder that is emptied and
		// filled again within milliseconds is nothing that a lake does.
		dir, err := os.MkdirTemp(parent, "lake")
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		for batch := range rapid.IntRange(1, 4).Draw(rt, "batches") {
			var lines strings.Builder
			for range rapid.IntRange(1, 6).Draw(rt, "rows") {
				fmt.Fprintf(&lines, `{"in":"events","event_id":"%d","source":"%s","occurred_at":"2026-11-0%dT10:00:00Z","received_at":"2026-11-05T0%d:00:00Z","delivery_seq":%d,"time_adjusted":%t,"name":"%d"}`+"\n",
					rapid.IntRange(1, 3).Draw(rt, "id"), rapid.SampledFrom([]string{"s", "r"}).Draw(rt, "source"),
					rapid.IntRange(1, 3).Draw(rt, "day"), rapid.IntRange(0, 2).Draw(rt, "received"),
					rapid.IntRange(0, 1).Draw(rt, "seq"), rapid.IntRange(0, 3).Draw(rt, "adjusted") == 0, batch)
			}
			writeBatch(t, dir, fmt.Sprintf("batch-%d", batch), lines.String())
			switch rapid.IntRange(0, 3).Draw(rt, "then") {
			case 1:
				compactLake(t, dir, time.Hour)
			case 2:
				compactLake(t, dir, 0)
			}
		}
		q, err := OpenQuerier(t.Context(), dir, QuerierOptions{})
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = q.Close() }()
		if err := q.exec(t.Context(), "CREATE VIEW shared_rows AS "+queries.RowView("events")); err != nil {
			rt.Fatal(err)
		}
		const ask = " ORDER BY source, event_id, dt, received_at, delivery_id, delivery_seq, name"
		own := queryText(t, q, "SELECT * FROM events_rows"+ask)
		if shared := queryText(t, q, "SELECT * FROM shared_rows"+ask); shared != own {
			rt.Fatalf("the engine's own rows\n%sthe shared form's\n%s", own, shared)
		}
	})
}

// TestColumnsOfTheViews: the views of records have every column of the table
// but excluded, and the three that they add, under the types of the lake.
func TestColumnsOfTheViews(t *testing.T) {
	q := openQuerier(t, t.TempDir())
	for _, table := range []string{"tickets", "surveys", "events", "releases"} {
		want := map[string]string{"dt": "DATE", "person_key": "VARCHAR", "excluded_person": "BOOLEAN"}
		for _, c := range lake.Columns(table) {
			if c.Name != "excluded" {
				want[c.Name] = duckType(c.Type)
			}
		}
		for line := range strings.Lines(queryText(t, q, "SELECT column_name, column_type FROM (DESCRIBE "+table+")")) {
			name, typ, _ := strings.Cut(strings.TrimSpace(line), " | ")
			if want[name] != typ {
				t.Errorf("%s.%s is a %s, want %q", table, name, typ, want[name])
			}
			delete(want, name)
		}
		for name := range want {
			t.Errorf("%s lacks %s", table, name)
		}
		own := queryText(t, q, "DESCRIBE "+table+"_rows")
		if err := q.exec(t.Context(), fmt.Sprintf("CREATE OR REPLACE VIEW %s_rows AS %s", table, queries.RowView(table))); err != nil {
			t.Fatal(err)
		}
		if shared := queryText(t, q, "DESCRIBE "+table+"_rows"); shared != own {
			t.Errorf("%s_rows differs in its two forms:\n%s\n%s", table, own, shared)
		}
	}
}

// TestWrittenByGoReadByTheEngine: values of every kind come back as they were
// written, null where they were empty.
func TestWrittenByGoReadByTheEngine(t *testing.T) {
	dir := t.TempDir()
	writeBatch(t, dir, "b", `{"in":"tickets","event_id":"1","occurred_at":"2026-11-01T23:59:59.999Z","ticket_id":"t","change":"created","time_adjusted":true,"delivery_seq":7,"subject":"","text":"ünï \u0000 x","tags":["b","a"],"redactions":{"phone":2,"email":1},"sentiment":-0.25,"themes":["x"],"mention_sentiments":[0.5]}
{"in":"tickets","event_id":"2","occurred_at":"1969-12-31T00:00:00Z","ticket_id":"t","change":"status","public":false}
{"in":"releases","event_id":"3","occurred_at":"2026-11-01T10:00:00Z","kind":"release","started_at":"2026-10-31T23:00:00.001Z","rollout_percent":12.5}`)
	want := strings.Join([]string{
		"2 | 1969-12-31T00:00:00 | 1969-12-31 | false | 0 | - | - | [] | - | - | false | []",
		"1 | 2026-11-01T23:59:59.999 | 2026-11-01 | true | 7 | - | ünï \x00 x | [\"b\",\"a\"] | [{\"key\":\"email\",\"value\":1},{\"key\":\"phone\",\"value\":2}] | -0.25 | true | [0.5]",
	}, "\n") + "\n"
	const ask = `SELECT event_id, occurred_at, dt, time_adjusted, delivery_seq, subject, text, tags, redactions, sentiment, public, mention_sentiments
FROM tickets ORDER BY occurred_at`
	for _, state := range []string{"hot", "base"} {
		q := openQuerier(t, dir)
		if got := queryText(t, q, ask); got != want {
			t.Errorf("%s:\n%swant\n%s", state, got, want)
		}
		if got := queryText(t, q, "SELECT started_at, ended_at, rollout_percent FROM releases"); got != "2026-10-31T23:00:00.001 | - | 12.5\n" {
			t.Errorf("%s: %q", state, got)
		}
		compactLake(t, dir, 0)
	}
}

// TestOpensWhileFilesGo: opening is tried again when a file goes meanwhile.
func TestOpensWhileFilesGo(t *testing.T) {
	dir := t.TempDir()
	q := openQuerier(t, dir)
	writeBatch(t, dir, "a", event("1", 1))
	files, err := listLake(dir)
	if err != nil {
		t.Fatal(err)
	}
	compactLake(t, dir, 0)
	if err := q.show(t.Context(), files); err == nil || !files.changed() {
		t.Errorf("files that are gone were opened: %v", err)
	}
	if err := q.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := queryText(t, q, "SELECT count(*) FROM events"); got != "1\n" {
		t.Errorf("after that %q", got)
	}
}
