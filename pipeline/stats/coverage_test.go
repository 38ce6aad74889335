package stats_test

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"upshot.dev/upshot/pipeline/stats"
)

// Coverage is enumerated, not simulated, where the outcomes can be listed: the
// probability of every outcome whose interval holds the truth is added up.

// binomialTable holds the probabilities of 0..n successes.
func binomialTable(n int64, p float64) []float64 {
	dist := distuv.Binomial{N: float64(n), P: p}
	table := make([]float64, n+1)
	for k := range table {
		table[k] = dist.Prob(float64(k))
	}
	return table
}

// holds allows for the rounding of a truth that sits on a bound.
func holds(iv stats.Interval, truth float64) bool {
	return iv.Low <= truth+1e-12 && iv.High >= truth-1e-12
}

func inBand(t *testing.T, what string, got, low, high float64) {
	t.Helper()
	if !(got >= low && got <= high) {
		t.Errorf("%s = %.4f, want %.4f..%.4f", what, got, low, high)
	}
}

// True shares .02 to .98: the mean and the worst that the method's own
// description promises, to its last printed digit.
func TestWilsonCoverage(t *testing.T) {
	for _, c := range []struct {
		n           int64
		mean, worst float64
	}{{10, .955, .899}, {50, .952, .922}, {1000, .950, .944}} {
		intervals := make([]stats.Interval, c.n+1)
		for k := range intervals {
			intervals[k] = stats.Wilson(int64(k), c.n, stats.Level)
		}
		sum, worst, shares := 0.0, 1.0, 0
		for step := range 193 {
			p := 0.02 + 0.005*float64(step)
			covered := 0.0
			for k, pk := range binomialTable(c.n, p) {
				if holds(intervals[k], p) {
					covered += pk
				}
			}
			sum, worst, shares = sum+covered, min(worst, covered), shares+1
		}
		t.Logf("n=%d mean %.4f worst %.4f", c.n, sum/float64(shares), worst)
		inBand(t, "mean coverage", sum/float64(shares), c.mean-.001, c.mean+.0025)
		inBand(t, "worst coverage", worst, c.worst-.001, c.worst+.001)
	}
}

func TestPoissonExactCoverage(t *testing.T) {
	for _, c := range []struct{ mean, coverage float64 }{{1, .981}, {10, .975}, {100, .955}} {
		covered := 0.0
		dist := distuv.Poisson{Lambda: c.mean}
		for k := range int64(5*c.mean + 40) {
			if holds(stats.PoissonExact(k, 1, 1, stats.Level), c.mean) {
				covered += dist.Prob(float64(k))
			}
		}
		t.Logf("mean %g covered %.4f", c.mean, covered)
		inBand(t, "coverage", covered, c.coverage-.0006, c.coverage+.0006)
	}
}

func TestNewcombeCoverage(t *testing.T) {
	for _, c := range []struct {
		n         int64
		p1, p0    float64
		low, high float64
	}{
		{50, .3, .3, .94, .96},
		{50, .8, .6, .94, .96},
		{50, .5, .15, .94, .96},
		{100, .9, .85, .94, .965},
		{100, .4, .5, .94, .96},
		{50, .05, .05, .97, 1},
		{50, .08, .03, .97, 1},
		{100, .1, .2, .94, .96},
	} {
		t1, t0 := binomialTable(c.n, c.p1), binomialTable(c.n, c.p0)
		covered := 0.0
		for k1, q1 := range t1 {
			for k0, q0 := range t0 {
				if q := q1 * q0; q > 1e-9 && holds(stats.Newcombe(int64(k1), c.n, int64(k0), c.n, stats.Level), c.p1-c.p0) {
					covered += q
				}
			}
		}
		t.Logf("n=%d %g-%g covered %.4f", c.n, c.p1, c.p0, covered)
		inBand(t, "coverage", covered, c.low, c.high)
	}
}

