package stats

import (
	"math"
	"slices"
)

// NPS is the net promoter score 100*(promoters-detractors)/n, in -100..100
// and unadjusted, with the adjusted Wald interval: 3/4 is added to promoters
// and detractors and 3 to n, and the bounds are cut to the scale and widened
// to hold the score. No answers give [NoteNoData].
// Rocks, American Statistician 70 (2016) 365.
func NPS(promoters, passives, detractors int64, level float64) Interval {
	if !validLevel(level) {
		return absent(NoteInvalid)
	}
	return Answers{promoters, passives, detractors}.interval(normalQuantile(level))
}

// adjustedWald works on shares of promoters and detractors among n > 0
// answers, n real.
func adjustedWald(promoters, detractors, n, z float64) Interval {
	m := n + 3
	p, d := (promoters*n+0.75)/m, (detractors*n+0.75)/m
	x := p - d
	half := z * math.Sqrt(max(0, p+d-x*x)/m)
	value := 100 * (promoters - detractors)
	return Interval{
		Value: value,
		Low:   min(value, max(-100, 100*(x-half))),
		High:  max(value, min(100, 100*(x+half))),
	}
}

// Answers are the counts of a net promoter question: 9-10, 7-8 and 0-6.
type Answers struct {
	Promoters, Passives, Detractors int64
}

// interval is [NPS] at the normal quantile z >= 0.
func (a Answers) interval(z float64) Interval {
	if a.Promoters < 0 || a.Passives < 0 || a.Detractors < 0 {
		return absent(NoteInvalid)
	}
	p, d := float64(a.Promoters), float64(a.Detractors)
	n := p + d + float64(a.Passives)
	if n == 0 {
		return absent(NoteNoData)
	}
	return adjustedWald(p/n, d/n, n, z)
}

// NPSDifference compares two net promoter scores, of two periods or with and
// without a theme: a minus b in points (-200..200) with the interval of
// [DifferenceMOVER] over both [NPS] intervals. P is 1 less the highest level
// at which that interval still excludes 0, so that both always agree;
// Statistic is the z of that level.
func NPSDifference(a, b Answers, level float64) Comparison {
	const method = "mover"
	if !validLevel(level) {
		return noComparison(method, NoteInvalid)
	}
	at := func(z float64) Interval { return DifferenceMOVER(a.interval(z), b.interval(z)) }
	c := noComparison(method, "")
	if c.Interval = at(normalQuantile(level)); !c.Known() {
		return c
	}
	// The interval widens with z: bisect for where it reaches 0. Beyond 37
	// standard errors p is 0 to the last digit.
	low, high := 0.0, 37.0
	for range 60 {
		z := (low + high) / 2
		if at(z).Excludes(0) {
			low = z
		} else {
			high = z
		}
	}
	c.Statistic = math.Copysign(low, c.Value)
	c.P = normalP(low)
	return c
}

// Stratum is a part of the population with its answers.
type Stratum struct {
	// Population is the size of the stratum in any common unit (users).
	Population                      float64
	Promoters, Passives, Detractors int64
}

func (s Stratum) answers() float64 {
	return float64(s.Promoters) + float64(s.Passives) + float64(s.Detractors)
}

func (s Stratum) valid() bool {
	return finite(s.Population) && s.Population >= 0 && s.Promoters >= 0 && s.Passives >= 0 && s.Detractors >= 0
}

// WeightedNPS is a post-stratified net promoter score.
type WeightedNPS struct {
	// Interval is in -100..100; its note is [NoteMerged] where strata were.
	Interval
	// PromoterShare and DetractorShare are the weighted shares, in 0..1.
	PromoterShare, DetractorShare float64
	// Variance is that of the score, in squared points of the 100 scale.
	Variance float64
	// NEff is the number of answers that would be as precise unweighted.
	NEff float64
	// Merged is the number of strata that were merged into another.
	Merged int
	// Unanswered is the share of the population, in 0..1, that lives in
	// strata without any answer and that the score leaves out.
	Unanswered float64
}

// NPSWeighted weights the scores of the strata by their population. Strata
// without answers are left out (Unanswered says how much that is), strata
// without population too; a stratum with one answer has no spread of its own
// and is merged with the answered stratum that has the fewest answers (the
// first of equals). The interval is [NPS]'s on the weighted shares with the
// effective number of answers. Cochran, Sampling Techniques, 5.3 and 5A.9.
func NPSWeighted(strata []Stratum, level float64) WeightedNPS {
	nan := math.NaN()
	w := WeightedNPS{Interval: absent(NoteInvalid), PromoterShare: nan, DetractorShare: nan, Variance: nan, NEff: nan, Unanswered: nan}
	var population, answered float64
	var kept []Stratum
	for _, s := range strata {
		if !s.valid() {
			return w
		}
		population += s.Population
		if s.Population > 0 && s.answers() > 0 {
			answered += s.Population
			kept = append(kept, s)
		}
	}
	if !validLevel(level) || !finite(population) {
		return w
	}
	if population > 0 {
		w.Unanswered = max(0, 1-answered/population)
	}
	if len(kept) == 0 {
		w.Note = NoteNoData
		return w
	}
	kept, w.Merged = mergeSingles(kept)
	w.weigh(kept, answered, level)
	if w.Merged > 0 {
		w.Note = NoteMerged
	}
	return w
}

// weigh fills in everything from strata that have answers and population.
func (w *WeightedNPS) weigh(strata []Stratum, population, level float64) {
	var n, variance float64
	w.PromoterShare, w.DetractorShare = 0, 0
	for _, s := range strata {
		weight, nh := s.Population/population, s.answers()
		p, d := float64(s.Promoters)/nh, float64(s.Detractors)/nh
		w.PromoterShare += weight * p
		w.DetractorShare += weight * d
		n += nh
		if nh > 1 {
			variance += weight * weight * max(0, p+d-(p-d)*(p-d)) / (nh - 1)
		}
	}
	w.Variance = 1e4 * variance
	score := w.PromoterShare - w.DetractorShare
	w.NEff = n
	if variance > 0 {
		w.NEff = min(n, max(0, w.PromoterShare+w.DetractorShare-score*score)/variance)
	}
	w.Interval = adjustedWald(w.PromoterShare, w.DetractorShare, w.NEff, normalQuantile(level))
}

// mergeSingles merges every stratum with one answer into another, until none
// is left or only one stratum is. It returns how many strata went away.
func mergeSingles(strata []Stratum) ([]Stratum, int) {
	strata = slices.Clone(strata)
	merged := 0
	for len(strata) > 1 {
		i := slices.IndexFunc(strata, func(s Stratum) bool { return s.answers() == 1 })
		if i < 0 {
			break
		}
		single := strata[i]
		strata = slices.Delete(strata, i, i+1)
		into := &strata[0]
		for j := range strata {
			if strata[j].answers() < into.answers() {
				into = &strata[j]
			}
		}
		into.Population += single.Population
		into.Promoters += single.Promoters
		into.Passives += single.Passives
		into.Detractors += single.Detractors
		merged++
	}
	return strata, merged
}
