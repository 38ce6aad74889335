package stats_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"upshot.dev/upshot/pipeline/stats"
)

// slack is what two routes to the same number may differ by.
const slack = 1e-11

func same(a, b float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= slack*max(1, math.Abs(a))
}

// drawShare draws k of n, with the edges 0 and n as likely as the rest.
func drawShare(t *rapid.T, label string) (k, n int64) {
	n = rapid.OneOf(rapid.Int64Range(1, 30), rapid.Int64Range(1, 1_000_000)).Draw(t, label+" n")
	k = rapid.OneOf(rapid.Just(int64(0)), rapid.Just(n), rapid.Int64Range(0, n)).Draw(t, label+" k")
	return k, n
}

func drawLevel(t *rapid.T) float64 {
	return rapid.SampledFrom([]float64{0.5, 0.8, 0.9, 0.95, 0.99, 0.999}).Draw(t, "level")
}

// ordered requires a known interval that holds its value inside [lo, hi].
func ordered(t *rapid.T, iv stats.Interval, lo, hi float64) {
	t.Helper()
	if !iv.Known() || iv.Low > iv.Value || iv.Value > iv.High || iv.Low < lo || iv.High > hi {
		t.Fatalf("%+v does not hold its value within [%g, %g]", iv, lo, hi)
	}
}

func TestWilsonProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, n := drawShare(t, "")
		level := drawLevel(t)
		iv := stats.Wilson(k, n, level)
		ordered(t, iv, 0, 1)
		if mirror := stats.Wilson(n-k, n, level); !same(iv.Low, 1-mirror.High) || !same(iv.High, 1-mirror.Low) {
			t.Fatalf("%d/%d gives %+v, mirrored %+v", k, n, iv, mirror)
		}
		if k < n {
			if next := stats.Wilson(k+1, n, level); next.Low <= iv.Low-slack || next.High < iv.High {
				t.Fatalf("not monotone in k: %+v then %+v", iv, next)
			}
		}
		if more := stats.Wilson(2*k, 2*n, level); more.High-more.Low >= iv.High-iv.Low {
			t.Fatalf("not narrower with twice the data: %+v then %+v", iv, more)
		}
		if wider := stats.Wilson(k, n, 0.9995); wider.Low > iv.Low || wider.High < iv.High {
			t.Fatalf("not wider at a higher level: %+v then %+v", iv, wider)
		}
	})
}

func TestComparisonsOfSharesAreAntisymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k1, n1 := drawShare(t, "new")
		k0, n0 := drawShare(t, "old")
		level := drawLevel(t)
		for _, compare := range []func(k1, n1, k0, n0 int64, level float64) stats.Comparison{stats.ShareTest, stats.TwoProportionZ} {
			a, b := compare(k1, n1, k0, n0, level), compare(k0, n0, k1, n1, level)
			ordered(t, a.Interval, -1, 1)
			if !same(a.Value, -b.Value) || !same(a.Low, -b.High) || !same(a.High, -b.Low) || math.Abs(a.P-b.P) > 1e-9 || a.Method != b.Method {
				t.Fatalf("%+v against %+v", a, b)
			}
			if !(a.P >= 0 && a.P <= 1) {
				t.Fatalf("p = %g", a.P)
			}
		}
	})
}

func TestMOVERProperties(t *testing.T) {
	bounds := rapid.Float64Range(-100, 100)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) stats.Interval {
			xs := []float64{bounds.Draw(t, label), bounds.Draw(t, label), bounds.Draw(t, label)}
			slices.Sort(xs)
			return stats.Interval{Low: xs[0], Value: xs[1], High: xs[2]}
		}
		a, b := draw("a"), draw("b")
		d, reverse := stats.DifferenceMOVER(a, b), stats.DifferenceMOVER(b, a)
		ordered(t, d, -400, 400)
		if d.Value != -reverse.Value || d.Low != -reverse.High || d.High != -reverse.Low {
			t.Fatalf("%+v is not minus %+v", d, reverse)
		}
		if d.High-d.Low > (a.High-a.Low)+(b.High-b.Low)+slack {
			t.Fatalf("%+v is wider than both together", d)
		}
		b.High = math.NaN()
		if open := stats.DifferenceMOVER(a, b); !math.IsNaN(open.Low) || open.High != d.High {
			t.Fatalf("an open side gives %+v", open)
		}
	})
}

