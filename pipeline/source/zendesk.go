package source

import (
	"slices"
	"strings"

	"upshot.dev/upshot/pipeline/record"
)

func init() {
	Register(&Source{
		Type:  "zendesk",
		Title: "Zendesk",
		Gives: []record.Table{record.Tickets, record.Surveys},
		Doc: "Create an event webhook subscribed to the ticket events, with this address, POST and JSON, " +
			"and copy its signing secret. Not verified against Zendesk itself: the event that the newer " +
			"CSAT survey sends, and the codes on which it retries.",
		Scheme: mustProfile("zendesk"),
		Parse:  parseZendesk,
	})
}

// zendeskChanges says which change each ticket event is. The ticket events
// that change nothing we count (subject, custom fields, followers, ...) are
// ignored, like all that are not known yet.
var zendeskChanges = map[string]string{
	"created":                  "created",
	"comment_added":            "commented",
	"status_changed":           "status",
	"custom_status_changed":    "status",
	"undeleted":                "status",
	"priority_changed":         "priority",
	"agent_assignment_changed": "assigned",
	"group_assignment_changed": "assigned",
	"tags_changed":             "tagged",
	"merged":                   "merged",
	"soft_deleted":             "deleted",
	"permanently_deleted":      "deleted",
	"marked_as_spam":           "spam",
	// Seen in integrations, not in the documentation.
	"solved":                      "status",
	"closed":                      "status",
	"satisfaction_rated":          "rated",
	"satisfaction_rating_changed": "rated",
	"csat_rated":                  "rated",
}

// zendeskChannels maps via.channel; what is not listed has no channel.
var zendeskChannels = map[string]string{
	"email": "email", "mail": "email",
	"web": "web", "web_form": "web", "help_center": "web", "web_widget": "web",
	"web_service": "api", "api": "api",
	"voice": "phone", "phone": "phone",
	"chat": "chat", "messaging": "chat", "native_messaging": "chat", "answer_bot_for_web_widget": "chat",
	"mobile_sdk": "app", "mobile": "app", "ios": "app", "android": "app",
	"twitter": "social", "facebook": "social", "instagram_dm": "social", "any_channel": "social",
}

var (
	zendeskStatuses   = []string{"new", "open", "pending", "hold", "solved", "closed"}
	zendeskPriorities = []string{"low", "normal", "high", "urgent"}
)

// parseZendesk reads one event. The documented shape has ids as text and
// enumerations in upper case; payloads shown by integrations have event_type,
// detail.ticket, numbers for ids and lower case. Both are read.
func parseZendesk(d Delivery) Parsed {
	body, err := decodeJSON(d.Body)
	if err != nil {
		return rejected(err.Error())
	}
	if !body.isObject() {
		return rejected("not a Zendesk event: the body is not an object")
	}
	kind := zendeskType(body)
	if kind == "" {
		return rejected("not a Zendesk event: it has no type")
	}
	change, known := zendeskChanges[kind]
	if !known {
		return Parsed{}
	}
	detail := body.at("detail")
	if t := detail.at("ticket"); t.isObject() {
		detail = t
	}
	event := body.at("event")
	r := zendeskTicket(body, detail)
	r.Change = change
	r.AuthorRole = zendeskRole(event)
	switch change {
	case "created":
		r.Text = first(detail.at("description"), event.at("comment", "body"))
		r.Public = detail.at("is_public").boolean()
	case "commented":
		comment := event.at("comment")
		r.Text = first(comment.at("body"), comment.at("plain_body"), comment.at("html_body"), event.at("body"))
		r.Public = comment.at("is_public").boolean()
		if r.Public == nil {
			r.Public = comment.at("public").boolean()
		}
	case "status":
		if r.Status == "" {
			r.Status = zendeskWord(event.at("current"), zendeskStatuses...)
		}
	case "priority":
		if r.Priority == "" {
			r.Priority = zendeskWord(event.at("current"), zendeskPriorities...)
		}
	case "rated":
		return zendeskRating(r, event, detail)
	}
	return one(r)
}

