package stats_test

import (
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/stats"
)

// tight is the tolerance of the reference file where a group gives none.
const tight = 1e-9

func TestWilsonVectors(t *testing.T) {
	type in struct {
		K, N  int64
		Level float64
	}
	type out struct{ Value, Low, High number }
	eachVector(t, "wilson", func(t *testing.T, c in, want out) {
		iv := stats.Wilson(c.K, c.N, c.Level)
		check(t, "value", c, iv.Value, want.Value, tight)
		check(t, "low", c, iv.Low, want.Low, tight)
		check(t, "high", c, iv.High, want.High, tight)
	})
}

func TestMeanTVectors(t *testing.T) {
	type in struct {
		N          int64
		Sum, Level float64
		SumSq      float64 `json:"sum_sq"`
	}
	type out struct{ Mean, SD, SE, Low, High number }
	eachVector(t, "mean_t", func(t *testing.T, c in, want out) {
		m := stats.MeanT(c.N, c.Sum, c.SumSq, c.Level)
		tolerance := tight
		if float64(want.Mean) > 1000*float64(want.SD) {
			tolerance = 1e-6 // the group's own tolerance under cancellation
		}
		check(t, "mean", c, m.Value, want.Mean, tight)
		check(t, "sd", c, m.SD, want.SD, tolerance)
		check(t, "se", c, m.SE, want.SE, tolerance)
		check(t, "low", c, m.Low, want.Low, tolerance)
		check(t, "high", c, m.High, want.High, tolerance)
	})
}

func TestPoissonExactVectors(t *testing.T) {
	type in struct {
		K                      int64
		Exposure, Scale, Level float64
	}
	type out struct{ Value, Low, High number }
	eachVector(t, "poisson_exact", func(t *testing.T, c in, want out) {
		iv := stats.PoissonExact(c.K, c.Exposure, c.Scale, c.Level)
		check(t, "value", c, iv.Value, want.Value, tight)
		check(t, "low", c, iv.Low, want.Low, tight)
		check(t, "high", c, iv.High, want.High, tight)
	})
}

func TestRateRatioVectors(t *testing.T) {
	type in struct {
		K1, K0        int64
		E1, E0, Level float64
	}
	type out struct {
		Ratio   number
		Low     number `json:"exact_low"`
		High    number `json:"exact_high"`
		P       number `json:"p_exact"`
		LogLow  number `json:"log_wald_low"`
		LogHigh number `json:"log_wald_high"`
	}
	eachVector(t, "rate_ratio", func(t *testing.T, c in, want out) {
		r := stats.RateRatio(stats.Rate{Count: c.K1, Exposure: c.E1}, stats.Rate{Count: c.K0, Exposure: c.E0}, c.Level)
		check(t, "ratio", c, r.Value, want.Ratio, tight)
		check(t, "low", c, r.Low, want.Low, tight)
		check(t, "high", c, r.High, want.High, tight)
		checkP(t, c, r.P, want.P, tight)
	})
}

type table struct {
	K1, N1, K0, N0 int64
	Level          float64
}

func TestNewcombeVectors(t *testing.T) {
	type out struct{ Diff, Low, High number }
	eachVector(t, "newcombe", func(t *testing.T, c table, want out) {
		iv := stats.Newcombe(c.K1, c.N1, c.K0, c.N0, c.Level)
		check(t, "difference", c, iv.Value, want.Diff, tight)
		check(t, "low", c, iv.Low, want.Low, tight)
		check(t, "high", c, iv.High, want.High, tight)
	})
}

func TestTwoProportionZVectors(t *testing.T) {
	type out struct {
		Z, P number
		Low  number `json:"wald_low"`
		High number `json:"wald_high"`
	}
	eachVector(t, "two_proportion_z", func(t *testing.T, c table, want out) {
		r := stats.TwoProportionZ(c.K1, c.N1, c.K0, c.N0, stats.Level)
		check(t, "z", c, r.Statistic, want.Z, tight)
		checkP(t, c, r.P, want.P, tight)
		check(t, "low", c, r.Low, want.Low, tight)
		check(t, "high", c, r.High, want.High, tight)
	})
}

func TestFisherVectors(t *testing.T) {
	type out struct{ P number }
	eachVector(t, "fisher", func(t *testing.T, c table, want out) {
		checkP(t, c, stats.Fisher(c.K1, c.N1, c.K0, c.N0).P, want.P, tight)
	})
}

