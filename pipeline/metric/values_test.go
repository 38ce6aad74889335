package metric_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/pipeline/stats"
)

// derived says how each value and interval follows from the statistics of the
// row, in the words of the definitions. ok is false below the smallest n.
var derived = map[string]func(r metric.Row) (value float64, iv stats.Interval, ok bool){
	"active_users":  func(r metric.Row) (float64, stats.Interval, bool) { return r.Stats["users"], none, true },
	"ticket_volume": func(r metric.Row) (float64, stats.Interval, bool) { return r.Stats["tickets"], none, true },
	"backlog":       func(r metric.Row) (float64, stats.Interval, bool) { return r.Stats["tickets"], none, true },
	"stickiness": func(r metric.Row) (float64, stats.Interval, bool) {
		return r.Stats["daily_sum"] / r.Stats["days"] / float64(r.N), none, r.N >= 5
	},
	"adoption":  func(r metric.Row) (float64, stats.Interval, bool) { return share(r, "users", "active") },
	"retention": func(r metric.Row) (float64, stats.Interval, bool) { return share(r, "retained", "") },
	"csat":      func(r metric.Row) (float64, stats.Interval, bool) { return share(r, "good", "") },
	"themes":    func(r metric.Row) (float64, stats.Interval, bool) { return share(r, "items", "all_items") },
	"completeness": func(r metric.Row) (float64, stats.Interval, bool) {
		return r.Stats["stored"] / r.Stats["received"], none, r.N >= 5
	},
	"nps": func(r metric.Row) (float64, stats.Interval, bool) {
		p, q, d := r.Stats["promoters"], r.Stats["passives"], r.Stats["detractors"]
		return 100 * (p - d) / float64(r.N), stats.NPS(int64(p), int64(q), int64(d), 0.95), r.N >= 5
	},
	"contact_rate": func(r metric.Row) (float64, stats.Interval, bool) {
		k, users := r.Stats["tickets"], r.Stats["users"]
		return 1000 * k / users, stats.PoissonExact(int64(k), users, 1000, 0.95), r.N >= 5
	},
	"sentiment": func(r metric.Row) (float64, stats.Interval, bool) {
		return r.Stats["sum"] / float64(r.N), stats.MeanT(r.N, r.Stats["sum"], r.Stats["sum_sq"], 0.95).Interval, r.N >= 5
	},
}

var none = stats.Interval{Low: math.NaN(), High: math.NaN()}

// share is a ratio to n with Wilson's interval; of names the statistic that
// says n, too.
func share(r metric.Row, name, of string) (float64, stats.Interval, bool) {
	if of != "" && r.Stats[of] != float64(r.N) {
		return math.NaN(), none, true
	}
	return r.Stats[name] / float64(r.N), stats.Wilson(int64(r.Stats[name]), r.N, 0.95), r.N >= 5
}

// TestValues holds every row against what its own statistics say, and that the
// rows are there which must be, whole or partial.
func TestValues(t *testing.T) {
	c := loadMetrics(t)
	q := openQuerier(t, newWorld(2).lake(t))
	few := 0
	for _, name := range c.Names() {
		m, err := c.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []metric.Params{
			{From: "2026-10-20", To: "2026-11-04", TZ: "Europe/Berlin", Grain: "day"},
			{From: "2026-10-19", To: "2026-11-04", TZ: "America/New_York", Grain: "week"},
			{From: "2026-10-01", To: "2026-12-01", TZ: "Europe/Berlin", Grain: "month"},
			{From: "2026-10-20", To: "2026-11-04", TZ: "America/New_York", Grain: "all"},
			{From: "2026-10-20", To: "2026-11-04", TZ: "America/New_York", Grain: "week", By: m.By[:1]},
		} {
			r, err := c.Run(t.Context(), q, name, product, p)
			if err != nil {
				t.Fatal(err)
			}
			checkRows(t, m, p, r.Rows())
			for _, row := range r.Rows() {
				if row.Note == "too little data" {
					few++
				}
				checkValue(t, m, row)
			}
		}
	}
	if few == 0 {
		t.Error("no row had too little data")
	}
}

func checkValue(t *testing.T, m *metric.Metric, row metric.Row) {
	t.Helper()
	at := fmt.Sprint(m.Name, " ", row.Period, row.Dims, row.Stats, " n=", row.N)
	f := derived[m.Name]
	if f == nil {
		checkPercentile(t, at, row)
		return
	}
	value, iv, ok := f(row)
	if !ok {
		if row.Value != nil || row.Low != nil || row.High != nil || row.Note != "too little data" {
			t.Errorf("%s: %v %v %v %q, want too little data", at, row.Value, row.Low, row.High, row.Note)
		}
		return
	}
	for _, x := range []struct {
		what string
		want float64
		got  *float64
	}{{"value", value, row.Value}, {"low", iv.Low, row.Low}, {"high", iv.High, row.High}} {
		if (x.got == nil) != math.IsNaN(x.want) || x.got != nil && math.Abs(*x.got-x.want) > 1e-9*max(1, math.Abs(x.want)) {
			t.Errorf("%s: %s is %v, want %v", at, x.what, text(x.got), x.want)
		}
	}
	if row.Note != iv.Note {
		t.Errorf("%s: note %q, want %q", at, row.Note, iv.Note)
	}
}

