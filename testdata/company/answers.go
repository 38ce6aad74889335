package company

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// Answer is one response to a survey.
type Answer struct {
	ResponseID string
	Kind       string // nps, csat
	Person     int
	Plan       string
	UserID     string // where the survey tool knows it; it always knows the e-mail
	Updates    []Update
}

// Update is one webhook about an answer: the score first, a comment or a
// correction later. The last one counts.
type Update struct {
	EventID string
	At      time.Time // whole seconds
	Score   int
	Comment string
}

// deck deals outcomes in shuffled rounds of exact shares, so that the planted
// shares come out in every few weeks.
type deck struct {
	r           *rand.Rand
	full, cards []int
}

func newDeck(r *rand.Rand, counts ...int) *deck {
	d := &deck{r: r}
	for outcome, n := range counts {
		for range n {
			d.full = append(d.full, outcome)
		}
	}
	return d
}

func (d *deck) deal() int {
	if len(d.cards) == 0 {
		d.cards = slices.Clone(d.full)
		d.r.Shuffle(len(d.cards), func(i, j int) { d.cards[i], d.cards[j] = d.cards[j], d.cards[i] })
	}
	c := d.cards[0]
	d.cards = d.cards[1:]
	return c
}

// surveying makes answers.
type surveying struct {
	*generator
	r              *rand.Rand
	team, others   *deck // detractor, passive, promoter
	usual, exports *deck // bad, good
	next           int
}

func (g *generator) makeAnswers() {
	r := g.stream("answers")
	s := &surveying{
		generator: g, r: r, next: 540100,
		team: newDeck(r, 12, 9, 10), others: newDeck(r, 5, 9, 15),
		usual: newDeck(r, 3, 20), exports: newDeck(r, 4, 2),
	}
	total := g.scaled(fullAnswers)
	csat := s.satisfaction(total * 9 / 20)
	for i := range total - csat {
		week := 1 + i*weeks/(total-csat)
		at := localTime(r, g.WeekStart(week).AddDate(0, 0, weighted(r, weekdays)), g.zone("Europe/London"))
		if at.Before(g.Start) || !at.Before(g.End.Add(-time.Hour)) {
			at = g.WeekStart(week).Add(between(r, 24*time.Hour, 100*time.Hour))
		}
		s.nps(at)
	}
	slices.SortStableFunc(g.Answers, func(a, b Answer) int { return a.Updates[0].At.Compare(b.Updates[0].At) })
	for i := range g.Answers {
		for n := range g.Answers[i].Updates {
			s.send(&g.Answers[i], n)
		}
	}
}

// satisfaction asks after solved tickets: in the weeks of the broken export
// many of those answers are about it.
func (s *surveying) satisfaction(want int) int {
	var solved []*Ticket
	var when []time.Time
	for i := range s.Tickets {
		t := &s.Tickets[i]
		for _, c := range t.Changes {
			if c.Status == "solved" && c.Kind == "status" && !t.Gone {
				solved, when = append(solved, t), append(when, c.At)
				break
			}
		}
	}
	chosen := s.r.Perm(len(solved))
	made := 0
	for _, i := range chosen {
		if made == want {
			break
		}
		t, at := solved[i], when[i].Add(between(s.r, 5*time.Minute, 7*time.Hour)).Truncate(time.Second)
		if !at.Before(s.End.Add(-time.Hour)) {
			continue
		}
		d := s.usual
		if s.broken(at) && s.People[t.Person].Exporter {
			d = s.exports
		}
		good := d.deal() == 1
		score := 1 + s.r.IntN(3)
		if good {
			score = 4 + s.r.IntN(2)
		}
		s.answer("csat", t.Person, at, score, s.csatText(t, good))
		made++
	}
	return made
}

func (s *surveying) csatText(t *Ticket, good bool) string {
	tp := s.texts.byID[t.Topic]
	if tp == nil {
		tp = s.texts.byID["praise"]
	}
	if good {
		if s.r.Float64() < .5 {
			return pick(s.r, []string{"Quick reply, thank you.", "The support team solved it.", "Very friendly support agent.", "Great customer support, as always."})
		}
		return pick(s.r, tp.Positive)
	}
	return pick(s.r, tp.Negative)
}

