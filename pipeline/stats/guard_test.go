package stats_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"upshot.dev/upshot/pipeline/stats"
)

var nan, inf = math.NaN(), math.Inf(1)

// results runs every function on the same hostile numbers and lists all
// floating-point numbers that come back.
func results(k []int64, x []float64, level float64) []float64 {
	var out []float64
	interval := func(iv stats.Interval) { out = append(out, iv.Value, iv.Low, iv.High) }
	test := func(r stats.Test) { out = append(out, r.Statistic, r.DF, r.P) }
	comparison := func(c stats.Comparison) { interval(c.Interval); test(c.Test) }
	change := func(r stats.RatioChange) { comparison(r.Comparison); out = append(out, r.SELog, r.Dispersion) }

	interval(stats.Wilson(k[0], k[1], level))
	interval(stats.Newcombe(k[0], k[1], k[2], k[3], level))
	comparison(stats.TwoProportionZ(k[0], k[1], k[2], k[3], level))
	comparison(stats.ShareTest(k[0], k[1], k[2], k[3], level))
	test(stats.Fisher(k[0], k[1], k[2], k[3]))
	m := stats.MeanT(k[0], x[0], x[1], level)
	interval(m.Interval)
	out = append(out, m.SD, m.SE)
	comparison(stats.Welch(stats.Sample{N: k[0], Sum: x[0], SumSq: x[1]}, stats.Sample{N: k[1], Sum: x[2], SumSq: x[3]}, level))
	interval(stats.PoissonExact(k[0], x[0], x[1], level))
	a, b := stats.Rate{Count: k[0], Exposure: x[0]}, stats.Rate{Count: k[1], Exposure: x[1]}
	c, d := stats.Rate{Count: k[2], Exposure: x[2]}, stats.Rate{Count: k[3], Exposure: x[3]}
	comparison(stats.RateRatio(a, b, level))
	test(stats.SRM(k, x))
	interval(stats.NPS(k[0], k[1], k[2], level))
	comparison(stats.NPSDifference(stats.Answers{Promoters: k[0], Passives: k[1], Detractors: k[2]}, stats.Answers{Promoters: k[1], Passives: k[2], Detractors: k[3]}, level))
	w := stats.NPSWeighted([]stats.Stratum{
		{Population: x[0], Promoters: k[0], Passives: k[1], Detractors: k[2]},
		{Population: x[1], Promoters: k[3], Passives: k[0], Detractors: k[1]},
	}, level)
	interval(w.Interval)
	out = append(out, w.PromoterShare, w.DetractorShare, w.Variance, w.NEff, w.Unanswered)
	out = append(out, stats.Holm(x)...)
	out = append(out, stats.BenjaminiHochberg(x)...)
	change(stats.WeeklyChange([]stats.Rate{a, b, c}, []stats.Rate{d}, level))
	change(stats.WeeklyContrast([]stats.Split{{k[0], k[1]}, {k[2], k[3]}}, []stats.Split{{k[1], k[2]}}, level))
	change(stats.QuasiPoisson([]stats.Rate{a, b}, []stats.Rate{c, d}, level))
	change(stats.QuasiPoissonWeekday([]stats.DayRate{{time.Monday, a}, {time.Monday, b}}, []stats.DayRate{{time.Monday, c}, {time.Weekday(k[3]), d}}, level))
	change(stats.RateContrast([]stats.Rate{a, b}, []stats.Rate{c, d}, []stats.Rate{b, c}, []stats.Rate{a, a}, level))
	comparison(stats.AlwaysValid(x[0], x[1], x[2], level))
	design := stats.ShareDesign{Base: x[0], Ratio: x[1], Alpha: 1 - level, Power: 0.8}
	out = append(out, design.SampleSize(x[2]), design.Detectable(x[3]))
	alert := stats.CountAlert([][]int64{{k[0], k[1]}, {k[2], k[3]}}, int(k[0]), k[1])
	out = append(out, alert.Median, alert.Scale, alert.Z, alert.Expected())
	comparison(stats.ShareTrend([]stats.SharePoint{{x[0], k[0], k[1]}, {x[1], k[2], k[3]}, {x[2], k[0], k[3]}}, level))
	interval(stats.DifferenceMOVER(stats.Interval{Value: x[0], Low: x[1], High: x[2]}, stats.Interval{Value: x[1], Low: x[0], High: x[3]}))
	interval(stats.Percentile(x, level, level))
	return append(out, stats.PercentileRanks(min(k[0], 100_000), x[0], level).Coverage)
}

