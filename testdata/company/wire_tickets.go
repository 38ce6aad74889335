package company

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// zendeskTypes are the names of the event webhooks.
var zendeskTypes = map[string]string{
	"created": "created", "commented": "comment_added", "status": "status_changed", "priority": "priority_changed",
	"assigned": "agent_assignment_changed", "tagged": "tags_changed", "merged": "merged", "deleted": "soft_deleted", "spam": "marked_as_spam",
}

// send makes the deliveries of all tickets.
func (w *writing) send() {
	for i := range w.Tickets {
		t := &w.Tickets[i]
		for n := range t.Changes {
			if t.Source == "support" {
				w.sendEvent(t, n)
			}
		}
		if t.Source == "api" {
			w.sendRecords(t)
		}
	}
}

// outage is when nothing arrives from support, and when it arrives instead.
func (c *Company) outage(at time.Time) (time.Time, bool) {
	from, to := c.at(17, 1, 0, 0), c.at(17, 3, 0, 0)
	if at.Before(from) || !at.Before(to) {
		return at, false
	}
	// The backlog is worked off from 6:10 on, in order, within 90 minutes.
	share := float64(at.Sub(from)) / float64(to.Sub(from))
	return c.at(17, 3, 6, 10).Add(time.Duration(share * float64(90*time.Minute))).Truncate(time.Millisecond), true
}

// sendEvent is one event webhook of Zendesk.
func (w *writing) sendEvent(t *Ticket, n int) {
	c := &t.Changes[n]
	at := c.At.Add(between(w.r, 300*time.Millisecond, 4*time.Second))
	if w.r.Float64() < .01 {
		at = at.Add(between(w.r, 2*time.Minute, 50*time.Minute)) // tried again
	}
	at, late := w.outage(at)
	body := encode(zendeskEvent(t, n, w.r.IntN(1_000_000)))
	h := http.Header{"X-Zendesk-Webhook-Id": {"01KDEMOWEBHOOK"}, "X-Zendesk-Webhook-Invocation-Id": {"01K" + c.EventID[:13]}, "User-Agent": {"Zendesk Webhook"}}
	w.Deliveries = append(w.Deliveries, Delivery{At: at, Source: "support", Valid: true, Late: late, Status: 202, tally: Tally{Stored: 1}, make: fixed("/hooks/support", h, body)})
}

// zendeskEvent writes one change in the shape of an event webhook: ids are
// texts, enumerations in upper case, nine digits of a second.
func zendeskEvent(t *Ticket, n, nano int) map[string]any {
	c := &t.Changes[n]
	requester := fmt.Sprint(8447380000000 + t.Person)
	var assignee, tags, priority any
	if c.Assignee >= 0 {
		assignee = fmt.Sprint(9100 + c.Assignee)
	}
	if len(c.Tags) > 0 {
		tags = c.Tags
	}
	if c.Priority != "" {
		priority = strings.ToUpper(c.Priority)
	}
	detail := map[string]any{
		"actor_id": requester, "assignee_id": assignee, "brand_id": "8447346621310", "created_at": t.Created().Format(time.RFC3339),
		"custom_status": "8447320465790", "description": t.Changes[0].Text, "external_id": nil, "form_id": "8646151517822",
		"group_id": "8447320466430", "id": t.ID, "is_public": true, "organization_id": nil, "priority": priority,
		"requester_id": requester, "status": strings.ToUpper(c.Status), "subject": t.Subject, "submitter_id": requester,
		"tags": tags, "type": "INCIDENT", "updated_at": c.At.Format(time.RFC3339), "via": map[string]any{"channel": "email"},
	}
	event := map[string]any{"meta": map[string]any{"sequence": map[string]any{"id": c.EventID, "position": 1, "total": 1}}}
	kind := zendeskTypes[c.Kind]
	switch c.Kind {
	case "commented":
		author := map[string]any{"id": requester, "is_staff": false, "name": "Customer"}
		if c.Role == "agent" {
			author = map[string]any{"id": fmt.Sprint(9100 + max(0, c.Assignee)), "is_staff": true, "name": "Support"}
		}
		event["comment"] = map[string]any{"id": "98" + t.ID + fmt.Sprint(n), "author": author, "body": c.Text, "is_public": c.Public}
	case "status":
		event["current"], event["previous"] = strings.ToUpper(c.Status), strings.ToUpper(t.Changes[n-1].Status)
		if t.Changes[n-1].Kind == "deleted" {
			kind = "undeleted"
		}
	case "priority":
		event["current"], event["previous"] = strings.ToUpper(c.Priority), nil
	}
	return map[string]any{
		"account_id": "22129848", "id": c.EventID, "time": c.At.Format("2006-01-02T15:04:05.000") + fmt.Sprintf("%06dZ", nano),
		"type": "zen:event-type:ticket." + kind, "subject": "zen:ticket:" + t.ID, "zendesk_event_version": "2022-11-06",
		"detail": detail, "event": event,
	}
}