// nps asks somebody who is a customer then. The team plan is the one that is
// not content.
func (s *surveying) nps(at time.Time) {
	w := writing{generator: s.generator, r: s.r}
	person := w.author(at, s.texts.byID["praise"])
	d := s.others
	if s.Accounts[s.People[person].Account].PlanAt(at) == "team" {
		d = s.team
	}
	tp := s.npsTopic(s.week(at))
	switch d.deal() {
	case 0:
		s.answer("nps", person, at, s.r.IntN(7), pick(s.r, tp.Negative))
	case 1:
		s.answer("nps", person, at, 7+s.r.IntN(2), pick(s.r, s.texts.NeutralSurveys))
	default:
		s.answer("nps", person, at, 9+s.r.IntN(2), pick(s.r, tp.Positive))
	}
}

// npsTopic is what an answer speaks about: in line with the tickets.
func (s *surveying) npsTopic(week int) *topic {
	if s.r.Float64() < slowShare(week) {
		return s.texts.byID["performance"]
	}
	var weights []float64
	for _, t := range s.texts.topics {
		weights = append(weights, t.Weight)
	}
	return &s.texts.topics[weighted(s.r, weights)]
}

func (s *surveying) answer(kind string, person int, at time.Time, score int, comment string) {
	r := s.r
	p := &s.People[person]
	s.next += 1 + r.IntN(9)
	at = at.UTC().Truncate(time.Second)
	a := Answer{ResponseID: fmt.Sprint(s.next), Kind: kind, Person: person, Plan: s.Accounts[p.Account].PlanAt(at)}
	if r.Float64() < .75 {
		a.UserID = p.UserID
	}
	a.Updates = []Update{{EventID: uuid(r)[:18], At: at, Score: score}}
	if r.Float64() < .55 {
		if r.Float64() < .15 {
			w := writer{texts: s.texts, r: r, name: p.Name, slots: map[string]string{}}
			comment += " " + w.fill(pick(r, s.texts.Personal[:3]))
		}
		a.Updates = append(a.Updates, Update{EventID: uuid(r)[:18], At: at.Add(between(r, 40*time.Second, 25*time.Minute)).Truncate(time.Second), Score: score, Comment: comment})
	} else if r.Float64() < .05 { // clicked wrongly
		a.Updates = append(a.Updates, Update{EventID: uuid(r)[:18], At: at.Add(between(r, 5*time.Second, 90*time.Second)).Truncate(time.Second), Score: max(1, score-1)})
	}
	s.Answers = append(s.Answers, a)
}

// send is one webhook of Delighted.
func (s *surveying) send(a *Answer, n int) {
	u := &a.Updates[n]
	p := &s.People[a.Person]
	kind, updated, comment := "survey_response.created", any(nil), any(nil)
	if n > 0 {
		kind, updated = "survey_response.updated", u.At.Unix()
	}
	if u.Comment != "" {
		comment = u.Comment
	}
	props := map[string]any{"Plan": a.Plan, "country": p.Country, "platform": p.Platform}
	if a.UserID != "" {
		props["user_id"] = a.UserID
	}
	body := encode(map[string]any{
		"event_type": kind, "event_id": u.EventID,
		"event_data": map[string]any{
			"id": a.ResponseID, "survey_type": a.Kind, "score": u.Score, "comment": comment,
			"person":    map[string]any{"id": fmt.Sprint(700000 + a.Person), "email": p.Email, "name": p.Name, "created_at": a.Updates[0].At.Unix() - 86400},
			"permalink": "https://survey.example/r/" + u.EventID[:8], "created_at": a.Updates[0].At.Unix(), "updated_at": updated,
			"person_properties": props, "notes": []any{}, "tags": []any{}, "additional_answers": []any{},
		},
	})
	at := u.At.Add(between(s.r, time.Second, 5*time.Second))
	s.Deliveries = append(s.Deliveries, Delivery{At: at, Source: "survey", Valid: true, Status: 202, tally: Tally{Stored: 1}, make: fixed("/hooks/survey", http.Header{"User-Agent": {"Delighted"}}, body)})
}
