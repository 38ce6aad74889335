package metric_test

import (
	"fmt"
	"testing"

	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/queries"
)

// product is the configuration of the world.
var product = config.Product{
	ActiveEvents: []string{"Opened", "Report Exported", "Imported"},
	Features: map[string]config.Matcher{
		"export": {Events: []string{"Report Exported"}, Where: map[string]any{"format": "pdf"}},
		"three":  {Events: []string{"Report Exported", "Imported"}, Where: map[string]any{"n": 3}},
		"import": {Events: []string{"Imported"}},
		"odd":    {Events: []string{"Imported", "Heartbeat"}, Where: map[string]any{`a"b]`: "x"}},
		"never":  {Events: []string{"It's never"}},
	},
}

func loadMetrics(t testing.TB) *metric.Catalog {
	t.Helper()
	c, err := metric.Load(queries.Metrics())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func openQuerier(t testing.TB, dir string) *localenv.Querier {
	t.Helper()
	q, err := localenv.OpenQuerier(t.Context(), dir, localenv.QuerierOptions{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	return q
}

// TestEveryCutRuns asks for every metric by each of its dimensions and by all of
// them together: of a lake without a file at every grain, of one with files
// each at one grain.
func TestEveryCutRuns(t *testing.T) {
	c := loadMetrics(t)
	for lake, dir := range map[string]string{"empty": t.TempDir(), "full": newWorld(1).lake(t)} {
		q := openQuerier(t, dir)
		for _, name := range c.Names() {
			m, err := c.Get(name)
			if err != nil {
				t.Fatal(err)
			}
			cuts := [][]string{nil, m.By}
			for _, d := range m.By {
				cuts = append(cuts, []string{d})
			}
			for i, by := range cuts {
				for j, grain := range m.Grains {
					if lake == "full" && (i+j)%len(m.Grains) != 0 {
						continue
					}
					p := metric.Params{From: "2026-10-21", To: "2026-11-05", TZ: "Europe/Berlin", Grain: grain, By: by}
					r, err := c.Run(t.Context(), q, name, product, p)
					if err != nil {
						t.Errorf("%s of the %s lake: %v", name, lake, err)
						continue
					}
					if lake == "empty" {
						checkNothing(t, m, p, r)
					} else if len(r.Rows()) == 0 {
						t.Errorf("%s by %v per %s: no rows", name, by, grain)
					}
					if int(r.Record.NumRows()) != len(r.Rows()) {
						t.Errorf("%s: %d rows in the record, %d for Go", name, r.Record.NumRows(), len(r.Rows()))
					}
				}
			}
		}
	}
}

// checkNothing holds what a lake without files answers: a zero for each period
// where a metric has a row for every period, nothing else.
func checkNothing(t *testing.T, m *metric.Metric, p metric.Params, r *metric.Result) {
	t.Helper()
	want := map[string]int{"day": 15, "week": 3, "month": 2, "all": 1}[p.Grain]
	switch {
	case len(p.By) > 0 || m.Name == "retention" || m.Name == "themes":
		want = 0
	case m.Name == "adoption":
		want *= len(product.Features)
	}
	if len(r.Rows()) != want {
		t.Errorf("%s by %v per %s of nothing: %d rows, want %d", m.Name, p.By, p.Grain, len(r.Rows()), want)
	}
	for _, row := range r.Rows() {
		if row.N != 0 || row.Low != nil || row.High != nil {
			t.Errorf("%s of nothing: %s", m.Name, fmt.Sprint(row))
		}
		for s, v := range row.Stats {
			if v != 0 && s != "days" {
				t.Errorf("%s of nothing: %s is %v", m.Name, s, v)
			}
		}
	}
}