// No input makes a function panic or return an infinity.
func TestHostileInput(t *testing.T) {
	counts := rapid.OneOf(
		rapid.SampledFrom([]int64{0, 1, 2, -1, 5, 1_000_000, math.MinInt64, math.MaxInt64, math.MaxInt64 - 1, 2_000_000_000_000}),
		rapid.Int64Range(0, 100))
	floats := rapid.OneOf(
		rapid.SampledFrom([]float64{0, 1, -1, 0.5, nan, inf, -inf, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, 1e-200, 1e200, 1e300}),
		rapid.Float64Range(0, 100))
	levels := rapid.OneOf(rapid.Just(0.95), rapid.SampledFrom([]float64{0, 1, -1, 2, nan, inf, 1e-300, math.Nextafter(1, 0)}))
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SliceOfN(counts, 4, 4).Draw(t, "counts")
		x := rapid.SliceOfN(floats, 4, 4).Draw(t, "floats")
		level := levels.Draw(t, "level")
		if i := slices.IndexFunc(results(k, x, level), func(v float64) bool { return math.IsInf(v, 0) }); i >= 0 {
			t.Fatalf("result %d is infinite", i)
		}
	})
}

// What cannot occur, and what has no data, says so and has no numbers.
func TestAbsentInputs(t *testing.T) {
	rate := func(k int64, e float64) stats.Rate { return stats.Rate{Count: k, Exposure: e} }
	const l = stats.Level
	for _, c := range []struct {
		name string
		got  stats.Interval
		note string
	}{
		{"Wilson, more successes than units", stats.Wilson(3, 2, l), stats.NoteInvalid},
		{"Wilson, negative", stats.Wilson(-1, 2, l), stats.NoteInvalid},
		{"Wilson, no units", stats.Wilson(0, 0, l), stats.NoteNoData},
		{"Wilson, level 1", stats.Wilson(1, 2, 1), stats.NoteInvalid},
		{"Wilson, level 0", stats.Wilson(1, 2, 0), stats.NoteInvalid},
		{"Wilson, level NaN", stats.Wilson(1, 2, nan), stats.NoteInvalid},
		{"Newcombe, one empty group", stats.Newcombe(1, 2, 0, 0, l), stats.NoteNoData},
		{"Newcombe, empty and impossible", stats.Newcombe(0, 0, 3, 2, l), stats.NoteInvalid},
		{"ShareTest, empty group", stats.ShareTest(1, 2, 0, 0, l).Interval, stats.NoteNoData},
		{"ShareTest, impossible", stats.ShareTest(1, 2, 3, 2, l).Interval, stats.NoteInvalid},
		{"TwoProportionZ, empty group", stats.TwoProportionZ(0, 0, 1, 2, l).Interval, stats.NoteNoData},
		{"MeanT, none", stats.MeanT(0, 0, 0, l).Interval, stats.NoteNoData},
		{"MeanT, a sum of nobody", stats.MeanT(0, 1, 1, l).Interval, stats.NoteInvalid},
		{"MeanT, squares too small for the sum", stats.MeanT(4, 20, 50, l).Interval, stats.NoteInvalid},
		{"MeanT, NaN", stats.MeanT(4, nan, 50, l).Interval, stats.NoteInvalid},
		{"Welch, none", stats.Welch(stats.Sample{}, stats.Sample{N: 2, Sum: 2, SumSq: 3}, l).Interval, stats.NoteNoData},
		{"PoissonExact, no exposure", stats.PoissonExact(0, 0, 1, l), stats.NoteNoData},
		{"PoissonExact, events without exposure", stats.PoissonExact(1, 0, 1, l), stats.NoteInvalid},
		{"PoissonExact, negative scale", stats.PoissonExact(1, 1, -1, l), stats.NoteInvalid},
		{"RateRatio, no exposure", stats.RateRatio(rate(0, 0), rate(1, 1), l).Interval, stats.NoteNoData},
		{"RateRatio, negative", stats.RateRatio(rate(-1, 1), rate(1, 1), l).Interval, stats.NoteInvalid},
		{"NPS, none", stats.NPS(0, 0, 0, l), stats.NoteNoData},
		{"NPS, negative", stats.NPS(1, -1, 1, l), stats.NoteInvalid},
		{"NPSDifference, one side empty", stats.NPSDifference(stats.Answers{Promoters: 3}, stats.Answers{}, l).Interval, stats.NoteNoData},
		{"NPSDifference, negative beside empty", stats.NPSDifference(stats.Answers{}, stats.Answers{Passives: -3}, l).Interval, stats.NoteInvalid},
		{"NPSDifference, level 1", stats.NPSDifference(stats.Answers{Promoters: 3}, stats.Answers{Promoters: 3}, 1).Interval, stats.NoteInvalid},
		{"NPSWeighted, none", stats.NPSWeighted(nil, l).Interval, stats.NoteNoData},
		{"NPSWeighted, NaN", stats.NPSWeighted([]stats.Stratum{{Population: nan, Promoters: 1}}, l).Interval, stats.NoteInvalid},
		{"Percentile, none", stats.Percentile(nil, .5, l), stats.NoteNoData},
		{"Percentile, unsorted", stats.Percentile([]float64{2, 1}, .5, l), stats.NoteInvalid},
		{"Percentile, NaN", stats.Percentile([]float64{nan}, .5, l), stats.NoteInvalid},
		{"Percentile, p 1", stats.Percentile([]float64{1}, 1, l), stats.NoteInvalid},
		{"WeeklyChange, one week before", stats.WeeklyChange([]stats.Rate{rate(1, 1)}, []stats.Rate{rate(1, 1)}, l).Interval, stats.NoteFewPeriods},
		{"WeeklyChange, none after", stats.WeeklyChange([]stats.Rate{rate(1, 1), rate(2, 1)}, []stats.Rate{rate(0, 0)}, l).Interval, stats.NoteFewPeriods},
		{"WeeklyContrast, negative", stats.WeeklyContrast([]stats.Split{{1, 1}, {1, -1}}, []stats.Split{{1, 1}}, l).Interval, stats.NoteInvalid},
		{"QuasiPoisson, two days", stats.QuasiPoisson([]stats.Rate{rate(1, 1)}, []stats.Rate{rate(1, 1)}, l).Interval, stats.NoteFewPeriods},
		{"QuasiPoisson, nothing after", stats.QuasiPoisson([]stats.Rate{rate(1, 1), rate(1, 1)}, []stats.Rate{rate(0, 1)}, l).Interval, stats.NoteZeroCount},
		{"QuasiPoissonWeekday, no day 7", stats.QuasiPoissonWeekday([]stats.DayRate{{7, rate(1, 1)}}, nil, l).Interval, stats.NoteInvalid},
		{"ShareTrend, none", stats.ShareTrend(nil, l).Interval, stats.NoteNoData},
		{"ShareTrend, one period", stats.ShareTrend([]stats.SharePoint{{0, 1, 2}, {1, 0, 0}}, l).Interval, stats.NoteFewPeriods},
		{"ShareTrend, twice the same", stats.ShareTrend([]stats.SharePoint{{3, 1, 2}, {3, 0, 9}}, l).Interval, stats.NoteFewPeriods},
		{"ShareTrend, impossible", stats.ShareTrend([]stats.SharePoint{{0, 2, 1}, {1, 0, 9}}, l).Interval, stats.NoteInvalid},
	} {
		if !math.IsNaN(c.got.Value) || !math.IsNaN(c.got.Low) || !math.IsNaN(c.got.High) || c.got.Note != c.note {
			t.Errorf("%s: %+v, want nothing and %q", c.name, c.got, c.note)
		}
		if c.got.Known() || c.got.Excludes(0) || stats.Nullable(c.got.Low) != nil {
			t.Errorf("%s: an absent interval says something", c.name)
		}
	}
	for name, p := range map[string]float64{
		"Fisher, impossible":   stats.Fisher(2, 1, 0, 1).P,
		"SRM, one arm":         stats.SRM([]int64{1}, []float64{1}).P,
		"SRM, weight 0":        stats.SRM([]int64{1, 2}, []float64{1, 0}).P,
		"SRM, negative":        stats.SRM([]int64{1, -2}, []float64{1, 1}).P,
		"SRM, nobody":          stats.SRM([]int64{0, 0}, []float64{1, 1}).P,
		"SRM, lengths":         stats.SRM([]int64{1, 2, 3}, []float64{1, 1}).P,
		"CountAlert, one week": stats.CountAlert([][]int64{{1, 2}}, 0, 1).Z,
		"CountAlert, ragged":   stats.CountAlert([][]int64{{1, 2}, {1}}, 0, 1).Z,
		"CountAlert, slot":     stats.CountAlert([][]int64{{1, 2}, {1, 2}}, 2, 1).Z,
		"NearestRank, none":    stats.NearestRank(nil, .5),
		"NearestRank, p 0":     stats.NearestRank([]float64{1}, 0),
	} {
		if !math.IsNaN(p) {
			t.Errorf("%s: %g, want NaN", name, p)
		}
	}
}

