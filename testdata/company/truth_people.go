package company

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Facts are the company's records as metrics see them: one identity per
// person, excluded people and vanished tickets left out. They are computed
// from the generator's records alone.
type Facts struct {
	active  []active // by time
	first   map[string]time.Time
	tickets []*Ticket
	answers []answered
}

// active is one active event of a person.
type active struct {
	at     time.Time
	person string
}

// answered is the latest state of one answer.
type answered struct {
	at    time.Time
	kind  string
	score int
}

// who is what one record says about a person.
type who struct {
	at               time.Time
	id               string // of the record
	user, mail, anon string
}

// identities holds the links: which user an e-mail or an anonymous id is.
type identities struct {
	mail, anon map[string]string
	excluded   map[string]bool
}

// Facts resolves who is who.
func (c *Company) Facts() *Facts {
	records := c.everybody()
	ids := link(records)
	f := &Facts{first: map[string]time.Time{}}
	for i := range c.Events {
		e := &c.Events[i]
		if e.Kind != "track" && e.Kind != "page" && e.Kind != "screen" {
			continue
		}
		p := ids.person(e.who())
		if p == "" || ids.excluded[p] {
			continue
		}
		at := e.At.Truncate(time.Millisecond)
		f.active = append(f.active, active{at, p})
		if t, ok := f.first[p]; !ok || at.Before(t) {
			f.first[p] = at
		}
	}
	for i := range c.Tickets {
		t := &c.Tickets[i]
		if p := ids.person(t.who(c)); !t.Gone && !ids.excluded[p] {
			f.tickets = append(f.tickets, t)
		}
	}
	for i := range c.Answers {
		a := &c.Answers[i]
		if p := ids.person(a.who(c, 0)); ids.excluded[p] {
			continue
		}
		last := slices.MaxFunc(a.Updates, func(x, y Update) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.EventID, y.EventID)) })
		f.answers = append(f.answers, answered{last.At, a.Kind, last.Score})
	}
	return f
}

// everybody is every record that says who it is about.
func (c *Company) everybody() []who {
	var list []who
	for i := range c.Events {
		list = append(list, c.Events[i].who())
	}
	for i := range c.Tickets {
		t := &c.Tickets[i]
		for n := range t.Changes {
			if t.Changes[n].Role == "customer" {
				w := t.who(c)
				w.at, w.id = t.Changes[n].At, t.Changes[n].EventID
				list = append(list, w)
			}
		}
	}
	for i := range c.Answers {
		for n := range c.Answers[i].Updates {
			list = append(list, c.Answers[i].who(c, n))
		}
	}
	return list
}

func (e *Event) who() who {
	return who{e.At, e.ID, e.UserID, plainMail(e.Email), e.AnonymousID}
}

func (t *Ticket) who(c *Company) who {
	user, mail := t.identity(&c.People[t.Person])
	return who{user: user, mail: plainMail(mail)}
}

func (a *Answer) who(c *Company, n int) who {
	return who{a.Updates[n].At, a.Updates[n].EventID, a.UserID, plainMail(c.People[a.Person].Email), ""}
}

func plainMail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// link finds the earliest record that carries both keys, and who is excluded.
func link(records []who) *identities {
	slices.SortFunc(records, func(a, b who) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id)) })
	ids := &identities{map[string]string{}, map[string]string{}, map[string]bool{}}
	for _, w := range records {
		if w.user == "" {
			continue
		}
		if w.mail != "" && ids.mail[w.mail] == "" {
			ids.mail[w.mail] = w.user
		}
		if w.anon != "" && ids.anon[w.anon] == "" {
			ids.anon[w.anon] = w.user
		}
	}
	for _, w := range records {
		if w.user == DemoUser || w.mail != "" && w.mail[strings.LastIndexByte(w.mail, '@')+1:] == Domain {
			ids.excluded[ids.person(w)] = true
		}
	}
	return ids
}

// person is the key under which a record's person is counted; "" for nobody.
func (ids *identities) person(w who) string {
	switch {
	case w.user != "":
		return "u:" + w.user
	case ids.mail[w.mail] != "":
		return "u:" + ids.mail[w.mail]
	case ids.anon[w.anon] != "":
		return "u:" + ids.anon[w.anon]
	case w.mail != "":
		return "e:" + w.mail
	case w.anon != "":
		return "a:" + w.anon
	}
	return ""
}
