package stats_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"upshot.dev/upshot/pipeline/stats"
)

// Simulations have fixed seeds, so that they never change their mind; the
// bands are those of the method, widened by three standard errors of the
// number of runs.

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 2026)) }

func binomialDraw(r *rand.Rand, n int64, p float64) int64 {
	return int64(distuv.Binomial{N: float64(n), P: p, Src: r}.Rand())
}

func poissonDraw(r *rand.Rand, mean float64) int64 {
	return int64(distuv.Poisson{Lambda: mean, Src: r}.Rand())
}

// share runs a trial many times and returns how often it was true.
func share(runs int, trial func() bool) float64 {
	hits := 0
	for range runs {
		if trial() {
			hits++
		}
	}
	return float64(hits) / float64(runs)
}

// Spread-out answers are covered from n = 5; at a ceiling, where 90% give the
// top mark, the interval is known to fail, and how badly is held here.
func TestMeanTCoverage(t *testing.T) {
	r := seeded(1)
	covers := func(n int, mean float64, draw func() float64) float64 {
		return share(6000, func() bool {
			var sum, sumSq float64
			for range n {
				x := draw()
				sum, sumSq = sum+x, sumSq+x*x
			}
			return holds(stats.MeanT(int64(n), sum, sumSq, stats.Level).Interval, mean)
		})
	}
	// The sum of two dice of four faces, less one: 1..7 with a middle.
	spread := func() float64 { return float64(1 + r.IntN(4) + r.IntN(4)) }
	ceiling := func() float64 {
		if r.Float64() < 0.9 {
			return 7
		}
		return 6
	}
	inBand(t, "spread out, n = 5", covers(5, 4, spread), .94, .965)
	inBand(t, "spread out, n = 40", covers(40, 4, spread), .94, .96)
	inBand(t, "ceiling, n = 10", covers(10, 6.9, ceiling), .63, .67)
	inBand(t, "ceiling, n = 100", covers(100, 6.9, ceiling), .86, .96)
}

func TestShareTestFalsePositives(t *testing.T) {
	for _, c := range []struct {
		n1, n0    int64
		p         float64
		low, high float64
	}{{40, 40, .3, .04, .058}, {100, 60, .5, .04, .058}, {200, 200, .1, .04, .058}, {20, 20, .05, 0, .03}, {30, 12, .1, 0, .03}} {
		t1, t0 := binomialTable(c.n1, c.p), binomialTable(c.n0, c.p)
		rejected := 0.0
		for k1, q1 := range t1 {
			for k0, q0 := range t0 {
				if q := q1 * q0; q > 1e-9 && stats.ShareTest(int64(k1), c.n1, int64(k0), c.n0, stats.Level).P <= 0.05 {
					rejected += q
				}
			}
		}
		t.Logf("%+v rejected %.4f", c, rejected)
		inBand(t, "false positives", rejected, c.low, c.high)
	}
}

func TestNPSWeightedCoverage(t *testing.T) {
	r := seeded(2)
	type part struct {
		population, promoters, detractors float64
		n                                 int
	}
	for _, c := range []struct {
		name  string
		parts []part
	}{
		{"small", []part{{300, .5, .2, 8}, {700, .3, .4, 7}}},
		{"uneven", []part{{1000, .6, .1, 20}, {4000, .35, .35, 60}, {500, .5, .2, 120}}},
	} {
		truth, total := 0.0, 0.0
		for _, p := range c.parts {
			total += p.population
			truth += p.population * 100 * (p.promoters - p.detractors)
		}
		got := share(4000, func() bool {
			var strata []stats.Stratum
			for _, p := range c.parts {
				s := stats.Stratum{Population: p.population}
				for range p.n {
					switch u := r.Float64(); {
					case u < p.promoters:
						s.Promoters++
					case u < p.promoters+p.detractors:
						s.Detractors++
					default:
						s.Passives++
					}
				}
				strata = append(strata, s)
			}
			return holds(stats.NPSWeighted(strata, stats.Level).Interval, truth/total)
		})
		t.Logf("%s covered %.4f", c.name, got)
		inBand(t, c.name, got, .933, .968)
	}
}

func TestPercentileCoverage(t *testing.T) {
	r := seeded(3)
	for _, c := range []struct {
		n int
		p float64
	}{{6, .5}, {25, .5}, {80, .95}, {400, .9}} {
		truth := -math.Log(1 - c.p) // of the exponential distribution
		xs := make([]float64, c.n)
		got := share(3000, func() bool {
			for i := range xs {
				xs[i] = r.ExpFloat64()
			}
			slices.Sort(xs)
			return holds(stats.Percentile(xs, c.p, stats.Level), truth)
		})
		want := stats.PercentileRanks(int64(c.n), c.p, stats.Level).Coverage
		inBand(t, "coverage", got, want-.012, want+.012)
		inBand(t, "promised coverage", want, .95, 1)
	}
}

func TestRateRatioCoverage(t *testing.T) {
	r := seeded(4)
	for _, mean := range []float64{4, 40} {
		covered, rejected := 0, 0
		const runs = 3000
		for range runs {
			c := stats.RateRatio(stats.Rate{Count: poissonDraw(r, mean), Exposure: 10}, stats.Rate{Count: poissonDraw(r, 2*mean), Exposure: 20}, stats.Level)
			if !c.Excludes(1) {
				covered++
			}
			if c.P <= 0.05 {
				rejected++
			}
		}
		inBand(t, "coverage", float64(covered)/runs, .94, 1)
		inBand(t, "false positives", float64(rejected)/runs, 0, .06)
	}
}

