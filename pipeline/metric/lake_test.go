package metric

import (
	"fmt"
	"math/rand/v2"
	"path"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
)

// world is a small random lake: what the engine reads from files, the twin
// reads from here.
type world struct {
	r        *rand.Rand
	loc      *time.Location
	events   []record.EventRow
	tickets  []record.TicketRow
	surveys  []record.SurveyRow
	links    []record.LinkRow
	receipts []record.ReceiptRow
	id       int
}

// product uses every kind of condition that a feature may have.
var product = config.Product{
	ActiveEvents: []string{"Opened", "Report Exported", "it's"},
	Features: map[string]config.Matcher{
		"export":     {Events: []string{"Report Exported"}, Where: map[string]any{"format": "pdf", "pages": 2}},
		"draft":      {Events: []string{"Report Exported", "Opened"}, Where: map[string]any{"draft": true}},
		`odd'"; --`:  {Events: []string{"it's"}, Where: map[string]any{`a"]['.b`: `x'"y`}},
		"number":     {Events: []string{"Opened"}, Where: map[string]any{"n": "1"}},
		"everything": {Events: []string{"Opened", "Report Exported", "it's", "Opened"}},
		"never":      {Events: []string{"Nothing"}},
	},
}

// newWorld makes a lake of about three months around the clock changes of
// autumn 2026.
func newWorld(seed uint64, loc *time.Location) *world {
	w := &world{r: rand.New(rand.NewPCG(seed, 7)), loc: loc}
	for range 600 {
		w.event()
	}
	for i := range 120 {
		w.ticket(i)
	}
	for i := range 200 {
		w.survey(i)
	}
	w.repeat()
	return w
}

func (w *world) pick(list ...string) string { return list[w.r.IntN(len(list))] }

// dates are where things happen: few, because every one is a file of each
// table, and about the ends of weeks and months and the changes of clocks.
var dates = []string{
	"2026-09-10", "2026-09-14", "2026-09-20", "2026-09-21", "2026-09-30", "2026-10-01", "2026-10-05", "2026-10-11",
	"2026-10-12", "2026-10-19", "2026-10-24", "2026-10-25", "2026-10-26", "2026-10-31", "2026-11-01", "2026-11-02",
	"2026-11-08", "2026-11-09", "2026-11-15", "2026-11-29",
}

// at is a moment, often within a millisecond of a local midnight.
func (w *world) at() int64 {
	d, _ := time.Parse(time.DateOnly, w.pick(dates...))
	if w.r.IntN(4) == 0 {
		m := startOfDay(d, w.loc)
		return m.Add(time.Duration(w.r.IntN(3)-1) * time.Millisecond).UnixMicro()
	}
	return d.Add(time.Duration(w.r.Int64N(24*3600*1000)) * time.Millisecond).UnixMicro()
}

// row is a record of one of 40 people, or of nobody; one is excluded.
func (w *world) row(prefix string, at int64) record.Row {
	w.id++
	who := w.r.IntN(41)
	r := record.Row{
		EventID: fmt.Sprintf("%s%05d-%d", prefix, w.r.IntN(90000), w.id), Source: w.pick("s1", "s2"),
		OccurredAt: at, ReceivedAt: at + int64(w.r.IntN(5000))*1000, DeliveryID: "d1", DeliverySeq: int32(w.id),
		Plan: w.pick("", "free", "pro"), Platform: w.pick("", "web", "ios"), Country: w.pick("DE", "US"),
	}
	if who < 40 {
		keys := w.r.IntN(7) + 1
		if keys&1 != 0 {
			r.UserKey = fmt.Sprint("u", who)
		}
		if keys&2 != 0 {
			r.EmailKey = fmt.Sprint("e", who)
		}
		if keys&4 != 0 {
			r.AnonymousKey = fmt.Sprint("a", (who+w.r.IntN(8)/7)%40) // at times another's device
		}
		r.Excluded = who == 3 && w.r.IntN(3) == 0
	}
	if r.Excluded || r.UserKey != "" && r.EmailKey+r.AnonymousKey != "" {
		w.links = append(w.links, record.LinkRow{
			UserKey: r.UserKey, EmailKey: r.EmailKey, AnonymousKey: r.AnonymousKey,
			OccurredAt: at, EventID: r.EventID, Source: r.Source, Excluded: r.Excluded,
		})
	}
	w.receipts = append(w.receipts, record.ReceiptRow{
		DeliveryID: "d1", Item: int32(w.id), Source: r.Source, Table: prefix, ReceivedAt: r.ReceivedAt,
		Outcome: record.OutcomeRecord, EventKey: int64(w.id),
	})
	return r
}

func (w *world) event() {
	e := record.EventRow{
		Row:  w.row("e", w.at()),
		Kind: w.pick("track", "track", "track", "page", "screen", "identify"), Name: w.pick("Opened", "Report Exported", "it's", "Other"),
	}
	e.Properties = w.pick("", `{}`, `{"format":"pdf","pages":2}`, `{"format":"pdf","pages":2.0}`, `{"format":"pdf","pages":"2"}`,
		`{"format":1,"pages":2}`, `{"draft":true}`, `{"draft":"true"}`, `{"a\"]['.b":"x'\"y"}`, `{"a\"]['.b":"x"}`, `{"n":1}`, `{"n":"1"}`, `{"format":["pdf"],"pages":null}`)
	w.events = append(w.events, e)
}

