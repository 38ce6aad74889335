package company

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// small is a company of a few records whose metrics can be told by hand.
func small(t *testing.T) *Facts {
	t.Helper()
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	c := &Company{People: []Person{
		{UserID: "u1", Email: "One@acme.example"},
		{UserID: "u2", Email: "two@acme.example"},
		{UserID: "u3", Email: "three@" + Domain},
		{UserID: "u4", Email: "four@acme.example"},
	}}
	n := 0
	event := func(when, kind, user, anon, mail string) {
		n++
		c.Events = append(c.Events, Event{ID: fmt.Sprintf("e%02d", n), Kind: kind, UserID: user, AnonymousID: anon, Email: mail, At: at(when)})
	}
	// u1 looks around as a1 on Saturday, signs up on Sunday, comes back a
	// week later, after the clocks in Berlin went back.
	event("2026-10-24T21:59:59.999Z", "page", "", "a1", "")
	event("2026-10-24T22:00:00Z", "identify", "u1", "a1", " ONE@acme.example ")
	event("2026-10-24T22:00:00Z", "track", "u1", "", "")
	event("2026-10-25T22:59:59.999Z", "track", "u1", "", "") // still Sunday, which has 25 hours
	event("2026-10-25T23:00:00Z", "track", "u1", "", "")
	// a1 belongs to u1, who came first, though u2 used it later.
	event("2026-10-27T10:00:00Z", "track", "u2", "a1", "")
	event("2026-10-27T10:01:00Z", "page", "", "a1", "")
	// u3 is a colleague: before we know it, too. An identify is not active.
	event("2026-10-26T10:00:00Z", "screen", "u3", "a3", "")
	event("2026-10-28T10:00:00Z", "page", "", "a3", "")
	event("2026-10-29T10:00:00Z", "identify", "u3", "", "Three@"+Domain)
	event("2026-10-26T10:00:00Z", "track", DemoUser, "", "")
	event("2026-10-28T10:00:00Z", "page", "", "a9", "") // nobody we know, but somebody
	answer := func(id string, person int, kind string, updates ...Update) {
		c.Answers = append(c.Answers, Answer{ResponseID: id, Kind: kind, Person: person, Updates: updates})
	}
	for i := range 4 {
		answer(fmt.Sprint("r", i), 0, "nps", Update{fmt.Sprint("s", i), at("2026-10-26T12:00:00Z"), 9 - i, ""})
	}
	// A correction moves an answer into another week; of two at one moment the
	// larger id counts.
	answer("r5", 3, "nps", Update{"s5a", at("2026-10-25T12:00:00Z"), 10, ""}, Update{"s5c", at("2026-10-27T12:00:00Z"), 0, ""}, Update{"s5b", at("2026-10-27T12:00:00Z"), 10, ""})
	answer("r6", 2, "nps", Update{"s6", at("2026-10-27T12:00:00Z"), 10, ""}) // the colleague
	answer("r7", 1, "csat", Update{"s7", at("2026-10-27T12:00:00Z"), 4, ""})
	ticket := func(source string, person int, gone bool, changes ...Change) {
		for i := range changes {
			changes[i].EventID = fmt.Sprintf("f%d-%d", len(c.Tickets), i)
		}
		c.Tickets = append(c.Tickets, Ticket{Source: source, ID: fmt.Sprint(len(c.Tickets)), Person: person, Gone: gone, Changes: changes})
	}
	change := func(when, kind, role, status string, public bool) Change {
		return Change{At: at(when), Kind: kind, Role: role, Status: status, Public: public}
	}
	ticket("support", 2, false, // the tool does not say that it is a colleague
		change("2026-10-24T22:00:00Z", "created", "customer", "new", true),
		change("2026-10-24T22:10:00Z", "commented", "agent", "open", false),
		change("2026-10-24T22:20:00Z", "commented", "customer", "open", true),
		change("2026-10-24T23:00:00Z", "commented", "agent", "pending", true),
		change("2026-10-26T00:00:00Z", "status", "agent", "solved", true))
	ticket("api", 2, false, change("2026-10-25T09:00:00Z", "created", "customer", "new", true))
	ticket("api", 0, true, change("2026-10-25T09:00:00Z", "created", "customer", "new", true), change("2026-10-25T10:00:00Z", "spam", "agent", "new", true))
	ticket("support", 0, false, change("2026-10-25T09:00:00Z", "created", "customer", "new", true))
	return c.Facts()
}