// zendeskType is the bare name of a ticket event like "status_changed". Events
// about anything else are named with what they are about, and match nothing.
func zendeskType(body value) string {
	kind := first(body.at("type"), body.at("event_type"))
	kind = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(kind), "zen:event-type:"))
	return strings.TrimPrefix(kind, "ticket.")
}

// zendeskTicket reads what every ticket event carries. The ids of requester
// and organisation are Zendesk's own and name nobody in our product, so they
// are left out.
func zendeskTicket(body, detail value) record.Record {
	id := first(detail.at("id"), detail.at("ticket_id"), body.at("ticket_id"))
	if id == "" {
		id = strings.TrimPrefix(body.at("subject").text(), "zen:ticket:")
	}
	r := record.Record{
		Table:      record.Tickets,
		EventID:    first(body.at("id"), body.at("event_id")),
		OccurredAt: body.at("time").time(),
		TicketID:   id,
		Subject:    detail.at("subject").text(),
		Status:     zendeskWord(detail.at("status"), zendeskStatuses...),
		Priority:   zendeskWord(detail.at("priority"), zendeskPriorities...),
		Channel:    zendeskChannels[first(value{detail.at("via", "channel").word()}, value{detail.at("channel").word()})],
		Team:       detail.at("group_id").text(),
		Assignee:   detail.at("assignee_id").text(),
	}
	if r.OccurredAt.IsZero() {
		r.OccurredAt = value{first(body.at("timestamp"), detail.at("updated_at"), detail.at("created_at"))}.time()
	}
	for _, t := range detail.at("tags").list() {
		if s := t.text(); s != "" {
			r.Tags = append(r.Tags, s)
		}
	}
	return r
}

// zendeskWord is the enumeration's word, or nothing when it is not one of
// those allowed: an unknown status is no reason to lose a ticket.
func zendeskWord(v value, allowed ...string) string {
	w := v.word()
	if w == "on-hold" || w == "on_hold" {
		w = "hold"
	}
	if slices.Contains(allowed, w) {
		return w
	}
	return ""
}

// zendeskRole is agent when the author is staff, customer otherwise.
func zendeskRole(event value) string {
	for _, author := range []value{event.at("comment", "author"), event.at("author"), event.at("actor")} {
		switch author.at("role").word() {
		case "agent", "admin":
			return "agent"
		}
		if author.at("is_staff").yes() {
			return "agent"
		}
	}
	return "customer"
}

// zendeskRating gives two records: the change to the ticket, and the answer.
// Ratings are good or bad, or a number from 1 to 5.
func zendeskRating(r record.Record, event, detail value) Parsed {
	rating := event
	for _, v := range []value{event.at("satisfaction_rating"), detail.at("satisfaction_rating"), event.at("current")} {
		if v.isObject() {
			rating = v
			break
		}
	}
	word := first(rating.at("score"), rating.at("rating"), event.at("current"))
	s := record.Record{
		Table: record.Surveys, EventID: r.EventID, OccurredAt: r.OccurredAt, Kind: "csat",
		TicketID: r.TicketID, ResponseID: r.TicketID, QuestionID: "csat",
		Text: first(rating.at("comment"), rating.at("remark")),
	}
	if s.EventID != "" {
		s.EventID += ":csat"
	}
	low, high := 1.0, 5.0
	switch score := (value{word}); strings.ToLower(word) {
	case "good", "bad", "good_with_comment", "bad_with_comment":
		low, high = 0, 1
		n := 0.0
		if strings.HasPrefix(strings.ToLower(word), "good") {
			n = 1
		}
		s.Score = &n
	case "", "offered", "unoffered":
		return Parsed{} // asked, not answered
	default:
		if s.Score = score.number(); s.Score == nil {
			return rejected("score of the satisfaction rating is neither good, bad nor a number")
		}
	}
	s.ScaleMin, s.ScaleMax = &low, &high
	return one(r, s)
}
