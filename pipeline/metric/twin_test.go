package metric

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/record"
)

// twin computes the metrics from a world's rows in plain Go, by the words of
// their definitions: local dates come from the clock of the zone, not from
// bounds, and everything is looped over, nothing joined.
type twin struct {
	w        *world
	p        Params
	from, to string
	user     map[string]string // "email:k", "anonymous:k" -> user key
	excluded map[string]bool   // person
	events   []record.EventRow
	tickets  []*ticket
	answers  []record.SurveyRow
	groups   map[string]*group
}

// ticket is one with all its changes, in order.
type ticket struct {
	changes []record.TicketRow
	created int64
	first   string // event id of the creation
	latest  record.TicketRow
	person  string
	gone    bool
}

// group is one row to be.
type group struct {
	period, label string
	dims          []string
	stats         map[string]float64
	people        map[string]bool
	values        []float64
}

func newTwin(w *world, p Params) *twin {
	t := &twin{w: w, p: p, from: p.From, to: p.To, user: map[string]string{}, excluded: map[string]bool{}, groups: map[string]*group{}}
	links := slices.Clone(w.links)
	slices.SortFunc(links, func(a, b record.LinkRow) int {
		return cmp.Or(cmp.Compare(a.OccurredAt, b.OccurredAt), cmp.Compare(a.EventID, b.EventID), cmp.Compare(a.Source, b.Source), cmp.Compare(a.UserKey, b.UserKey))
	})
	for _, l := range links {
		for k, key := range map[string]string{"email:": l.EmailKey, "anonymous:": l.AnonymousKey} {
			if key != "" && l.UserKey != "" && t.user[k+key] == "" {
				t.user[k+key] = l.UserKey
			}
		}
	}
	t.events = first(w.events, func(r record.EventRow) record.Row { return r.Row })
	surveys := first(w.surveys, func(r record.SurveyRow) record.Row { return r.Row })
	changes := first(w.tickets, func(r record.TicketRow) record.Row { return r.Row })
	var all []record.Row
	for _, e := range w.events {
		all = append(all, e.Row)
	}
	for _, e := range w.surveys {
		all = append(all, e.Row)
	}
	for _, e := range w.tickets {
		all = append(all, e.Row)
	}
	for _, r := range all {
		if r.Excluded {
			t.excluded[t.person(r)] = true
		}
	}
	latest := map[string]int{}
	for i, s := range surveys { // in time order, so the last one stays
		latest[s.Source+s.ResponseID+"?"+s.QuestionID] = i
	}
	for i, s := range surveys {
		if latest[s.Source+s.ResponseID+"?"+s.QuestionID] == i {
			t.answers = append(t.answers, s)
		}
	}
	t.gather(changes)
	return t
}

// first keeps of the records with one id the one received first, and sorts by
// time and id.
func first[T any](rows []T, of func(T) record.Row) []T {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b T) int { return cmp.Compare(of(a).ReceivedAt, of(b).ReceivedAt) })
	seen := map[string]bool{}
	rows = slices.DeleteFunc(rows, func(r T) bool {
		k := of(r).Source + " " + of(r).EventID
		defer func() { seen[k] = true }()
		return seen[k]
	})
	slices.SortStableFunc(rows, func(a, b T) int {
		return cmp.Or(cmp.Compare(of(a).OccurredAt, of(b).OccurredAt), cmp.Compare(of(a).EventID, of(b).EventID))
	})
	return rows
}

func (t *twin) gather(changes []record.TicketRow) {
	byID := map[string]*ticket{}
	for _, c := range changes {
		k := c.Source + " " + c.TicketID
		if byID[k] == nil {
			byID[k] = &ticket{}
			t.tickets = append(t.tickets, byID[k])
		}
		byID[k].changes = append(byID[k].changes, c)
	}
	for _, k := range t.tickets {
		k.created, k.first = k.changes[0].OccurredAt, k.changes[0].EventID
		if i := slices.IndexFunc(k.changes, func(c record.TicketRow) bool { return c.Change == "created" }); i >= 0 {
			k.created, k.first = k.changes[i].OccurredAt, k.changes[i].EventID
		}
		anybody := ""
		for _, c := range k.changes {
			for _, f := range []struct{ to, from *string }{
				{&k.latest.Plan, &c.Plan},
				{&k.latest.Platform, &c.Platform},
				{&k.latest.Country, &c.Country},
				{&k.latest.Channel, &c.Channel},
				{&k.latest.Priority, &c.Priority},
				{&k.latest.Status, &c.Status},
			} {
				if *f.from != "" {
					*f.to = *f.from
				}
			}
			k.latest.Source = c.Source
			outside := !slices.Contains([]string{"agent", "bot", "system"}, c.AuthorRole)
			if who := t.person(c.Row); who != "" && outside && k.person == "" {
				k.person = who
			} else if who != "" && anybody == "" {
				anybody = who
			}
			switch {
			case slices.Contains([]string{"deleted", "merged", "spam"}, c.Change):
				k.gone = true
			case c.Change == "created", c.Change == "status" && !done(c.Status):
				k.gone = false
			}
		}
		if k.person == "" {
			k.person = anybody
		}
	}
}

func done(status string) bool { return status == "solved" || status == "closed" }

// person follows the rule of who is one person.
func (t *twin) person(r record.Row) string {
	return cmp.Or(r.UserKey, t.user["email:"+r.EmailKey], t.user["anonymous:"+r.AnonymousKey], r.EmailKey, r.AnonymousKey)
}

