package metric_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
)

// world is a small made-up company: its records as they count, each once, and
// what else lies in the lake and must not count.
type world struct {
	r *rand.Rand
	// events, tickets, surveys and receipts are the rows that stand.
	events   []record.EventRow
	tickets  []record.TicketRow
	surveys  []record.SurveyRow
	receipts []record.ReceiptRow
	// again are repetitions: the same ids, received later, with other content.
	again struct {
		events   []record.EventRow
		tickets  []record.TicketRow
		surveys  []record.SurveyRow
		receipts []record.ReceiptRow
	}
	serial int
}

var (
	worldStart = time.Date(2026, 10, 12, 0, 0, 0, 0, time.UTC)
	// turns are moments at which days begin or clocks change in the zones that
	// are looked at.
	turns = []time.Time{
		time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC),  // Berlin: 25 October
		time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC),   // Berlin: clocks go back
		time.Date(2026, 10, 25, 23, 0, 0, 0, time.UTC),  // Berlin: 26 October, Monday
		time.Date(2026, 11, 1, 4, 0, 0, 0, time.UTC),    // New York: 1 November
		time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC),    // New York: clocks go back
		time.Date(2026, 11, 2, 5, 0, 0, 0, time.UTC),    // New York: 2 November, Monday
		time.Date(2026, 10, 31, 18, 30, 0, 0, time.UTC), // Kolkata: 1 November
		time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
	}
	plans     = []string{"", "free", "pro"}
	platforms = []string{"", "web", "ios"}
	sources   = []string{"app", "desk"}
)

// newWorld makes a world of a seed.
func newWorld(seed uint64) *world {
	w := &world{r: rand.New(rand.NewPCG(seed, 7))}
	for range 250 {
		w.addEvent()
	}
	for i := range 30 {
		w.addTicket(i)
	}
	for i := range 90 {
		w.addAnswer(i)
	}
	w.addReceipts()
	return w
}

func pick[T any](w *world, list ...T) T { return list[w.r.IntN(len(list))] }

func (w *world) chance(p float64) bool { return w.r.Float64() < p }

// moment is some time on three days of four weeks, so that there are few
// files, or within a millisecond of a turn.
func (w *world) moment() time.Time {
	if w.chance(0.25) {
		return pick(w, turns...).Add(time.Duration(w.r.IntN(3)-1) * time.Millisecond)
	}
	day := worldStart.AddDate(0, 0, 9*w.r.IntN(3)+3)
	return day.Add(time.Duration(w.r.Int64N(24*3600*1000)) * time.Millisecond)
}

func (w *world) row(at time.Time) record.Row {
	w.serial++
	r := record.Row{
		EventID:    fmt.Sprintf("%06x", w.r.IntN(1<<24)) + fmt.Sprint(w.serial),
		Source:     pick(w, sources...),
		OccurredAt: at.UnixMicro(), ReceivedAt: at.Add(time.Second).UnixMicro(),
		DeliveryID: fmt.Sprintf("d%03d", w.r.IntN(40)), DeliverySeq: int32(w.serial),
		Plan: pick(w, plans...), Platform: pick(w, platforms...),
		Country: pick(w, "", "DE", "US"), AppVersion: pick(w, "1.0", "2.0"), Locale: pick(w, "", "de"), Product: pick(w, "", "cloud"),
	}
	w.identify(&r)
	return r
}

// identify says who it was: one of a dozen people by their user id, e-mail or
// anonymous id, by several of these, or nobody. Now and then two people share
// an e-mail or a browser. The e-mail and the user of 0 are excluded, each seen
// on some records only.
func (w *world) identify(r *record.Row) {
	if w.chance(0.05) {
		return
	}
	who := w.r.IntN(14)
	other := who
	if w.chance(0.05) {
		other = w.r.IntN(14)
	}
	switch w.r.IntN(6) {
	case 0:
		r.UserKey = fmt.Sprintf("u%02d", who)
	case 1:
		r.EmailKey = fmt.Sprintf("e%02d", who)
	case 2:
		r.AnonymousKey = fmt.Sprintf("a%02d", who)
	case 3:
		r.UserKey, r.EmailKey = fmt.Sprintf("u%02d", who), fmt.Sprintf("e%02d", other)
	case 4:
		r.UserKey, r.AnonymousKey = fmt.Sprintf("u%02d", who), fmt.Sprintf("a%02d", other)
	case 5:
		r.EmailKey, r.AnonymousKey = fmt.Sprintf("e%02d", other), fmt.Sprintf("a%02d", who)
	}
	r.Excluded = r.EmailKey == "e00" || r.UserKey == "u01"
}