// show writes rows as text: period, n, value, statistics that matter.
func show(rows []Row, stats ...string) string {
	var b strings.Builder
	for _, r := range rows {
		value := "-"
		if r.Value != nil {
			value = fmt.Sprintf("%g", *r.Value)
		}
		fmt.Fprintf(&b, "%s n=%d %s", r.Period, r.N, value)
		for _, s := range stats {
			fmt.Fprintf(&b, " %s=%g", s, r.Stats[s])
		}
		if r.Partial {
			b.WriteString(" partial")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestMetricsByHand(t *testing.T) {
	f := small(t)
	berlin, newYork := mustZone("Europe/Berlin"), mustZone("America/New_York")
	for _, c := range []struct {
		metric string
		window Window
		stats  []string
		want   string
	}{
		{"active_users", Window{"2026-10-24", "2026-10-29", "day", berlin}, []string{"events"}, `2026-10-24 n=1 1 events=1
2026-10-25 n=1 1 events=2
2026-10-26 n=1 1 events=1
2026-10-27 n=2 2 events=2
2026-10-28 n=1 1 events=1
`},
		{"active_users", Window{"2026-10-24", "2026-10-26", "day", newYork}, []string{"events"}, `2026-10-24 n=1 1 events=2
2026-10-25 n=1 1 events=2
`},
		{"active_users", Window{"2026-10-25", "2026-11-02", "week", berlin}, []string{"events"}, `2026-10-19 n=1 1 events=2 partial
2026-10-26 n=3 3 events=4
`},
		{"retention", Window{"2026-10-19", "2026-11-02", "week", berlin}, []string{"offset", "retained"}, `2026-10-19 n=1 - offset=0 retained=1
2026-10-19 n=1 - offset=1 retained=1
2026-10-26 n=2 - offset=0 retained=2
`},
		{"retention", Window{"2026-10-19", "2026-11-01", "week", berlin}, []string{"offset", "retained"}, `2026-10-19 n=1 - offset=0 retained=1
`},
		{"nps", Window{"2026-10-19", "2026-11-02", "week", berlin}, []string{"promoters", "passives", "detractors"}, `2026-10-19 n=0 - promoters=0 passives=0 detractors=0
2026-10-26 n=5 -20 promoters=1 passives=2 detractors=2
`},
		{"csat", Window{"2026-10-01", "2026-11-01", "month", berlin}, []string{"good"}, "2026-10-01 n=1 - good=1\n"},
		{"ticket_volume", Window{"2026-10-24", "2026-10-26", "day", berlin}, []string{"tickets"}, "2026-10-24 n=0 0 tickets=0\n2026-10-25 n=2 2 tickets=2\n"},
		{"ticket_volume", Window{"2026-10-24", "2026-10-26", "day", newYork}, []string{"tickets"}, "2026-10-24 n=1 1 tickets=1\n2026-10-25 n=1 1 tickets=1\n"},
		{"first_response_time", Window{"2026-10-19", "2026-10-26", "week", berlin}, []string{"p90", "waiting"}, "2026-10-19 n=1 3600 p90=3600 waiting=1\n"},
		{"backlog", Window{"2026-10-24", "2026-10-27", "day", berlin}, nil, "2026-10-24 n=0 0\n2026-10-25 n=2 2\n2026-10-26 n=1 1\n"},
	} {
		rows, err := f.Metric(c.metric, c.window)
		if err != nil {
			t.Fatal(err)
		}
		if got := show(rows, c.stats...); got != c.want {
			t.Errorf("%s %v:\n%s\nwant\n%s", c.metric, c.window, got, c.want)
		}
	}
}

func TestWindowsAreChecked(t *testing.T) {
	f := &Facts{}
	for _, w := range []Window{
		{"2026-13-01", "2026-11-01", "day", time.UTC}, {"2026-10-01", "tomorrow", "day", time.UTC}, {"2026-10-01", "2026-11-01", "hour", time.UTC},
	} {
		if _, err := f.Metric("nps", w); err == nil {
			t.Errorf("%v is taken", w)
		}
	}
	if _, err := f.Metric("happiness", Window{"2026-10-01", "2026-11-01", "day", time.UTC}); err == nil {
		t.Error("an unknown metric is taken")
	}
}

// TestMetricsAddUp holds the metrics of the whole company against counts that
// do not depend on the calendar.
func TestMetricsAddUp(t *testing.T) {
	c := Generate(Options{})
	f := c.Facts()
	for _, zone := range []string{"Europe/Berlin", "America/New_York"} {
		for _, grain := range []string{"day", "week", "month"} {
			w := Window{"2026-05-01", "2026-12-01", grain, mustZone(zone)}
			sums := map[string]int{}
			for _, name := range MetricNames() {
				rows, err := f.Metric(name, w)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range rows {
					if name != "retention" || r.Offset == 0 {
						sums[name] += r.N
					}
					sums["waiting"] += int(r.Stats["waiting"])
					sums["events"] += int(r.Stats["events"])
				}
			}
			for _, s := range []struct {
				what      string
				got, want int
			}{
				{"events", sums["events"], len(f.active)},
				{"tickets", sums["ticket_volume"], len(f.tickets)},
				{"first responses", sums["first_response_time"] + sums["waiting"], len(f.tickets)},
				{"answers", sums["nps"] + sums["csat"], len(f.answers)},
			} {
				if s.got != s.want || s.want == 0 {
					t.Errorf("%s by %s: %d %s, want %d", zone, grain, s.got, s.what, s.want)
				}
			}
		}
	}
	if len(f.tickets) >= len(c.Tickets) || len(f.answers) >= len(c.Answers) {
		t.Error("nobody is excluded, and no ticket is gone")
	}
}
