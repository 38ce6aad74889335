package report

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/pipeline/roadmap"
	"upshot.dev/upshot/pipeline/stats"
)

// company answers metrics and queries for 26 weeks of a company with four
// planted truths: Export breaks in the last week, Performance grows, the plan
// starter is unhappy, offline is used on ios alone. Its numbers are drawn
// anew, from a fixed seed, for each metric and period, so that every grain
// holds together well enough for a report.
type company struct {
	began time.Time
	broke time.Time // start of the week of the broken release
	asked []string
}

func newCompany() *company {
	return &company{began: time.Date(2026, 5, 25, 0, 0, 0, 0, time.UTC), broke: time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)}
}

func (c *company) world(name, period string) *world {
	seed := uint64(0)
	for _, b := range []byte(name + period) {
		seed = seed*31 + uint64(b)
	}
	return &world{rng: rand.New(rand.NewPCG(seed, 5)), spread: 0.05}
}

// spans cuts [from, to) by grain; a period before the company began is empty.
func spans(p metric.Params) [][2]time.Time {
	from, _ := time.Parse(time.DateOnly, p.From)
	to, _ := time.Parse(time.DateOnly, p.To)
	if p.Grain == "all" {
		return [][2]time.Time{{from, to}}
	}
	cal, _ := newCalendar(p.Grain, "UTC")
	var out [][2]time.Time
	for d := cal.start(from); d.Before(to); d = cal.add(d, 1) {
		out = append(out, [2]time.Time{d, cal.add(d, 1)})
	}
	return out
}

func (c *company) run(_ context.Context, name string, p metric.Params) (roadmap.Answer, error) {
	c.asked = append(c.asked, fmt.Sprintf("%s %s %s %v", name, p.Grain, p.From, p.By))
	var rows []metric.Row
	for _, s := range spans(p) {
		weeks := s[1].Sub(s[0]).Hours() / 24 / 7
		if s[0].Before(c.began) {
			weeks = max(s[1].Sub(c.began).Hours()/24/7, 0)
		}
		rows = append(rows, c.rows(name, p.Grain, s[0], weeks)...)
	}
	units := map[string]string{"nps": "score", "csat": "ratio", "adoption": "ratio", "stickiness": "ratio", "retention": "ratio", "themes": "ratio", "sentiment": "mean", "first_response_time": "seconds", "resolution_time": "seconds", "contact_rate": "per_1000"}
	unit := units[name]
	if unit == "" {
		unit = "count"
	}
	return roadmap.Answer{Title: strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "_", " "), Unit: unit, Better: "up", Rows: rows}, nil
}

// line makes a row with the metric's interval.
func line(period string, dims map[string]string, iv stats.Interval, n int64, statistics map[string]float64) metric.Row {
	r := metric.Row{Period: period, Dims: dims, Stats: statistics, N: n, Value: ptr(iv.Value), Low: ptr(iv.Low), High: ptr(iv.High)}
	if n < 5 && r.Low != nil {
		r.Value, r.Low, r.High, r.Note = nil, nil, nil, "too little data"
	}
	return r
}

func counted(period string, name string, k int64) metric.Row {
	v := float64(k)
	return metric.Row{Period: period, N: k, Value: &v, Stats: map[string]float64{name: v}}
}

