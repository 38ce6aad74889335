package company

import (
	"math"
	"slices"
	"time"
)

// conversation plays what happens to one ticket until it is closed or the
// history ends.
type conversation struct {
	*writing
	t        *Ticket
	wr       *writer
	topic    *topic
	at       time.Time
	status   string
	priority string
	tags     []string
	assignee int
	over     bool // the history has ended
}

// add puts one change at the present moment, unless the history has ended.
func (c *conversation) add(kind, role string, public bool, text string) {
	if c.over = c.over || !c.at.Before(c.End); c.over {
		return
	}
	c.t.Changes = append(c.t.Changes, Change{
		EventID: uuid(c.r), Kind: kind, At: c.at.UTC().Truncate(time.Millisecond), Role: role, Public: public, Text: text,
		Status: c.status, Priority: c.priority, Tags: c.tags, Assignee: c.assignee,
	})
	c.at = c.at.Add(between(c.r, 3*time.Second, 90*time.Second))
}

func (c *conversation) play(text string) {
	r := c.r
	if r.Float64() < .5 {
		c.tags = []string{c.topic.Tag}
	}
	html := c.t.Source == "support" && r.Float64() < .25
	first := text
	if html {
		first = markup(text)
	}
	c.add("created", "customer", true, first)
	if c.vanish() {
		return
	}
	if r.Float64() < .6 {
		c.at = c.at.Add(between(r, time.Minute, 40*time.Minute))
		c.assignee = r.IntN(len(c.texts.Agents))
		c.add("assigned", "system", true, "")
	}
	if r.Float64() < .18 {
		c.tags = append(slices.Clip(c.tags), "triaged")
		c.add("tagged", "agent", true, "")
	}
	if r.Float64() < .1 {
		c.priority = "high"
		c.add("priority", "agent", true, "")
	}
	if r.Float64() < .025 {
		return // overlooked
	}
	c.answer(html)
	c.settle()
}

// vanish ends a few tickets: spam, deleted, merged. A deleted one may be
// brought back, and goes on.
func (c *conversation) vanish() bool {
	x := c.r.Float64()
	if x >= .045 {
		return false
	}
	c.at = c.at.Add(between(c.r, 5*time.Minute, 5*time.Hour))
	switch {
	case x < .014:
		c.t.Topic, c.t.Theme = "", ""
		c.t.Subject = "Great offer"
		c.t.Changes[0].Text = c.wr.fill(pick(c.r, c.texts.Spam))
		c.add("spam", "agent", true, "")
	case x < .026:
		c.add("deleted", "agent", true, "")
	case x < .040:
		c.add("merged", "agent", true, "")
		c.status = "closed"
		c.add("status", "system", true, "")
	default:
		c.add("deleted", "agent", true, "")
		c.status = "open"
		c.add("status", "agent", true, "") // undeleted
		return false
	}
	c.t.Gone = len(c.t.Changes) > 1
	return true
}

// answer plays the exchange between agent and customer.
func (c *conversation) answer(html bool) {
	r := c.r
	if c.status == "new" {
		c.status = "open"
	}
	c.at = c.office(c.at.Add(logNormal(c.wr, 95*time.Minute, 1.1)))
	if r.Float64() < .15 {
		c.add("commented", "agent", false, pick(r, c.texts.AgentNotes))
	}
	c.status = "pending"
	reply := c.wr.fill(pick(r, c.texts.AgentReplies))
	c.add("commented", "agent", true, reply)
	c.add("status", "agent", true, "")
	for round := 0; round < 3 && r.Float64() < []float64{.62, .35, .2}[round]; round++ {
		c.at = c.at.Add(logNormal(c.wr, 5*time.Hour, 1.2))
		c.status = "open"
		body := c.wr.follow(c.topic)
		if c.t.Language != "en" {
			l := map[string]*language{"de": &c.texts.Languages.DE, "fr": &c.texts.Languages.FR, "es": &c.texts.Languages.ES}[c.t.Language]
			body = c.wr.fill(pick(r, l.Details))
		}
		if r.Float64() < .35 {
			body = c.wr.quote(body, reply)
		}
		if html {
			body = markup(body)
		}
		c.add("commented", "customer", true, body)
		c.add("status", "system", true, "")
		c.at = c.office(c.at.Add(logNormal(c.wr, 2*time.Hour, 1)))
		c.status = "pending"
		reply = c.wr.fill(pick(r, c.texts.AgentReplies))
		c.add("commented", "agent", true, reply)
	}
}

// settle solves the ticket, sometimes twice, and closes it days later.
func (c *conversation) settle() {
	r := c.r
	c.at = c.office(c.at.Add(logNormal(c.wr, 14*time.Hour, 1)))
	c.status = "solved"
	if r.Float64() < .7 {
		c.add("commented", "agent", true, c.wr.fill(pick(r, c.texts.AgentSolved)))
	}
	c.add("status", "agent", true, "")
	if r.Float64() < .07 {
		c.at = c.at.Add(logNormal(c.wr, 20*time.Hour, .8))
		c.status = "open"
		c.add("commented", "customer", true, c.wr.follow(c.topic))
		c.add("status", "system", true, "")
		c.at = c.office(c.at.Add(logNormal(c.wr, 6*time.Hour, 1)))
		c.status = "solved"
		c.add("status", "agent", true, "")
	}
	c.at = c.at.Add(4*24*time.Hour + between(r, 0, time.Hour))
	c.status = "closed"
	c.add("status", "system", true, "")
}

// office moves a time into the support team's hours: weekdays
// from 7 to 21, in two shifts.
func (c *conversation) office(t time.Time) time.Time {
	local := t.In(c.loc)
	for local.Hour() >= 21 || local.Hour() < 7 || local.Weekday() == time.Saturday || local.Weekday() == time.Sunday {
		day := local
		if local.Hour() >= 7 {
			day = local.AddDate(0, 0, 1)
		}
		local = time.Date(day.Year(), day.Month(), day.Day(), 7, 0, 0, 0, c.loc)
		if wd := local.Weekday(); wd != time.Saturday && wd != time.Sunday {
			return local.Add(between(c.r, 2*time.Minute, 2*time.Hour))
		}
	}
	return t
}

func logNormal(w *writer, median time.Duration, sigma float64) time.Duration {
	return time.Duration(float64(median) * math.Exp(sigma*w.r.NormFloat64())).Truncate(time.Millisecond)
}