func TestWelchVectors(t *testing.T) {
	type in struct {
		N1, N0     int64
		Sum1, Sum0 float64
		Sq1        float64 `json:"sum_sq1"`
		Sq0        float64 `json:"sum_sq0"`
	}
	type out struct{ Diff, T, DF, P, Low, High number }
	eachVector(t, "welch", func(t *testing.T, c in, want out) {
		r := stats.Welch(stats.Sample{N: c.N1, Sum: c.Sum1, SumSq: c.Sq1}, stats.Sample{N: c.N0, Sum: c.Sum0, SumSq: c.Sq0}, stats.Level)
		check(t, "difference", c, r.Value, want.Diff, tight)
		check(t, "t", c, r.Statistic, want.T, tight)
		check(t, "df", c, r.DF, want.DF, tight)
		checkP(t, c, r.P, want.P, tight)
		check(t, "low", c, r.Low, want.Low, tight)
		check(t, "high", c, r.High, want.High, tight)
	})
}

func TestSRMVectors(t *testing.T) {
	type in struct {
		Counts  []int64
		Weights []float64
	}
	type out struct{ Chi2, DF, P number }
	eachVector(t, "srm", func(t *testing.T, c in, want out) {
		r := stats.SRM(c.Counts, c.Weights)
		check(t, "chi2", c, r.Statistic, want.Chi2, tight)
		check(t, "df", c, r.DF, want.DF, tight)
		checkP(t, c, r.P, want.P, tight)
	})
}

func TestPercentileRanksVectors(t *testing.T) {
	type in struct {
		N        int64
		P, Level float64
	}
	type out struct {
		Rank     int64
		Low      *int64 `json:"low_rank"`
		High     *int64 `json:"high_rank"`
		Coverage number
	}
	rank := func(p *int64) int64 {
		if p == nil {
			return 0
		}
		return *p
	}
	eachVector(t, "percentile_interval", func(t *testing.T, c in, want out) {
		r := stats.PercentileRanks(c.N, c.P, c.Level)
		if r.Value != want.Rank || r.Low != rank(want.Low) || r.High != rank(want.High) {
			t.Errorf("ranks of %+v = %+v, want %d, %d, %d", c, r, want.Rank, rank(want.Low), rank(want.High))
		}
		check(t, "coverage", c, r.Coverage, want.Coverage, tight)
	})
}

func TestNPSVectors(t *testing.T) {
	type in struct {
		Promoters, Passives, Detractors int64
		Level                           float64
	}
	type out struct {
		NPS         number
		SEWald      number   `json:"se_wald"`
		Wald        []number `json:"wald"`
		Adjusted    []number `json:"adjusted_wald"`
		MayJohnson  []number `json:"may_johnson"`
		MOVER       []number `json:"mover"`
		Tango       []number `json:"tango"`
		Recommended []number `json:"recommended"`
	}
	eachVector(t, "nps", func(t *testing.T, c in, want out) {
		iv := stats.NPS(c.Promoters, c.Passives, c.Detractors, c.Level)
		check(t, "nps", c, iv.Value, want.NPS, tight)
		check(t, "low", c, iv.Low, want.Recommended[0], tight)
		check(t, "high", c, iv.High, want.Recommended[1], tight)
	})
}

func TestNPSWeightedVectors(t *testing.T) {
	type in struct {
		Strata []stats.Stratum
		Level  float64
	}
	type out struct {
		NPS, Variance, Low, High number
		Promoters                number `json:"promoters_share"`
		Detractors               number `json:"detractors_share"`
		Unconditional            number `json:"variance_unconditional"`
		NEff                     number `json:"n_eff"`
	}
	eachVector(t, "nps_weighted", func(t *testing.T, c in, want out) {
		w := stats.NPSWeighted(c.Strata, c.Level)
		check(t, "nps", c, w.Value, want.NPS, tight)
		check(t, "promoters", c, w.PromoterShare, want.Promoters, tight)
		check(t, "detractors", c, w.DetractorShare, want.Detractors, tight)
		check(t, "variance", c, w.Variance, want.Variance, tight)
		check(t, "n_eff", c, w.NEff, want.NEff, tight)
		check(t, "low", c, w.Low, want.Low, tight)
		check(t, "high", c, w.High, want.High, tight)
	})
}