// apiRecord is one input record about a ticket, for the first-party API.
type apiRecord struct {
	Table      string   `json:"table"`
	EventID    string   `json:"event_id"`
	OccurredAt string   `json:"occurred_at"`
	TicketID   string   `json:"ticket_id"`
	Change     string   `json:"change"`
	AuthorRole string   `json:"author_role"`
	Public     *bool    `json:"public,omitempty"`
	Subject    string   `json:"subject,omitempty"`
	Text       string   `json:"text,omitempty"`
	Status     string   `json:"status,omitempty"`
	Priority   string   `json:"priority,omitempty"`
	Channel    string   `json:"channel,omitempty"`
	Tags       []string `json:"tags,omitempty"`
	UserID     string   `json:"user_id,omitempty"`
	Email      string   `json:"email,omitempty"`
	Plan       string   `json:"plan,omitempty"`
	Locale     string   `json:"locale,omitempty"`
	Country    string   `json:"country,omitempty"`
	Platform   string   `json:"platform,omitempty"`
	AppVersion string   `json:"app_version,omitempty"`
}

// sendRecords posts what the feedback form of the product collects: single
// records, or what happened within a few minutes together, as an array or one
// a line.
func (w *writing) sendRecords(t *Ticket) {
	for n := 0; n < len(t.Changes); {
		last := n + 1
		for last < len(t.Changes) && t.Changes[last].At.Sub(t.Changes[n].At) < 3*time.Minute {
			last++
		}
		var list []apiRecord
		for i := n; i < last; i++ {
			list = append(list, w.apiRecord(t, i))
		}
		at := t.Changes[last-1].At.Add(between(w.r, 200*time.Millisecond, 2*time.Second))
		w.Deliveries = append(w.Deliveries, Delivery{At: at, Source: "api", Valid: true, Status: 202, tally: Tally{Stored: len(list)}, make: w.records(list)})
		n = last
	}
}

// records writes one record, an array of them, or one a line.
func (w *writing) records(list []apiRecord) func(time.Time) payload {
	h := http.Header{"User-Agent": {"tidewater-server"}}
	switch lines := w.r.IntN(2) == 0; {
	case len(list) == 1:
		return fixed("/v1/records", h, encode(list[0]))
	case !lines:
		return fixed("/v1/records", h, encode(list))
	}
	h.Set("Content-Type", "application/x-ndjson")
	var b []byte
	for _, r := range list {
		b = append(append(b, encode(r)...), '\n')
	}
	return fixed("/v1/records", h, b)
}

func (w *writing) apiRecord(t *Ticket, n int) apiRecord {
	c := &t.Changes[n]
	r := apiRecord{
		Table: "tickets", EventID: c.EventID, OccurredAt: c.At.Format(millis), TicketID: t.ID, Change: c.Kind, AuthorRole: c.Role,
		Text: c.Text, Status: c.Status, Priority: c.Priority, Channel: "app", Tags: c.Tags,
	}
	if !c.Public {
		r.Public = new(bool)
	}
	if c.Kind == "created" {
		r.Subject = t.Subject
	}
	if c.Role != "customer" {
		return r
	}
	p := &w.People[t.Person]
	a := &w.Accounts[p.Account]
	r.Plan, r.Locale, r.Country, r.Platform = a.PlanAt(c.At), p.Locale, p.Country, p.Platform
	r.AppVersion = w.versionAt(c.At)
	r.UserID, r.Email = t.identity(p)
	return r
}

// identity is what the feedback form knows of who writes: the login, or for
// one in five only the address they typed.
func (t *Ticket) identity(p *Person) (userID, email string) {
	if t.Source != "api" {
		return "", ""
	}
	if t.Changes[0].EventID[0] < '3' {
		return "", p.Email
	}
	return p.UserID, ""
}
