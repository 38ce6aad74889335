package stats

import (
	"math"
	"time"
)

// DayRate is one day's count and exposure with its weekday.
type DayRate struct {
	Weekday time.Weekday
	Rate
}

// QuasiPoisson compares daily rates after with before: the ratio of the rates
// with noise estimated from the days (Pearson dispersion, at least 1) and a t
// interval on n-2 degrees of freedom. It trusts days to be independent. Days
// without exposure count as absent. A zero total on either side gives
// [NoteZeroCount], fewer than three days [NoteFewPeriods].
// McCullagh & Nelder, Generalized Linear Models, 4.5 and 6.2.
func QuasiPoisson(before, after []Rate, level float64) RatioChange {
	q := quasi{level: level}
	for i, days := range [][]Rate{before, after} {
		for _, r := range days {
			q.add(i, 0, r)
		}
	}
	return q.fit()
}

// QuasiPoissonWeekday is [QuasiPoisson] with a rate of its own for every
// weekday and one ratio for all: a Poisson regression with a log link. Weekdays
// on which nothing happened at all say nothing and are left out; every weekday
// present takes a degree of freedom.
func QuasiPoissonWeekday(before, after []DayRate, level float64) RatioChange {
	q := quasi{level: level}
	for i, days := range [][]DayRate{before, after} {
		for _, d := range days {
			if d.Weekday < time.Sunday || d.Weekday > time.Saturday {
				return noRatio(NoteInvalid)
			}
			q.add(i, int(d.Weekday), d.Rate)
		}
	}
	return q.fit()
}

// quasi holds the days by side (0 before, 1 after) and stratum (weekday), and
// their sums.
type quasi struct {
	level    float64
	invalid  bool
	days     [2][7][]Rate
	count    [2][7]float64
	exposure [2][7]float64
}

func (q *quasi) add(side, stratum int, r Rate) {
	if !r.valid() {
		q.invalid = true
		return
	}
	if r.Exposure == 0 {
		return
	}
	q.days[side][stratum] = append(q.days[side][stratum], r)
	q.count[side][stratum] += float64(r.Count)
	q.exposure[side][stratum] += r.Exposure
}

// fit estimates the ratio, then the dispersion around the fitted days.
func (q *quasi) fit() RatioChange {
	if q.invalid || !validLevel(q.level) {
		return noRatio(NoteInvalid)
	}
	n, parameters := 0, 1
	for s := range 7 {
		if q.count[0][s]+q.count[1][s] > 0 {
			n += len(q.days[0][s]) + len(q.days[1][s])
			parameters++
		}
	}
	beta, note := q.logRatio()
	if note != "" {
		return noRatio(note)
	}
	df := n - parameters
	if df < 1 {
		return noRatio(NoteFewPeriods)
	}
	x2, _, information := q.residuals(beta)
	dispersion := x2 / float64(df)
	se := math.Sqrt(max(1, dispersion) / information)
	if !finite(beta, dispersion, se) {
		return noRatio(NoteInvalid) // exposures so far apart that the sums overflow
	}
	r := logRatio(beta, se, float64(df), q.level)
	r.Dispersion = dispersion
	return r
}

// residuals gives, at the log ratio beta and the strata's best rates for it,
// Pearson's X2, the derivative of the log likelihood by beta (the score), and
// the information about beta left after the strata's rates.
func (q *quasi) residuals(beta float64) (x2, score, information float64) {
	ratio := [2]float64{1, math.Exp(beta)}
	for s := range 7 {
		total := q.count[0][s] + q.count[1][s]
		if total == 0 {
			continue
		}
		rate := total / (q.exposure[0][s] + ratio[1]*q.exposure[1][s])
		for side := range 2 {
			for _, d := range q.days[side][s] {
				fitted := rate * ratio[side] * d.Exposure
				x2 += (float64(d.Count) - fitted) * (float64(d.Count) - fitted) / fitted
			}
		}
		fittedBefore, fittedAfter := rate*q.exposure[0][s], rate*ratio[1]*q.exposure[1][s]
		score += q.count[1][s] - fittedAfter
		information += fittedBefore / total * fittedAfter
	}
	return x2, score, information
}

// logRatio finds the maximum likelihood log ratio. The score falls with beta
// everywhere, so that Newton's steps inside a shrinking bracket always arrive.
// Only strata seen on both sides say anything about the ratio.
func (q *quasi) logRatio() (beta float64, note string) {
	var count, exposure [2]float64
	for s := range 7 {
		if q.exposure[0][s] > 0 && q.exposure[1][s] > 0 {
			for side := range 2 {
				count[side] += q.count[side][s]
				exposure[side] += q.exposure[side][s]
			}
		}
	}
	switch {
	case exposure[0] == 0:
		return 0, NoteFewPeriods
	case count[0] == 0 || count[1] == 0:
		return 0, NoteZeroCount
	}
	beta = math.Log(count[1]) - math.Log(count[0]) + math.Log(exposure[0]) - math.Log(exposure[1])
	low, high := -700.0, 700.0 // exp overflows beyond
	for range 200 {
		_, score, information := q.residuals(beta)
		if score > 0 {
			low = beta
		} else {
			high = beta
		}
		next := beta + score/information
		if !(next > low && next < high) {
			next = low + (high-low)/2
		}
		if math.Abs(next-beta) <= 1e-14*max(1, math.Abs(beta)) {
			return next, ""
		}
		beta = next
	}
	return beta, ""
}