// Present but uncertain: what is known stands, the rest is absent and named.
func TestEdges(t *testing.T) {
	check := func(name string, got, want stats.Interval) {
		t.Helper()
		for _, pair := range [][2]float64{{got.Value, want.Value}, {got.Low, want.Low}, {got.High, want.High}} {
			if !near(pair[0], number(pair[1]), tight) {
				t.Errorf("%s: %+v, want %+v", name, got, want)
				break
			}
		}
		if got.Note != want.Note {
			t.Errorf("%s: note %q, want %q", name, got.Note, want.Note)
		}
	}
	rate := func(k int64, e float64) stats.Rate { return stats.Rate{Count: k, Exposure: e} }
	const l = stats.Level
	check("one value", stats.MeanT(1, 4, 16, l).Interval, stats.Interval{Value: 4, Low: nan, High: nan, Note: stats.NoteOneUnit})
	flat := stats.MeanT(3, 0.1+0.1+0.1, 0.1*0.1*3, l)
	check("equal values whose sums do not round alike", flat.Interval, stats.Interval{Value: .1, Low: .1, High: .1, Note: stats.NoteNoSpread})
	if flat.Excludes(5) {
		t.Error("an interval without spread excludes a value")
	}
	check("Welch without spread", stats.Welch(stats.Sample{N: 2, Sum: 4, SumSq: 8}, stats.Sample{N: 2, Sum: 2, SumSq: 2}, l).Interval, stats.Interval{Value: 1, Low: nan, High: nan, Note: stats.NoteNoSpread})
	check("Welch with one value", stats.Welch(stats.Sample{N: 1, Sum: 4, SumSq: 16}, stats.Sample{N: 2, Sum: 3, SumSq: 5}, l).Interval, stats.Interval{Value: 2.5, Low: nan, High: nan, Note: stats.NoteOneUnit})
	none := stats.RateRatio(rate(0, 5), rate(0, 5), l)
	check("no events at all", none.Interval, stats.Interval{Value: nan, Low: 0, High: nan, Note: stats.NoteZeroCount})
	if none.P != 1 {
		t.Errorf("no events at all: p = %g, want 1", none.P)
	}
	check("no success at all", stats.TwoProportionZ(0, 9, 0, 7, l).Interval, stats.Interval{Note: stats.NoteNoSpread})
	if p := stats.TwoProportionZ(0, 9, 0, 7, l).P; p != 1 {
		t.Errorf("no success at all: p = %g, want 1", p)
	}
	check("five values", stats.Percentile([]float64{1, 2, 3, 4, 5}, .5, l), stats.Interval{Value: 3, Low: nan, High: nan, Note: stats.NoteOpen})
	if got := stats.PercentileRanks(100, .07, l).Value; got != 7 {
		t.Errorf("rank of p7 of 100 values = %d, want 7 although 100*0.07 is above 7", got)
	}
	check("trend without success", stats.ShareTrend([]stats.SharePoint{{0, 0, 5}, {1, 0, 5}}, l).Interval,
		stats.Interval{Low: stats.Newcombe(0, 5, 0, 5, l).Low, High: stats.Newcombe(0, 5, 0, 5, l).High, Note: stats.NoteNoSpread})
	noSpread, open := stats.MeanT(3, 3, 3, l).Interval, stats.Percentile([]float64{4, 5}, .5, l)
	for _, d := range []stats.Interval{stats.DifferenceMOVER(noSpread, open), stats.DifferenceMOVER(open, noSpread)} {
		if d.Note != stats.NoteNoSpread {
			t.Errorf("note of a difference %q, want the graver one", d.Note)
		}
	}
	if iv := (stats.Interval{Value: 2, Low: 1, High: nan}); !iv.Excludes(0.5) || iv.Excludes(1e9) {
		t.Error("an interval open above excludes what is above, or not what is below")
	}
	if p := stats.Nullable(3); p == nil || *p != 3 {
		t.Error("a present number became null")
	}
}

