package report

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"upshot.dev/upshot/pipeline/stats"
)

// The comparisons behind the headlines. Every one of them holds a value
// against the periods before and knows two sources of noise: that of its own
// units (Poisson, binomial, the spread of scores) and that between the periods.
// The larger one counts, and both the p-value and the printed interval come
// from it, with Student's t for the few periods that the spread is known from.

// minBefore is the number of periods before that a comparison needs; maxBefore
// the number it uses at most: longer, and growth would pass for change.
const (
	minBefore = 4
	maxBefore = 12
)

// level is the outcome of one comparison: the value now and before, and the
// difference or ratio with its interval.
type level struct {
	now, before float64
	effect      stats.Interval
	p           float64
	n           int64 // units behind the value now
	over        int   // periods before
}

// noLevel is a comparison that the data do not allow.
func noLevel() level { return level{p: math.NaN(), effect: stats.Interval{Note: stats.NoteFewPeriods}} }

// countChange compares a count with those of the periods before, each over its
// exposure (days): the ratio of the rates. Square roots make the noise of
// counts the same at every size (Anscombe, Biometrika 35 (1948) 246: variance 1
// of 2 sqrt(x + 3/8)), which logarithms do not: with 5 to 10 a week the
// logarithm's spread hides a threefold rise. Otherwise it is stats.WeeklyChange:
// the spread between the periods, never below Poisson's, and B-1 degrees of
// freedom.
func countChange(before []stats.Rate, now stats.Rate) level {
	if len(before) < minBefore || now.Exposure <= 0 {
		return noLevel()
	}
	var ys []float64
	total, exposure := 0.0, 0.0
	for _, r := range before {
		if r.Exposure <= 0 {
			continue
		}
		ys = append(ys, 2*math.Sqrt((float64(r.Count)+0.375)*now.Exposure/r.Exposure))
		total += float64(r.Count)
		exposure += r.Exposure
	}
	b := float64(len(ys))
	if len(ys) < minBefore {
		return noLevel()
	}
	centre, squares := 0.0, 0.0
	for _, y := range ys {
		centre += y / b
	}
	for _, y := range ys {
		squares += (y - centre) * (y - centre)
	}
	se := max(math.Sqrt(squares/(b-1)), 1) * math.Sqrt(1+1/b)
	y := 2 * math.Sqrt(float64(now.Count)+0.375)
	usual := total / exposure * now.Exposure
	half := tQuantile(b-1) * se
	out := level{now: float64(now.Count), before: usual, p: tP((y-centre)/se, b-1), n: now.Count, over: len(ys)}
	ratio := func(root float64) float64 { return math.Pow(max(root, 0)/centre, 2) }
	out.effect = stats.Interval{Value: math.NaN(), Low: ratio(y - half), High: ratio(y + half)}
	if usual > 0 {
		out.effect.Value = min(max(out.now/usual, out.effect.Low), out.effect.High)
	}
	return out
}

// split is the share k of n in one period.
type split struct{ k, n int64 }

// shareChange compares a share with the pooled share of the periods before:
// Newcombe's interval of the difference, widened by the dispersion of the
// periods' shares beyond binomial.
func shareChange(before []split, now split) level {
	var k, n int64
	var parts []part
	for _, s := range before {
		k, n = k+s.k, n+s.n
	}
	if n == 0 || now.n == 0 {
		return noLevel()
	}
	share := float64(k) / float64(n)
	for _, s := range before {
		if s.n > 0 {
			parts = append(parts, part{float64(s.k) / float64(s.n), share * (1 - share) / float64(s.n)})
		}
	}
	return widened(stats.Newcombe(now.k, now.n, k, n, stats.Level), stats.ShareTest(now.k, now.n, k, n, stats.Level).P,
		parts, float64(now.k)/float64(now.n), share, now.n)
}

// scores are the answers of one period by group.
type scores struct{ promoters, passives, detractors int64 }