func TestMultiplicityVectors(t *testing.T) {
	type in struct {
		P     []float64
		Alpha float64
	}
	type out struct {
		Holm, BH   []number
		HolmReject []bool `json:"holm_reject"`
		BHReject   []bool `json:"bh_reject"`
	}
	eachVector(t, "multiplicity", func(t *testing.T, c in, want out) {
		holm, bh := stats.Holm(c.P), stats.BenjaminiHochberg(c.P)
		for i := range c.P {
			check(t, "holm", c, holm[i], want.Holm[i], tight)
			check(t, "bh", c, bh[i], want.BH[i], tight)
			if (holm[i] <= c.Alpha) != want.HolmReject[i] || (bh[i] <= c.Alpha) != want.BHReject[i] {
				t.Errorf("rejections of %+v at %d: holm %g, bh %g", c, i, holm[i], bh[i])
			}
		}
	})
}

func TestQuasiPoissonVectors(t *testing.T) {
	type in struct {
		Weekday       bool
		Before, After [][2]float64
	}
	type out struct {
		Ratio, Dispersion, DF, Low, High, P number
		SELog                               number `json:"se_log"`
	}
	days := func(pairs [][2]float64, first int) []stats.DayRate {
		rates := make([]stats.DayRate, len(pairs))
		for i, p := range pairs {
			rates[i] = stats.DayRate{Weekday: time.Weekday((first + i) % 7), Rate: stats.Rate{Count: int64(p[0]), Exposure: p[1]}}
		}
		return rates
	}
	plain := func(days []stats.DayRate) (rates []stats.Rate) {
		for _, d := range days {
			rates = append(rates, d.Rate)
		}
		return rates
	}
	eachVector(t, "quasi_poisson", func(t *testing.T, c in, want out) {
		before, after := days(c.Before, 0), days(c.After, len(c.Before))
		tolerance := tight
		r := stats.QuasiPoisson(plain(before), plain(after), stats.Level)
		if c.Weekday {
			tolerance = 1e-6
			r = stats.QuasiPoissonWeekday(before, after, stats.Level)
		}
		check(t, "ratio", c, r.Value, want.Ratio, tolerance)
		check(t, "dispersion", c, r.Dispersion, want.Dispersion, tolerance)
		check(t, "df", c, r.DF, want.DF, tolerance)
		check(t, "se_log", c, r.SELog, want.SELog, tolerance)
		check(t, "low", c, r.Low, want.Low, tolerance)
		check(t, "high", c, r.High, want.High, tolerance)
		checkP(t, c, r.P, want.P, tolerance)
	})
}

func TestWeeklyChangeVectors(t *testing.T) {
	type in struct {
		KBefore        []int64   `json:"k_before"`
		KAfter         []int64   `json:"k_after"`
		UBefore        []int64   `json:"u_before"`
		UAfter         []int64   `json:"u_after"`
		ExposureBefore []float64 `json:"exposure_before"`
		ExposureAfter  []float64 `json:"exposure_after"`
	}
	type out struct {
		Ratio, DF, Low, High, P number
		SELog                   number `json:"se_log"`
	}
	rates := func(ks []int64, exposures []float64) (rs []stats.Rate) {
		for i, k := range ks {
			rs = append(rs, stats.Rate{Count: k, Exposure: exposures[i]})
		}
		return rs
	}
	splits := func(ks, us []int64) (ss []stats.Split) {
		for i, k := range ks {
			ss = append(ss, stats.Split{Exposed: k, Unexposed: us[i]})
		}
		return ss
	}
	eachVector(t, "weekly_change", func(t *testing.T, c in, want out) {
		var r stats.RatioChange
		if c.UBefore != nil {
			r = stats.WeeklyContrast(splits(c.KBefore, c.UBefore), splits(c.KAfter, c.UAfter), stats.Level)
		} else {
			r = stats.WeeklyChange(rates(c.KBefore, c.ExposureBefore), rates(c.KAfter, c.ExposureAfter), stats.Level)
		}
		check(t, "ratio", c, r.Value, want.Ratio, tight)
		check(t, "se_log", c, r.SELog, want.SELog, tight)
		check(t, "df", c, r.DF, want.DF, tight)
		check(t, "low", c, r.Low, want.Low, tight)
		check(t, "high", c, r.High, want.High, tight)
		checkP(t, c, r.P, want.P, tight)
	})
}

func TestCountAlertVectors(t *testing.T) {
	type in struct {
		History [][]int64
		Slot    int
		X       int64
	}
	type out struct{ Median, Scale, Z number }
	eachVector(t, "count_alert", func(t *testing.T, c in, want out) {
		d := stats.CountAlert(c.History, c.Slot, c.X)
		check(t, "median", c, d.Median, want.Median, tight)
		check(t, "scale", c, d.Scale, want.Scale, tight)
		check(t, "z", c, d.Z, want.Z, tight)
	})
}