func (w *world) addEvent() {
	e := record.EventRow{
		Row: w.row(w.moment()), Kind: pick(w, "track", "track", "track", "page", "screen", "identify"),
		Name:       pick(w, "Opened", "Report Exported", "Imported", "Heartbeat"),
		Properties: pick(w, "", `{}`, `{"format":"pdf"}`, `{"format":"csv","n":3}`, `{"n":3.0}`, `{"n":"3"}`, `{"format":["pdf"]}`, `{"format":null,"n":true}`, `{"a\"b]":"x"}`),
	}
	w.events = append(w.events, e)
	if w.chance(0.15) {
		w.again.events = append(w.again.events, repeat(w, e, func(e *record.EventRow) *record.Row { e.Name = "Heartbeat"; return &e.Row }))
	}
}

// repeat is a row that came again, later and changed: it replaces nothing.
func repeat[T any](w *world, row T, change func(*T) *record.Row) T {
	r := change(&row)
	r.Plan, r.DeliveryID = "again", "e"+r.DeliveryID
	r.ReceivedAt += int64(w.r.IntN(3)) * 1e6 // at the same time: the later delivery
	return row
}

func (w *world) addTicket(i int) {
	at := w.moment()
	id, source := fmt.Sprintf("t%02d", i%25), pick(w, sources...) // some ids in both sources, some twice
	for n := range 1 + w.r.IntN(7) {
		if n > 0 && w.chance(0.85) {
			at = at.AddDate(0, 0, 9*w.r.IntN(2)).Add(time.Duration(w.r.Int64N(3*3600*1000)) * time.Millisecond)
		}
		t := record.TicketRow{Row: w.row(at), TicketID: id, Public: w.chance(0.8)}
		t.Source = source
		t.Change = pick(w, "commented", "commented", "commented", "status", "status", "status", "priority", "assigned", "tagged", "deleted", "spam", "created")
		if n == 0 && w.chance(0.9) {
			t.Change = "created"
		}
		if n > 0 && w.chance(0.7) && (t.Change == "deleted" || t.Change == "spam" || t.Change == "created") {
			t.Change = "commented"
		}
		t.AuthorRole = pick(w, "customer", "customer", "agent", "agent", "bot", "system", "")
		t.Priority, t.Channel, t.Team = pick(w, "", "low", "high"), pick(w, "", "email", "chat"), pick(w, "", "blue")
		if w.chance(0.6) || t.Change == "status" {
			t.Status = pick(w, "new", "open", "pending", "hold", "solved", "solved", "closed")
		}
		if w.chance(0.5) {
			w.say(&t.Feedback)
		}
		w.tickets = append(w.tickets, t)
		if w.chance(0.15) {
			w.again.tickets = append(w.again.tickets, repeat(w, t, func(t *record.TicketRow) *record.Row { t.Status, t.Change = "closed", "spam"; return &t.Row }))
		}
	}
}

// say puts words into a row, scored or not, with themes.
func (w *world) say(f *record.Feedback) {
	f.Text, f.Language = "some words", "en"
	if w.chance(0.8) {
		s := math.Round((2*w.r.Float64()-1)*1e4) / 1e4
		f.Sentiment, f.SentimentLabel = &s, "neutral"
		if s <= -0.05 {
			f.SentimentLabel = "negative"
		} else if s >= 0.05 {
			f.SentimentLabel = "positive"
		}
	}
	for _, theme := range []string{"billing", "export", "speed"} {
		if w.chance(0.4) {
			f.Themes = append(f.Themes, theme)
			f.MentionSentences = append(f.MentionSentences, "words")
			f.MentionSentiments = append(f.MentionSentiments, math.Round((2*w.r.Float64()-1)*10)/10)
			f.MentionIntents = append(f.MentionIntents, "praise")
		}
	}
}