func (c *company) rows(name, grain string, start time.Time, weeks float64) []metric.Row {
	period := iso(start)
	w := c.world(name, period)
	active := c.world("active_users", period).poisson(900 * min(weeks, 1.5) * c.world("f", period).factor())
	broken := weeks > 0 && grain == "week" && start.Equal(c.broke)
	switch name {
	case "active_users":
		return []metric.Row{counted(period, "users", active)}
	case "ticket_volume":
		k := w.poisson(58 * weeks * w.factor())
		if broken {
			k += 36
		}
		return []metric.Row{counted(period, "tickets", k)}
	case "backlog":
		return []metric.Row{counted(period, "tickets", w.poisson(20))}
	case "contact_rate":
		return []metric.Row{line(period, nil, stats.PoissonExact(60, float64(active), 1000, 0.95), active, map[string]float64{"tickets": 60, "users": float64(active)})}
	case "first_response_time", "resolution_time":
		return []metric.Row{line(period, nil, stats.Interval{Value: 9000, Low: 8000, High: 12000}, 55, map[string]float64{"p50": 9000, "waiting": 3, "unresolved": 7})}
	case "stickiness":
		return []metric.Row{{Period: period, N: active, Value: ptr(0.31)}}
	case "csat":
		n := w.poisson(40 * weeks)
		k := w.binomial(n, 0.84)
		return []metric.Row{line(period, nil, stats.Wilson(k, n, 0.95), n, map[string]float64{"good": float64(k)})}
	case "sentiment":
		n := float64(w.poisson(150 * weeks))
		return []metric.Row{line(period, nil, stats.MeanT(int64(n), 0.1*n, 0.3*n, 0.95).Interval, int64(n), map[string]float64{"sum": 0.1 * n, "sum_sq": 0.3 * n, "negative": n / 4, "neutral": n / 4, "positive": n / 2})}
	case "completeness":
		return c.receipts(period, weeks)
	case "retention":
		var out []metric.Row
		for k := range 4 {
			out = append(out, line(period, nil, stats.Wilson(int64(100-20*k), 100, 0.95), 100, map[string]float64{"offset": float64(k), "retained": float64(100 - 20*k)}))
		}
		return out
	case "nps":
		return c.nps(w, grain, period, weeks)
	case "adoption":
		return c.adoption(w, grain, period, active)
	case "themes":
		return c.themes(w, period, start, weeks, broken)
	}
	panic(name)
}

func (c *company) receipts(period string, weeks float64) []metric.Row {
	var out []metric.Row
	for _, source := range []string{"app", "delighted"} {
		n := 100.0
		if weeks <= 0 || (source == "delighted" && (period == "2026-11-17" || period == "2026-11-18")) {
			n = 0
		}
		out = append(out, metric.Row{Period: period, Dims: map[string]string{"source": source}, N: int64(n), Stats: map[string]float64{"received": n, "stored": n * 0.9, "duplicate": n * 0.08, "rejected": n * 0.01, "ignored": n * 0.01}})
	}
	return out
}

func (c *company) nps(w *world, grain, period string, weeks float64) []metric.Row {
	plans := []string{""}
	if grain == "all" {
		plans = []string{"business", "pro", "starter"}
	}
	var out []metric.Row
	for _, plan := range plans {
		s := w.scores(w.poisson(45*weeks/float64(len(plans))), 0.5, 0.2)
		if plan == "starter" {
			s = w.scores(s.n(), 0.3, 0.45)
		}
		out = append(out, line(period, map[string]string{"plan": plan}, s.interval(), s.n(), map[string]float64{"promoters": float64(s.promoters), "passives": float64(s.passives), "detractors": float64(s.detractors)}))
	}
	return out
}

func (c *company) adoption(w *world, grain, period string, active int64) []metric.Row {
	platforms := []string{""}
	if grain == "all" {
		platforms, active = []string{"android", "ios", "web"}, 700
	}
	var out []metric.Row
	for i, feature := range []string{"export", "offline", "sharing"} {
		for _, platform := range platforms {
			share := 0.2 + 0.1*float64(i)
			if feature == "offline" && platform != "ios" && grain == "all" {
				share = 0.01
			}
			k := w.binomial(active, share)
			out = append(out, line(period, map[string]string{"feature": feature, "platform": platform}, stats.Wilson(k, active, 0.95), active, map[string]float64{"users": float64(k), "active": float64(active)}))
		}
	}
	return out
}

func (c *company) themes(w *world, period string, start time.Time, weeks float64, broken bool) []metric.Row {
	all := float64(w.poisson(160 * weeks))
	if broken {
		all += 36
	}
	var out []metric.Row
	for i, id := range []string{"billing", "export", "login", "performance", "search"} {
		mean := all * (0.04 + 0.01*float64(i))
		if id == "performance" {
			mean = all * (0.03 + 0.10*start.Sub(c.began).Hours()/24/7/26)
		}
		k := w.poisson(max(mean, 0))
		if broken && id == "export" {
			k += 36
		}
		k = min(k, int64(all))
		if k == 0 {
			continue
		}
		out = append(out, line(period, map[string]string{"theme": id}, stats.Wilson(k, int64(all), 0.95), int64(all), map[string]float64{"items": float64(k), "people": float64(k), "negative": float64(k / 2), "all_items": all}))
	}
	return out
}

