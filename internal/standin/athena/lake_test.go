package athena_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
)

// lakeRows are the rows of a small made-up lake by table and day.
type lakeRows struct {
	r        *rand.Rand
	n        int
	tickets  map[string][]record.TicketRow
	surveys  map[string][]record.SurveyRow
	events   map[string][]record.EventRow
	releases map[string][]record.ReleaseRow
	links    map[string][]record.LinkRow
	receipts map[string][]record.ReceiptRow
}

// smallLake writes 20 weeks of a company to Sunday 2026-11-22, two days of each,
// that has something for every metric, every section and every headline.
func smallLake(t *testing.T) string {
	t.Helper()
	l := &lakeRows{
		r:       rand.New(rand.NewPCG(1, 2)),
		tickets: map[string][]record.TicketRow{}, surveys: map[string][]record.SurveyRow{}, events: map[string][]record.EventRow{},
		releases: map[string][]record.ReleaseRow{}, links: map[string][]record.LinkRow{}, receipts: map[string][]record.ReceiptRow{},
	}
	const weeks = 20
	for w := range weeks {
		monday := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC).AddDate(0, 0, 7*(w-weeks))
		for p := range 60 {
			l.visit(monday, p)
		}
		for i := range 6 { // new ones, some of whom come back
			newcomer := 100 + 6*w + i
			for later := 0; later <= i%4 && w+later < weeks; later++ {
				l.visit(monday.AddDate(0, 0, 7*later), newcomer)
			}
		}
		exports := 3
		if w == weeks-1 {
			exports = 25
		}
		for i := range exports {
			l.ticket(monday, i, "export", "The export of report 7 stops at page three, please help.", -0.6)
		}
		for i := range 12 + w%3 {
			l.ticket(monday, i, "billing", "The invoice shows another address „alt“, <b>why</b>? 🚀", -0.2)
		}
		for i := range 15 {
			l.answers(monday, i)
		}
	}
	at := time.Date(2026, 11, 16, 7, 20, 0, 0, time.UTC)
	row, dt := l.row("releases", "github", at, "")
	l.releases[dt] = append(l.releases[dt], record.ReleaseRow{Row: row, Kind: "release", Version: "v2.0.0", Title: "New | renderer <b>"})
	dir := t.TempDir()
	s, err := localenv.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	write(t, s, "tickets", l.tickets)
	write(t, s, "surveys", l.surveys)
	write(t, s, "events", l.events)
	write(t, s, "releases", l.releases)
	write(t, s, "links", l.links)
	write(t, s, "ledger", l.receipts)
	return dir
}

func write[T any](t *testing.T, s *localenv.Store, table string, days map[string][]T) {
	t.Helper()
	for dt, rows := range days {
		if err := lake.WriteHot(t.Context(), s, table, dt, "batch", rows); err != nil {
			t.Fatal(err)
		}
	}
}

func pick(l *lakeRows, list ...string) string { return list[l.r.IntN(len(list))] }

// row is what all records have, with its receipt.
func (l *lakeRows) row(table, source string, at time.Time, person string) (record.Row, string) {
	l.n++
	id, dt := fmt.Sprintf("e%06d", l.n), at.Format(time.DateOnly)
	l.receipts[dt] = append(l.receipts[dt], record.ReceiptRow{DeliveryID: "d" + id, Source: source, Table: table, ReceivedAt: at.UnixMicro(), Outcome: record.OutcomeRecord, EventKey: int64(l.n)})
	return record.Row{
		EventID: id, Source: source, OccurredAt: at.UnixMicro(), ReceivedAt: at.UnixMicro(), DeliveryID: "d" + id, UserKey: person,
		Plan: pick(l, "", "free", "pro"), Platform: pick(l, "web", "ios"), Country: pick(l, "DE", ""), AppVersion: pick(l, "1.0", "2.0"),
		Locale: pick(l, "de", "en"), Product: pick(l, "", "cloud"),
	}, dt
}

// moment is some time of one of two days, odd to the millisecond.
func (l *lakeRows) moment(monday time.Time, i int) time.Time {
	return monday.AddDate(0, 0, i%2).Add(time.Duration(l.r.Int64N(13*3600*1000)) * time.Millisecond)
}

func (l *lakeRows) visit(monday time.Time, p int) {
	at, person := l.moment(monday, p), fmt.Sprintf("p%03d", p)
	row, dt := l.row("events", "app", at, person)
	if p%10 == 0 { // known by an e-mail, too
		row.EmailKey = "m" + person
		l.links[dt] = append(l.links[dt], record.LinkRow{UserKey: person, EmailKey: row.EmailKey, OccurredAt: row.OccurredAt, EventID: row.EventID, Source: row.Source})
	}
	l.events[dt] = append(l.events[dt], record.EventRow{Row: row, Kind: "track", Name: pick(l, "Dashboard Viewed", "Document Scanned"), Properties: pick(l, "", `{"pages":2}`, `{"pages":3}`)})
}

// ticket is asked, answered, and at times solved and opened again.
func (l *lakeRows) ticket(monday time.Time, i int, theme, text string, sentiment float64) {
	at := l.moment(monday, i)
	row, dt := l.row("tickets", "desk", at, "")
	row.EmailKey = fmt.Sprintf("mp%03d", l.r.IntN(60))
	id := row.EventID
	add := func(r record.TicketRow, dt string) {
		r.TicketID, r.Channel, r.Priority = id, pick(l, "email", "chat"), pick(l, "low", "high")
		l.tickets[dt] = append(l.tickets[dt], r)
	}
	add(record.TicketRow{Row: row, Change: "created", AuthorRole: "customer", Public: true, Status: "new", Feedback: record.Feedback{
		Text: text, Language: "en", Sentiment: &sentiment, SentimentLabel: "negative", Intent: "bug",
		Themes: []string{theme}, MentionSentences: []string{text}, MentionSentiments: []float64{sentiment}, MentionIntents: []string{"bug"},
	}}, dt)
	if i%5 == 4 {
		return
	}
	at = at.Add(time.Duration(l.r.Int64N(7200*1000)) * time.Millisecond)
	row, dt = l.row("tickets", "desk", at, "")
	add(record.TicketRow{Row: row, Change: "commented", AuthorRole: "agent", Public: true}, dt)
	for _, status := range []string{"solved", "open", "closed"}[:i%4] {
		at = at.Add(time.Duration(l.r.Int64N(3600*1000)) * time.Millisecond)
		row, dt = l.row("tickets", "desk", at, "")
		add(record.TicketRow{Row: row, Change: "status", AuthorRole: "agent", Status: status}, dt)
	}
}

// answers are one to each kind of survey.
func (l *lakeRows) answers(monday time.Time, i int) {
	for _, kind := range []string{"nps", "csat"} {
		top := map[string]float64{"nps": 10, "csat": 5}[kind]
		row, dt := l.row("surveys", "survey", l.moment(monday, i), fmt.Sprintf("p%03d", l.r.IntN(60)))
		low, score, mood := 1.0, float64(1+l.r.IntN(int(top))), float64(l.r.IntN(2001)-1000)/1e3
		l.surveys[dt] = append(l.surveys[dt], record.SurveyRow{
			Row: row, ResponseID: row.EventID, SurveyID: "q", Kind: kind, Score: &score, ScaleMin: &low, ScaleMax: &top,
			Feedback: record.Feedback{Text: "Some words.", Language: "en", Sentiment: &mood, SentimentLabel: "neutral", Intent: "praise"},
		})
	}
}
