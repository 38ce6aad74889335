package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

const (
	// cohortPeriods is the number of cohorts of the retention triangle.
	cohortPeriods = 9
	// shownThemes is how many themes have a card, shownFeatures how many
	// features a bar.
	shownThemes, shownFeatures = 9, 12
	// usualPeriods is the number of periods that a figure is shown beside.
	usualPeriods = 8
)

// fill writes figures and sections.
func (b *builder) fill(r *Report, g *gathered, marks []Mark, quotes map[string][]Quote) {
	w := wordsFor(b.cal.grain)
	users := b.figure(g, g.users)
	nps, csat := b.figure(g, g.nps), b.figure(g, g.csat)
	tickets, contact := b.figure(g, g.tickets), b.figure(g, g.contact)
	first := b.figure(g, g.first)
	first.Detail = b.waiting(g, g.first, "waiting", "not answered yet")
	resolution := b.figure(g, g.resolution)
	resolution.Detail = b.waiting(g, g.resolution, "unresolved", "not solved yet")
	r.Figures = []Figure{users, nps, csat, tickets, contact, first}

	line := func(t table, kind, description string) Chart { return b.chart(g, t, kind, description, marks) }
	adoption := Section{
		ID: "adoption", Title: "Adoption", Lead: "Who uses the product, how often, and what of it.",
		Figures: []Figure{users, b.figure(g, g.stickiness)},
		Charts: []Chart{
			line(g.users, Columns, "People with at least one active event in the "+w.this+"."),
			line(g.stickiness, Lines, "Mean share of the "+w.this+"'s active users who are active on a day of it."),
			b.features(g),
			b.cohorts(g),
		},
	}
	adoption.Charts = append(adoption.Charts, b.platforms(r, g)...)
	r.Sections = []Section{
		adoption,
		{ID: "nps", Title: "NPS", Lead: "Would they recommend it: promoters minus detractors, from −100 to +100.", Figures: []Figure{nps}, Charts: nonEmpty(line(g.nps, Lines, "NPS with its 95% interval."), b.plans(g))},
		{ID: "csat", Title: "CSAT", Lead: "Were they satisfied: the share of answers with one of the two best points of their scale.", Figures: []Figure{csat}, Charts: []Chart{line(g.csat, Lines, "CSAT with its 95% interval.")}},
		{
			ID: "support", Title: "Tickets", Lead: "How much help was needed, and how fast it came.", Figures: []Figure{tickets, contact, first, resolution, b.figure(g, g.backlog)},
			Charts: []Chart{
				line(g.tickets, Columns, "Tickets created in the "+w.this+"."),
				line(g.contact, Lines, "Tickets per 1,000 active users."),
				line(g.first, Lines, "Median time from creation to the first public answer."),
				line(g.resolution, Lines, "Median time from creation to the last solution."),
				line(g.backlog, Columns, "Tickets open at the end of the "+w.this+"."),
			},
		},
		{ID: "sentiment", Title: "Sentiment", Lead: "How tickets, comments and answers sound, from −1 to +1.", Figures: []Figure{b.figure(g, g.sentiment)}, Charts: []Chart{line(g.sentiment, Lines, "Mean sentiment of feedback with its 95% interval."), b.mood(g, marks)}},
		b.themes(g, quotes, marks),
	}
}

// figure is a metric's number of the period beside the periods before.
func (b *builder) figure(g *gathered, t table) Figure {
	last := g.periods[len(g.periods)-1]
	f := Figure{
		Metric: t.info.metric, Title: t.info.title, Unit: t.info.unit, Better: t.info.better, Target: t.info.target,
		Estimate: t.estimate(last, ""), SQL: t.info.sql(),
	}
	for _, p := range g.chart {
		f.Trend = append(f.Trend, t.estimate(p, "").Value)
	}
	f.Usual, f.UsualOver = b.usual(g, t)
	return f
}

// usual is the mean of a count, the median of a duration and the pooled value
// of a share, score or rate over the like periods before.
func (b *builder) usual(g *gathered, t table) (*float64, int) {
	var values, weights []float64
	stride := b.cal.stride()
	first := b.firstWhole(g, g.periods)
	for i := len(g.periods) - 1 - stride; i >= first && len(values) < usualPeriods; i -= stride {
		if e := t.estimate(g.periods[i], ""); e.Value != nil {
			values, weights = append(values, *e.Value), append(weights, float64(e.N))
		}
	}
	if len(values) < 2 {
		return nil, 0
	}
	if t.info.unit == "seconds" {
		slices.Sort(values)
		return ptr(values[(len(values)-1)/2]), len(values)
	}
	sum, total := 0.0, 0.0
	for i, v := range values {
		w := weights[i]
		if wholeUnit(t.info.unit) {
			w = 1
		}
		sum, total = sum+v*w, total+w
	}
	return ptr(sum / total), len(values)
}

// waiting says how many are not done yet.
func (b *builder) waiting(g *gathered, t table, stat, words string) string {
	n := t.stat(g.periods[len(g.periods)-1], "", stat)
	if n == 0 {
		return ""
	}
	return count(n) + " " + words
}

// chart is a metric over the charted periods.
func (b *builder) chart(g *gathered, t table, kind, description string, marks []Mark) Chart {
	return Chart{
		ID: t.info.metric, Kind: kind, Title: t.info.title, Description: description, Unit: t.info.unit, X: g.chart,
		Series: []Series{{Points: t.estimates(g.chart, "")}}, Marks: marks, Target: t.info.target, SQL: t.info.sql(),
	}
}