// Query answers the three queries of a report with fixed rows.
func (c *company) Query(_ context.Context, sql string) (array.RecordReader, error) {
	c.asked = append(c.asked, sql)
	switch {
	case strings.Contains(sql, "FROM releases"):
		at := func(month time.Month, day, hour, minute int) string {
			return fmt.Sprint(time.Date(2026, month, day, hour, minute, 0, 0, time.UTC).UnixMilli())
		}
		return records(9,
			[]string{at(10, 2, 8, 0), "release", "v4.11.0", "", "r0", "web", "", "", "https://example.com"},
			[]string{at(11, 18, 8, 0), "deploy", "", "", "d1", "web", "started", "production", ""},
			[]string{at(11, 18, 8, 14), "release", "v4.12.0", "Faster export", "r1", "web", "", "", "javascript:alert(1)"}), nil
	case strings.Contains(sql, "sentence"):
		return records(5, []string{"export", "The export stops at page 3.", "zendesk", "2026-11-18", "e1"}, []string{"export", "The export stops at page 3.", "zendesk", "2026-11-18", "e2"}, []string{"export", "CSV is empty.", "delighted", "2026-11-19", "e3"}), nil
	case strings.Contains(sql, "mention_intent"):
		return records(3, []string{"export", "bug", "50"}, []string{"export", "question", "7"}, []string{"performance", "complaint", "30"}, []string{"performance", "question", "60"}, []string{"search", "question", "90"}), nil
	}
	return nil, fault.Invalidf("unexpected query %s", sql)
}