// n is the number of answers.
func (s scores) n() int64 { return s.promoters + s.passives + s.detractors }

// add puts two periods together.
func (s scores) add(o scores) scores {
	return scores{s.promoters + o.promoters, s.passives + o.passives, s.detractors + o.detractors}
}

// interval is the score with the interval that the metric nps prints.
func (s scores) interval() stats.Interval {
	return stats.NPS(s.promoters, s.passives, s.detractors, stats.Level)
}

// variance is that of the score in squared points, from the pooled shares.
func (s scores) variance(n int64) float64 {
	total := float64(s.n())
	p, d := float64(s.promoters)/total, float64(s.detractors)/total
	return 1e4 * (p + d - (p-d)*(p-d)) / float64(n)
}

// npsChange compares a score with the pooled one of the periods before (MOVER).
func npsChange(before []scores, now scores) level {
	var pooled scores
	for _, s := range before {
		pooled = pooled.add(s)
	}
	if pooled.n() < 2 || now.n() < 2 {
		return noLevel()
	}
	var parts []part
	for _, s := range before {
		if s.n() > 0 {
			parts = append(parts, part{s.interval().Value, pooled.variance(s.n())})
		}
	}
	iv := stats.DifferenceMOVER(now.interval(), pooled.interval())
	return widened(iv, normalP(iv), parts, now.interval().Value, pooled.interval().Value, now.n())
}

// meanChange compares a mean with that of all values of the periods before
// (Welch).
func meanChange(before []stats.Sample, now stats.Sample) level {
	var pooled stats.Sample
	for _, s := range before {
		pooled = stats.Sample{N: pooled.N + s.N, Sum: pooled.Sum + s.Sum, SumSq: pooled.SumSq + s.SumSq}
	}
	if pooled.N < 2 || now.N < 2 {
		return noLevel()
	}
	m := stats.MeanT(pooled.N, pooled.Sum, pooled.SumSq, stats.Level)
	var parts []part
	for _, s := range before {
		if s.N > 0 {
			parts = append(parts, part{s.Sum / float64(s.N), m.SD * m.SD / float64(s.N)})
		}
	}
	c := stats.Welch(now, pooled, stats.Level)
	return widened(c.Interval, c.P, parts, now.Sum/float64(now.N), m.Value, now.N)
}

// part is one period's value with the variance that its own units give it.
type part struct{ value, variance float64 }

// dispersion is the spread of the periods around their weighted mean, relative
// to what their own units explain; at least 1 (Pearson's chi-square by its
// degrees of freedom).
func dispersion(parts []part) float64 {
	weights, centre := 0.0, 0.0
	for _, p := range parts {
		if p.variance <= 0 {
			return 1
		}
		weights += 1 / p.variance
		centre += p.value / p.variance
	}
	centre /= weights
	chi := 0.0
	for _, p := range parts {
		chi += (p.value - centre) * (p.value - centre) / p.variance
	}
	return max(chi/float64(len(parts)-1), 1)
}

// widened makes a comparison of a difference: p and interval of the units'
// noise, stretched by the dispersion and to Student's t.
func widened(iv stats.Interval, p float64, parts []part, now, before float64, n int64) level {
	if len(parts) < minBefore || !iv.Known() || math.IsNaN(p) {
		return noLevel()
	}
	phi, df := dispersion(parts), float64(len(parts)-1)
	stretch := math.Sqrt(phi)
	z := distuv.UnitNormal.Quantile(1 - min(max(p, 1e-300), 1)/2)
	wide := stretch * tQuantile(df) / distuv.UnitNormal.Quantile(0.5+stats.Level/2)
	iv.Low, iv.High = iv.Value-(iv.Value-iv.Low)*wide, iv.Value+(iv.High-iv.Value)*wide
	return level{now: now, before: before, effect: iv, p: tP(z/stretch, df), n: n, over: len(parts)}
}