// Weeks that happen to be alike must not look more certain than Poisson.
func TestWeeklyChangeHasPoissonsFloor(t *testing.T) {
	same := []stats.Rate{{Count: 50, Exposure: 7}, {Count: 50, Exposure: 7}, {Count: 50, Exposure: 7}}
	r := stats.WeeklyChange(same, []stats.Rate{{Count: 60, Exposure: 7}}, stats.Level)
	if want := math.Sqrt(1/150.5 + 1/60.5); !near(r.SELog, number(want), tight) {
		t.Errorf("standard error %g, want Poisson's %g", r.SELog, want)
	}
}

// Days without exposure and weekdays without events say nothing.
func TestQuasiPoissonLeavesOutEmptyDays(t *testing.T) {
	day := func(w time.Weekday, k int64, e float64) stats.DayRate {
		return stats.DayRate{Weekday: w, Rate: stats.Rate{Count: k, Exposure: e}}
	}
	before := []stats.DayRate{day(1, 20, 100), day(2, 31, 100), day(1, 24, 100), day(2, 28, 110)}
	after := []stats.DayRate{day(1, 30, 100), day(2, 33, 90), day(1, 26, 95), day(2, 44, 100)}
	plain := stats.QuasiPoissonWeekday(before, after, stats.Level)
	padded := stats.QuasiPoissonWeekday(
		append(slices.Clone(before), day(0, 0, 100), day(1, 0, 0)),
		append(slices.Clone(after), day(0, 0, 100), day(0, 0, 100)), stats.Level)
	if !plain.Known() || !near(plain.Value, number(padded.Value), tight) || !near(plain.SELog, number(padded.SELog), tight) || plain.DF != padded.DF {
		t.Errorf("with empty days %+v, without %+v", padded, plain)
	}
	if plain.DF != 5 {
		t.Errorf("df = %g, want 8 days less 2 weekdays less the ratio", plain.DF)
	}
}