// features are the bars of the features by adoption in the period.
func (b *builder) features(g *gathered) Chart {
	c := Chart{ID: "adoption", Kind: Bars, Title: "Features by adoption", Description: "Share of the " + wordsFor(b.cal.grain).this + "'s active users who used each feature.", Unit: "ratio", X: []string{}, SQL: g.adoption.info.sql()}
	last := g.periods[len(g.periods)-1]
	dims := slices.Clone(g.adoption.dims)
	slices.SortStableFunc(dims, func(x, y string) int {
		return cmp.Compare(g.adoption.stat(last, y, "users"), g.adoption.stat(last, x, "users"))
	})
	s := Series{Name: "adoption", Points: []Estimate{}}
	for _, f := range dims[:min(len(dims), shownFeatures)] {
		c.X, s.Points = append(c.X, f), append(s.Points, g.adoption.estimate(last, f))
	}
	c.Series = []Series{s}
	return c
}

// platforms shows the features of headlines by platform.
func (b *builder) platforms(r *Report, g *gathered) []Chart {
	var out []Chart
	for _, feature := range sortedKeys(g.platforms) {
		prefix := "segment/adoption/" + feature + "/"
		if !slices.ContainsFunc(r.Headlines, func(h Headline) bool { return len(h.Key) > len(prefix) && h.Key[:len(prefix)] == prefix }) {
			continue
		}
		c := Chart{ID: "platform-" + safeID(feature), Kind: Bars, Title: "Adoption of " + feature + " by platform", Unit: "ratio", SQL: g.adoption.info.sql(), Description: fmt.Sprintf("Share of each platform's active users, the last %d %s together.", segmentPeriods, wordsFor(b.cal.grain).run)}
		s := Series{Name: "adoption"}
		for _, name := range sortedKeys(g.platforms[feature]) {
			p := g.platforms[feature][name]
			if p.n == 0 {
				continue
			}
			c.X, s.Points = append(c.X, firstOf(name, "not given")), append(s.Points, shareEstimate(p))
		}
		c.Series = []Series{s}
		out = append(out, c)
	}
	return out
}

// plans are the bars of NPS by plan over the window of the segments.
func (b *builder) plans(g *gathered) Chart {
	c := Chart{ID: "nps-plan", Kind: Bars, Title: "NPS by plan", Unit: "nps", SQL: g.nps.info.sql(), Description: fmt.Sprintf("The last %d %s together.", segmentPeriods, wordsFor(b.cal.grain).run)}
	s := Series{Name: "NPS"}
	for _, period := range sortedKeys(g.plans.rows) {
		for _, plan := range g.plans.dims {
			if e := g.plans.estimate(period, plan); e.N > 0 {
				c.X, s.Points = append(c.X, firstOf(plan, "not given")), append(s.Points, e)
			}
		}
	}
	c.Series = []Series{s}
	return c
}

// nonEmpty drops charts without an entry.
func nonEmpty(charts ...Chart) []Chart {
	return slices.DeleteFunc(charts, func(c Chart) bool { return len(c.X) == 0 })
}

// moods are the labels of sentiment, the worst first.
var moods = []string{"negative", "neutral", "positive"}

// mood is the share of negative, neutral and positive feedback per period.
func (b *builder) mood(g *gathered, marks []Mark) Chart {
	c := Chart{ID: "sentiment-shares", Kind: Stacked, Title: "How people sound", Description: "Shares of negative, neutral and positive feedback.", Unit: "ratio", X: g.chart, Marks: marks, SQL: g.sentiment.info.sql()}
	for _, label := range moods {
		s := Series{Name: label}
		for _, p := range g.chart {
			// Of all that have a label: an answer's label may come from its
			// score where its text is not scored.
			k, n := g.sentiment.stat(p, "", label), int64(0)
			for _, each := range moods {
				n += g.sentiment.stat(p, "", each)
			}
			if n < 5 {
				s.Points = append(s.Points, Estimate{N: n, Note: "too little data"})
				continue
			}
			s.Points = append(s.Points, shareEstimate(split{k, n}))
		}
		c.Series = append(c.Series, s)
	}
	return c
}

// cohorts is the retention triangle: rows are cohorts, columns the periods
// since.
func (b *builder) cohorts(g *gathered) Chart {
	c := Chart{ID: "retention", Kind: Cohorts, Title: g.retained.title, Description: "Share in percent of each " + wordsFor(b.cal.grain).this + "'s new users who are active again so many " + wordsFor(b.cal.grain).run + " later.", Unit: "ratio", X: []string{}, SQL: g.retained.sql()}
	for k := range cohortPeriods {
		c.X = append(c.X, strconv.Itoa(k))
	}
	byPeriod := map[string]int{}
	for _, r := range g.retention {
		offset := int(r.Stats["offset"])
		if offset < 0 || offset >= cohortPeriods {
			continue
		}
		i, ok := byPeriod[r.Period]
		if !ok {
			i = len(c.Series)
			byPeriod[r.Period] = i
			c.Series = append(c.Series, Series{Name: r.Period, Points: make([]Estimate, cohortPeriods)})
		}
		c.Series[i].Points[offset] = Estimate{N: r.N, Value: r.Value, Low: r.Low, High: r.High, Note: r.Note}
	}
	slices.SortStableFunc(c.Series, func(x, y Series) int { return cmp.Compare(x.Name, y.Name) })
	return c
}