// Slope and test of shares over 12 weeks, without and with a true trend.
func TestShareTrendCoverage(t *testing.T) {
	r := seeded(5)
	for _, slope := range []float64{0, 0.01} {
		covered, rejected := 0, 0
		const runs = 4000
		for range runs {
			points := make([]stats.SharePoint, 12)
			for i := range points {
				n := int64(60 + 15*(i%3))
				points[i] = stats.SharePoint{X: float64(i), K: binomialDraw(r, n, 0.06+slope*float64(i)), N: n}
			}
			c := stats.ShareTrend(points, stats.Level)
			if holds(c.Interval, slope) {
				covered++
			}
			if c.P <= 0.05 {
				rejected++
			}
		}
		t.Logf("slope %g covered %.4f rejected %.4f", slope, float64(covered)/runs, float64(rejected)/runs)
		inBand(t, "coverage of the slope", float64(covered)/runs, .94, .975)
		if slope == 0 {
			inBand(t, "false positives", float64(rejected)/runs, .039, .061)
		} else {
			inBand(t, "power", float64(rejected)/runs, .8, .97)
		}
	}
}

// Release checks without a release: noise day by day, with a weekday rhythm,
// makes Poisson useless, and leaves the weekly t and the quasi-Poisson at
// their level.
func TestChangeFalsePositives(t *testing.T) {
	r := seeded(6)
	rhythm := [7]float64{1.2, 1.1, 1, 1, .9, .5, .4}
	const runs = 1500
	var poisson, quasi, weekly int
	for range runs {
		var days [2][]stats.DayRate
		var weeks [2][]stats.Rate
		var total [2]int64
		for i, n := range []int{8, 2} {
			for range n {
				sum := int64(0)
				for d := range 7 {
					noise := distuv.Gamma{Alpha: 10, Beta: 10, Src: r}.Rand()
					k := poissonDraw(r, 100*rhythm[d]*noise)
					days[i] = append(days[i], stats.DayRate{Weekday: time.Weekday(d), Rate: stats.Rate{Count: k, Exposure: 1000}})
					sum += k
				}
				weeks[i] = append(weeks[i], stats.Rate{Count: sum, Exposure: 7000})
				total[i] += sum
			}
		}
		if stats.RateRatio(stats.Rate{Count: total[1], Exposure: 14}, stats.Rate{Count: total[0], Exposure: 56}, stats.Level).P <= 0.05 {
			poisson++
		}
		if stats.QuasiPoissonWeekday(days[0], days[1], stats.Level).Excludes(1) {
			quasi++
		}
		if stats.WeeklyChange(weeks[0], weeks[1], stats.Level).Excludes(1) {
			weekly++
		}
	}
	t.Logf("poisson %.3f quasi %.3f weekly %.3f", float64(poisson)/runs, float64(quasi)/runs, float64(weekly)/runs)
	inBand(t, "Poisson", float64(poisson)/runs, .41, .78)
	inBand(t, "quasi-Poisson with weekday", float64(quasi)/runs, .03, .075)
	inBand(t, "weekly t", float64(weekly)/runs, .025, .065)
}

// On quiet Poisson counts the alert stays quiet, and it fires on a real jump.
func TestCountAlertRates(t *testing.T) {
	r := seeded(7)
	fired := func(jump float64) float64 {
		return share(4000, func() bool {
			history := make([][]int64, 8)
			for w := range history {
				history[w] = make([]int64, 7)
				for s := range history[w] {
					history[w][s] = poissonDraw(r, 30)
				}
			}
			return math.Abs(stats.CountAlert(history, 3, poissonDraw(r, 30*jump)).Z) > 4
		})
	}
	inBand(t, "quiet looks that fire", fired(1), 0, .0012)
	inBand(t, "tripled counts that fire", fired(3), .97, 1)
}

// Of 100 tests with 20 true effects, the share of false ones among the found
// stays under the level that was asked for.
func TestBenjaminiHochbergControlsFalseDiscoveries(t *testing.T) {
	r := seeded(8)
	var rate float64
	var anyFalse int
	const runs = 1000
	for range runs {
		p := make([]float64, 100)
		for i := range p {
			z := r.NormFloat64()
			if i < 20 {
				z += 3.5
			}
			p[i] = math.Erfc(math.Abs(z) / math.Sqrt2)
		}
		found, wrong := 0, 0
		for i, q := range stats.BenjaminiHochberg(p) {
			if q <= 0.1 {
				found++
				if i >= 20 {
					wrong++
				}
			}
		}
		rate += float64(wrong) / float64(max(1, found))
		if slices.ContainsFunc(stats.Holm(p)[20:], func(q float64) bool { return q <= 0.1 }) {
			anyFalse++
		}
	}
	inBand(t, "false discovery rate at q = .1 with 80% true nulls", rate/runs, .07, .09)
	inBand(t, "any false rejection by Holm at .1", float64(anyFalse)/runs, .05, .13)
}
