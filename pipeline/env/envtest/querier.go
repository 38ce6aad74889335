package envtest

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/env"
)

// QuerierEvent is a usage event in the lake that the suite of env.Querier asks.
type QuerierEvent struct {
	ID, Name, Properties string // no properties where it is empty
	At                   time.Time
}

// querierEvents are more than two pages of a thousand rows, on three days.
func querierEvents() []QuerierEvent {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	out := make([]QuerierEvent, 2345)
	for i := range out {
		e := QuerierEvent{ID: fmt.Sprintf("e%04d", i), Name: "Opened", At: start.Add(time.Duration(i) * 110_123 * time.Millisecond)}
		if i%7 == 0 {
			e.Name, e.Properties = "Größe „geändert“ 🚀", fmt.Sprintf(`{"n":%d,"s":"a\"b"}`, i)
		}
		out[i] = e
	}
	return out
}

// Querier runs the suite of env.Querier. open gives a querier over a lake whose
// events table holds these events and whose other tables are empty. It is
// called once: all that is tested reads.
func Querier(t *testing.T, open func(t *testing.T, events []QuerierEvent) env.Querier) {
	q := open(t, querierEvents())
	for _, c := range []struct {
		name string
		run  func(*testing.T, env.Querier)
	}{
		{"types", querierTypes},
		{"nulls", querierNulls},
		{"doubles", querierDoubles},
		{"no rows", querierEmpty},
		{"texts", querierTexts},
		{"many rows", querierMany},
		{"the lake", querierLake},
		{"comments and ends", querierForms},
		{"wrong statements", querierWrong},
		{"statements that write", querierWrites},
		{"a context that ended", querierEnded},
		{"a context that ends", querierEnds},
		{"batches outlive their reader", querierRetain},
		{"several at once", querierConcurrent},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, q) })
	}
}

