package metric_test

import (
	"slices"
	"strings"
	"testing"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/metric"
)

// TestRecent: the text that finds its dates itself has the rows of the one
// that dates were put into, for every metric.
func TestRecent(t *testing.T) {
	c := loadMetrics(t)
	q := openQuerier(t, newWorld(5).lake(t))
	for _, name := range c.Names() {
		text, err := c.Recent(name, product, 6)
		if err != nil {
			t.Fatal(err)
		}
		recentRows(t, q, text) // runs as it stands
		dated, err := c.SQL(name, product, metric.Params{From: "2026-10-12", To: "2026-11-23", TZ: "UTC", Grain: "week"})
		if err != nil {
			t.Fatal(err)
		}
		want := recentRows(t, q, dated)
		for _, today := range []string{"2026-11-23", "2026-11-25", "2026-11-29"} { // a Monday, a Wednesday, a Sunday
			got := recentRows(t, q, strings.ReplaceAll(text, "current_date", "date '"+today+"'"))
			if len(want) == 0 || !slices.Equal(want, got) {
				t.Errorf("%s on %s: %d rows, want %d:\n%s\nwant\n%s", name, today, len(got), len(want), strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
	if _, err := c.Recent("nonsense", product, 6); !fault.Is(err, fault.Invalid) {
		t.Errorf("an unknown metric: %v", err)
	}
}

// recentRows are the rows of a statement as text, in any order.
func recentRows(t *testing.T, q env.Querier, sql string) (out []string) {
	t.Helper()
	r, err := q.Query(t.Context(), sql)
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	defer r.Release()
	for r.Next() {
		for i := range int(r.RecordBatch().NumRows()) {
			var cells []string
			for _, c := range r.RecordBatch().Columns() {
				cells = append(cells, c.ValueStr(i))
			}
			out = append(out, strings.Join(cells, " | "))
		}
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	slices.Sort(out)
	return out
}
