package stats

import "math"

// SharePoint is the share K of N in a period at position X: 0, 1, 2, ... for
// consecutive periods; gaps and other scores are allowed.
type SharePoint struct {
	X    float64
	K, N int64
}

// ShareTrend tests whether shares rise or fall over ordered periods. The value
// is the slope of the weighted least squares line: the change of the share
// (0..1) per unit of X. The test is Cochran-Armitage's z; the interval
// combines the Wilson bounds of the periods ([DifferenceMOVER] for a weighted
// sum), so that two periods one apart give [Newcombe]. Periods without units
// are left out; fewer than two distinct positions give [NoteFewPeriods], and
// no success or nothing else [NoteNoSpread] with z 0 and p 1. The shares are
// taken as binomial: units that repeat, or noise from period to period beyond
// that, make p too small.
//
// Cochran, Biometrics 10 (1954) 417; Armitage, Biometrics 11 (1955) 375; Zou,
// Huang & Zhang, Computational Statistics & Data Analysis 53 (2009) 1080.
func ShareTrend(points []SharePoint, level float64) Comparison {
	const method = "cochran-armitage"
	if !validLevel(level) {
		return noComparison(method, NoteInvalid)
	}
	var n, k, xn float64
	for _, pt := range points {
		if pt.K < 0 || pt.N < 0 || pt.K > pt.N || !finite(pt.X) {
			return noComparison(method, NoteInvalid)
		}
		n += float64(pt.N)
		k += float64(pt.K)
		xn += pt.X * float64(pt.N)
	}
	if n == 0 {
		return noComparison(method, NoteNoData)
	}
	centre, share := xn/n, k/n
	spread, covariance := 0.0, 0.0
	for _, pt := range points {
		dx := pt.X - centre
		spread += float64(pt.N) * dx * dx
		covariance += dx * (float64(pt.K) - float64(pt.N)*share)
	}
	if !finite(spread, covariance) {
		return noComparison(method, NoteInvalid)
	}
	if !distinct(points) || spread == 0 {
		return noComparison(method, NoteFewPeriods)
	}
	c := Comparison{
		Interval: slopeBounds(points, centre, spread, covariance/spread, normalQuantile(level)),
		Test:     Test{Method: method, Statistic: 0, DF: math.NaN(), P: 1},
	}
	if k == 0 || k == n {
		c.Note = NoteNoSpread
		return c
	}
	c.Statistic = covariance / math.Sqrt(share*(1-share)*spread)
	c.P = normalP(c.Statistic)
	return c.settled()
}

// distinct reports whether periods with units lie at two positions or more.
func distinct(points []SharePoint) bool {
	seen, first := false, 0.0
	for _, pt := range points {
		if pt.N == 0 {
			continue
		}
		if seen && pt.X != first {
			return true
		}
		seen, first = true, pt.X
	}
	return false
}

// slopeBounds recovers the variance of each side of the slope, a sum of shares
// with weights n(x - centre)/spread, from the Wilson bounds of the periods.
func slopeBounds(points []SharePoint, centre, spread, slope, z float64) Interval {
	var below, above float64
	for _, pt := range points {
		if pt.N == 0 {
			continue
		}
		w := float64(pt.N) * (pt.X - centre) / spread
		iv := wilson(float64(pt.K), float64(pt.N), z)
		down, up := w*(iv.Value-iv.Low), w*(iv.High-iv.Value)
		if w < 0 {
			down, up = up, down
		}
		below += down * down
		above += up * up
	}
	return Interval{Value: slope, Low: slope - math.Sqrt(below), High: slope + math.Sqrt(above)}
}
