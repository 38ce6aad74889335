package company

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Ticket is one conversation.
type Ticket struct {
	Source   string // support or api
	ID       string
	Person   int    // who opened it; support does not tell it to Upshot
	Topic    string // of the texts; "" for spam and other languages
	Theme    string // id of the default taxonomy
	Language string // en, de, fr, es
	Mood     int
	Subject  string
	Changes  []Change // by time
	// Gone tickets end deleted, merged or marked as spam, and count nowhere.
	Gone bool
}

// Change is one change to a ticket, as one record tells it.
type Change struct {
	EventID string
	Kind    string // created, commented, status, priority, assigned, tagged, merged, deleted, spam
	At      time.Time
	Role    string // customer, agent, system
	Public  bool
	Text    string
	// The state after the change.
	Status, Priority string
	Tags             []string
	Assignee         int // index of the agent, -1 for none
}

// Created is when the ticket was opened.
func (t *Ticket) Created() time.Time { return t.Changes[0].At }

// Numbers of the planted themes, of the full company.
var (
	brokenExports = map[int]float64{20: 26, 21: 21, 22: 5} // additional tickets by week
	exportShare   = .045
)

// slowShare is the share of tickets about slow dashboards: 3% at first, 11% in
// the end.
func slowShare(week int) float64 {
	x := min(1, max(0, float64(week-4)/19))
	return .028 + .085*x
}

// ticketNoise varies the weeks.
var ticketNoise = [weeks]float64{
	1, .95, 1.06, 1.02, .93, 1.05, .98, 1.07, .94, 1.01, 1.05, .96, .99,
	1.06, 1.01, .93, 1.04, 1.02, .96, 1, 1.03, .95, 1.05, .98, 1.02, .99,
}

// writing makes tickets.
type writing struct {
	*generator
	r     *rand.Rand
	carry map[string]float64 // of the planted counts, so that rounding loses nothing
	next  int
}

func (g *generator) makeTickets() {
	w := &writing{generator: g, r: g.stream("tickets"), carry: map[string]float64{}, next: 48210}
	total := g.scaled(fullTickets)
	extra, weight := 0.0, 0.0
	for n := 1; n <= weeks; n++ {
		extra += brokenExports[n] * g.scale
		weight += (.8 + .4*float64(n)/weeks) * ticketNoise[n-1]
	}
	done := 0
	for n := 1; n <= weeks; n++ {
		base := (float64(total) - extra) * (.8 + .4*float64(n)/weeks) * ticketNoise[n-1] / weight
		broken := w.count("broken", brokenExports[n]*g.scale)
		all := w.count("all", base) + broken
		if n == weeks {
			all = total - done
		}
		done += all
		slow := w.count("slow", float64(all)*slowShare(n))
		export := w.count("export", base*exportShare) + broken
		w.week(n, all, slow, export)
	}
	slices.SortStableFunc(g.Tickets, func(a, b Ticket) int { return a.Created().Compare(b.Created()) })
	w.send()
}

// count rounds and keeps what it cut off for the next time.
func (w *writing) count(what string, x float64) int {
	x += w.carry[what]
	n := int(math.Floor(x + .5))
	w.carry[what] = x - float64(n)
	return n
}

// week opens the tickets of one week.
func (w *writing) week(n, all, slow, export int) {
	var weights []float64
	for _, t := range w.texts.topics {
		weights = append(weights, t.Weight)
	}
	for i := range all {
		switch {
		case i < slow:
			w.open(n, w.texts.byID["performance"])
		case i < slow+export:
			w.open(n, w.texts.byID["export"])
		default:
			w.open(n, &w.texts.topics[weighted(w.r, weights)])
		}
	}
}

// author draws somebody who is a customer then; those on paid plans write
// more. About exports only those who use them write.
func (w *writing) author(at time.Time, t *topic) int {
	for try := 0; ; try++ {
		i := w.r.IntN(len(w.People))
		p := &w.People[i]
		switch {
		case try > 4000: // a tiny company may have nobody else
			return i
		case p.Joined.After(at) || !p.Left.IsZero() && p.Left.Before(at):
		case t.ID == "export" && !p.Exporter:
		case p.Colleague && w.r.Float64() < .7:
		case w.Accounts[p.Account].PlanAt(at) == "free" && w.r.Float64() < .5:
		default:
			return i
		}
	}
}

// open writes one ticket with its conversation.
func (w *writing) open(week int, t *topic) {
	r := w.r
	var at time.Time
	for at.Before(w.Start) || !at.Before(w.End) {
		day := w.WeekStart(week).AddDate(0, 0, weighted(r, weekdays))
		at = localTime(r, day, w.zone(countries[r.IntN(7)].zone))
		if week == 20 && t.ID == "export" && at.Before(w.BrokenFrom()) {
			at = w.BrokenFrom().Add(between(r, 20*time.Minute, 9*time.Hour))
		}
	}
	tk := Ticket{Source: "support", Person: w.author(at, t), Topic: t.ID, Theme: t.Theme, Language: "en"}
	p := &w.People[tk.Person]
	w.next += 1 + r.IntN(4)
	tk.ID = fmt.Sprint(w.next)
	if r.Float64() < .42 {
		tk.Source, tk.ID = "api", fmt.Sprintf("fb-%d", w.next)
	}
	tk.Mood = w.mood(t, at)
	wr := &writer{texts: w.texts, r: r, name: p.Name, email: p.Email, version: w.versionAt(at), at: at, slots: map[string]string{}}
	tk.Subject = wr.fill(pick(r, t.Subjects))
	text := wr.body(t, tk.Mood)
	if l := w.tongue(p, t); l != nil {
		tk.Language, tk.Topic, tk.Theme = l.Locale[:2], "", ""
		text = wr.foreign(l)
		tk.Subject = map[string]string{"de": "Frage zu Tidewater", "fr": "Question sur Tidewater", "es": "Pregunta sobre Tidewater"}[tk.Language]
	}
	c := conversation{writing: w, t: &tk, wr: wr, topic: t, at: at.UTC(), status: "new", priority: w.priority(tk.Mood), assignee: -1}
	c.play(text)
	if len(tk.Changes) > 0 {
		w.Tickets = append(w.Tickets, tk)
	}
}

// mood is angry more often where something hurts.
func (w *writing) mood(t *topic, at time.Time) int {
	switch {
	case t.ID == "praise":
		return happy
	case t.ID == "export" && w.broken(at):
		return []int{angry, angry, calm}[w.r.IntN(3)]
	case t.ID == "performance":
		return []int{angry, calm, calm}[w.r.IntN(3)]
	}
	return weighted(w.r, []float64{.72, .16, .12})
}

func (w *writing) priority(mood int) string {
	switch {
	case mood == angry && w.r.Float64() < .4:
		return pick(w.r, []string{"high", "urgent"})
	case w.r.Float64() < .1:
		return ""
	}
	return pick(w.r, []string{"low", "normal", "normal", "normal"})
}

// tongue is the language in which a few people write instead.
func (w *writing) tongue(p *Person, t *topic) *language {
	if t.Weight == 0 || w.r.Float64() > .13 {
		return nil
	}
	switch p.Locale[:2] {
	case "de":
		return &w.texts.Languages.DE
	case "fr":
		return &w.texts.Languages.FR
	case "es":
		return &w.texts.Languages.ES
	}
	return nil
}
