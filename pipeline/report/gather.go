package report

import (
	"context"
	"time"

	"upshot.dev/upshot/pipeline/stats"
)

// table is one metric over the history: its rows by period and, below that, by
// the value of one dimension.
type table struct {
	info meta
	// dims are the values of the dimension in order; {""} without one.
	dims []string
	rows map[string]map[string]row // period, dimension
}

// meta is what a figure or chart says about its metric.
type meta struct {
	metric, title, unit, better string
	target                      *float64
}

// sql is the file that defines the metric.
func (m meta) sql() string { return "queries/metrics/" + m.metric + ".sql" }

// at is the row of a period and dimension; ok is false where there is none.
func (t table) at(period, dim string) (row, bool) {
	r, ok := t.rows[period][dim]
	return r, ok
}

// stat is a statistic as a count; 0 where there is no row.
func (t table) stat(period, dim, name string) int64 {
	r, ok := t.at(period, dim)
	if !ok {
		return 0
	}
	return int64(r.Stats[name])
}

// estimate is a row's value with its interval, or a note.
func (t table) estimate(period, dim string) Estimate {
	r, ok := t.at(period, dim)
	if !ok {
		return Estimate{}
	}
	return Estimate{N: r.N, Value: r.Value, Low: r.Low, High: r.High, Note: r.Note}
}

// estimates are those of several periods.
func (t table) estimates(periods []string, dim string) []Estimate {
	out := make([]Estimate, len(periods))
	for i, p := range periods {
		out[i] = t.estimate(p, dim)
	}
	return out
}

// gathered is everything the metrics said about the history.
type gathered struct {
	periods []string // first dates of all periods of the history, oldest first
	days    []float64
	chart   []string // those that charts show

	users, stickiness, adoption, nps, csat       table
	tickets, contact, first, resolution, backlog table
	sentiment, themes                            table
	retention                                    []row
	retained                                     meta
	receipts                                     table // by day and source
	plans, plansBefore                           table // nps of the window, by plan
	platforms, platformsBefore                   map[string]map[string]split
}

// gather runs the metrics.
func (b *builder) gather(ctx context.Context) (*gathered, error) {
	history, chart := b.cal.sizes()
	dates := b.cal.dates(b.to, history)
	g := &gathered{}
	for i, d := range dates {
		g.periods = append(g.periods, iso(d))
		end := b.to
		if i+1 < len(dates) {
			end = dates[i+1]
		}
		g.days = append(g.days, end.Sub(d).Hours()/24)
	}
	g.chart = g.periods[len(g.periods)-chart:]
	from, last := dates[0], dates[len(dates)-1]
	charts := dates[len(dates)-chart]
	for _, m := range []struct {
		into *table
		name string
		from time.Time
		dim  string
	}{
		{&g.users, "active_users", from, ""},
		{&g.stickiness, "stickiness", charts, ""},
		{&g.adoption, "adoption", from, "feature"},
		{&g.nps, "nps", from, ""},
		{&g.csat, "csat", from, ""},
		{&g.tickets, "ticket_volume", from, ""},
		{&g.contact, "contact_rate", charts, ""},
		{&g.first, "first_response_time", charts, ""},
		{&g.resolution, "resolution_time", charts, ""},
		{&g.backlog, "backlog", charts, ""},
		{&g.sentiment, "sentiment", from, ""},
		{&g.themes, "themes", from, "theme"},
	} {
		var err error
		if *m.into, err = b.table(ctx, ask{metric: m.name, from: m.from, to: b.to, grain: b.cal.grain}, m.dim); err != nil {
			return nil, err
		}
	}
	var err error
	if g.retained, g.retention, err = b.ask(ctx, ask{metric: "retention", from: b.cal.add(last, 1-cohortPeriods), to: b.to, grain: b.cal.grain}); err != nil {
		return nil, err
	}
	receipts := min(int(b.to.Sub(from).Hours()/24), receiptDays)
	if g.receipts, err = b.table(ctx, ask{metric: "completeness", from: b.to.AddDate(0, 0, -receipts), to: b.to, grain: "day", by: []string{"source"}}, "source"); err != nil {
		return nil, err
	}
	return g, b.gatherSegments(ctx, g)
}

// receiptDays is how far the ledger is looked at: eight weeks before a month.
const receiptDays = 8*7 + 31

// gatherSegments asks for groups over the last periods together, for this
// report and for the one before.
func (b *builder) gatherSegments(ctx context.Context, g *gathered) error {
	before := b.cal.add(b.to, -1)
	for _, w := range []struct {
		to        time.Time
		plans     *table
		platforms *map[string]map[string]split
	}{{b.to, &g.plans, &g.platforms}, {before, &g.plansBefore, &g.platformsBefore}} {
		from := b.cal.add(w.to, -segmentPeriods)
		var err error
		if *w.plans, err = b.table(ctx, ask{metric: "nps", from: from, to: w.to, grain: "all", by: []string{"plan"}}, "plan"); err != nil {
			return err
		}
		_, rows, err := b.ask(ctx, ask{metric: "adoption", from: from, to: w.to, grain: "all", by: []string{"platform"}})
		if err != nil {
			return err
		}
		*w.platforms = platformShares(rows)
	}
	return nil
}

