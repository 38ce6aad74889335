package stats

import "math"

// RateContrast is a difference in differences of rates: how the rate of the
// exposed changed from before to after, over how that of the unexposed did.
// What hits both alike cancels. The noise comes from the days of each of the
// four groups around their mean rate (Pearson dispersion, at least 1), with t
// on n-4 degrees of freedom; days are trusted to be independent. Days without
// exposure count as absent. A group without events gives [NoteZeroCount],
// fewer than five days or an empty group [NoteFewPeriods].
func RateContrast(exposedBefore, exposedAfter, unexposedBefore, unexposedAfter []Rate, level float64) RatioChange {
	if !validLevel(level) {
		return noRatio(NoteInvalid)
	}
	groups := [4][]Rate{exposedAfter, exposedBefore, unexposedAfter, unexposedBefore}
	signs := [4]float64{1, -1, -1, 1}
	var d, x2, variance float64
	n := 0
	note := ""
	for i, days := range groups {
		g, ok := gather(days)
		switch {
		case !ok:
			return noRatio(NoteInvalid)
		case g.days == 0:
			note = NoteFewPeriods
		case g.count == 0 && note == "":
			note = NoteZeroCount
		}
		d += signs[i] * math.Log(g.count/g.exposure)
		x2 += g.x2
		variance += 1 / g.count
		n += g.days
	}
	if note == "" && n < 5 {
		note = NoteFewPeriods
	}
	if note != "" {
		return noRatio(note)
	}
	dispersion := x2 / float64(n-4)
	se := math.Sqrt(max(1, dispersion) * variance)
	if !finite(d, dispersion, se) {
		return noRatio(NoteInvalid)
	}
	r := logRatio(d, se, float64(n-4), level)
	r.Dispersion = dispersion
	return r
}

// gathered are the totals of days with exposure, and Pearson's X2 of their
// counts around the common rate.
type gathered struct {
	days                int
	count, exposure, x2 float64
}

// gather sums up days; ok is false when one of them cannot occur.
func gather(days []Rate) (g gathered, ok bool) {
	for _, r := range days {
		if !r.valid() {
			return g, false
		}
		if r.Exposure > 0 {
			g.days++
			g.count += float64(r.Count)
			g.exposure += r.Exposure
		}
	}
	if g.count == 0 {
		return g, true
	}
	for _, r := range days {
		if r.Exposure > 0 {
			fitted := g.count * (r.Exposure / g.exposure)
			g.x2 += (float64(r.Count) - fitted) * (float64(r.Count) - fitted) / fitted
		}
	}
	return g, true
}