func (w *world) addAnswer(i int) {
	s := record.SurveyRow{
		Row: w.row(w.moment()), ResponseID: fmt.Sprintf("r%02d", i%60), QuestionID: pick(w, "", "q1", "q2"), // corrections
		SurveyID: pick(w, "autumn", "winter"), Kind: pick(w, "nps", "nps", "csat", "csat", "text"),
	}
	number := func(low, high int) *float64 { v := float64(low + w.r.IntN(high-low+1)); return &v }
	switch s.Kind {
	case "nps":
		s.Score, s.ScaleMin, s.ScaleMax = number(0, 10), new(0.0), new(10.0)
	case "csat":
		top := pick(w, 2, 3, 4, 5, 7)
		s.Score, s.ScaleMin, s.ScaleMax = number(1, top), new(1.0), new(float64(top))
	}
	if s.Kind == "text" || w.chance(0.4) {
		w.say(&s.Feedback)
	}
	w.surveys = append(w.surveys, s)
	if w.chance(0.15) {
		w.again.surveys = append(w.again.surveys, repeat(w, s, func(s *record.SurveyRow) *record.Row {
			if s.Score != nil {
				s.Score = s.ScaleMin
			}
			return &s.Row
		}))
	}
}

func (w *world) addReceipts() {
	for d := range 40 {
		at := w.moment()
		for item := range 1 + w.r.IntN(4) {
			r := record.ReceiptRow{
				DeliveryID: fmt.Sprintf("d%03d", d), Item: int32(item), Source: []string{"app", "desk", "app", "desk", record.SmokeSource}[d%5], ReceivedAt: at.UnixMicro(),
				Outcome: pick(w, record.OutcomeRecord, record.OutcomeRecord, record.OutcomeRecord, record.OutcomeRejected, record.OutcomeIgnored),
			}
			if r.Outcome == record.OutcomeRecord {
				r.Table, r.EventKey = "events", 1+int64(w.r.IntN(60))
			}
			w.receipts = append(w.receipts, r)
			if w.chance(0.2) {
				w.again.receipts = append(w.again.receipts, r) // processed twice
			}
		}
	}
}

// lake writes the world into a folder, in several batches and any order.
func (w *world) lake(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	s, err := localenv.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	spread(t, w, s, "events", slices.Concat(w.events, w.again.events), func(e record.EventRow) int64 { return e.OccurredAt })
	spread(t, w, s, "tickets", slices.Concat(w.tickets, w.again.tickets), func(e record.TicketRow) int64 { return e.OccurredAt })
	spread(t, w, s, "surveys", slices.Concat(w.surveys, w.again.surveys), func(e record.SurveyRow) int64 { return e.OccurredAt })
	spread(t, w, s, "ledger", slices.Concat(w.receipts, w.again.receipts), func(e record.ReceiptRow) int64 { return e.ReceivedAt })
	var links []record.LinkRow
	for _, r := range w.rows() {
		if r.UserKey != "" && (r.EmailKey != "" || r.AnonymousKey != "") || r.Excluded {
			links = append(links, record.LinkRow{
				UserKey: r.UserKey, EmailKey: r.EmailKey, AnonymousKey: r.AnonymousKey,
				OccurredAt: r.OccurredAt, EventID: r.EventID, Source: r.Source, Excluded: r.Excluded,
			})
		}
	}
	spread(t, w, s, "links", links, func(e record.LinkRow) int64 { return e.OccurredAt })
	return dir
}

// rows are the common parts of all records that stand.
func (w *world) rows() []record.Row {
	var out []record.Row
	for _, e := range w.events {
		out = append(out, e.Row)
	}
	for _, e := range w.tickets {
		out = append(out, e.Row)
	}
	for _, e := range w.surveys {
		out = append(out, e.Row)
	}
	return out
}

func spread[T any](t testing.TB, w *world, s env.Blobs, table string, rows []T, at func(T) int64) {
	t.Helper()
	files := map[[2]string][]T{}
	for _, row := range rows {
		key := [2]string{time.UnixMicro(at(row)).UTC().Format(time.DateOnly), pick(w, "one", "one", "two")}
		files[key] = append(files[key], row)
	}
	for key, rows := range files {
		if err := lake.WriteHot(t.Context(), s, table, key[0], key[1], rows); err != nil {
			t.Fatal(err)
		}
	}
}