// date is the local date of a moment.
func (t *twin) date(at int64) string { return time.UnixMicro(at).In(t.w.loc).Format(time.DateOnly) }

// periodOf is the period of a local date; none when it is outside.
func (t *twin) periodOf(date string) (string, bool) {
	if date < t.from || date >= t.to {
		return "", false
	}
	d, _ := time.Parse(time.DateOnly, date)
	switch t.p.Grain {
	case "week":
		for d.Weekday() != time.Monday {
			d = d.AddDate(0, 0, -1)
		}
	case "month":
		d = d.AddDate(0, 0, 1-d.Day())
	case "all":
		return t.from, true
	}
	return d.Format(time.DateOnly), true
}

func (t *twin) period(at int64) (string, bool) { return t.periodOf(t.date(at)) }

// dates are the local dates asked for.
func (t *twin) dates() (out []string) {
	for d, _ := time.Parse(time.DateOnly, t.from); d.Format(time.DateOnly) < t.to; d = d.AddDate(0, 0, 1) {
		out = append(out, d.Format(time.DateOnly))
	}
	return out
}

// periods are those asked for, with whether each is whole before to.
func (t *twin) periods() (names []string, ended map[string]bool) {
	ended = map[string]bool{}
	for _, d := range t.dates() {
		p, _ := t.periodOf(d)
		if !slices.Contains(names, p) {
			names = append(names, p)
		}
		start, _ := time.Parse(time.DateOnly, p)
		end := start.AddDate(0, 0, 1)
		switch t.p.Grain {
		case "week":
			end = start.AddDate(0, 0, 7)
		case "month":
			end = start.AddDate(0, 1, 0)
		case "all":
			end, _ = time.Parse(time.DateOnly, t.to)
		}
		ended[p] = end.Format(time.DateOnly) <= t.to
	}
	return names, ended
}

// dims are a row's values of the dimensions asked for.
func (t *twin) dims(r record.Row, more map[string]string) []string {
	var out []string
	for _, b := range t.p.By {
		known := map[string]string{"plan": r.Plan, "platform": r.Platform, "country": r.Country, "source": r.Source}
		v, ok := known[b]
		if !ok {
			v = more[b]
		}
		out = append(out, v)
	}
	return out
}

// at is the row of a group, made when it is new.
func (t *twin) at(period string, dims []string, label string) *group {
	k := fmt.Sprintf("%q %q %q", period, dims, label)
	if t.groups[k] == nil {
		t.groups[k] = &group{period: period, dims: dims, label: label, stats: map[string]float64{}, people: map[string]bool{}}
	}
	return t.groups[k]
}

// active are the active events of people who count.
func (t *twin) active() (out []record.EventRow) {
	for _, e := range t.events {
		if slices.Contains([]string{"track", "page", "screen"}, e.Kind) && slices.Contains(product.ActiveEvents, e.Name) && t.counts(e.Row) {
			out = append(out, e)
		}
	}
	return out
}

func (t *twin) counts(r record.Row) bool { return t.person(r) != "" && !t.excluded[t.person(r)] }

// matches reports whether an event is of a feature.
func matches(feature string, e record.EventRow) bool {
	m := product.Features[feature]
	if !slices.Contains([]string{"track", "page", "screen"}, e.Kind) || !slices.Contains(m.Events, e.Name) {
		return false
	}
	have := map[string]any{}
	_ = json.Unmarshal([]byte(e.Properties), &have)
	for k, want := range m.Where {
		if n, ok := want.(int); ok {
			want = float64(n)
		}
		if v, ok := have[k]; !ok || fmt.Sprintf("%T %v", v, v) != fmt.Sprintf("%T %v", want, want) {
			return false
		}
	}
	return true
}

// lines are the rows as text, in the order in which they must come.
func (t *twin) lines(m *Metric) []string {
	list := make([]*group, 0, len(t.groups))
	for _, g := range t.groups {
		list = append(list, g)
	}
	slices.SortFunc(list, func(a, b *group) int {
		c := cmp.Compare(a.period, b.period)
		for i := range a.dims {
			x, y := a.dims[i], b.dims[i]
			c = cmp.Or(c, cmp.Compare(boolInt(x == ""), boolInt(y == "")), cmp.Compare(x, y))
		}
		x, err := strconv.Atoi(a.label)
		y, _ := strconv.Atoi(b.label)
		if err == nil && a.label != "" {
			return cmp.Or(c, cmp.Compare(x, y))
		}
		return cmp.Or(c, cmp.Compare(a.label, b.label))
	})
	out := []string{}
	for _, g := range list {
		var b strings.Builder
		fmt.Fprint(&b, g.period)
		for i, d := range t.p.By {
			if g.dims[i] != "" {
				fmt.Fprintf(&b, " %s=%s", d, g.dims[i])
			}
		}
		if g.label != "" {
			fmt.Fprintf(&b, " %s=%s", m.Labels[0], g.label)
		}
		out = append(out, b.String()+statsText(g.stats))
	}
	return out
}

// statsText prints statistics by name, those that are 0 or missing left out.
func statsText(stats map[string]float64) string {
	var out []string
	for k, v := range stats {
		if v != 0 {
			out = append(out, fmt.Sprintf(" %s=%s", k, strconv.FormatFloat(v, 'f', 9, 64)))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "")
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
