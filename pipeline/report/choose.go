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
	// falseRate is the share of false headlines that Benjamini and Hochberg
	// hold; with nothing going on it is the share of reports with any.
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

// choose adjusts all comparisons together and keeps those that are supported,
// large enough and not said already by a stronger one, in the order of evidence
// times size. seen are the keys of the report before. The second result is the
// number of comparisons that were looked at.
func choose(findings []finding, seen map[string]bool) ([]Headline, int) {
	ps := make([]float64, len(findings))
	looked := 0
	for i, f := range findings {
		ps[i] = f.p
		if !math.IsNaN(f.p) {
			looked++
		}
	}
	adjusted := stats.BenjaminiHochberg(ps)
	// Of findings that say the same thing the strongest speaks, known or new.
	best := map[string]int{}
	var kept []ranked
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

// keysOf are the keys of the headlines of a report.
func keysOf(headlines []Headline) map[string]bool {
	keys := map[string]bool{}
	for _, h := range headlines {
		keys[h.Key] = true
	}
	return keys
}