func (w *world) ticket(i int) {
	id, source := fmt.Sprint("t", i), w.pick("s1", "s2")
	at := w.at()
	for n := range w.r.IntN(8) + 1 {
		t := record.TicketRow{Row: w.row("t", at), TicketID: id, Change: w.pick("created", "status", "status", "commented", "commented", "priority"), Public: w.r.IntN(4) > 0}
		t.Source = source
		t.AuthorRole = w.pick("", "customer", "agent", "agent", "bot", "system")
		t.Channel, t.Priority = w.pick("", "email", "chat"), w.pick("", "low", "high")
		if n == 0 && w.r.IntN(5) > 0 {
			t.Change = "created"
		}
		if w.r.IntN(20) == 0 {
			t.Change = w.pick("deleted", "merged", "spam")
		}
		if t.Change == "status" || w.r.IntN(3) == 0 {
			t.Status = w.pick("new", "open", "pending", "hold", "solved", "solved", "closed")
		}
		if t.Change == "created" || t.Change == "commented" {
			t.Feedback = w.feedback()
		}
		w.tickets = append(w.tickets, t)
		at += []int64{0, 1000, 60e6, 3600e6, 6 * 3600e6, 7 * 86400e6}[w.r.IntN(6)] * int64(w.r.IntN(3))
	}
}

func (w *world) survey(i int) {
	kind, top := w.pick("nps", "csat", "csat", "text"), float64(w.r.IntN(6)+1)
	at, source := w.at(), w.pick("s1", "s2")
	for range w.r.IntN(3)/2 + 1 {
		s := record.SurveyRow{Row: w.row("v", at), ResponseID: fmt.Sprint("r", i), SurveyID: w.pick("q1", "q2"), Kind: kind}
		s.Source = source
		low := 0.0
		switch kind {
		case "nps":
			top = 10
			score := float64(w.r.IntN(11))
			s.Score, s.ScaleMin, s.ScaleMax = &score, &low, &top
		case "csat":
			score := float64(w.r.IntN(int(top) + 1))
			s.Score, s.ScaleMin, s.ScaleMax = &score, &low, &top
		}
		if w.r.IntN(2) == 0 {
			s.Feedback = w.feedback()
		}
		w.surveys = append(w.surveys, s)
		at += int64(w.r.IntN(3)) * 43200e6
	}
}

func (w *world) feedback() record.Feedback {
	f := record.Feedback{Text: "text"}
	if w.r.IntN(4) > 0 {
		v := float64(w.r.IntN(20001)-10000) / 1e4
		f.Sentiment, f.SentimentLabel = &v, "neutral"
		switch {
		case v >= 0.05:
			f.SentimentLabel = "positive"
		case v <= -0.05:
			f.SentimentLabel = "negative"
		}
	}
	for _, th := range []string{"export", "login", "price"} {
		if w.r.IntN(3) == 0 {
			f.Themes = append(f.Themes, th)
			f.MentionSentences = append(f.MentionSentences, "text")
			f.MentionSentiments = append(f.MentionSentiments, float64(w.r.IntN(2001)-1000)/1e3)
			f.MentionIntents = append(f.MentionIntents, "other")
		}
	}
	return f
}

// repeat delivers some records again, later and changed: the first stands.
func (w *world) repeat() {
	again := func(r record.Row) record.Row {
		r.ReceivedAt += 3 * 86400e6
		r.DeliveryID, r.Plan, r.Platform = "d2", "never", "never"
		return r
	}
	for _, e := range w.events[:100] {
		e.Row, e.Name = again(e.Row), "Opened"
		w.events = append(w.events, e)
	}
	for _, t := range w.tickets[:50] {
		t.Row, t.Status = again(t.Row), "closed"
		w.tickets = append(w.tickets, t)
	}
	for _, s := range w.surveys[:50] {
		s.Row = again(s.Row)
		w.surveys = append(w.surveys, s)
	}
	for i, r := range w.receipts[:200] {
		r.DeliveryID, r.ReceivedAt = "d2", r.ReceivedAt+3*86400e6
		if i%10 == 0 {
			r.Outcome, r.EventKey = w.pick(record.OutcomeRejected, record.OutcomeIgnored), 0
		}
		w.receipts = append(w.receipts, r)
	}
}

// write puts the world into a folder and opens the engine over it.
func (w *world) write(t testing.TB) env.Querier {
	t.Helper()
	dir := t.TempDir()
	s, err := localenv.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	put(t, s, "events", w.events, func(r record.EventRow) (int64, string) { return r.OccurredAt, r.DeliveryID })
	put(t, s, "tickets", w.tickets, func(r record.TicketRow) (int64, string) { return r.OccurredAt, r.DeliveryID })
	put(t, s, "surveys", w.surveys, func(r record.SurveyRow) (int64, string) { return r.OccurredAt, r.DeliveryID })
	put(t, s, "links", w.links, func(r record.LinkRow) (int64, string) { return r.OccurredAt, "d1" })
	put(t, s, "ledger", w.receipts, func(r record.ReceiptRow) (int64, string) { return r.ReceivedAt, r.DeliveryID })
	q, err := localenv.OpenQuerier(t.Context(), dir, localenv.QuerierOptions{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	return q
}

// put writes rows as hot files, by day and delivery.
func put[T any](t testing.TB, s env.Blobs, table string, rows []T, of func(T) (at int64, delivery string)) {
	t.Helper()
	files := map[string][]T{}
	for _, r := range rows {
		at, delivery := of(r)
		key := path.Join(time.UnixMicro(at).UTC().Format(time.DateOnly), delivery)
		files[key] = append(files[key], r)
	}
	for key, list := range files {
		if err := lake.WriteHot(t.Context(), s, table, path.Dir(key), path.Base(key), list); err != nil {
			t.Fatal(err)
		}
	}
}
