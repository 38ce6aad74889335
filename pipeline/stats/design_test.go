package stats_test

import (
	"math"
	"testing"

	"upshot.dev/upshot/pipeline/stats"
)

func TestRateContrastVectors(t *testing.T) {
	type in struct {
		ExposedBefore   [][2]float64 `json:"exposed_before"`
		ExposedAfter    [][2]float64 `json:"exposed_after"`
		UnexposedBefore [][2]float64 `json:"unexposed_before"`
		UnexposedAfter  [][2]float64 `json:"unexposed_after"`
	}
	type out struct {
		Ratio, Dispersion, DF, Low, High, P number
		SELog                               number `json:"se_log"`
	}
	rates := func(pairs [][2]float64) (rs []stats.Rate) {
		for _, p := range pairs {
			rs = append(rs, stats.Rate{Count: int64(p[0]), Exposure: p[1]})
		}
		return rs
	}
	eachVector(t, "did_rate", func(t *testing.T, c in, want out) {
		r := stats.RateContrast(rates(c.ExposedBefore), rates(c.ExposedAfter), rates(c.UnexposedBefore), rates(c.UnexposedAfter), stats.Level)
		check(t, "ratio", c, r.Value, want.Ratio, tight)
		check(t, "dispersion", c, r.Dispersion, want.Dispersion, tight)
		check(t, "df", c, r.DF, want.DF, tight)
		check(t, "se_log", c, r.SELog, want.SELog, tight)
		check(t, "low", c, r.Low, want.Low, tight)
		check(t, "high", c, r.High, want.High, tight)
		checkP(t, c, r.P, want.P, tight)
	})
}

func TestAlwaysValidVectors(t *testing.T) {
	type in struct{ Estimate, SE, Tau, Alpha float64 }
	type out struct{ Low, High, P number }
	eachVector(t, "normal_mixture", func(t *testing.T, c in, want out) {
		r := stats.AlwaysValid(c.Estimate, c.SE, c.Tau, 1-c.Alpha)
		check(t, "low", c, r.Low, want.Low, tight)
		check(t, "high", c, r.High, want.High, tight)
		checkP(t, c, r.P, want.P, tight)
	})
}

func TestShareDesignVectors(t *testing.T) {
	type in struct{ P0, Diff, N0, Ratio, Alpha, Power float64 }
	type out struct{ N0, Diff number }
	design := func(c in) stats.ShareDesign {
		return stats.ShareDesign{Base: c.P0, Ratio: c.Ratio, Alpha: c.Alpha, Power: c.Power}
	}
	eachVector(t, "sample_size_proportion", func(t *testing.T, c in, want out) {
		check(t, "n0", c, design(c).SampleSize(c.Diff), want.N0, 1e-6)
	})
	eachVector(t, "mde_proportion", func(t *testing.T, c in, want out) {
		check(t, "difference", c, design(c).Detectable(c.N0), want.Diff, 1e-6)
	})
}

// Looked at after each of 200 batches, without an effect, the always-valid
// interval excludes zero in fewer runs than its level allows; the fixed one
// in many more.
func TestAlwaysValidUnderPeeking(t *testing.T) {
	r := seeded(9)
	const looks = 200
	tau := 2.8 / math.Sqrt(looks)
	var ever, fixed int
	const runs = 2000
	for range runs {
		sum, mixture, plain := 0.0, false, false
		for n := 1; n <= looks; n++ {
			sum += r.NormFloat64()
			estimate, se := sum/float64(n), 1/math.Sqrt(float64(n))
			mixture = mixture || stats.AlwaysValid(estimate, se, tau, stats.Level).Excludes(0)
			plain = plain || math.Abs(estimate) > 1.959964*se
		}
		if mixture {
			ever++
		}
		if plain {
			fixed++
		}
	}
	t.Logf("mixture %.4f, fixed %.4f", float64(ever)/runs, float64(fixed)/runs)
	inBand(t, "ever excluded by the mixture", float64(ever)/runs, 0, .05)
	inBand(t, "ever excluded by a fixed interval", float64(fixed)/runs, .3, .6)
}

func TestDesignEdges(t *testing.T) {
	ok := stats.ShareDesign{Base: .1, Ratio: 1, Alpha: .05, Power: .8}
	for name, x := range map[string]float64{
		"no difference":        ok.SampleSize(0),
		"share above 1":        ok.SampleSize(.9),
		"share below 0":        ok.SampleSize(-.1),
		"NaN":                  ok.SampleSize(nan),
		"beyond any sample":    ok.SampleSize(1e-9),
		"no power":             stats.ShareDesign{Base: .1, Ratio: 1, Alpha: .05}.SampleSize(.1),
		"no ratio":             stats.ShareDesign{Base: .1, Alpha: .05, Power: .8}.Detectable(100),
		"base 1":               stats.ShareDesign{Base: 1, Ratio: 1, Alpha: .05, Power: .8}.Detectable(100),
		"nobody":               ok.Detectable(0),
		"too few for any rise": ok.Detectable(1),
		"no standard error":    stats.AlwaysValid(1, 0, 1, stats.Level).P,
		"no tau":               stats.AlwaysValid(1, 1, 0, stats.Level).P,
		"NaN estimate":         stats.AlwaysValid(nan, 1, 1, stats.Level).P,
	} {
		if !math.IsNaN(x) {
			t.Errorf("%s: %g, want NaN", name, x)
		}
	}
	if n := ok.SampleSize(-.05); !(n > 100 && n < ok.SampleSize(-.04)) {
		t.Errorf("a fall needs %g units, a smaller fall %g", n, ok.SampleSize(-.04))
	}
	day := []stats.Rate{{Count: 3, Exposure: 10}, {Count: 5, Exposure: 10}}
	none := []stats.Rate{{Count: 0, Exposure: 10}}
	for note, r := range map[string]stats.RatioChange{
		stats.NoteZeroCount:  stats.RateContrast(day, none, day, day, stats.Level),
		stats.NoteFewPeriods: stats.RateContrast(day, day, nil, day, stats.Level),
		stats.NoteInvalid:    stats.RateContrast(day, day, day, []stats.Rate{{Count: 1}}, stats.Level),
	} {
		if r.Note != note || !math.IsNaN(r.Value) || !math.IsNaN(r.P) {
			t.Errorf("%+v, want nothing and %q", r, note)
		}
	}
	if r := stats.RateContrast(day[:1], day[:1], day[:1], day[:1], stats.Level); r.Note != stats.NoteFewPeriods {
		t.Errorf("four days: %+v, want %q", r, stats.NoteFewPeriods)
	}
}

// An odd number of weeks has a middle: three weeks of two slots by hand.
func TestCountAlertOfThreeWeeks(t *testing.T) {
	d := stats.CountAlert([][]int64{{10, 40}, {4, 40}, {16, 40}}, 0, 30)
	if want := 2 * math.Sqrt(10.375); !near(d.Median, number(want), tight) || !near(d.Expected(), 10, tight) {
		t.Errorf("median %g (%g), want %g (10)", d.Median, d.Expected(), want)
	}
	// Four of six distances are 0, so the pooled spread is below Poisson's.
	if want := math.Sqrt(1 + 1.57/3); !near(d.Scale, number(want), tight) {
		t.Errorf("scale %g, want %g", d.Scale, want)
	}
}
