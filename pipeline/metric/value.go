package metric

import (
	"math"
	"slices"
	"strconv"

	"upshot.dev/upshot/pipeline/stats"
)

// tooLittle is the note of a row whose n is below the metric's minimum.
const tooLittle = "too little data"

// estimate is a row's value with its interval; absent parts are nil.
type estimate struct {
	value, low, high *float64
	note             string
}

// compute makes the value and the interval of a row.
func (m *Metric) compute(l line) estimate {
	n := l.number(m.N)
	if !(n >= float64(m.MinN)) {
		return estimate{note: tooLittle}
	}
	v := m.value(l)
	e := estimate{value: stats.Nullable(v)}
	if e.value == nil {
		return e
	}
	i := m.interval(l)
	e.low, e.high, e.note = stats.Nullable(i.Low), stats.Nullable(i.High), i.Note
	return e
}

// args are the numbers of a call for a row.
func (c Call) args(l line) []float64 {
	out := make([]float64, len(c.Args))
	for i, a := range c.Args {
		if v, err := strconv.ParseFloat(a, 64); err == nil {
			out[i] = v
		} else {
			out[i] = l.number(a)
		}
	}
	return out
}

// value is the number itself, NaN when it cannot be had.
func (m *Metric) value(l line) float64 {
	a := m.Value.args(l)
	switch m.Value.Func {
	case "stat":
		return a[0]
	case "ratio", "mean":
		return over(a[0], a[1])
	case "rate":
		return over(a[0]*a[2], a[1])
	case "daily_share": // mean of the days' users, as a share of the period's
		return over(over(a[0], a[1]), a[2])
	case "nps":
		return over(100*(a[0]-a[2]), a[0]+a[1]+a[2])
	default:
		return math.NaN()
	}
}

// over divides; by nothing is no number.
func over(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}

// interval is the 95% interval of the value.
func (m *Metric) interval(l line) stats.Interval {
	if m.Interval.Func == "percentile" {
		return percentile(l.cells[m.Interval.Args[0]].list, m.Interval.args(l)[1])
	}
	a := m.Interval.args(l)
	switch m.Interval.Func {
	case "wilson":
		return stats.Wilson(int64(a[0]), int64(a[1]), stats.Level)
	case "mean_t":
		return stats.MeanT(int64(a[0]), a[1], a[2], stats.Level).Interval
	case "poisson":
		return stats.PoissonExact(int64(a[0]), a[1], a[2], stats.Level)
	case "nps":
		return stats.NPS(int64(a[0]), int64(a[1]), int64(a[2]), stats.Level)
	default:
		return stats.Interval{Value: math.NaN(), Low: math.NaN(), High: math.NaN()}
	}
}

// percentile is the interval by order statistics of all values.
func percentile(values []float64, p float64) stats.Interval {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return stats.Percentile(sorted, p, stats.Level)
}