// Strata: one answer is merged into the smallest, no answer is reported.
func TestNPSWeightedMerges(t *testing.T) {
	big := stats.Stratum{Population: 500, Promoters: 30, Passives: 10, Detractors: 10}
	small := stats.Stratum{Population: 200, Promoters: 2, Passives: 1, Detractors: 1}
	w := stats.NPSWeighted([]stats.Stratum{big, {Population: 100, Detractors: 1}, small, {Population: 200}, {Promoters: 7}}, stats.Level)
	merged := stats.NPSWeighted([]stats.Stratum{big, {Population: 300, Promoters: 2, Passives: 1, Detractors: 2}}, stats.Level)
	if w.Merged != 1 || w.Note != stats.NoteMerged || !near(w.Unanswered, 0.2, tight) {
		t.Errorf("merged %d, note %q, unanswered %g", w.Merged, w.Note, w.Unanswered)
	}
	if !near(w.Value, number(merged.Value), tight) || !near(w.Low, number(merged.Low), tight) || !near(w.High, number(merged.High), tight) {
		t.Errorf("%+v, merged by hand %+v", w.Interval, merged.Interval)
	}
	single := stats.NPSWeighted([]stats.Stratum{{Population: 9, Promoters: 1}}, stats.Level)
	if want := stats.NPS(1, 0, 0, stats.Level); single.Interval != want || single.NEff != 1 || single.Variance != 0 {
		t.Errorf("one answer: %+v, want %+v", single, want)
	}
}
