package stats

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// Level is the confidence level of every printed interval.
const Level = 0.95

// The notes that an [Interval] can carry. They are printed as they are.
const (
	// NoteInvalid: the input cannot occur; all values are absent.
	NoteInvalid = "invalid input"
	// NoteNoData: there are no units; all values are absent.
	NoteNoData = "no data"
	// NoteOneUnit: a single unit has a value but no spread, hence no bounds.
	NoteOneUnit = "one unit has no spread"
	// NoteNoSpread: all units are equal. Bounds that coincide with the value
	// then say nothing about certainty.
	NoteNoSpread = "no spread: all values are equal"
	// NoteOpen: the data bound the value on one side at most.
	NoteOpen = "too few units for both bounds"
	// NoteZeroCount: a count of zero leaves a ratio or its bounds open.
	NoteZeroCount = "a count is zero"
	// NoteFewPeriods: there are too few periods to estimate the noise.
	NoteFewPeriods = "too few periods"
	// NoteMerged: strata with a single answer were merged with others.
	NoteMerged = "strata with one answer were merged"
)

// Interval is an estimate with its confidence bounds. Value, Low and High are
// in the unit of the function that made it (its comment says which). NaN in a
// field means that it is absent: a value without data, a bound on a side that
// is open. Where both are present, Low <= Value <= High.
type Interval struct {
	Value, Low, High float64
	// Note says why something is absent or deserves less trust; "" when
	// nothing is to be said. It is one of the Note constants.
	Note string
}

// Known reports whether the value and both bounds are present.
func (iv Interval) Known() bool {
	return !math.IsNaN(iv.Value) && !math.IsNaN(iv.Low) && !math.IsNaN(iv.High)
}

// Excludes reports whether x lies outside the interval. An open side excludes
// nothing, so an interval without bounds never excludes anything; neither do
// bounds that coincide for want of spread ([NoteNoSpread]).
func (iv Interval) Excludes(x float64) bool {
	if iv.Note == NoteNoSpread {
		return false
	}
	return x < iv.Low || x > iv.High // comparisons with NaN are false
}

// Nullable returns a pointer to x, or nil when x is absent (NaN).
func Nullable(x float64) *float64 {
	if math.IsNaN(x) {
		return nil
	}
	return &x
}

// Test is the outcome of a hypothesis test. Absent numbers are NaN.
type Test struct {
	// Method names the test: "z", "fisher", "welch", "exact", "chi-square",
	// "t", "cochran-armitage", "mover" or "mixture".
	Method string
	// Statistic is z, t or chi-square; NaN for exact tests.
	Statistic float64
	// DF are the degrees of freedom; NaN where the test has none.
	DF float64
	// P is the two-sided p-value in [0, 1].
	P float64
}

// Comparison is a difference or ratio of two groups with its interval and the
// test of "no difference" on the same scale.
type Comparison struct {
	Interval
	Test
}

// absent is an interval without any value, for the reason given.
func absent(note string) Interval {
	return Interval{Value: math.NaN(), Low: math.NaN(), High: math.NaN(), Note: note}
}

// noTest is a test without a result.
func noTest(method string) Test {
	return Test{Method: method, Statistic: math.NaN(), DF: math.NaN(), P: math.NaN()}
}

// noComparison is a comparison without any value, for the reason given.
func noComparison(method, note string) Comparison {
	return Comparison{Interval: absent(note), Test: noTest(method)}
}

// settle replaces overflowed numbers: an infinite value makes the whole
// interval invalid, an infinite bound is an open side.
func (iv Interval) settle() Interval {
	if math.IsInf(iv.Value, 0) {
		return absent(NoteInvalid)
	}
	low, high := math.IsInf(iv.Low, 0), math.IsInf(iv.High, 0)
	if low {
		iv.Low = math.NaN()
	}
	if high {
		iv.High = math.NaN()
	}
	if (low || high) && iv.Note == "" {
		iv.Note = NoteOpen
	}
	return iv
}

// settled replaces overflowed numbers of a comparison: without a finite value
// there is no test of it either.
func (c Comparison) settled() Comparison {
	c.Interval = c.settle()
	if c.Note == NoteInvalid || math.IsInf(c.Statistic, 0) || math.IsInf(c.DF, 0) {
		return noComparison(c.Method, NoteInvalid)
	}
	return c
}

// validLevel also rejects NaN, and levels whose tail rounds to nothing.
func validLevel(level float64) bool { return level > 0 && level < 1 && (1-level)/2 > 0 }

// finite reports whether every x is neither NaN nor infinite.
func finite(xs ...float64) bool {
	for _, x := range xs {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}

// normalQuantile is z with P(|Z| <= z) = level.
func normalQuantile(level float64) float64 {
	return -distuv.UnitNormal.Quantile((1 - level) / 2)
}

// normalP is the two-sided p-value of z. Erfc keeps its digits in the tail,
// where 1 - CDF has none left.
func normalP(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// largeDF is where Student's t is taken from the normal distribution with the
// first corrections in 1/df, right to 9 digits from here on; the incomplete
// beta function loses digits at large arguments instead.
const largeDF = 1e6

// tQuantile is t with P(|T| <= t) = level at df > 0 degrees of freedom.
func tQuantile(level, df float64) float64 {
	if df < largeDF {
		return -distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.Quantile((1 - level) / 2)
	}
	z := normalQuantile(level)
	z3, z5 := z*z*z, z*z*z*z*z
	return z + (z3+z)/(4*df) + (5*z5+16*z3+3*z)/(96*df*df) // Abramowitz & Stegun 26.7.5
}

// tP is the two-sided p-value of t at df > 0 degrees of freedom, from the
// incomplete beta function of the smaller argument, so that neither a tiny p
// nor one close to 1 loses digits.
func tP(t, df float64) float64 {
	t2 := t * t
	switch {
	case df >= largeDF: // Abramowitz & Stegun 26.7.8
		return normalP(t * (1 - 1/(4*df)) / math.Sqrt(1+t2/(2*df)))
	case t2 < df:
		return 1 - mathext.RegIncBeta(0.5, df/2, t2/(df+t2))
	default:
		return mathext.RegIncBeta(df/2, 0.5, df/(df+t2))
	}
}

// chiSquareP is the upper tail of chi-square with df > 0 degrees of freedom.
func chiSquareP(x, df float64) float64 { return mathext.GammaIncRegComp(df/2, x/2) }