// querierTypes: every type that a column may have becomes one of few Arrow types.
func querierTypes(t *testing.T, q env.Querier) {
	got := answer(t, q, `SELECT TRUE AS b, CAST(7 AS smallint) AS s, CAST(-7 AS integer) AS i, CAST(9223372036854775807 AS bigint) AS l,
  CAST(0.1 AS real) AS f, CAST('12.50' AS decimal(10, 2)) AS m, 25e-1 AS d, 'x' AS v, date '2026-11-01' AS day,
  timestamp '2026-11-01 23:59:59.999' AS at, timestamp '1969-12-31 23:59:59.001' AS before, CAST(count(*) AS bigint) AS n,
  CAST(sum(k) AS bigint) AS total, with_timezone(timestamp '2026-11-01 10:00:00.5', 'UTC') AS moment,
  to_utf8('hé') AS raw
FROM (SELECT 1 AS k UNION ALL SELECT 2) AS x`)
	want := `b:bool s:int64 i:int64 l:int64 f:float64 m:float64 d:float64 v:utf8 day:date32 at:timestamp[us] before:timestamp[us] n:int64 total:int64 moment:timestamp[us, tz=UTC] raw:binary
true|7|-7|9223372036854775807|0.10000000149011612|12.5|2.5|x|2026-11-01|2026-11-01T23:59:59.999|1969-12-31T23:59:59.001|2|3|2026-11-01T10:00:00.5|aMOp
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// querierNulls: a null is null in every type, and never an empty text.
func querierNulls(t *testing.T, q env.Querier) {
	got := answer(t, q, `SELECT k, CASE WHEN k = 1 THEN '' END AS v, CASE WHEN k = 2 THEN 5 END AS i, CASE WHEN k = 1 THEN 1e0 END AS d,
  CASE WHEN k = 2 THEN FALSE END AS b, CASE WHEN k = 1 THEN date '2026-11-01' END AS day, CASE WHEN k = 2 THEN timestamp '2026-11-01 00:00:00' END AS at,
  CAST(NULL AS varchar) AS never
FROM (SELECT 1 AS k UNION ALL SELECT 2) AS x ORDER BY k`)
	want := `k:int64 v:utf8 i:int64 d:float64 b:bool day:date32 at:timestamp[us] never:utf8
1||NULL|1|NULL|2026-11-01|NULL|NULL
2|NULL|5|NULL|false|NULL|2026-11-01T00:00:00|NULL
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// querierDoubles: a number is the same to the last bit.
func querierDoubles(t *testing.T, q env.Querier) {
	values := []float64{0, 1.0 / 3, -1e7, 9999999.5, 1e-3, 1.5e-4, 1e21, 123456789.125, 1.7976931348623157e308, 2.2250738585072014e-308, 4.35, 0.1 + 0.2}
	var rows []string
	for i, v := range values {
		rows = append(rows, fmt.Sprintf("SELECT %d AS i, CAST('%v' AS double) AS d", i, v))
	}
	r := ask(t, q, strings.Join(rows, "\nUNION ALL ")+"\nORDER BY i")
	defer r.Release()
	at := 0
	for r.Next() {
		column, ok := r.RecordBatch().Column(1).(*array.Float64)
		if !ok {
			t.Fatalf("a %T", r.RecordBatch().Column(1))
		}
		for i := range column.Len() {
			if got := column.Value(i); math.Float64bits(got) != math.Float64bits(values[at]) {
				t.Errorf("%v came back as %v", values[at], got)
			}
			at++
		}
	}
	if at != len(values) || r.Err() != nil {
		t.Errorf("%d of %d rows, %v", at, len(values), r.Err())
	}
}

// querierEmpty: a result without rows has its columns.
func querierEmpty(t *testing.T, q env.Querier) {
	want := "event_id:utf8 dt:date32 occurred_at:timestamp[us] revenue:float64\n"
	if got := answer(t, q, "SELECT event_id, dt, occurred_at, revenue FROM events WHERE name = 'nothing'"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := answer(t, q, "SELECT ticket_id FROM tickets"), "ticket_id:utf8\n"; got != want {
		t.Errorf("an empty table: %q, want %q", got, want)
	}
}

// querierTexts: text comes back as it is, and in the order of its bytes.
func querierTexts(t *testing.T, q env.Querier) {
	texts := []string{
		"", " ", "'", `"`, `\`, "a,b", "[a, b]", "{k=v}", "null", "NULL", "a\nb\r\n\tc", "ä", "é", "日本語", "👩‍👩‍👧 🇩🇪", "\u200b\ufeff", "\x7f\x01",
		strings.Repeat("long ü ", 20_000),
	}
	var rows []string
	for i, s := range texts {
		rows = append(rows, fmt.Sprintf("SELECT %d AS i, '%s' AS v", i, strings.ReplaceAll(s, "'", "''")))
	}
	r := ask(t, q, strings.Join(rows, "\nUNION ALL ")+"\nORDER BY i")
	defer r.Release()
	var got []string
	for r.Next() {
		for i := range int(r.RecordBatch().NumRows()) {
			got = append(got, r.RecordBatch().Column(1).ValueStr(i))
		}
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	if diff := cmp.Diff(texts, got); diff != "" {
		t.Error(diff)
	}
	if got, want := answer(t, q, "SELECT v FROM (SELECT 'b' AS v UNION ALL SELECT 'B' UNION ALL SELECT 'ä' UNION ALL SELECT 'a') AS x ORDER BY v"), "v:utf8\nB\na\nb\nä\n"; got != want {
		t.Errorf("the order is %q, want %q", got, want)
	}
}

// querierMany: results of every length come whole and in order, whatever a page
// holds.
func querierMany(t *testing.T, q env.Querier) {
	for _, n := range []int{1, 998, 999, 1000, 1001, 1999, 2000, 2345} {
		r := ask(t, q, fmt.Sprintf("SELECT event_id FROM events ORDER BY event_id LIMIT %d", n))
		at := 0
		for r.Next() {
			if r.RecordBatch().NumRows() == 0 {
				t.Error("an empty batch")
			}
			for i := range int(r.RecordBatch().NumRows()) {
				if got, want := r.RecordBatch().Column(0).ValueStr(i), fmt.Sprintf("e%04d", at); got != want {
					t.Fatalf("row %d of %d is %s", at, n, got)
				}
				at++
			}
		}
		if at != n || r.Err() != nil {
			t.Errorf("%d rows of %d, %v", at, n, r.Err())
		}
		r.Release()
	}
}

// querierLake: the views answer over the files of the lake.
func querierLake(t *testing.T, q env.Querier) {
	got := answer(t, q, `SELECT dt, count(*) AS n, min(occurred_at) AS first, max(occurred_at) AS last, count(properties) AS p,
  CAST(sum(CAST(json_extract_scalar(properties, '$.n') AS bigint)) AS bigint) AS total, max(name) AS name
FROM events WHERE dt >= date '2026-11-01' AND dt <= date '2026-11-02' GROUP BY dt ORDER BY dt`)
	want := `dt:date32 n:int64 first:timestamp[us] last:timestamp[us] p:int64 total:int64 name:utf8
2026-11-01|785|2026-11-01T00:00:00|2026-11-01T23:58:56.432|113|44296|Opened
2026-11-02|785|2026-11-02T00:00:46.555|2026-11-02T23:59:42.987|112|132104|Opened
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// querierForms: what people write around a statement does no harm.
func querierForms(t *testing.T, q env.Querier) {
	for _, sql := range []string{
		"SELECT 1 AS n;", "  \n-- a comment; with '\nSELECT 1 AS n -- end", "/* a; comment */ SELECT 1 AS n ; \n", "WITH x AS (SELECT 1 AS n) SELECT n FROM x",
		"(SELECT 1 AS n)", "select 1 as n", "SELECT n FROM (VALUES (1)) AS t(n)",
	} {
		if got, want := answer(t, q, sql), "n:int64\n1\n"; got != want {
			t.Errorf("%q gives %q, want %q", sql, got, want)
		}
	}
}