// shareTrend tests a slow change of a share over the periods: Cochran-Armitage
// with the dispersion around the fitted line (quasi-binomial), T-2 degrees of
// freedom. now and before are the ends of the line, the effect is the change
// between them.
func shareTrend(points []split) level {
	var sp []stats.SharePoint
	var k, n, xn float64
	for i, s := range points {
		if s.n > 0 {
			sp = append(sp, stats.SharePoint{X: float64(i), K: s.k, N: s.n})
			k, n, xn = k+float64(s.k), n+float64(s.n), xn+float64(i)*float64(s.n)
		}
	}
	if len(sp) < 2*minBefore {
		return noLevel()
	}
	c, stretch := fitTrend(sp)
	if !c.Known() || math.IsNaN(c.P) || k == 0 {
		return noLevel()
	}
	share, centre, df := k/n, xn/n, float64(len(sp)-2)
	line := func(x float64) float64 { return share + c.Value*(x-centre) }
	wide := stretch * tQuantile(df) / distuv.UnitNormal.Quantile(0.5+stats.Level/2)
	first, last := sp[0].X, sp[len(sp)-1].X
	iv := stats.Interval{
		Value: c.Value * (last - first),
		Low:   (c.Value - (c.Value-c.Low)*wide) * (last - first),
		High:  (c.Value + (c.High-c.Value)*wide) * (last - first),
	}
	return level{
		now: min(max(line(last), 0), 1), before: min(max(line(first), 0), 1),
		effect: iv, p: trendP(sp), n: int64(n), over: len(sp),
	}
}

// run is how many periods in a row a slow trend must do without: what a few
// weeks make by themselves is a change of those weeks.
const run = 3

// trendP is the largest p-value of the trend over all ways to leave out so many
// periods in a row, and of all periods together.
func trendP(points []stats.SharePoint) float64 {
	c, stretch := fitTrend(points)
	worst := tP(c.Statistic/stretch, float64(len(points)-2))
	for i := range len(points) - run + 1 {
		some := slices.Concat(points[:i], points[i+run:])
		part, stretch := fitTrend(some)
		if part.Statistic*c.Statistic <= 0 {
			return 1
		}
		worst = max(worst, tP(part.Statistic/stretch, float64(len(some)-2)))
	}
	return worst
}

// fitTrend is the trend of the points, and the square root of their dispersion
// around its line.
func fitTrend(points []stats.SharePoint) (stats.Comparison, float64) {
	c := stats.ShareTrend(points, stats.Level)
	var k, n, xn float64
	for _, p := range points {
		k, n, xn = k+float64(p.K), n+float64(p.N), xn+p.X*float64(p.N)
	}
	share, chi := k/n, 0.0
	for _, p := range points {
		line := share + c.Value*(p.X-xn/n)
		fitted := min(max(line, share/4), 1-(1-share)/4)
		d := float64(p.K)/float64(p.N) - line
		chi += d * d * float64(p.N) / (fitted * (1 - fitted))
	}
	if k == 0 || k == n {
		return c, 1
	}
	return c, math.Sqrt(max(chi/float64(len(points)-2), 1))
}

// tP is the two-sided p-value of t.
func tP(t, df float64) float64 {
	return 2 * distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.Survival(math.Abs(t))
}

// tQuantile is the half width of the interval in standard errors.
func tQuantile(df float64) float64 {
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.Quantile(0.5 + stats.Level/2)
}

// normalP is the p-value of "no difference" that belongs to an interval: the
// standard error of the side that faces zero.
func normalP(iv stats.Interval) float64 {
	if !iv.Known() {
		return math.NaN()
	}
	half := iv.Value - iv.Low
	if iv.Value < 0 {
		half = iv.High - iv.Value
	}
	if half <= 0 {
		return math.NaN()
	}
	z := iv.Value / half * distuv.UnitNormal.Quantile(0.5+stats.Level/2)
	return 2 * distuv.UnitNormal.Survival(math.Abs(z))
}
