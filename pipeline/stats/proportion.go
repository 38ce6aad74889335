package stats

import "math"

// Wilson is the score interval of the share k/n, in 0..1, without continuity
// correction. Its bounds never leave [0, 1]; at k = 0 the lower is exactly 0,
// at k = n the upper exactly 1. n = 0 gives [NoteNoData].
// Wilson, JASA 22 (1927) 209.
func Wilson(k, n int64, level float64) Interval {
	if k < 0 || n < 0 || k > n || !validLevel(level) {
		return absent(NoteInvalid)
	}
	if n == 0 {
		return absent(NoteNoData)
	}
	return wilson(float64(k), float64(n), normalQuantile(level))
}

// wilson works on real-valued counts, 0 <= k <= n, n > 0.
func wilson(k, n, z float64) Interval {
	z2 := z * z
	iv := Interval{Value: k / n}
	centre := (k + z2/2) / (n + z2)
	half := z / (n + z2) * math.Sqrt(k*((n-k)/n)+z2/4)
	iv.Low = min(iv.Value, max(0, centre-half))
	iv.High = max(iv.Value, min(1, centre+half))
	if k == 0 {
		iv.Low = 0 // centre and half differ in the last digit only
	}
	if k == n {
		iv.High = 1
	}
	return iv
}

// Newcombe is the hybrid score interval of the difference of two shares,
// k1/n1 - k0/n0, in -1..1: the bounds of both Wilson intervals combined by
// [DifferenceMOVER]. A group without units gives [NoteNoData].
// Newcombe, Statistics in Medicine 17 (1998) 873, method 10.
func Newcombe(k1, n1, k0, n0 int64, level float64) Interval {
	return DifferenceMOVER(Wilson(k1, n1, level), Wilson(k0, n0, level))
}

// validTable reports whether two groups of successes and units can occur and
// can be summed exactly.
func validTable(k1, n1, k0, n0 int64) bool {
	return k1 >= 0 && k1 <= n1 && k0 >= 0 && k0 <= n0 && n1 <= maxUnits && n0 <= maxUnits
}

// TwoProportionZ tests k1/n1 = k0/n0 by z with the pooled variance; the
// interval is Wald's of the difference with the unpooled variance, which is
// only for comparison with other tools ([Newcombe] is the one to print).
// Where no unit or every unit is a success, z is 0 and p is 1.
func TwoProportionZ(k1, n1, k0, n0 int64, level float64) Comparison {
	if !validTable(k1, n1, k0, n0) || !validLevel(level) {
		return noComparison("z", NoteInvalid)
	}
	if n1 == 0 || n0 == 0 {
		return noComparison("z", NoteNoData)
	}
	m1, m0 := float64(n1), float64(n0)
	p1, p0 := float64(k1)/m1, float64(k0)/m0
	pool := float64(k1+k0) / (m1 + m0)
	diff := p1 - p0
	se := math.Sqrt(p1*(1-p1)/m1 + p0*(1-p0)/m0)
	half := normalQuantile(level) * se
	c := Comparison{
		Interval: Interval{Value: diff, Low: max(-1, diff-half), High: min(1, diff+half)},
		Test:     Test{Method: "z", Statistic: 0, DF: math.NaN(), P: 1},
	}
	if se == 0 {
		c.Note = NoteNoSpread
	}
	if pool > 0 && pool < 1 {
		c.Statistic = diff / math.Sqrt(pool*(1-pool)*(1/m1+1/m0))
		c.P = normalP(c.Statistic)
	}
	return c
}

// Fisher is the exact test of k1/n1 = k0/n0, two-sided: the probability, all
// four margins given, of the tables no more likely than the one seen. An
// empty group gives p = 1: it says nothing. More than 1e12 units in a group
// are invalid input. Fisher, JRSS 98 (1935) 39.
func Fisher(k1, n1, k0, n0 int64) Test {
	t := noTest("fisher")
	if !validTable(k1, n1, k0, n0) {
		return t
	}
	t.P = hypergeometric(n1, n0, k1+k0).noMoreLikely(k1)
	return t
}

// minExpected is the smallest expected count of a 2x2 table at which z keeps
// its level (false positives 4.5-5.8% at 5%).
const minExpected = 5

// ShareTest compares two shares: Newcombe's interval of k1/n1 - k0/n0 with
// the p-value of z where all four expected counts are 5 or more, else of
// Fisher's exact test. Test.Method says which was used.
func ShareTest(k1, n1, k0, n0 int64, level float64) Comparison {
	if !validTable(k1, n1, k0, n0) || !validLevel(level) {
		return noComparison("z", NoteInvalid)
	}
	if n1 == 0 || n0 == 0 {
		return noComparison("fisher", NoteNoData)
	}
	c := Comparison{Interval: Newcombe(k1, n1, k0, n0, level)}
	successes, failures := float64(k1+k0), float64(n1+n0-k1-k0)
	smaller := float64(min(n1, n0)) / float64(n1+n0)
	if smaller*min(successes, failures) >= minExpected {
		c.Test = TwoProportionZ(k1, n1, k0, n0, level).Test
	} else {
		c.Test = Fisher(k1, n1, k0, n0)
	}
	return c
}
