package stats

import (
	"math"
	"slices"
)

// Ranks are positions, from 1, in a sample sorted upwards.
type Ranks struct {
	// Value is the nearest rank: the first position with at least p of the
	// values at or before it; 0 when there are no values.
	Value int64
	// Low and High are the positions of the bounds; 0 where that side is open.
	Low, High int64
	// Coverage is the probability that the bounds hold the percentile of a
	// continuous distribution, an open side counted as unbounded; at least
	// the level.
	Coverage float64
}

// maxRanked bounds the sample size: its ranks are summed exactly.
const maxRanked = 10_000_000_000

// PercentileRanks gives the ranks of the p-quantile (0 < p < 1) of n values
// and of its distribution-free interval. Either side is open when n is too
// small for it: below 6 values for p50, 36 for p90, 72 for p95, 368 for p99.
// Input that cannot occur gives zero ranks and NaN coverage.
// Conover, Practical Nonparametric Statistics, 3.2.
func PercentileRanks(n int64, p, level float64) Ranks {
	if n < 1 || n > maxRanked || !(p > 0 && p < 1) || !validLevel(level) {
		return Ranks{Coverage: math.NaN()}
	}
	r := Ranks{Value: nearestRank(n, p)}
	tail := (1 - level) / 2
	first, weights := binomialWeights(n, p)
	total := 0.0
	for _, w := range weights {
		total += w
	}
	// The low rank is the smallest b with P(B <= b) >= tail, the high rank one
	// more than the smallest b with P(B <= b) >= 1 - tail, where P(B > b) is
	// summed from above to keep its digits.
	below := 0.0
	for i, w := range weights {
		if below += w; below >= tail*total {
			r.Low = first + int64(i)
			break
		}
	}
	above := 0.0
	for i, w := range slices.Backward(weights) {
		if above+w > tail*total {
			r.High = first + int64(i) + 1
			break
		}
		above += w
	}
	if r.High > n {
		r.High = 0
	}
	inside := 0.0
	for i, w := range weights {
		if b := first + int64(i); b >= r.Low && (r.High == 0 || b < r.High) {
			inside += w
		}
	}
	r.Coverage = min(1, inside/total)
	return r
}

// binomialWeights are the probabilities of Bin(n, p), up to a constant, for
// first, first+1, ..., without the tails that change nothing.
func binomialWeights(n int64, p float64) (first int64, weights []float64) {
	const floor = 1e-40
	dist := binomial(n, p)
	var up, down []float64
	dist.walk(floor, func(i int64, w float64) {
		if i >= dist.mode {
			up = append(up, w)
		} else {
			down = append(down, w)
		}
	})
	weights = make([]float64, 0, len(down)+len(up))
	for _, w := range slices.Backward(down) {
		weights = append(weights, w)
	}
	return dist.mode - int64(len(down)), append(weights, up...)
}

// nearestRank is ceil(n*p) in 1..n; a product that is whole but for rounding
// (100 * 0.07) counts as whole.
func nearestRank(n int64, p float64) int64 {
	x := float64(n) * p
	r := math.Ceil(x)
	if x-(r-1) <= 4e-16*x {
		r--
	}
	return min(n, max(1, int64(r)))
}

// NearestRank is the p-quantile (0 < p <= 1) of values sorted upwards: the
// smallest value with at least p of the values at or below it. No values, or
// a p outside the range, give NaN.
func NearestRank(sorted []float64, p float64) float64 {
	if len(sorted) == 0 || !(p > 0 && p <= 1) {
		return math.NaN()
	}
	return sorted[nearestRank(int64(len(sorted)), p)-1]
}

// Percentile is the p-quantile (0 < p < 1) of finite values sorted upwards
// with its interval by order statistics, in the unit of the values. A side
// that the sample is too small for is absent ([NoteOpen]). Values that are
// not finite or not in order are invalid input.
func Percentile(sorted []float64, p, level float64) Interval {
	if !(p > 0 && p < 1) || !validLevel(level) {
		return absent(NoteInvalid)
	}
	if len(sorted) == 0 {
		return absent(NoteNoData)
	}
	for i, x := range sorted {
		if !finite(x) || i > 0 && x < sorted[i-1] {
			return absent(NoteInvalid)
		}
	}
	r := PercentileRanks(int64(len(sorted)), p, level)
	iv := absent("")
	iv.Value = sorted[r.Value-1]
	if r.Low > 0 {
		iv.Low = sorted[r.Low-1]
	}
	if r.High > 0 {
		iv.High = sorted[r.High-1]
	}
	if r.Low == 0 || r.High == 0 {
		iv.Note = NoteOpen
	}
	return iv
}
