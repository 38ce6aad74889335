package company

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"
)

// Window is what a metric is asked for: local dates (YYYY-MM-DD), half-open,
// and a grain: day, week or month.
type Window struct {
	From, To, Grain string
	Loc             *time.Location
}

// Row is one row of a metric. Value is nil below the metric's least n.
type Row struct {
	Period  string // local first date
	Offset  int    // of retention
	Partial bool
	N       int
	Value   *float64
	Stats   map[string]float64
}

// MetricNames are the metrics that Metric knows.
func MetricNames() []string {
	return []string{"active_users", "retention", "nps", "csat", "ticket_volume", "first_response_time", "backlog"}
}

// Metric computes a metric in plain Go from the generator's records. It has
// the rows that the definition asks for, by period, then offset.
func (f *Facts) Metric(name string, w Window) ([]Row, error) {
	periods, err := w.periods()
	if err != nil {
		return nil, err
	}
	compute, ok := map[string]func([]period) []Row{
		"active_users": f.activeUsers, "retention": f.retention, "nps": f.nps, "csat": f.csat,
		"ticket_volume": f.ticketVolume, "first_response_time": f.firstResponse, "backlog": f.backlog,
	}[name]
	if !ok {
		return nil, fmt.Errorf("company: no metric %q", name)
	}
	return compute(periods), nil
}

// period is one day, week or month: whole, and cut to the window.
type period struct {
	name       string
	start, end time.Time // whole
	from, to   time.Time // cut
}

func (p period) partial() bool { return p.from.After(p.start) || p.to.Before(p.end) }

// periods lists those of the window. Days are counted on the calendar, so
// that a day of 23 or 25 hours is one day.
func (w Window) periods() ([]period, error) {
	parse := func(s string) (time.Time, error) { return time.ParseInLocation(time.DateOnly, s, w.Loc) }
	from, err := parse(w.From)
	if err != nil {
		return nil, fmt.Errorf("company: from: %w", err)
	}
	to, err := parse(w.To)
	if err != nil {
		return nil, fmt.Errorf("company: to: %w", err)
	}
	midnight := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, w.Loc) }
	y, m, d := from.Date()
	start := from
	next := func(t time.Time) time.Time { y, m, d := t.Date(); return midnight(y, m, d+1) }
	switch w.Grain {
	case "day":
	case "week":
		start = midnight(y, m, d-(int(from.Weekday())+6)%7)
		next = func(t time.Time) time.Time { y, m, d := t.Date(); return midnight(y, m, d+7) }
	case "month":
		start = midnight(y, m, 1)
		next = func(t time.Time) time.Time { y, m, _ := t.Date(); return midnight(y, m+1, 1) }
	default:
		return nil, fmt.Errorf("company: no grain %q", w.Grain)
	}
	var list []period
	for t := start; t.Before(to); t = next(t) {
		p := period{name: t.Format(time.DateOnly), start: t, end: next(t)}
		p.from, p.to = p.start, p.end
		if p.from.Before(from) {
			p.from = from
		}
		if p.to.After(to) {
			p.to = to
		}
		list = append(list, p)
	}
	return list, nil
}

// find gives the period in whose cut part t lies, or -1.
func find(periods []period, t time.Time) int {
	i := sort.Search(len(periods), func(i int) bool { return periods[i].to.After(t) })
	if i == len(periods) || t.Before(periods[i].from) {
		return -1
	}
	return i
}

// rows makes one row a period.
func rows(periods []period, each func(i int, r *Row)) []Row {
	list := make([]Row, len(periods))
	for i, p := range periods {
		list[i] = Row{Period: p.name, Partial: p.partial(), Stats: map[string]float64{}}
		each(i, &list[i])
	}
	return list
}

// set gives the row its value where n is large enough.
func (r *Row) set(n, least int, value float64) {
	r.N = n
	if n >= least {
		r.Value = &value
	}
}

func (f *Facts) activeUsers(periods []period) []Row {
	users := make([]map[string]bool, len(periods))
	events := make([]int, len(periods))
	for i := range users {
		users[i] = map[string]bool{}
	}
	for _, a := range f.active {
		if i := find(periods, a.at); i >= 0 {
			users[i][a.person] = true
			events[i]++
		}
	}
	return rows(periods, func(i int, r *Row) {
		r.set(len(users[i]), 0, float64(len(users[i])))
		r.Stats["users"], r.Stats["events"] = float64(len(users[i])), float64(events[i])
	})
}