func TestPoissonAndRateRatioProperties(t *testing.T) {
	count := rapid.OneOf(rapid.Int64Range(0, 20), rapid.Int64Range(0, 100_000))
	exposure := rapid.Float64Range(0.001, 1e7)
	rapid.Check(t, func(t *rapid.T) {
		k, e, level := count.Draw(t, "k"), exposure.Draw(t, "exposure"), drawLevel(t)
		iv, next := stats.PoissonExact(k, e, 1000, level), stats.PoissonExact(k+1, e, 1000, level)
		ordered(t, iv, 0, math.Inf(1))
		if next.Low <= iv.Low || next.High <= iv.High {
			t.Fatalf("not monotone in k: %+v then %+v", iv, next)
		}
		a, b := stats.Rate{Count: k, Exposure: e}, stats.Rate{Count: count.Draw(t, "k0"), Exposure: exposure.Draw(t, "exposure0")}
		r, inverse := stats.RateRatio(a, b, level), stats.RateRatio(b, a, level)
		if a.Count > 0 && b.Count > 0 {
			ordered(t, r.Interval, 0, math.Inf(1))
			if math.Abs(r.Low*inverse.High-1) > 1e-9 || math.Abs(r.High*inverse.Low-1) > 1e-9 {
				t.Fatalf("%+v is not the inverse of %+v", r, inverse)
			}
		}
		if !(r.P >= 0 && r.P <= 1) || math.Abs(r.P-inverse.P) > 1e-6 {
			t.Fatalf("p %g and %g", r.P, inverse.P)
		}
	})
}

func TestMeanProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := rapid.SliceOfN(rapid.Float64Range(-50, 50), 2, 40).Draw(t, "values")
		level, shift := drawLevel(t), rapid.Float64Range(-100, 100).Draw(t, "shift")
		sample := func(shift float64) (s stats.Sample) {
			for _, x := range xs {
				s.N++
				s.Sum += x + shift
				s.SumSq += (x + shift) * (x + shift)
			}
			return s
		}
		s, moved := sample(0), sample(shift)
		m, m2 := stats.MeanT(s.N, s.Sum, s.SumSq, level), stats.MeanT(moved.N, moved.Sum, moved.SumSq, level)
		if !m.Known() || m.Low > m.Value || m.Value > m.High {
			t.Fatalf("%+v", m)
		}
		// Sums of squares lose the digits that the shift takes; sd below 1e-3
		// of the mean is left out.
		if m.SD > 0.1 && math.Abs((m2.Low-m.Low)-shift) > 1e-6 {
			t.Fatalf("shifting by %g moves the low bound by %g", shift, m2.Low-m.Low)
		}
		d, back := stats.Welch(s, moved, level), stats.Welch(moved, s, level)
		if !same(d.Value, -back.Value) || !same(d.Low, -back.High) {
			t.Fatalf("%+v is not minus %+v", d, back)
		}
		if d.Known() && (d.P < 1-level) != d.Excludes(0) && math.Abs(d.P-(1-level)) > 1e-9 {
			t.Fatalf("p %g and interval %+v at level %g disagree", d.P, d.Interval, level)
		}
	})
}

func TestNPSProperties(t *testing.T) {
	count := rapid.OneOf(rapid.Int64Range(0, 12), rapid.Int64Range(0, 100_000))
	rapid.Check(t, func(t *rapid.T) {
		p, q, d := count.Draw(t, "promoters"), count.Draw(t, "passives"), count.Draw(t, "detractors")
		level := drawLevel(t)
		if p+q+d == 0 {
			t.Skip("no answers")
		}
		iv, mirror := stats.NPS(p, q, d, level), stats.NPS(d, q, p, level)
		ordered(t, iv, -100, 100)
		if !same(iv.Low, -mirror.High) || !same(iv.Value, -mirror.Value) {
			t.Fatalf("%+v, mirrored %+v", iv, mirror)
		}
		// One stratum with two answers or more is the unweighted score, as its
		// effective number of answers is capped by the real one.
		w := stats.NPSWeighted([]stats.Stratum{{Population: 10, Promoters: p, Passives: q, Detractors: d}}, level)
		if !same(w.Value, iv.Value) || w.NEff > float64(p+q+d)+slack {
			t.Fatalf("one stratum: %+v against %+v", w, iv)
		}
	})
}

func TestNPSDifferenceProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.OneOf(rapid.Int64Range(0, 12), rapid.Int64Range(0, 5000))
		draw := func(label string) stats.Answers {
			return stats.Answers{Promoters: 1 + count.Draw(t, label), Passives: count.Draw(t, label), Detractors: count.Draw(t, label)}
		}
		a, b, level := draw("a"), draw("b"), drawLevel(t)
		d, back := stats.NPSDifference(a, b, level), stats.NPSDifference(b, a, level)
		ordered(t, d.Interval, -400, 400)
		if !same(d.Low, -back.High) || !same(d.Value, -back.Value) || math.Abs(d.P-back.P) > 1e-9 {
			t.Fatalf("%+v is not minus %+v", d, back)
		}
		if (d.P < 1-level) != d.Excludes(0) && math.Abs(d.P-(1-level)) > 1e-9 {
			t.Fatalf("p %g and interval %+v at level %g disagree", d.P, d.Interval, level)
		}
	})
}

func TestPercentileProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := rapid.SliceOfN(rapid.Float64Range(0, 1000), 1, 300).Draw(t, "values")
		slices.Sort(xs)
		p := rapid.SampledFrom([]float64{0.01, 0.07, 0.25, 0.5, 0.9, 0.95, 0.99}).Draw(t, "p")
		iv := stats.Percentile(xs, p, stats.Level)
		if iv.Low > iv.Value || iv.High < iv.Value || (iv.Note == stats.NoteOpen) == iv.Known() {
			t.Fatalf("%+v", iv)
		}
		// The definition itself: the smallest value with at least p of the
		// values at or below it, p in hundredths.
		hundredths := int(math.Round(100 * p))
		smallest := slices.IndexFunc(xs, func(x float64) bool {
			atOrBelow := 0
			for _, y := range xs {
				if y <= x {
					atOrBelow++
				}
			}
			return 100*atOrBelow >= hundredths*len(xs)
		})
		if want := xs[smallest]; iv.Value != want || stats.NearestRank(xs, p) != want {
			t.Fatalf("p%d of %d values = %g and %g, want %g", hundredths, len(xs), iv.Value, stats.NearestRank(xs, p), want)
		}
		if r := stats.PercentileRanks(int64(len(xs)), p, stats.Level); r.Coverage < stats.Level {
			t.Fatalf("coverage %g below the level", r.Coverage)
		}
	})
}

func TestAdjustedPProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOf(rapid.OneOf(rapid.Float64Range(0, 1), rapid.Float64Range(0, 1e-6), rapid.Just(math.NaN()))).Draw(t, "p")
		holm, bh := stats.Holm(p), stats.BenjaminiHochberg(p)
		for i := range p {
			if math.IsNaN(p[i]) {
				if !math.IsNaN(holm[i]) || !math.IsNaN(bh[i]) {
					t.Fatal("an absent p-value got adjusted")
				}
				continue
			}
			if !(p[i] <= bh[i] && bh[i] <= holm[i]*(1+slack) && holm[i] <= 1) {
				t.Fatalf("p %g, BH %g, Holm %g", p[i], bh[i], holm[i])
			}
			for j := range p {
				if p[i] <= p[j] && (bh[i] > bh[j] || holm[i] > holm[j]) {
					t.Fatalf("adjusting %g and %g reverses their order", p[i], p[j])
				}
			}
		}
		// An absent test changes nothing for the others.
		if with := stats.BenjaminiHochberg(append([]float64{math.NaN()}, p...)); !slices.EqualFunc(with[1:], bh, same) {
			t.Fatalf("an absent test in front changes %v to %v", bh, with[1:])
		}
	})
}

func TestTrendAndChangeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 15).Draw(t, "periods")
		points := make([]stats.SharePoint, n)
		backward := make([]stats.SharePoint, n)
		var before, after []stats.Rate
		for i := range n {
			k, size := drawShare(t, "period")
			points[i] = stats.SharePoint{X: float64(i), K: k, N: size}
			backward[i] = stats.SharePoint{X: -float64(i), K: k, N: size}
			before = append(before, stats.Rate{Count: k, Exposure: float64(size)})
			after = append(after, stats.Rate{Count: size - k, Exposure: float64(size)})
		}
		up, down := stats.ShareTrend(points, stats.Level), stats.ShareTrend(backward, stats.Level)
		if !(up.Low <= up.Value && up.Value <= up.High) || !(up.P >= 0 && up.P <= 1) {
			t.Fatalf("%+v", up)
		}
		if !same(up.Value, -down.Value) || !same(up.Low, -down.High) || !same(up.P, down.P) {
			t.Fatalf("%+v, backward in time %+v", up, down)
		}
		for _, change := range []func(a, b []stats.Rate, level float64) stats.RatioChange{stats.WeeklyChange, stats.QuasiPoisson} {
			r := change(before, after, stats.Level)
			if r.Known() && !(r.Low <= r.Value && r.Value <= r.High && r.P >= 0 && r.P <= 1) {
				t.Fatalf("%+v", r)
			}
		}
		q, back := stats.QuasiPoisson(before, after, stats.Level), stats.QuasiPoisson(after, before, stats.Level)
		if q.Known() && back.Known() && math.Abs(q.Value*back.Value-1) > 1e-9 {
			t.Fatalf("%g is not the inverse of %g", q.Value, back.Value)
		}
	})
}
