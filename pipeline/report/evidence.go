package report

import (
	"slices"

	"upshot.dev/upshot/pipeline/stats"
)

// evidence is what the headlines are looked for in: the history of each number,
// oldest first, the period of the report last. All series have one entry per
// period.
type evidence struct {
	grain   string
	periods []string  // first dates
	days    []float64 // lengths of the periods
	// usable: the data were complete as far as the ledger knows. Counts of
	// other periods are no yardstick, and a fall in one is no news.
	usable []bool

	users, tickets []int64
	csat           []split
	nps            []scores
	mood           []stats.Sample
	items          []int64 // all feedback items
	features       []series[split]
	themes         []themeSeries

	// Segments over the last periods together, each group beside the rest.
	plans     []group[scores]
	platforms []series[group[split]] // per feature
}

// series is the history of one named thing.
type series[T any] struct {
	name   string
	points []T
}

// themeSeries is the history of one theme.
type themeSeries struct {
	id, name string
	items    []int64
	negative []int64
}

// group is one value of a dimension and everybody else.
type group[T any] struct {
	name       string
	in, others T
}

// back is the evidence that the report before had. Segments come from a window
// of their own and are set by the caller.
func (e *evidence) back() *evidence {
	out := *e
	out.periods, out.days, out.usable = cut(e.periods), cut(e.days), cut(e.usable)
	out.users, out.tickets, out.items = cut(e.users), cut(e.tickets), cut(e.items)
	out.csat, out.nps, out.mood = cut(e.csat), cut(e.nps), cut(e.mood)
	out.features, out.themes = slices.Clone(e.features), slices.Clone(e.themes)
	for i := range out.features {
		out.features[i].points = cut(out.features[i].points)
	}
	for i := range out.themes {
		out.themes[i].items, out.themes[i].negative = cut(out.themes[i].items), cut(out.themes[i].negative)
	}
	out.plans, out.platforms = nil, nil
	return &out
}

func cut[T any](xs []T) []T { return xs[:max(len(xs)-1, 0)] }

// rates are the usable counts of the periods before, at most maxBefore, and the
// one of now.
func (e *evidence) rates(counts []int64) (before []stats.Rate, now stats.Rate) {
	last := len(counts) - 1
	if last < 0 {
		return nil, stats.Rate{}
	}
	for i := last - 1; i >= 0 && len(before) < maxBefore; i-- {
		if e.usable[i] {
			before = append(before, stats.Rate{Count: counts[i], Exposure: e.days[i]})
		}
	}
	slices.Reverse(before)
	return before, stats.Rate{Count: counts[last], Exposure: e.days[last]}
}

// recent are the entries of the periods before, at most maxBefore, and the last.
func recent[T any](points []T) (before []T, now T) {
	last := len(points) - 1
	if last < 0 {
		return nil, now
	}
	return points[max(0, last-maxBefore):last], points[last]
}

// sortedKeys are the keys of a map in an order that is always the same.
func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