func (f *Facts) retention(periods []period) []Row {
	cohort := map[string]int{} // of each person
	size := make([]int, len(periods))
	for p, t := range f.first {
		if i := find(periods, t); i >= 0 {
			cohort[p] = i
			size[i]++
		}
	}
	type seen struct {
		person string
		offset int
	}
	came := map[seen]bool{}
	kept := map[[2]int]int{}
	for _, a := range f.active {
		c, ok := cohort[a.person]
		i := find(periods, a.at)
		if k := (seen{a.person, i - c}); ok && i >= c && !came[k] {
			came[k] = true
			kept[[2]int{c, i - c}]++
		}
	}
	var list []Row
	for i, p := range periods {
		for k := 0; size[i] > 0 && i+k < len(periods) && !periods[i+k].to.Before(periods[i+k].end); k++ {
			r := Row{Period: p.name, Offset: k, Partial: p.partial(), Stats: map[string]float64{}}
			n := kept[[2]int{i, k}]
			r.set(size[i], 5, float64(n)/float64(size[i]))
			r.Stats["offset"], r.Stats["retained"] = float64(k), float64(n)
			list = append(list, r)
		}
	}
	return list
}

// scores gives the answers of a kind, by period.
func (f *Facts) scores(kind string, periods []period) [][]int {
	list := make([][]int, len(periods))
	for _, a := range f.answers {
		if i := find(periods, a.at); i >= 0 && a.kind == kind {
			list[i] = append(list[i], a.score)
		}
	}
	return list
}

func (f *Facts) nps(periods []period) []Row {
	scores := f.scores("nps", periods)
	return rows(periods, func(i int, r *Row) {
		p, q, d := 0, 0, 0
		for _, s := range scores[i] {
			switch {
			case s >= 9:
				p++
			case s >= 7:
				q++
			default:
				d++
			}
		}
		r.set(p+q+d, 5, 100*float64(p-d)/float64(p+q+d))
		r.Stats["promoters"], r.Stats["passives"], r.Stats["detractors"] = float64(p), float64(q), float64(d)
	})
}

func (f *Facts) csat(periods []period) []Row {
	scores := f.scores("csat", periods)
	return rows(periods, func(i int, r *Row) {
		good := 0
		for _, s := range scores[i] {
			if s >= 4 {
				good++
			}
		}
		r.set(len(scores[i]), 5, float64(good)/float64(len(scores[i])))
		r.Stats["good"] = float64(good)
	})
}

func (f *Facts) ticketVolume(periods []period) []Row {
	n := make([]int, len(periods))
	for _, t := range f.tickets {
		if i := find(periods, t.Created()); i >= 0 {
			n[i]++
		}
	}
	return rows(periods, func(i int, r *Row) {
		r.set(n[i], 0, float64(n[i]))
		r.Stats["tickets"] = float64(n[i])
	})
}

// firstResponse takes the time to the first public comment of an agent.
func (f *Facts) firstResponse(periods []period) []Row {
	times := make([][]time.Duration, len(periods))
	waiting := make([]int, len(periods))
	for _, t := range f.tickets {
		i := find(periods, t.Created())
		if i < 0 {
			continue
		}
		n := slices.IndexFunc(t.Changes, func(c Change) bool {
			return c.Kind == "commented" && c.Role == "agent" && c.Public && !c.At.Before(t.Created())
		})
		if n < 0 {
			waiting[i]++
		} else {
			times[i] = append(times[i], t.Changes[n].At.Sub(t.Created()))
		}
	}
	return rows(periods, func(i int, r *Row) {
		slices.Sort(times[i])
		r.N = len(times[i])
		r.Stats["waiting"] = float64(waiting[i])
		if r.N > 0 {
			p50, p90 := nearestRank(times[i], .5), nearestRank(times[i], .9)
			r.Value = &p50
			r.Stats["p50"], r.Stats["p90"] = p50, p90
		}
	})
}

// nearestRank is the smallest value with at least p of the values at or below
// it, in seconds.
func nearestRank(sorted []time.Duration, p float64) float64 {
	k := int(math.Ceil(p*float64(len(sorted)) - 1e-9))
	return sorted[max(1, k)-1].Seconds()
}

// backlog counts what was open at the end of each period.
func (f *Facts) backlog(periods []period) []Row {
	return rows(periods, func(i int, r *Row) {
		open := 0
		for _, t := range f.tickets {
			if t.Created().Before(periods[i].to) && !done(t.statusAt(periods[i].to)) {
				open++
			}
		}
		r.set(open, 0, float64(open))
		r.Stats["tickets"] = float64(open)
	})
}

func done(status string) bool { return status == "solved" || status == "closed" }

// statusAt is the latest status before a moment.
func (t *Ticket) statusAt(end time.Time) string {
	n := sort.Search(len(t.Changes), func(i int) bool { return !t.Changes[i].At.Before(end) })
	if n == 0 {
		return ""
	}
	last := slices.MaxFunc(t.Changes[:n], func(a, b Change) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.EventID, b.EventID)) })
	return last.Status
}
