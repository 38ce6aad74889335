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

// cut drops the last entry.
func cut[T any](xs []T) []T { return xs[:max(len(xs)-1, 0)] }

// rates are the usable counts of the periods before, and the one of now; each
// over the exposure given.
func (e *evidence) rates(counts []int64, exposure []float64) (before []stats.Rate, now stats.Rate) {
	last := len(counts) - 1
	if last < 0 {
		return nil, now
	}
	for i, k := range counts[:last] {
		if e.usable[i] {
			before = append(before, stats.Rate{Count: k, Exposure: exposure[i]})
		}
	}
	return usual(before, countChange), stats.Rate{Count: counts[last], Exposure: exposure[last]}
}

// recent are the entries of the periods before, and the last one.
func recent[T any](points []T, compare func([]T, T) level) (before []T, now T) {
	last := len(points) - 1
	if last < 0 {
		return nil, now
	}
	return usual(points[:last], compare), points[last]
}

const (
	// screened is how many of the periods before may leave the history as
	// incidents: what lasts longer is the new usual.
	screened = 4
	// incident is the p-value below which they do, strict enough to leave
	// noise in.
	incident = 0.002
)

// usual are the periods that now is compared with: at most maxBefore, without
// the incidents among the last few, which would hide their own continuing (and
// make what is usual look like a change when they are over).
func usual[T any](before []T, compare func([]T, T) level) []T {
	first := max(len(before)-screened, 0)
	kept := slices.Clone(before[:first])
	for _, point := range before[first:] {
		if l := compare(kept[max(0, len(kept)-maxBefore):], point); !(l.p < incident) {
			kept = append(kept, point)
		}
	}
	return kept[max(0, len(kept)-maxBefore):]
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
