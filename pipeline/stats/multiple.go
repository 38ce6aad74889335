package stats

import (
	"cmp"
	"math"
	"slices"
)

// Holm adjusts the p-values of tests that are read together, so that the
// chance of any false rejection stays at the level that the adjusted values
// are compared with (step-down; any dependence). The result is in the order
// of the input. An absent p-value (NaN, or outside [0, 1]) stays absent and
// counts as no test. Holm, Scandinavian Journal of Statistics 6 (1979) 65.
func Holm(p []float64) []float64 {
	adjusted, order := ascending(p)
	m, running := len(order), 0.0
	for i, at := range order {
		running = max(running, float64(m-i)*p[at])
		adjusted[at] = min(1, running)
	}
	return adjusted
}

// BenjaminiHochberg adjusts the p-values of many tests, so that among those
// whose adjusted value is at or below q the expected share of false ones is
// at most q (step-up; independent or positively dependent tests). Order and
// absent values as in [Holm]. Benjamini & Hochberg, JRSS B 57 (1995) 289.
func BenjaminiHochberg(p []float64) []float64 {
	adjusted, order := ascending(p)
	m, running := len(order), 1.0
	for i, at := range slices.Backward(order) {
		running = min(running, p[at]*(float64(m)/float64(i+1)))
		adjusted[at] = running
	}
	return adjusted
}

// ascending returns a slice of absent values as long as p, and the positions
// of the present ones by ascending p, equal ones in input order.
func ascending(p []float64) (adjusted []float64, order []int) {
	adjusted = make([]float64, len(p))
	for i, x := range p {
		adjusted[i] = math.NaN()
		if x >= 0 && x <= 1 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	return adjusted, order
}
