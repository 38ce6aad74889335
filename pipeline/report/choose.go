package report

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"upshot.dev/upshot/pipeline/stats"
)

const (
	// maxHeadlines is how many a reader takes in.
	maxHeadlines = 8
	// falseRate is the share of false headlines that is held; with nothing
	// going on it bounds the share of reports with any.
	falseRate = 0.05
	// staleWeight ranks what was known a period ago behind what is new.
	staleWeight = 0.4
	// segmentPeriods is the window in which groups are compared.
	segmentPeriods = 13
)

// ranked is a headline with its weight.
type ranked struct {
	Headline
	score, size float64
}

// louder compares findings that say the same thing: the stronger one, the
// larger one, the one that is bad news.
func (r ranked) louder(than ranked) bool {
	if r.score != than.score {
		return r.score > than.score
	}
	if math.Abs(r.size-than.size) > 1e-9 {
		return r.size > than.size
	}
	return r.Tone == "bad" && than.Tone != "bad"
}

// families are the kinds of findings that are adjusted together. Groups differ
// in every report; judged beside them, changes would be let through too easily,
// because Benjamini and Hochberg allow false ones in proportion to all that are
// found. So each family is adjusted by itself. The level is not divided among
// the three: the spread is never taken smaller than the units' own noise, trends
// must do without any three periods, and all must be of some size, which keeps
// the reports with a false headline far below one in twenty in simulations.
var families = [][]string{{"change", "recovery"}, {"trend"}, {"segment"}}

// adjust gives each finding its adjusted p-value, NaN where it was not looked
// at, and the number of comparisons.
func adjust(findings []finding) (adjusted []float64, looked int) {
	adjusted = make([]float64, len(findings))
	for _, family := range families {
		ps := make([]float64, len(findings))
		for i, f := range findings {
			ps[i] = math.NaN()
			if slices.Contains(family, f.Kind) {
				ps[i] = f.p
			}
			if !math.IsNaN(ps[i]) {
				looked++
			}
		}
		for i, p := range stats.BenjaminiHochberg(ps) {
			if slices.Contains(family, findings[i].Kind) {
				adjusted[i] = p
			}
		}
	}
	return adjusted, looked
}

// supported adjusts all comparisons and keeps those that the data support, that
// are large enough, and that no stronger one says already.
func supported(findings []finding) (kept []ranked, looked int) {
	adjusted, looked := adjust(findings)
	best := map[string]int{}
	for i, f := range findings {
		if math.IsNaN(adjusted[i]) || adjusted[i] > falseRate || !(f.size >= 1) || !f.excludes() {
			continue
		}
		f.P = adjusted[i]
		r := ranked{f.Headline, evidenceOf(f.P) * min(f.size, 4), f.size}
		k, told := best[f.topic]
		switch {
		case !told:
			best[f.topic] = len(kept)
			kept = append(kept, r)
		case r.louder(kept[k]):
			kept[k] = r
		}
	}
	return kept, looked
}

// choose makes the headlines: what is supported, in the order of evidence times
// size, with what was so a period ago (the keys in seen) behind what is new.
// The second result is the number of comparisons that were looked at.
func choose(findings []finding, seen map[string]bool) ([]Headline, int) {
	kept, looked := supported(findings)
	for i := range kept {
		if kept[i].Continuing = seen[kept[i].Key]; kept[i].Continuing {
			kept[i].score *= staleWeight
		}
	}
	slices.SortStableFunc(kept, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.Key, b.Key))
	})
	var out []Headline
	for _, k := range kept[:min(len(kept), maxHeadlines)] {
		out = append(out, k.Headline)
	}
	return out, looked
}

// excludes reports whether the printed interval excludes "no change".
func (f finding) excludes() bool {
	return (f.Effect.Low != nil && *f.Effect.Low > f.null) || (f.Effect.High != nil && *f.Effect.High < f.null)
}

// evidenceOf turns a p-value into standard errors, at most 6: beyond that more
// evidence says nothing more.
func evidenceOf(p float64) float64 {
	return min(distuv.UnitNormal.Quantile(1-min(max(p, 1e-12), 1)/2), 6)
}

// headlinesOf are all supported findings, those beyond maxHeadlines, too: what
// found no room a period ago is nevertheless not new.
func headlinesOf(findings []finding) []Headline {
	kept, _ := supported(findings)
	var out []Headline
	for _, k := range kept {
		out = append(out, k.Headline)
	}
	return out
}

// keysOf are the keys of headlines.
func keysOf(headlines []Headline) map[string]bool {
	keys := map[string]bool{}
	for _, h := range headlines {
		keys[h.Key] = true
	}
	return keys
}