// npsCoverage enumerates all outcomes of n answers.
func npsCoverage(n int64, p, d float64, interval func(p, q, d int64) stats.Interval) float64 {
	covered := 0.0
	factorial := func(x int64) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	for i := range n + 1 {
		for j := range n + 1 - i {
			q := n - i - j
			prob := math.Exp(factorial(n) - factorial(i) - factorial(j) - factorial(q) +
				float64(i)*math.Log(p) + float64(j)*math.Log(d) + float64(q)*math.Log(1-p-d))
			if prob > 1e-12 && holds(interval(i, q, j), 100*(p-d)) {
				covered += prob
			}
		}
	}
	return covered
}

func TestNPSCoverage(t *testing.T) {
	adjusted := func(p, q, d int64) stats.Interval { return stats.NPS(p, q, d, stats.Level) }
	// The textbook interval, to show what the adjustment is for.
	wald := func(p, q, d int64) stats.Interval {
		n := float64(p + q + d)
		x := float64(p-d) / n
		half := 1.959964 * math.Sqrt((float64(p+d)/n-x*x)/n)
		return stats.Interval{Value: 100 * x, Low: 100 * (x - half), High: 100 * (x + half)}
	}
	mixes := [][2]float64{{.5, .2}, {.6, .15}, {.4, .3}, {.7, .1}, {.3, .3}, {.45, .25}, {.35, .15}, {.25, .45}, {.55, .3}, {.2, .6}}
	for _, c := range []struct {
		n           int64
		mean, worst float64
	}{{10, .952, .930}, {20, .95, .936}, {50, .95, .941}} {
		sum, worst := 0.0, 1.0
		for _, m := range mixes {
			covered := npsCoverage(c.n, m[0], m[1], adjusted)
			sum, worst = sum+covered, min(worst, covered)
		}
		t.Logf("n=%d mean %.4f worst %.4f", c.n, sum/float64(len(mixes)), worst)
		inBand(t, "mean coverage", sum/float64(len(mixes)), c.mean-.007, c.mean+.007)
		inBand(t, "worst coverage", worst, c.worst, 1)
	}
	// Nearly all promoters: where Wald breaks, ours is at its worst.
	inBand(t, "Wald, .95/.04/.01 at n = 10", npsCoverage(10, .95, .01, wald), .40, .42)
	ours := npsCoverage(10, .95, .01, adjusted)
	t.Logf("ours %.4f", ours)
	inBand(t, "adjusted, .95/.04/.01 at n = 10", ours, .91, .92)
}

// Differences of two scores: 94-96% from 50 answers a side in ordinary mixes,
// and as many false changes as the level says.
func TestNPSDifferenceCoverage(t *testing.T) {
	r := seeded(10)
	draw := func(n int, p, d float64) (a stats.Answers) {
		for range n {
			switch u := r.Float64(); {
			case u < p:
				a.Promoters++
			case u < p+d:
				a.Detractors++
			default:
				a.Passives++
			}
		}
		return a
	}
	for _, c := range []struct {
		n1, n0         int
		p1, d1, p0, d0 float64
	}{{50, 50, .5, .2, .5, .2}, {50, 120, .6, .15, .4, .3}, {400, 60, .35, .3, .35, .3}} {
		const runs = 6000
		truth := 100 * ((c.p1 - c.d1) - (c.p0 - c.d0))
		covered, rejected := 0, 0
		for range runs {
			diff := stats.NPSDifference(draw(c.n1, c.p1, c.d1), draw(c.n0, c.p0, c.d0), stats.Level)
			if holds(diff.Interval, truth) {
				covered++
			}
			if diff.P <= 0.05 {
				rejected++
			}
		}
		t.Logf("%+v covered %.4f rejected %.4f", c, float64(covered)/runs, float64(rejected)/runs)
		inBand(t, "coverage", float64(covered)/runs, .94, .96)
		if truth == 0 {
			inBand(t, "false changes", float64(rejected)/runs, .04, .06)
		}
	}
}
