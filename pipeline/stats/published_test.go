package stats_test

import (
	"math"
	"testing"

	"upshot.dev/upshot/pipeline/stats"
)

// within fails when got is not want to the digits that were published.
func within(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.8g, published %g", what, got, want)
	}
}

// Results printed in papers, textbooks and the documentation of other
// packages, apart from the reference file.
func TestPublished(t *testing.T) {
	t.Run("Newcombe 1998, single proportions, table I, score", func(t *testing.T) {
		for _, c := range []struct {
			k, n      int64
			low, high float64
		}{
			{81, 263, 0.2553, 0.3662},
			{15, 148, 0.0624, 0.1605},
			{0, 20, 0, 0.1611},
			{1, 29, 0.0061, 0.1718},
		} {
			iv := stats.Wilson(c.k, c.n, stats.Level)
			within(t, "low", iv.Low, c.low, 5e-5)
			within(t, "high", iv.High, c.high, 5e-5)
		}
	})
	t.Run("Newcombe 1998, differences, table II, method 10", func(t *testing.T) {
		for _, c := range []struct {
			k1, n1, k0, n0 int64
			low, high      float64
		}{
			{56, 70, 48, 80, 0.0524, 0.3339},
			{9, 10, 3, 10, 0.1705, 0.8090},
			{6, 7, 2, 7, 0.0582, 0.8062},
			{5, 56, 0, 29, -0.0381, 0.1926},
			{0, 10, 0, 20, -0.1611, 0.2775},
			{0, 10, 0, 10, -0.2775, 0.2775},
			{10, 10, 0, 20, 0.6791, 1},
			{10, 10, 0, 10, 0.6075, 1},
		} {
			iv := stats.Newcombe(c.k1, c.n1, c.k0, c.n0, stats.Level)
			within(t, "low", iv.Low, c.low, 5e-5)
			within(t, "high", iv.High, c.high, 5e-5)
		}
	})
	t.Run("Fisher 1935, the lady tasting tea: 1/70 and its mirror, 34/70", func(t *testing.T) {
		within(t, "all four", stats.Fisher(4, 4, 0, 4).P, 2.0/70, 1e-15)
		within(t, "three of four", stats.Fisher(3, 4, 1, 4).P, 34.0/70, 1e-15)
	})
	t.Run("R fisher.test: Convictions of twins", func(t *testing.T) {
		within(t, "p", stats.Fisher(2, 17, 10, 13).P, 0.0005367, 5e-8)
	})
	t.Run("Garwood 1936: 95% limits of a Poisson mean", func(t *testing.T) {
		for _, c := range []struct {
			k         int64
			low, high float64
		}{{0, 0, 3.689}, {1, 0.0253, 5.572}, {5, 1.6235, 11.668}, {10, 4.7954, 18.390}, {50, 37.111, 65.919}} {
			iv := stats.PoissonExact(c.k, 1, 1, stats.Level)
			within(t, "low", iv.Low, c.low, 5e-4)
			within(t, "high", iv.High, c.high, 6e-4)
		}
	})
	t.Run("R t.test: sleep data, Welch", func(t *testing.T) {
		// extra hours of sleep: 0.7 -1.6 -0.2 -1.2 -0.1 3.4 3.7 0.8 0 2 and
		// 1.9 0.8 1.1 0.1 -0.1 4.4 5.5 1.6 4.6 3.4
		r := stats.Welch(stats.Sample{N: 10, Sum: 7.5, SumSq: 34.43}, stats.Sample{N: 10, Sum: 23.3, SumSq: 90.37}, stats.Level)
		within(t, "t", r.Statistic, -1.8608, 5e-5)
		within(t, "df", r.DF, 17.776, 5e-4)
		within(t, "p", r.P, 0.07939, 5e-6)
		within(t, "low", r.Low, -3.3654832, 5e-8)
		within(t, "high", r.High, 0.2054832, 5e-8)
	})
	t.Run("R prop.trend.test: smokers among patients", func(t *testing.T) {
		r := stats.ShareTrend([]stats.SharePoint{{X: 1, K: 83, N: 86}, {X: 2, K: 90, N: 93}, {X: 3, K: 129, N: 136}, {X: 4, K: 70, N: 82}}, stats.Level)
		within(t, "X-squared", r.Statistic*r.Statistic, 8.2249, 5e-5)
		within(t, "p", r.P, 0.004132, 5e-7)
	})
	t.Run("Agresti, Categorical Data Analysis: alcohol and malformation", func(t *testing.T) {
		r := stats.ShareTrend([]stats.SharePoint{
			{X: 0, K: 48, N: 17114}, {X: 0.5, K: 38, N: 14502}, {X: 1.5, K: 5, N: 793}, {X: 4, K: 1, N: 127}, {X: 7, K: 1, N: 38},
		}, stats.Level)
		within(t, "z squared", r.Statistic*r.Statistic, 6.57, 5e-3)
		within(t, "p", r.P, 0.010, 5e-4)
	})
	t.Run("Benjamini & Hochberg 1995: 15 comparisons, 4 rejected at .05, Bonferroni-Holm 3", func(t *testing.T) {
		p := []float64{.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .3240, .4262, .5719, .6528, .7590, 1}
		count := func(adjusted []float64) (n int) {
			for _, x := range adjusted {
				if x <= 0.05 {
					n++
				}
			}
			return n
		}
		if bh, holm := count(stats.BenjaminiHochberg(p)), count(stats.Holm(p)); bh != 4 || holm != 3 {
			t.Errorf("rejected %d by BH and %d by Holm, published 4 and 3", bh, holm)
		}
	})
	t.Run("Conover: the smallest n with both sides", func(t *testing.T) {
		for p, n := range map[float64]int64{0.5: 6, 0.9: 36, 0.95: 72, 0.99: 368} {
			small, enough := stats.PercentileRanks(n-1, p, stats.Level), stats.PercentileRanks(n, p, stats.Level)
			if small.Low != 0 && small.High != 0 {
				t.Errorf("p%g: both sides at n = %d", 100*p, n-1)
			}
			if enough.Low == 0 || enough.High == 0 {
				t.Errorf("p%g: a side is open at n = %d", 100*p, n)
			}
		}
	})
	t.Run("Cookie Cats A/B test: retention and sample ratio", func(t *testing.T) {
		r := stats.ShareTest(8279, 45489, 8502, 44700, stats.Level)
		within(t, "difference", r.Value, -0.0082013, 5e-8)
		within(t, "p", r.P, 0.0015542, 5e-7)
		within(t, "p of the ratio", stats.SRM([]int64{44700, 45489}, []float64{1, 1}).P, 0.0086080, 5e-8)
	})
}

