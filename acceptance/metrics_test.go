package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/queries"
	"upshot.dev/upshot/testdata/company"
)

// row is one row of a metric as `upshot metric --format json` prints it: the
// fields that every metric has, and its own statistics.
type row struct {
	Period  string
	Partial bool
	N       float64
	Value   *float64
	Stats   map[string]float64
}

// window is what a test asks a metric for.
type window struct{ from, to, tz, grain string }

func (w window) String() string { return fmt.Sprintf("%s/%s/%s", w.grain, w.tz, w.from) }

// TestMetricsEqualTheRecords: what deliveries over the wire, the lake and the
// SQL make of the company is, to the last digit, what plain Go counts in the
// records from which the deliveries were made; in two zones whose clocks change
// on different days of the half year (2026-10-25 and 2026-11-01), over the
// whole of it and over a part whose periods are cut.
func TestMetricsEqualTheRecords(t *testing.T) {
	t.Parallel()
	dir := demo(t)
	facts := fullCompany().Facts()
	c := settings(t, dir)
	q := querier(t, c)
	catalog, err := metric.Load(queries.Metrics())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range windows() {
		for _, name := range company.MetricNames() {
			t.Run(name+"/"+w.String(), func(t *testing.T) {
				res, err := catalog.Run(t.Context(), q, name, c.Product, metric.Params{From: w.from, To: w.to, TZ: w.tz, Grain: w.grain})
				if err != nil {
					t.Fatal(err)
				}
				var out bytes.Buffer
				if err := res.Write(&out, "json", false); err != nil {
					t.Fatal(err)
				}
				equalRows(t, expected(t, facts, name, w), readRows(t, out.Bytes()))
			})
		}
	}
}

// TestMetricCommandEqualsTheRecords asks the command itself.
func TestMetricCommandEqualsTheRecords(t *testing.T) {
	t.Parallel()
	dir := demo(t)
	facts := fullCompany().Facts()
	w := window{"2026-05-25", "2026-11-23", "America/New_York", "week"}
	for _, name := range []string{"retention", "nps", "first_response_time"} {
		out := upshot(t, "--config", filepath.Join(dir, "upshot.yaml"), "metric", name,
			"--from", w.from, "--to", w.to, "--tz", w.tz, "--grain", w.grain, "--format", "json")
		equalRows(t, expected(t, facts, name, w), readRows(t, out))
	}
}

func windows() []window {
	var list []window
	for _, tz := range []string{"Europe/Berlin", "America/New_York"} {
		for _, grain := range []string{"day", "week", "month"} {
			list = append(list, window{"2026-05-25", "2026-11-23", tz, grain})
			if grain != "day" {
				// Both ends cut a week and a month.
				list = append(list, window{"2026-06-03", "2026-10-28", tz, grain})
			}
		}
	}
	return list
}

// expected counts in the generator's records.
func expected(t *testing.T, facts *company.Facts, name string, w window) []row {
	t.Helper()
	loc, err := time.LoadLocation(w.tz)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := facts.Metric(name, company.Window{From: w.from, To: w.to, Grain: w.grain, Loc: loc})
	if err != nil {
		t.Fatal(err)
	}
	list := make([]row, len(rows))
	for i, r := range rows {
		list[i] = row{r.Period, r.Partial, float64(r.N), r.Value, r.Stats}
	}
	return list
}

// readRows reads what `upshot metric --format json` prints.
func readRows(t *testing.T, out []byte) []row {
	t.Helper()
	var doc struct {
		Rows []map[string]any `json:"rows"`
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatalf("%v in %.200s", err, out)
	}
	list := make([]row, len(doc.Rows))
	for i, fields := range doc.Rows {
		list[i] = toRow(fields)
	}
	return list
}

// toRow takes the common fields; every other number is a statistic.
func toRow(fields map[string]any) row {
	r := row{Stats: map[string]float64{}}
	r.Period, _ = fields["period"].(string)
	r.Partial, _ = fields["partial"].(bool)
	r.N, _ = fields["n"].(float64)
	if v, ok := fields["value"].(float64); ok {
		r.Value = &v
	}
	for name, v := range fields {
		switch name {
		case "n", "value", "low", "high":
		default:
			if v, ok := v.(float64); ok {
				r.Stats[name] = v
			}
		}
	}
	return r
}

// equalRows shows the first rows that differ.
func equalRows(t *testing.T, want, got []row) {
	t.Helper()
	if len(want) == 0 || len(want) != len(got) {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
	wrong := 0
	for i := range min(len(want), len(got)) {
		if d := cmp.Diff(want[i], got[i]); d != "" {
			if wrong++; wrong <= 3 {
				t.Errorf("row %d, %s (- records, + metric):\n%s", i, want[i].Period, d)
			}
		}
	}
	if wrong > 3 {
		t.Errorf("%d of %d rows differ", wrong, len(want))
	}
}
