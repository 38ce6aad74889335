package stats

import "math"

// RatioChange is a ratio after over before with its interval and test, from
// repeated counts whose noise is estimated.
type RatioChange struct {
	Comparison
	// SELog is the standard error of the ratio's logarithm. 2.8 times it is
	// the logarithm of the smallest effect seen with 80% power.
	SELog float64
	// Dispersion is the noise relative to Poisson's, not floored at 1; NaN
	// where the method does not estimate it.
	Dispersion float64
}

// noRatio is a change without any value, for the reason given.
func noRatio(note string) RatioChange {
	return RatioChange{Comparison: noComparison("t", note), SELog: math.NaN(), Dispersion: math.NaN()}
}

// logRatio is the change with log ratio d and standard error se at df > 0.
func logRatio(d, se, df, level float64) RatioChange {
	half := tQuantile(level, df) * se
	r := RatioChange{SELog: se, Dispersion: math.NaN()}
	r.Interval = Interval{Value: math.Exp(d), Low: math.Exp(d - half), High: math.Exp(d + half)}
	r.Test = Test{Method: "t", Statistic: d / se, DF: df, P: tP(d/se, df)}
	if r.Comparison = r.settled(); r.Note == NoteInvalid {
		return noRatio(NoteInvalid)
	}
	return r
}

// Split is one week's counts among those who have a release and those who do
// not.
type Split struct {
	Exposed, Unexposed int64
}

// WeeklyChange compares the rate of whole weeks after a release with the
// weeks before it, both in order: the ratio of the mean log weekly rates, with
// the spread seen between the weeks before (never below Poisson's) and B-1
// degrees of freedom. Weeks without exposure count as absent. Fewer than two
// weeks before or no week after give [NoteFewPeriods]. Use 8 weeks before and
// 1 or 2 after; below 6 before, [QuasiPoissonWeekday].
func WeeklyChange(before, after []Rate, level float64) RatioChange {
	if !validLevel(level) {
		return noRatio(NoteInvalid)
	}
	var w weekly
	for i, weeks := range [][]Rate{before, after} {
		for _, r := range weeks {
			if !r.valid() {
				return noRatio(NoteInvalid)
			}
			if r.Exposure > 0 {
				w.y[i] = append(w.y[i], math.Log((float64(r.Count)+0.5)/r.Exposure))
				w.total[i] += float64(r.Count)
			}
		}
	}
	return w.change(level, w.total[:])
}

// WeeklyContrast is [WeeklyChange] on the ratio of exposed to unexposed
// counts, when only some users have the release: what hits both (a holiday,
// an outage) cancels.
func WeeklyContrast(before, after []Split, level float64) RatioChange {
	if !validLevel(level) {
		return noRatio(NoteInvalid)
	}
	var w weekly
	var unexposed [2]float64
	for i, weeks := range [][]Split{before, after} {
		for _, s := range weeks {
			if s.Exposed < 0 || s.Unexposed < 0 {
				return noRatio(NoteInvalid)
			}
			w.y[i] = append(w.y[i], math.Log((float64(s.Exposed)+0.5)/(float64(s.Unexposed)+0.5)))
			w.total[i] += float64(s.Exposed)
			unexposed[i] += float64(s.Unexposed)
		}
	}
	return w.change(level, append(unexposed[:], w.total[:]...))
}

// weekly collects the log rates and the total counts, before and after.
type weekly struct {
	y     [2][]float64
	total [2]float64
}

// change is the t interval of a prediction from the weeks before; totals are
// the counts whose Poisson noise is the floor.
func (w weekly) change(level float64, totals []float64) RatioChange {
	b, a := len(w.y[0]), len(w.y[1])
	if b < 2 || a < 1 {
		return noRatio(NoteFewPeriods)
	}
	meanBefore, meanAfter := mean(w.y[0]), mean(w.y[1])
	squares := 0.0
	for _, y := range w.y[0] {
		squares += (y - meanBefore) * (y - meanBefore)
	}
	between := math.Sqrt(squares/float64(b-1)) * math.Sqrt(1/float64(b)+1/float64(a))
	poisson := 0.0
	for _, k := range totals {
		poisson += 1 / (k + 0.5)
	}
	return logRatio(meanAfter-meanBefore, max(between, math.Sqrt(poisson)), float64(b-1), level)
}

// mean is the arithmetic mean of at least one value.
func mean(xs []float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += x
	}
	return sum / float64(len(xs))
}
