package report

import "math"

// axis is the scale of the values: a round span that always holds zero, so
// that a small change never looks like a large one.
type axis struct {
	low, high, step float64
}

// valueAxis finds the axis of a chart: 3 to 5 grid lines over all values and
// bounds.
func valueAxis(c Chart) axis {
	low, high := 0.0, 0.0
	for _, s := range c.Series {
		for _, p := range s.Points {
			for _, v := range []*float64{p.Value, p.Low, p.High} {
				if v != nil {
					low, high = min(low, *v), max(high, *v)
				}
			}
		}
	}
	if c.Target != nil {
		low, high = min(low, *c.Target), max(high, *c.Target)
	}
	if c.Kind == Stacked {
		low, high = 0, 1
	}
	if low == high {
		high = 1
	}
	step := niceStep((high - low) / 4)
	if c.Unit == "seconds" {
		step = niceTime((high - low) / 4)
	}
	if wholeUnit(c.Unit) {
		step = max(step, 1)
	}
	return axis{low: math.Floor(low/step) * step, high: math.Ceil(high/step-1e-9) * step, step: step}
}

// wholeUnit reports whether a unit counts things.
func wholeUnit(unit string) bool {
	switch unit {
	case "ratio", "share", "nps", "score", "points", "mean", "sentiment", "seconds", "per_1000", "times":
		return false
	}
	return true
}

// niceStep rounds up to 1, 2, 2.5 or 5 times a power of ten.
func niceStep(x float64) float64 {
	base := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if x <= m*base*(1+1e-9) {
			return m * base
		}
	}
	return 10 * base
}

// niceTime rounds seconds up to a step that clocks and calendars know.
func niceTime(x float64) float64 {
	const minute, hour, day = 60.0, 3600.0, 86400.0
	for _, step := range []float64{1, 5, 15, 30, minute, 5 * minute, 15 * minute, 30 * minute, hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, day, 2 * day, 7 * day} {
		if x <= step {
			return step
		}
	}
	return niceStep(x/day) * day
}

// y is the vertical place of a value.
func (a axis) y(v float64) float64 {
	return padTop + (a.high-v)/(a.high-a.low)*(chartHeight-padTop-padBottom)
}

// ticks are the values of the grid lines, upwards.
func (a axis) ticks() []float64 {
	n := int(math.Round((a.high - a.low) / a.step))
	out := make([]float64, 0, n+1)
	for i := range n + 1 {
		out = append(out, a.low+float64(i)*a.step)
	}
	return out
}

// slotX is the horizontal place of a position in periods (see Mark.At).
func slotX(at float64, periods int) float64 {
	return padLeft + at*(chartWidth-padLeft-padRight)/float64(max(periods, 1))
}

// shortTick writes an axis label in few characters.
func shortTick(v float64, unit string) string {
	switch {
	case unit == "seconds":
		return timeTick(v)
	case unit == "ratio" || unit == "share":
		return decimal(100*v, tickDigits(100*v)) + "%"
	case math.Abs(v) >= 10000:
		return decimal(v/1000, tickDigits(v/1000)) + "k"
	default:
		return decimal(v, tickDigits(v))
	}
}

// timeTick writes seconds in the one unit that suits them.
func timeTick(v float64) string {
	for _, u := range []struct {
		seconds float64
		name    string
	}{{86400, " d"}, {3600, " h"}, {60, " min"}} {
		if v >= 2*u.seconds || (v >= u.seconds && math.Mod(v, u.seconds) == 0) {
			return decimal(v/u.seconds, tickDigits(v/u.seconds)) + u.name
		}
	}
	if v == 0 {
		return "0"
	}
	return decimal(v, 0) + " s"
}

// tickDigits is how many decimals a label needs to be exact, two at most.
func tickDigits(v float64) int {
	switch r := math.Abs(v); {
	case math.Abs(r-math.Round(r)) < 1e-9:
		return 0
	case math.Abs(10*r-math.Round(10*r)) < 1e-9:
		return 1
	default:
		return 2
	}
}
