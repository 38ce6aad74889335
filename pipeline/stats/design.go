package stats

import "math"

// AlwaysValid is the normal-mixture interval of an estimate with standard
// error se: it may be looked at any number of times while data arrive, and
// the chance that it ever excludes the truth is still 1-level at most. tau is
// the standard deviation of the effects expected: 2.8 standard errors at the
// planned end. P is the always-valid p-value, Statistic the plain z.
// Robbins, Annals of Mathematical Statistics 41 (1970) 1397; Johari, Pekelis &
// Walsh 2015.
func AlwaysValid(estimate, se, tau, level float64) Comparison {
	const method = "mixture"
	if !finite(estimate, se, tau) || se <= 0 || tau <= 0 || !validLevel(level) {
		return noComparison(method, NoteInvalid)
	}
	// In units of se, with rho = tau/se, nothing overflows that need not.
	rho2 := (tau / se) * (tau / se)
	z := estimate / se
	inflation := math.Log1p(rho2)
	half := se * math.Sqrt((1+1/rho2)*(2*math.Log(1/(1-level))+inflation))
	c := noComparison(method, "")
	c.Interval = Interval{Value: estimate, Low: estimate - half, High: estimate + half}
	c.Statistic = z
	c.P = math.Exp(min(0, inflation/2-z*z/(2*(1+1/rho2))))
	if math.IsNaN(c.P) || math.IsNaN(half) {
		return noComparison(method, NoteInvalid)
	}
	return c.settled()
}

// ShareDesign is a planned comparison of two shares by the two-sided z test
// (pooled variance under no difference, unpooled under the difference).
type ShareDesign struct {
	// Base is the control's share, in (0, 1).
	Base float64
	// Ratio is treatment units per control unit, 1 for equal arms.
	Ratio float64
	// Alpha is the false positive rate and Power the chance to see a true
	// difference; 0 < Alpha < Power < 1.
	Alpha, Power float64
}

func (d ShareDesign) valid() bool {
	return d.Base > 0 && d.Base < 1 && finite(d.Ratio) && d.Ratio > 0 &&
		d.Alpha > 0 && d.Power > d.Alpha && d.Power < 1
}

// power is the chance to reject with n control units when the treatment's
// share is Base + diff; both tails count.
func (d ShareDesign) power(diff, n float64) float64 {
	treated := d.Base + diff
	pool := (d.Base + d.Ratio*treated) / (1 + d.Ratio)
	null := math.Sqrt(pool * (1 - pool) * (1 + 1/d.Ratio) / n)
	alternative := math.Sqrt((d.Base*(1-d.Base) + treated*(1-treated)/d.Ratio) / n)
	z := normalQuantile(1 - d.Alpha)
	upper, lower := (z*null-diff)/alternative, (z*null+diff)/alternative
	return (math.Erfc(upper/math.Sqrt2) + math.Erfc(lower/math.Sqrt2)) / 2
}

// SampleSize is the number of control units (real; round up) at which the
// design sees the absolute difference diff with its power. NaN when the
// design or the share Base+diff cannot be, or diff is 0.
func (d ShareDesign) SampleSize(diff float64) float64 {
	if !d.valid() || !finite(diff) || diff == 0 || d.Base+diff <= 0 || d.Base+diff >= 1 {
		return math.NaN()
	}
	// Power rises with n: bisect its logarithm.
	low, high := 0.0, math.Log(maxUnits)
	if d.power(diff, 1) >= d.Power {
		return 1
	}
	if d.power(diff, maxUnits) < d.Power {
		return math.NaN()
	}
	for range 100 {
		middle := (low + high) / 2
		if d.power(diff, math.Exp(middle)) < d.Power {
			low = middle
		} else {
			high = middle
		}
	}
	return math.Exp(high)
}

// Detectable is the smallest rise of the share above Base that n control
// units see with the design's power; NaN when no rise below 1 is, or the
// input cannot be.
func (d ShareDesign) Detectable(n float64) float64 {
	if !d.valid() || !finite(n) || n < 1 {
		return math.NaN()
	}
	low, high := 0.0, (1-d.Base)*(1-1e-12)
	if d.power(high, n) < d.Power {
		return math.NaN()
	}
	for range 200 {
		middle := (low + high) / 2
		if d.power(middle, n) < d.Power {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}
