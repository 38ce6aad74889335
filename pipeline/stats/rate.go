package stats

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Rate is a count of events over what was exposed to them (users, days,
// person-days): tickets per user, incidents per deployment.
type Rate struct {
	Count    int64
	Exposure float64
}

// valid reports whether r can occur: events need exposure.
func (r Rate) valid() bool {
	return r.Count >= 0 && r.Count <= maxUnits && finite(r.Exposure) && r.Exposure >= 0 && (r.Exposure > 0 || r.Count == 0)
}

// PoissonExact is the rate scale*k/exposure with the exact (Garwood) interval
// of a Poisson count: scale 1000 gives events per 1,000 units. It never covers
// less than the level, and more when k is small. k = 0 has the lower bound 0;
// no exposure gives [NoteNoData]. Garwood, Biometrika 28 (1936) 437.
func PoissonExact(k int64, exposure, scale, level float64) Interval {
	r := Rate{Count: k, Exposure: exposure}
	if !r.valid() || !finite(scale) || scale <= 0 || !validLevel(level) {
		return absent(NoteInvalid)
	}
	if exposure == 0 {
		return absent(NoteNoData)
	}
	tail := (1 - level) / 2
	iv := Interval{Value: float64(k), Low: 0, High: mathext.GammaIncRegCompInv(float64(k)+1, tail)}
	if k > 0 {
		iv.Low = mathext.GammaIncRegInv(float64(k), tail)
	}
	unit := scale / exposure
	iv.Value, iv.Low, iv.High = iv.Value/exposure*scale, iv.Low*unit, iv.High*unit
	return iv.settle()
}

// RateRatio compares two rates: (k1/e1)/(k0/e0) with the exact interval and
// the exact two-sided p-value, both given the sum k1+k0 (Clopper-Pearson on
// the share of k1, and the binomial outcomes no more likely than the one
// seen). k0 = 0 leaves the ratio and the upper bound absent, both counts 0
// leave [0, absent) and p = 1.
func RateRatio(a, b Rate, level float64) Comparison {
	if !a.valid() || !b.valid() || !validLevel(level) {
		return noComparison("exact", NoteInvalid)
	}
	if a.Exposure == 0 || b.Exposure == 0 {
		return noComparison("exact", NoteNoData)
	}
	c := noComparison("exact", "")
	k1, k0 := a.Count, b.Count
	share := a.Exposure / (a.Exposure + b.Exposure)
	if !(share > 0 && share < 1) {
		return noComparison("exact", NoteInvalid) // exposures that swallow each other
	}
	relative := b.Exposure / a.Exposure
	if k0 > 0 {
		c.Value = float64(k1) / float64(k0) * relative
	}
	if k1 == 0 || k0 == 0 {
		c.Note = NoteZeroCount
	}
	c.Low = 0
	tail := (1 - level) / 2
	if k1 > 0 {
		c.Low = oddsBound(float64(k1), float64(k0)+1, tail) * relative
	}
	if k0 > 0 {
		c.High = 1 / oddsBound(float64(k0), float64(k1)+1, tail) * relative
	}
	c.P = binomial(k1+k0, share).noMoreLikely(k1)
	return c.settled()
}

// oddsBound is x/(1-x) for the q-quantile x of Beta(a, b). Beta(a, b) and
// Beta(b, a) mirror each other, so upper bounds are taken as the reciprocal of
// the mirrored lower ones, where no digits are lost to 1-x.
func oddsBound(a, b, q float64) float64 {
	x := mathext.InvRegIncBeta(a, b, q)
	return x / (1 - x)
}

// SRM is the chi-square test of counts per arm against the planned weights
// (any positive scale): a sample ratio mismatch. It is fit for 8 expected
// units per arm and more. Fewer than two arms, a weight that is not positive,
// or no units at all leave p absent.
func SRM(counts []int64, weights []float64) Test {
	t := noTest("chi-square")
	if len(counts) < 2 || len(counts) != len(weights) {
		return t
	}
	var n, total float64
	for i, k := range counts {
		if k < 0 || !finite(weights[i]) || weights[i] <= 0 {
			return t
		}
		n += float64(k)
		total += weights[i]
	}
	if n == 0 || !finite(total) {
		return t
	}
	x2 := 0.0
	for i, k := range counts {
		expected := n * (weights[i] / total)
		if expected == 0 {
			return t
		}
		d := float64(k) - expected
		x2 += d * d / expected
	}
	if math.IsInf(x2, 0) {
		return t
	}
	t.Statistic, t.DF = x2, float64(len(counts)-1)
	t.P = chiSquareP(x2, t.DF)
	return t
}