// platformShares arranges adoption by feature and platform. Where nobody on a
// platform used a feature the metric has no row; the platform's active users
// are those of its other rows, and none of them used it.
func platformShares(rows []row) map[string]map[string]split {
	active := map[string]int64{}
	out := map[string]map[string]split{}
	for _, r := range rows {
		feature, platform := r.Dims["feature"], r.Dims["platform"]
		active[platform] = max(active[platform], int64(r.Stats["active"]))
		if out[feature] == nil {
			out[feature] = map[string]split{}
		}
		out[feature][platform] = split{int64(r.Stats["users"]), int64(r.Stats["active"])}
	}
	for _, platforms := range out {
		for platform, n := range active {
			if _, ok := platforms[platform]; !ok {
				platforms[platform] = split{0, n}
			}
		}
	}
	return out
}

// evidence arranges the history for the comparisons. Of days only those of the
// same weekday are compared. The history begins with the first whole period
// after the first record.
func (b *builder) evidence(g *gathered, silent map[string]bool) *evidence {
	e := &evidence{grain: b.cal.grain}
	stride := b.cal.stride()
	var picked []string
	for i := (len(g.periods) - 1) % stride; i < len(g.periods); i += stride {
		picked = append(picked, g.periods[i])
		e.days = append(e.days, g.days[i])
	}
	first := b.firstWhole(g, picked)
	picked, e.days = picked[first:], e.days[first:]
	e.periods = picked
	for _, p := range picked {
		e.usable = append(e.usable, !b.silentIn(p, silent))
		e.users = append(e.users, g.users.stat(p, "", "users"))
		e.tickets = append(e.tickets, g.tickets.stat(p, "", "tickets"))
		e.csat = append(e.csat, split{g.csat.stat(p, "", "good"), units(g.csat, p)})
		e.nps = append(e.nps, scoresOf(g.nps, p, ""))
		e.mood = append(e.mood, sampleOf(g.sentiment, p))
		e.items = append(e.items, allItems(g.themes, p))
	}
	for _, f := range g.adoption.dims {
		s := series[split]{name: f}
		for _, p := range picked {
			s.points = append(s.points, split{g.adoption.stat(p, f, "users"), g.users.stat(p, "", "users")})
		}
		e.features = append(e.features, s)
	}
	for _, id := range g.themes.dims {
		t := themeSeries{id: id, name: b.themeName(id)}
		for _, p := range picked {
			t.items = append(t.items, g.themes.stat(p, id, "items"))
			t.negative = append(t.negative, g.themes.stat(p, id, "negative"))
		}
		e.themes = append(e.themes, t)
	}
	e.plans, e.platforms = planGroups(g.plans), platformGroups(g.platforms)
	return e
}

// firstWhole is the index of the first period that the records cover from its
// start: the one after the first in which there is anything, unless data go
// back beyond the history.
func (b *builder) firstWhole(g *gathered, periods []string) int {
	for i, p := range periods {
		if g.users.stat(p, "", "users")+g.tickets.stat(p, "", "tickets")+allItems(g.themes, p) > 0 {
			if i == 0 {
				return 0
			}
			return min(i+1, len(periods)-1)
		}
	}
	return max(len(periods)-1, 0)
}

// units is n of a row.
func units(t table, period string) int64 {
	r, _ := t.at(period, "")
	return r.N
}

// scoresOf are the answers of a row of nps.
func scoresOf(t table, period, dim string) scores {
	return scores{t.stat(period, dim, "promoters"), t.stat(period, dim, "passives"), t.stat(period, dim, "detractors")}
}

// sampleOf are the sufficient statistics of a row of sentiment.
func sampleOf(t table, period string) stats.Sample {
	r, ok := t.at(period, "")
	if !ok {
		return stats.Sample{}
	}
	return stats.Sample{N: r.N, Sum: r.Stats["sum"], SumSq: r.Stats["sum_sq"]}
}

// allItems is the number of feedback items of a period, whatever their theme.
func allItems(t table, period string) int64 {
	var n int64
	for _, r := range t.rows[period] {
		n = max(n, int64(r.Stats["all_items"]))
	}
	return n
}

// planGroups holds each plan against the others together. Answers without a
// plan are among the others, and no group.
func planGroups(t table) []group[scores] {
	var out []group[scores]
	for _, period := range sortedKeys(t.rows) {
		var all scores
		for _, dim := range t.dims {
			all = all.add(scoresOf(t, period, dim))
		}
		for _, dim := range t.dims {
			in := scoresOf(t, period, dim)
			if dim != "" {
				out = append(out, group[scores]{dim, in, scores{all.promoters - in.promoters, all.passives - in.passives, all.detractors - in.detractors}})
			}
		}
	}
	return out
}

// platformGroups does the same for the adoption of each feature.
func platformGroups(features map[string]map[string]split) []series[group[split]] {
	var out []series[group[split]]
	for _, feature := range sortedKeys(features) {
		platforms := features[feature]
		var all split
		for _, s := range platforms {
			all.k, all.n = all.k+s.k, all.n+s.n
		}
		s := series[group[split]]{name: feature}
		for _, name := range sortedKeys(platforms) {
			if in := platforms[name]; name != "" {
				s.points = append(s.points, group[split]{name, in, split{all.k - in.k, all.n - in.n}})
			}
		}
		out = append(out, s)
	}
	return out
}
