package stats

import (
	"math"
	"slices"
)

// CountDeviation says how far a count lies from what its slot of the week
// used to be.
type CountDeviation struct {
	// Median is the slot's, on the scale 2*sqrt(x + 3/8), where Poisson
	// counts have a standard deviation of 1.
	Median float64
	// Scale is the spread of a new look around the median, on that scale.
	Scale float64
	// Z is the deviation in units of Scale.
	Z float64
}

// Expected is the median as a count.
func (d CountDeviation) Expected() float64 {
	return max(0, d.Median*d.Median/4-0.375)
}

// CountAlert measures the count x of a slot (a weekday of 7, an hour of 168)
// against the same slot of the weeks before. history holds one row per week,
// every row with all slots in the same order. The spread is pooled over all
// slots, because a few weeks of one slot tell too little, and is at least
// Poisson's. It takes two weeks; |Z| > 4 is the usual limit from 8 weeks on.
// Input that cannot occur, or fewer weeks, give NaN in every field.
// Anscombe, Biometrika 35 (1948) 246.
func CountAlert(history [][]int64, slot int, x int64) CountDeviation {
	none := CountDeviation{Median: math.NaN(), Scale: math.NaN(), Z: math.NaN()}
	k := len(history)
	if k < 2 || slot < 0 || slot >= len(history[0]) || x < 0 {
		return none
	}
	slots := len(history[0])
	medians := make([]float64, slots)
	distances := make([]float64, 0, k*slots)
	column := make([]float64, k)
	for j := range slots {
		for w, week := range history {
			if len(week) != slots || week[j] < 0 {
				return none
			}
			column[w] = anscombe(week[j])
		}
		medians[j] = median(column)
		for _, a := range column {
			distances = append(distances, math.Abs(a-medians[j]))
		}
	}
	weeks := float64(k)
	mad := 1.4826 * median(distances) * math.Sqrt(weeks/(weeks-1))
	d := CountDeviation{Median: medians[slot], Scale: max(1, mad) * math.Sqrt(1+1.57/weeks)}
	d.Z = (anscombe(x) - d.Median) / d.Scale
	return d
}

// anscombe makes the spread of a Poisson count independent of its mean.
func anscombe(x int64) float64 { return 2 * math.Sqrt(float64(x)+0.375) }

// median sorts xs in place; of an even number it is the mean of the middle
// two.
func median(xs []float64) float64 {
	slices.Sort(xs)
	n := len(xs)
	if n%2 == 1 {
		return xs[n/2]
	}
	return (xs[n/2-1] + xs[n/2]) / 2
}