func text(v *float64) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprint(*v)
}

// checkPercentile: a median is its own statistic; the bounds lie around it, and
// both are known from 6 values on only.
func checkPercentile(t *testing.T, at string, row metric.Row) {
	t.Helper()
	p50, have := row.Stats["p50"]
	switch {
	case row.N == 0:
		if row.Value != nil || have || row.Note != "too little data" {
			t.Errorf("%s: %s with note %q of no value", at, text(row.Value), row.Note)
		}
	case row.Value == nil || *row.Value != p50 || row.Stats["p90"] < p50:
		t.Errorf("%s: value %s", at, text(row.Value))
	case (row.Low != nil && row.High != nil) != (row.N >= 6):
		t.Errorf("%s: low %s, high %s", at, text(row.Low), text(row.High))
	case row.Low != nil && *row.Low > p50 || row.High != nil && *row.High < p50:
		t.Errorf("%s: low %s, high %s beside the value", at, text(row.Low), text(row.High))
	}
}

// checkRows holds the periods against the calendar on the wall.
func checkRows(t *testing.T, m *metric.Metric, p metric.Params, rows []metric.Row) {
	t.Helper()
	type slot struct {
		Period, Feature string
		Partial         bool
	}
	var want []slot
	days := map[string]float64{}
	partial := map[string]bool{}
	d, err := time.Parse(time.DateOnly, p.From)
	if err != nil {
		t.Fatal(err)
	}
	for ; d.Format(time.DateOnly) < p.To; d = d.AddDate(0, 0, 1) {
		first, next := d, d.AddDate(0, 0, 1)
		switch p.Grain {
		case "week":
			for first.Weekday() != time.Monday {
				first = first.AddDate(0, 0, -1)
			}
			next = first.AddDate(0, 0, 7)
		case "month":
			first = first.AddDate(0, 0, 1-d.Day())
			next = first.AddDate(0, 1, 0)
		}
		name := first.Format(time.DateOnly)
		if p.Grain == "all" {
			name, next = p.From, d
		}
		if days[name]++; days[name] > 1 {
			continue
		}
		partial[name] = name < p.From || next.Format(time.DateOnly) > p.To
		features := []string{""}
		if m.Name == "adoption" {
			features = []string{"export", "import", "never", "odd", "three"}
		}
		for _, f := range features {
			want = append(want, slot{name, f, partial[name]})
		}
	}
	var got []slot
	for _, r := range rows {
		got = append(got, slot{r.Period, r.Dims["feature"], r.Partial})
		if days[r.Period] == 0 || r.Partial != partial[r.Period] {
			t.Errorf("%s: period %s, partial %v", m.Name, r.Period, r.Partial)
		}
		if m.Name == "stickiness" && r.Stats["days"] != days[r.Period] {
			t.Errorf("stickiness of %s has %v days, want %v", r.Period, r.Stats["days"], days[r.Period])
		}
	}
	if len(p.By) == 0 && m.Name != "retention" && m.Name != "themes" {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("rows of %s per %s (-want +got):\n%s", m.Name, p.Grain, diff)
		}
	}
}

// TestParts: what is counted by unit adds up, over the values of a dimension
// and over two halves of the time; the backlog only over the former.
func TestParts(t *testing.T) {
	c := loadMetrics(t)
	q := openQuerier(t, newWorld(3).lake(t))
	ask := func(name, from, to string, by ...string) map[string]float64 {
		p := metric.Params{From: from, To: to, TZ: "America/New_York", Grain: "all", By: by}
		r, err := c.Run(t.Context(), q, name, product, p)
		if err != nil {
			t.Fatal(err)
		}
		sums := map[string]float64{}
		for _, row := range r.Rows() {
			for k, v := range row.Stats {
				if k != "p50" && k != "p90" {
					sums[k] += v
				}
			}
			sums["n"] += float64(row.N)
		}
		for k := range sums {
			sums[k] = math.Round(sums[k]*1e6) / 1e6 // of sentiment
		}
		return sums
	}
	const from, middle, to = "2026-10-14", "2026-11-01", "2026-11-06"
	for name, by := range map[string]string{
		"ticket_volume": "priority", "first_response_time": "channel", "resolution_time": "plan", "backlog": "plan",
		"nps": "survey_id", "csat": "platform", "sentiment": "feedback", "completeness": "source",
	} {
		whole := ask(name, from, to)
		if whole["n"] < 5 {
			t.Errorf("%s: only %v to compare", name, whole["n"])
		}
		if diff := cmp.Diff(whole, ask(name, from, to, by)); diff != "" {
			t.Errorf("%s and its parts by %s (-whole +parts):\n%s", name, by, diff)
		}
		if name == "backlog" {
			continue
		}
		halves := ask(name, from, middle)
		for k, v := range ask(name, middle, to) {
			halves[k] = math.Round((halves[k]+v)*1e6) / 1e6
		}
		if diff := cmp.Diff(whole, halves); diff != "" {
			t.Errorf("%s and its halves (-whole +halves):\n%s", name, diff)
		}
	}
}
