package stats

import "math"

// Sample holds the sufficient statistics of n values: their number, sum and
// sum of squares.
type Sample struct {
	N          int64
	Sum, SumSq float64
}

// Mean is a mean with its Student t interval, standard deviation (n-1) and
// standard error, all in the unit of the values.
type Mean struct {
	Interval
	SD, SE float64
}

// rounding is the share of the sum of squares below which a sum of squared
// deviations cannot be told from the rounding of the sums: a standard
// deviation under 3e-7 of the mean counts as none.
const rounding = 1e-13

// spread is the sample variance (n-1) of s, n >= 2. ok is false when the
// sums cannot be those of any n real numbers.
func (s Sample) spread() (variance float64, ok bool) {
	n := float64(s.N)
	// n*SumSq - Sum*Sum, each product's rounding recovered by a fused
	// multiply-add: the difference of two close numbers keeps its digits.
	square := s.Sum * s.Sum
	lost := math.FMA(s.Sum, s.Sum, -square)
	d := math.FMA(n, s.SumSq, -square) - lost
	if math.IsNaN(d) || math.IsInf(d, 0) {
		return 0, false
	}
	if tiny := rounding * n * s.SumSq; math.Abs(d) <= tiny {
		return 0, true
	}
	return d / n / (n - 1), d > 0
}

// valid reports whether s can be the statistics of N values, N >= 0.
func (s Sample) valid() bool {
	return s.N >= 0 && finite(s.Sum, s.SumSq) && s.SumSq >= 0 && (s.N > 0 || s.Sum == 0 && s.SumSq == 0)
}

// MeanT is the mean of n values with Student's t interval, from their sum and
// sum of squares. One value has a mean and no interval ([NoteOneUnit]); equal
// values have bounds that coincide, which is no certainty ([NoteNoSpread]).
// At a ceiling (nearly all answers the top mark) it covers too little at
// small n.
func MeanT(n int64, sum, sumSq, level float64) Mean {
	s := Sample{N: n, Sum: sum, SumSq: sumSq}
	m := Mean{Interval: absent(NoteInvalid), SD: math.NaN(), SE: math.NaN()}
	if !s.valid() || !validLevel(level) {
		return m
	}
	if n == 0 {
		m.Note = NoteNoData
		return m
	}
	if n == 1 {
		m.Value, m.Note = sum, NoteOneUnit
		return m
	}
	v, ok := s.spread()
	if !ok {
		return m
	}
	mean := sum / float64(n)
	m.SD, m.SE = math.Sqrt(v), math.Sqrt(v/float64(n))
	if v == 0 {
		m.Interval = Interval{Value: mean, Low: mean, High: mean, Note: NoteNoSpread}
		return m
	}
	half := tQuantile(level, float64(n-1)) * m.SE
	m.Interval = Interval{Value: mean, Low: mean - half, High: mean + half}.settle()
	return m
}

// Welch compares two means without assuming equal spread: the difference
// mean(a) - mean(b), its t interval and test with Welch-Satterthwaite degrees
// of freedom. A group of one value, or no spread in either group, leaves the
// difference without bounds and without p.
func Welch(a, b Sample, level float64) Comparison {
	if !a.valid() || !b.valid() || !validLevel(level) {
		return noComparison("welch", NoteInvalid)
	}
	if a.N == 0 || b.N == 0 {
		return noComparison("welch", NoteNoData)
	}
	c := noComparison("welch", NoteOneUnit)
	diff := a.Sum/float64(a.N) - b.Sum/float64(b.N)
	c.Value = diff
	if a.N == 1 || b.N == 1 {
		return c.settled()
	}
	va, okA := a.spread()
	vb, okB := b.spread()
	if !okA || !okB {
		return noComparison("welch", NoteInvalid)
	}
	va, vb = va/float64(a.N), vb/float64(b.N)
	if va+vb == 0 {
		c.Note = NoteNoSpread
		return c.settled()
	}
	// The squares of variances overflow before the variances do, so the
	// degrees of freedom are taken from their shares.
	ra, rb := va/(va+vb), vb/(va+vb)
	c.DF = 1 / (ra*ra/float64(a.N-1) + rb*rb/float64(b.N-1))
	se := math.Sqrt(va + vb)
	half := tQuantile(level, c.DF) * se
	c.Interval = Interval{Value: diff, Low: diff - half, High: diff + half}
	c.Statistic = diff / se
	c.P = tP(c.Statistic, c.DF)
	return c.settled()
}
