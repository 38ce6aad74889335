package report

import (
	"cmp"
	"fmt"
	"slices"

	"upshot.dev/upshot/pipeline/stats"
)

// shareEstimate is a share with Wilson's interval.
func shareEstimate(s split) Estimate {
	iv := stats.Wilson(s.k, s.n, stats.Level)
	return Estimate{N: s.n, Value: ptr(iv.Value), Low: ptr(iv.Low), High: ptr(iv.High)}
}

// fewNegative is the number of items below which no negative share is said.
const fewNegative = 5

// themes are the cards of the themes most spoken of in the period, and their
// courses.
func (b *builder) themes(g *gathered, quotes map[string][]Quote, marks []Mark) Section {
	last := g.periods[len(g.periods)-1]
	all := allItems(g.themes, last)
	s := Section{ID: "themes", Title: "Themes", Lead: fmt.Sprintf("What the %s of the %s about.", plural(all, "piece of feedback", "pieces of feedback"), wordsFor(b.cal.grain).this+verbBe(all))}
	ids := slices.DeleteFunc(slices.Clone(g.themes.dims), func(id string) bool { return g.themes.stat(last, id, "items") == 0 })
	slices.SortStableFunc(ids, func(x, y string) int {
		return cmp.Compare(g.themes.stat(last, y, "items"), g.themes.stat(last, x, "items"))
	})
	for _, id := range ids[:min(len(ids), shownThemes)] {
		s.Themes = append(s.Themes, b.theme(g, id, quotes[id]))
	}
	if rest := len(ids) - shownThemes; rest > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%s mentioned less often.", plural(int64(rest), "more theme was", "more themes were")))
	}
	if len(s.Themes) == 0 {
		s.Notes = append(s.Notes, "Nothing was said that the taxonomy knows.")
		return s
	}
	s.Notes = append(s.Notes, "Personal data were taken out of the quotes before they were stored. People are counted where they are known.")
	s.Charts = []Chart{b.courses(g, ids, marks)}
	return s
}

// verbBe is the verb for a number.
func verbBe(n int64) string {
	if n == 1 {
		return " is"
	}
	return " are"
}

// theme is one card.
func (b *builder) theme(g *gathered, id string, quotes []Quote) Theme {
	last := g.periods[len(g.periods)-1]
	t := Theme{
		ID: id, Name: b.themeName(id), Items: g.themes.stat(last, id, "items"), People: g.themes.stat(last, id, "people"),
		Share: g.themes.estimate(last, id), Quotes: quotes,
	}
	negative := split{g.themes.stat(last, id, "negative"), t.Items}
	t.Negative = Estimate{N: t.Items, Note: "too little data"}
	if t.Items >= fewNegative {
		t.Negative = shareEstimate(negative)
	}
	for _, p := range g.chart {
		t.Trend = append(t.Trend, ptr(float64(g.themes.stat(p, id, "items"))))
	}
	sum, n := 0.0, 0
	stride, first := b.cal.stride(), b.firstWhole(g, g.periods)
	for i := len(g.periods) - 1 - stride; i >= first && n < usualPeriods; i -= stride {
		sum += float64(g.themes.stat(g.periods[i], id, "items"))
		n++
	}
	if n > 1 {
		t.Usual = ptr(sum / float64(n))
	}
	return t
}

// courses are the shares of the four largest themes over the charted periods.
func (b *builder) courses(g *gathered, ids []string, marks []Mark) Chart {
	c := Chart{ID: "themes", Kind: Lines, Title: "The largest themes over time", Description: "Share of all feedback that mentions each theme.", Unit: "ratio", X: g.chart, Marks: marks, SQL: g.themes.info.sql()}
	for _, id := range ids[:min(len(ids), 4)] {
		s := Series{Name: b.themeName(id)}
		for _, p := range g.chart {
			n := allItems(g.themes, p)
			if n < fewNegative {
				s.Points = append(s.Points, Estimate{N: n, Note: "too little data"})
				continue
			}
			s.Points = append(s.Points, shareEstimate(split{g.themes.stat(p, id, "items"), n}))
		}
		c.Series = append(c.Series, s)
	}
	return c
}
