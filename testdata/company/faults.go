package company

import (
	"net/http"
	"time"
)

// makeFaults repeats some deliveries, and adds a few that are forged or
// broken. The order of what is there already is that of its making, so that
// the draws are the same for the same seed.
func (g *generator) makeFaults() {
	r := g.stream("faults")
	valid := len(g.Deliveries)
	for i := range valid {
		d := g.Deliveries[i]
		if r.Float64() > .03 {
			continue
		}
		for range 1 + geometric(r, .4) {
			again := d
			again.Repeat = true
			again.At = d.At.Add(between(r, 2*time.Second, 2*time.Minute))
			if r.Float64() < .25 {
				again.At = d.At.Add(exponential(r, 20*time.Hour))
			}
			if limit := g.End.Add(5 * time.Hour); again.At.After(limit) {
				again.At = later(limit, d.At).UTC()
			}
			again.At, again.Late = g.silence(again)
			again.tally = Tally{Duplicate: d.tally.Stored, Rejected: d.tally.Rejected, Ignored: d.tally.Ignored}
			g.Deliveries = append(g.Deliveries, again)
		}
	}
	g.forge(valid)
	g.breakSome()
}

// silence keeps repeated deliveries of support out of the outage as well.
func (g *generator) silence(d Delivery) (time.Time, bool) {
	if d.Source != "support" {
		return d.At, d.Late
	}
	at, late := g.outage(d.At)
	return at, d.Late || late
}

// forge copies deliveries with a wrong key, a changed body, a time long past
// or no signature at all.
func (g *generator) forge(valid int) {
	r := g.stream("forged")
	ways := map[string][]string{
		"support": {"key", "body", "stale", "none"}, "survey": {"key", "body", "none"}, "github": {"key", "body", "none"},
		"app": {"key"}, "api": {"key", "none"},
	}
	for range 14 {
		d := g.Deliveries[r.IntN(valid)]
		d.At = d.At.Add(between(r, time.Minute, 3*time.Hour))
		d.At, _ = g.silence(d)
		d.forge = pick(r, ways[d.Source])
		d.Valid, d.Forged, d.Late, d.Status, d.tally = false, true, false, 401, Tally{}
		g.Deliveries = append(g.Deliveries, d)
	}
}

// breakSome adds authentic deliveries that cannot be understood.
func (g *generator) breakSome() {
	r := g.stream("broken")
	unknown := []byte(`{"type":"zen:event-type:user.created","id":"unknown-1","time":"2026-08-03T08:00:00Z","detail":{"id":"1"}}`)
	odd := []byte(`{"batch":[{"type":"track","event":"Project Opened","messageId":"odd-1","timestamp":"2026-08-04T08:00:00.000Z","anonymousId":"` + DemoUser +
		`","userId":"` + DemoUser + `"},{"type":"telepathy","messageId":"odd-2"},{"event":"No Type"},"not an object"]}`)
	list := []struct {
		source, path string
		body         []byte
		header       http.Header
		tally        Tally
		status       int
	}{
		{"support", "/hooks/support", []byte(`{"type":"zen:event-type:ticket.created","detail":{"id":"5158","descr`), nil, Tally{Rejected: 1}, 202},
		{"support", "/hooks/support", []byte(`{"hello":"world"}`), nil, Tally{Rejected: 1}, 202},
		{"support", "/hooks/support", unknown, nil, Tally{Ignored: 1}, 202},
		{"survey", "/hooks/survey", []byte(`{"event_type":"survey_response.created","event_id":"x1","event_data":{"id":"1","survey_type":"nps","score":`), nil, Tally{Rejected: 1}, 202},
		{"survey", "/hooks/survey", []byte(`{"event_type":"survey_response.created","event_id":"x2","event_data":{"id":"2","survey_type":"nps","score":11,"created_at":1785744000}}`), nil, Tally{Rejected: 1}, 202},
		{"survey", "/hooks/survey", []byte(`{"event_type":"unsubscribe.created","event_id":"x3","event_data":{"person_id":"1"}}`), nil, Tally{Ignored: 1}, 202},
		{"github", "/hooks/github", []byte(`[1,2,3]`), http.Header{"X-Github-Event": {"release"}}, Tally{Rejected: 1}, 202},
		{"app", "/v1/batch", []byte(`{"batch":[{"type":"track","event":"Project Op`), nil, Tally{Rejected: 1}, 200},
		{"app", "/v1/batch", odd, nil, Tally{Stored: 1, Rejected: 3}, 200},
		{"api", "/v1/records", []byte(`{"table":"surveys","response_id":"r1","question_id":"q","kind":"nps","score":11}`), nil, Tally{}, 400},
		{"api", "/v1/records", []byte(`[{"table":"tickets","ticket_id":"1"`), nil, Tally{}, 400},
	}
	for i, b := range list {
		at := g.WeekStart(3 + 2*i%20).Add(between(r, 8*time.Hour, 18*time.Hour)).UTC()
		g.Deliveries = append(g.Deliveries, Delivery{At: at, Source: b.source, Broken: true, Status: b.status, tally: b.tally, make: fixed(b.path, b.header, b.body)})
	}
}