func records(width int, rows ...[]string) array.RecordReader {
	fields := make([]arrow.Field, width)
	for i := range fields {
		fields[i] = arrow.Field{Name: fmt.Sprint(i), Type: arrow.BinaryTypes.String}
	}
	schema := arrow.NewSchema(fields, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for _, row := range rows {
		for i, cell := range row {
			b.Field(i).(*array.StringBuilder).Append(cell)
		}
	}
	reader, err := array.NewRecordReader(schema, []arrow.RecordBatch{b.NewRecordBatch()})
	if err != nil {
		panic(err)
	}
	return reader
}

func (c *company) build(t *testing.T, p Params) *Report {
	t.Helper()
	r, err := build(t.Context(), Deps{Query: c, ThemeName: func(id string) string { return strings.ToUpper(id[:1]) + id[1:] }}, c.run, p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var monday = Params{Period: "week", TZ: "Europe/Berlin", Now: time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)}

func TestBuildFindsThePlantedTruths(t *testing.T) {
	c := newCompany()
	r := c.build(t, monday)
	found := map[string]Headline{}
	for _, h := range r.Headlines {
		found[h.Key] = h
		t.Log(h.Text, h.Context, h.Continuing)
	}
	for key, continuing := range map[string]bool{"change/theme/export": false, "trend/theme/performance": true, "segment/nps/plan/starter": true, "segment/adoption/offline/ios": true} {
		h, ok := found[key]
		if !ok {
			t.Errorf("%s is no headline", key)
		}
		if ok && h.Continuing != continuing {
			t.Errorf("%s: continuing %v", key, h.Continuing)
		}
	}
	if h := found["change/theme/export"]; h.Context != "In the same week: release v4.12.0 (Wed 18 Nov)." {
		t.Errorf("context %q", h.Context)
	}
	if _, ok := found["change/active_users"]; ok {
		t.Error("the noise of active users is a headline")
	}
	if !strings.HasPrefix(r.Subject, strings.Split(r.Headlines[0].Text, " (")[0]) {
		t.Errorf("subject %q", r.Subject)
	}
}

func TestBuildFillsTheReport(t *testing.T) {
	r := newCompany().build(t, monday)
	if r.Title != "Week of 16 to 22 November 2026" || r.Period.Ended != "2026-11-22T23:00:00Z" || r.Period.History != 13 {
		t.Errorf("%s, %+v", r.Title, r.Period)
	}
	if len(r.Figures) != 6 || r.Figures[0].UsualOver != 8 || len(r.Figures[0].Trend) != 13 {
		t.Errorf("figures %+v", r.Figures)
	}
	var ids []string
	for _, s := range r.Sections {
		ids = append(ids, s.ID)
	}
	if got := strings.Join(ids, " "); got != "adoption nps csat support sentiment themes" {
		t.Errorf("sections %s", got)
	}
	if len(r.Releases) != 1 || r.Releases[0].URL != "" || r.Releases[0].At != "Wed 18 Nov 09:14" {
		t.Errorf("releases %+v", r.Releases)
	}
	if r.Ledger.Received != 1200 || !r.Ledger.Adds() || len(r.Ledger.Sources) != 2 {
		t.Errorf("ledger %+v", r.Ledger)
	}
	if len(r.Ledger.Silent) != 1 || r.Ledger.Silent[0].Source != "delighted" || strings.Join(r.Ledger.Silent[0].Days, " ") != "2026-11-17 2026-11-18" {
		t.Errorf("silent %+v", r.Ledger.Silent)
	}
	themes := r.Sections[5].Themes
	if len(themes) == 0 || themes[0].Name != "Export" || len(themes[0].Quotes) != 2 {
		t.Errorf("themes %+v", themes)
	}
	marks := r.Sections[0].Charts[0].Marks
	if len(marks) != 2 || !marks[1].Current || marks[1].At < 12.3 || marks[1].At > 12.4 {
		t.Errorf("marks %+v", marks)
	}
	ranks := map[string]roadmap.Item{}
	for _, i := range r.Roadmap.Items {
		ranks[i.Theme] = i
	}
	if e := ranks["export"]; e.Rank != 1 && ranks["performance"].Rank != 1 || e.Quote == nil || e.Growth.Low == nil || *e.Growth.Low <= 1 || e.Name != "Export" {
		t.Errorf("roadmap has export as %+v", e)
	}
	out := renderings(t, r)
	out["report.eml"] = []byte(r.mailPlain()) // its pictures are base64, which may spell anything
	for name, text := range out {
		if bytes.Contains(text, []byte("NaN")) || bytes.Contains(text, []byte("%!")) {
			t.Errorf("%s has a broken number", name)
		}
	}
}

func TestBuildTwiceGivesTheSameBytes(t *testing.T) {
	one := renderings(t, newCompany().build(t, monday))
	later := monday
	later.Now = monday.Now.AddDate(0, 0, 3)
	two := renderings(t, newCompany().build(t, later))
	for name := range one {
		if !bytes.Equal(one[name], two[name]) {
			t.Errorf("%s differs", name)
		}
	}
}

// Days and months are reports, too, and a company of one week says little and
// claims nothing.
func TestBuildOtherPeriods(t *testing.T) {
	for _, p := range []Params{
		{Period: "day", TZ: "America/New_York", Now: monday.Now},
		{Period: "month", TZ: "UTC", Now: monday.Now},
		{Period: "week", TZ: "UTC", Ending: "2026-05-31", Now: monday.Now},
		{Period: "week", TZ: "UTC", Ending: "2020-01-05", Now: monday.Now},
	} {
		r := newCompany().build(t, p)
		renderings(t, r)
		for _, h := range r.Headlines {
			if p.Ending != "" && h.Kind != "segment" {
				t.Errorf("%+v: %s", p, h.Text)
			}
		}
		if len(r.Headlines) == 0 && r.Quiet == "" {
			t.Errorf("%+v: neither headlines nor the sentence that there are none", p)
		}
	}
}

func TestBuildErrors(t *testing.T) {
	c := newCompany()
	for _, p := range []Params{{Period: "year", TZ: "UTC"}, {Period: "week", TZ: "Nowhere"}, {Period: "week", TZ: "UTC", Ending: "2027-01-01", Now: monday.Now}} {
		_, err := build(t.Context(), Deps{Query: c}, c.run, p)
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	broken := func(context.Context, string, metric.Params) (roadmap.Answer, error) {
		return roadmap.Answer{}, fault.Retryf("no engine")
	}
	_, err := build(t.Context(), Deps{Query: c}, broken, monday)
	if err == nil || fault.KindOf(err) != fault.Retry || !strings.Contains(err.Error(), "active_users") {
		t.Errorf("error %v", err)
	}
}
