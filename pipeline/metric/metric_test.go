package metric

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/queries"
)

func catalog(t testing.TB) *Catalog {
	t.Helper()
	c, err := Load(queries.Metrics())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// cuts are the dimensions that each metric is cut by in the tests.
func cuts(m *Metric) [][]string {
	out := [][]string{nil}
	for _, by := range [][]string{{"plan"}, {"platform", "source"}, {"channel", "plan"}, {"survey_id"}, {"feedback"}, {"source"}} {
		if !slices.ContainsFunc(by, func(b string) bool { return !slices.Contains(m.By, b) }) {
			out = append(out, by)
		}
	}
	return out
}

// TestAgainstTheTwin computes every metric of random lakes twice, by its SQL and
// in plain Go, for every grain, around clock changes, whole and partial.
func TestAgainstTheTwin(t *testing.T) {
	c := catalog(t)
	if diff := cmp.Diff(c.Names(), slices.Sorted(maps.Keys(twins))); diff != "" {
		t.Fatal("a metric without a twin:", diff)
	}
	for seed, zone := range []string{"Europe/Berlin", "America/New_York", "Asia/Kathmandu", "America/Santiago"} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			loc, err := time.LoadLocation(zone)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(uint64(seed), loc)
			q := w.write(t)
			for _, name := range c.Names() {
				m, err := c.Get(name)
				if err != nil {
					t.Fatal(err)
				}
				for i, by := range cuts(m) {
					for j, grain := range m.Grains {
						if (i+j+seed+len(name))%4 != 0 {
							continue // each zone has its share
						}
						p := Params{From: "2026-09-16", To: "2026-11-09", TZ: zone, Grain: grain, By: by}
						if (i+j)%2 == 1 {
							p.From, p.To = "2026-08-31", "2026-11-30"
						}
						res, err := c.Run(t.Context(), q, name, product, p)
						if err != nil {
							t.Fatalf("%s by %v a %s: %v", name, by, grain, err)
						}
						tw := newTwin(w, p)
						twins[name](tw)
						want, got := tw.lines(m), lines(m, res)
						if diff := cmp.Diff(want, got); diff != "" {
							t.Fatalf("%s by %v a %s (-twin +sql):\n%s", name, by, grain, diff)
						}
						if len(want) == 0 {
							t.Errorf("%s by %v a %s: nothing to compare", name, by, grain)
						}
						res.Record.Release()
					}
				}
			}
		})
	}
}

// lines prints a result as the twin does.
func lines(m *Metric, res *Result) []string {
	out := []string{}
	for _, r := range res.Rows() {
		if len(res.By) == 0 && r.N == 0 && r.Stats["tickets"]+r.Stats["waiting"]+r.Stats["unresolved"]+r.Stats["unscored"] == 0 {
			continue // a period in which nothing happened: TestEveryPeriodHasARow
		}
		var b strings.Builder
		fmt.Fprint(&b, r.Period)
		for _, d := range slices.Concat(res.By, m.Labels) {
			if v, ok := r.Dims[d]; ok {
				fmt.Fprintf(&b, " %s=%s", d, v)
			}
		}
		stats := maps.Clone(r.Stats)
		stats["n"] = float64(r.N)
		out = append(out, b.String()+statsText(stats))
	}
	return out
}
