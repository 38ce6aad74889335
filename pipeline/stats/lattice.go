package stats

// negligible ends a walk: probabilities this far below the mode's change no
// printed digit, and p-values below it print as 0.
const negligible = 1e-290

// maxUnits bounds the exact sums: about 75 standard deviations are walked,
// which at this n is some tens of millions of steps. No population of a
// product comes near it.
const maxUnits = 1_000_000_000_000

// lattice is a unimodal distribution on the integers lo..hi known by the
// ratio of neighbours, up to a constant.
type lattice struct {
	lo, hi, mode int64
	// up is P(i+1)/P(i), for lo <= i < hi.
	up func(i int64) float64
}

// binomial is Bin(n, p) for 0 < p < 1 and 0 <= n <= maxUnits.
func binomial(n int64, p float64) lattice {
	odds := p / (1 - p)
	return lattice{
		lo: 0, hi: n, mode: min(n, int64(float64(n+1)*p)),
		up: func(i int64) float64 { return float64(n-i) / float64(i+1) * odds },
	}
}

// hypergeometric is the count of successes in a draw of n1 from n1+n0 units
// of which k are successes.
func hypergeometric(n1, n0, k int64) lattice {
	lo, hi := max(0, k-n0), min(k, n1)
	mode := int64(float64(n1+1) * (float64(k+1) / float64(n1+n0+2)))
	return lattice{
		lo: lo, hi: hi, mode: min(hi, max(lo, mode)),
		up: func(i int64) float64 {
			return float64(n1-i) / float64(i+1) * (float64(k-i) / float64(n0-k+i+1))
		},
	}
}

// walk calls visit with the weight of each integer relative to the mode's,
// from the mode up and then from below the mode down, until the weights are
// below floor.
func (l lattice) walk(floor float64, visit func(i int64, weight float64)) {
	visit(l.mode, 1)
	for i, w := l.mode, 1.0; i < l.hi; i++ {
		if w *= l.up(i); w < floor {
			break
		}
		visit(i+1, w)
	}
	for i, w := l.mode, 1.0; i > l.lo; i-- {
		if w /= l.up(i - 1); w < floor {
			break
		}
		visit(i-1, w)
	}
}

// noMoreLikely is the probability of all outcomes that are no more likely
// than seen: the two-sided p-value of an exact test. Weights within 1e-7 of
// each other count as equal, since ties of a symmetric distribution differ
// in their last digits (scipy does the same).
func (l lattice) noMoreLikely(seen int64) float64 {
	limit := 0.0
	l.walk(negligible, func(i int64, w float64) {
		if i == seen {
			limit = w * (1 + 1e-7)
		}
	})
	var total, tail float64
	l.walk(negligible, func(_ int64, w float64) {
		total += w
		if w <= limit {
			tail += w
		}
	})
	return min(1, tail/total)
}