// Two periods are Newcombe's difference, and the trend over them is the
// two-proportion z.
func TestShareTrendOfTwoPeriodsIsNewcombe(t *testing.T) {
	trend := stats.ShareTrend([]stats.SharePoint{{X: 4, K: 48, N: 80}, {X: 5, K: 56, N: 70}}, stats.Level)
	diff := stats.Newcombe(56, 70, 48, 80, stats.Level)
	within(t, "slope", trend.Value, diff.Value, 1e-14)
	within(t, "low", trend.Low, diff.Low, 1e-14)
	within(t, "high", trend.High, diff.High, 1e-14)
	within(t, "z", trend.Statistic, stats.TwoProportionZ(56, 70, 48, 80, stats.Level).Statistic, 1e-12)
}

// A test of method choice: all four expected counts at 5 or more, both sides
// of the border.
func TestShareTestChoosesByExpectedCounts(t *testing.T) {
	for _, c := range []struct {
		k1, n1, k0, n0 int64
		method         string
	}{
		{5, 20, 5, 20, "z"},
		{5, 20, 4, 20, "fisher"},
		{15, 20, 15, 20, "z"},
		{16, 20, 15, 20, "fisher"},
		{0, 10, 100, 190, "z"},
		{0, 10, 99, 190, "fisher"},
		{0, 1, 0, 1, "fisher"},
	} {
		r := stats.ShareTest(c.k1, c.n1, c.k0, c.n0, stats.Level)
		if r.Method != c.method {
			t.Errorf("ShareTest(%d/%d, %d/%d) used %s, want %s", c.k1, c.n1, c.k0, c.n0, r.Method, c.method)
		}
		if want := stats.Newcombe(c.k1, c.n1, c.k0, c.n0, stats.Level); r.Interval != want {
			t.Errorf("interval %+v, want %+v", r.Interval, want)
		}
	}
}
