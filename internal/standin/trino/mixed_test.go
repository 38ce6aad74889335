package trino

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/pipeline/record"
)

// mixed makes a lake in every state that compaction can leave it in.
type mixed struct {
	t     *testing.T
	r     *rand.Rand
	store *localenv.Store
	n     int // records so far
	batch string
	// rows of the batch that is being made, by table and day
	events   map[string][]record.EventRow
	tickets  map[string][]record.TicketRow
	surveys  map[string][]record.SurveyRow
	releases map[string][]record.ReleaseRow
	links    map[string][]record.LinkRow
	receipts map[string][]record.ReceiptRow
	rejects  map[string][]record.RejectRow
	past     []record.EventRow // to be repeated
}

// mixedStart is the Friday before the clocks of Berlin go back.
var mixedStart = time.Date(2026, 10, 23, 0, 0, 0, 0, time.UTC)

// oddProduct has features of every kind of condition.
var oddProduct = config.Product{
	ActiveEvents: []string{"Opened", "Exported", "it's"},
	Features: map[string]config.Matcher{
		"pdf":       {Events: []string{"Exported"}, Where: map[string]any{"format": "pdf", "pages": 2}},
		"draft":     {Events: []string{"Exported", "Opened"}, Where: map[string]any{"draft": true}},
		"half":      {Events: []string{"Opened"}, Where: map[string]any{"n": 0.5}},
		"as text":   {Events: []string{"Opened"}, Where: map[string]any{"n": "1"}},
		`odd'"; --`: {Events: []string{"it's"}, Where: map[string]any{`a"]['.b*$`: `x'"y\é`}},
		"all":       {Events: []string{"Opened", "Exported", "it's"}},
		"never":     {Events: []string{"Nothing"}},
	},
}

var oddProperties = []string{
	"", `{}`, `{"format":"pdf","pages":2}`, `{"format":"pdf","pages":2.0}`, `{"format":"pdf","pages":"2"}`, `{"format":1,"pages":2}`,
	`{"draft":true}`, `{"draft":"true"}`, `{"draft":false,"n":0.5}`, `{"n":5e-1}`, `{"n":"0.5"}`, `{"n":1}`, `{"n":"1"}`, `{"n":12345678901234567890}`,
	`{"n":{"format":"pdf"}}`, `{"a\"]['.b*$":"x'\"y\\é"}`, `{"a\"]['.b*$":"x'\"y\\\u00e9"}`, `{"a\"]['.b*$":["x"]}`, `{"format":null,"draft":null,"n":null}`, `[1]`, `"pdf"`,
}

func (m *mixed) pick(list ...string) string { return list[m.r.IntN(len(list))] }

// moment is one of six days, often within a millisecond of a midnight in UTC,
// Berlin or New York.
func (m *mixed) moment() time.Time {
	day := mixedStart.AddDate(0, 0, m.r.IntN(6))
	if m.r.IntN(3) == 0 {
		return day.Add(time.Duration([]int{0, 4, 22, 23}[m.r.IntN(4)])*time.Hour + time.Duration(m.r.IntN(3)-1)*time.Millisecond)
	}
	return day.Add(time.Duration(m.r.Int64N(86_400_000)) * time.Millisecond)
}

func (m *mixed) row(id string, at time.Time) record.Row {
	m.n++
	who := m.r.IntN(12)
	r := record.Row{
		EventID: fmt.Sprintf("%s%d", id, m.n), Source: m.pick("app", "desk", "app", "desk", record.SmokeSource), OccurredAt: at.UnixMicro(), ReceivedAt: at.Add(time.Second).UnixMicro(),
		TimeAdjusted: m.r.IntN(8) == 0, DeliveryID: m.batch + fmt.Sprint(m.r.IntN(9)), DeliverySeq: int32(m.n),
		Plan: m.pick("", "free", "pro"), Country: m.pick("", "DE", "US"), Platform: m.pick("web", "ios"), Locale: m.pick("", "de"), Product: m.pick("", "cloud"), AppVersion: m.pick("1.0", "2.0"),
	}
	if m.r.IntN(3) > 0 {
		r.UserKey = fmt.Sprint("u", who)
	}
	if m.r.IntN(2) > 0 {
		r.EmailKey = fmt.Sprint("e", (who+m.r.IntN(9)/8)%12)
	}
	if m.r.IntN(2) > 0 {
		r.AnonymousKey = fmt.Sprint("a", who)
	}
	smoke := r.Source == record.SmokeSource // excluded for itself, not its person
	r.Excluded = who == 3 && m.r.IntN(3) == 0 || smoke
	if !smoke && (r.Excluded || r.UserKey != "" && r.EmailKey+r.AnonymousKey != "") {
		add(m.links, at, record.LinkRow{UserKey: r.UserKey, EmailKey: r.EmailKey, AnonymousKey: r.AnonymousKey, OccurredAt: r.OccurredAt, EventID: r.EventID, Source: r.Source, Excluded: r.Excluded})
	}
	add(m.receipts, at, record.ReceiptRow{DeliveryID: r.DeliveryID, Item: r.DeliverySeq, Source: r.Source, Table: "events", ReceivedAt: r.ReceivedAt, Outcome: m.pick("record", "record", "rejected", "ignored"), EventKey: int64(m.r.IntN(200))})
	return r
}

func add[T any](days map[string][]T, at time.Time, row T) {
	dt := at.UTC().Format(time.DateOnly)
	days[dt] = append(days[dt], row)
}

func (m *mixed) feedback() record.Feedback {
	f := record.Feedback{Text: m.pick("words", "größer als „das“", "a\nb"), Language: "en", Redactions: map[string]int64{"email": int64(m.r.IntN(3))}}
	if m.r.IntN(4) > 0 {
		v := float64(m.r.IntN(2001)-1000) / 1e3
		f.Sentiment, f.SentimentLabel = &v, m.pick("negative", "neutral", "positive")
	}
	for _, theme := range []string{"export", "speed"} {
		if m.r.IntN(2) == 0 {
			f.Themes, f.MentionSentences = append(f.Themes, theme), append(f.MentionSentences, "words")
			f.MentionSentiments, f.MentionIntents = append(f.MentionSentiments, float64(m.r.IntN(21)-10)/10), append(f.MentionIntents, "bug")
		}
	}
	return f
}

// write makes a batch of new records and of repetitions of earlier ones.
func (m *mixed) write(batch string) {
	m.batch = batch
	m.events, m.tickets, m.surveys = map[string][]record.EventRow{}, map[string][]record.TicketRow{}, map[string][]record.SurveyRow{}
	m.releases, m.links = map[string][]record.ReleaseRow{}, map[string][]record.LinkRow{}
	m.receipts, m.rejects = map[string][]record.ReceiptRow{}, map[string][]record.RejectRow{}
	m.repeat()
	for i := range 150 {
		at := m.moment()
		e := record.EventRow{Row: m.row("e", at), Kind: m.pick("track", "track", "page", "identify"), Name: m.pick("Opened", "Exported", "it's"), Properties: oddProperties[m.r.IntN(len(oddProperties))]}
		add(m.events, at, e)
		m.past = append(m.past, e)
		switch i % 5 {
		case 0, 1, 2:
			t := record.TicketRow{
				Row: m.row("t", at), TicketID: fmt.Sprint(m.r.IntN(25)), Change: m.pick("created", "created", "commented", "commented", "status", "spam"),
				AuthorRole: m.pick("", "customer", "agent"), Public: m.r.IntN(4) > 0, Status: m.pick("", "open", "solved", "closed"),
				Priority: m.pick("", "high"), Channel: m.pick("", "email"), Team: m.pick("", "blue"), Tags: strings.Fields(m.pick("", "bug", "b a")), Feedback: m.feedback(),
			}
			add(m.tickets, at, t)
		case 3:
			score, low, high := float64(m.r.IntN(11)), 0.0, 10.0
			add(m.surveys, at, record.SurveyRow{Row: m.row("s", at), ResponseID: fmt.Sprint(m.r.IntN(40)), QuestionID: m.pick("", "q"), SurveyID: m.pick("", "x"), Kind: m.pick("nps", "csat"), Score: &score, ScaleMin: &low, ScaleMax: &high, Feedback: m.feedback()})
		default:
			add(m.releases, at, record.ReleaseRow{Row: m.row("r", at), Kind: "deploy", Version: fmt.Sprint(i), StartedAt: new(at.UnixMicro())})
			add(m.rejects, at, record.RejectRow{Source: "app", ReceivedAt: at.UnixMicro(), DeliveryID: batch + fmt.Sprint(i%20), Item: int32(i % 3), Reason: "bad", Object: "archive/" + batch, Line: int64(i)})
		}
	}
	put(m, "events", m.events)
	put(m, "tickets", m.tickets)
	put(m, "surveys", m.surveys)
	put(m, "releases", m.releases)
	put(m, "links", m.links)
	put(m, "ledger", m.receipts)
	put(m, "rejects", m.rejects)
}

// repeat delivers some earlier events again: received later and changed, some
// with an adjusted time, and those on another day, too.
func (m *mixed) repeat() {
	for _, e := range m.past[:len(m.past)/3] {
		e.DeliveryID, e.Name, e.ReceivedAt = m.batch, "Opened", e.ReceivedAt+int64(m.r.IntN(3)-1)*3_600_000_000
		at := time.UnixMicro(e.OccurredAt)
		if e.TimeAdjusted || m.r.IntN(5) == 0 {
			e.TimeAdjusted = true
			at = at.AddDate(0, 0, m.r.IntN(3)-1)
			e.OccurredAt = at.UnixMicro()
		}
		add(m.events, at, e)
	}
}

func put[T any](m *mixed, table string, days map[string][]T) {
	m.t.Helper()
	for dt, rows := range days {
		if err := lake.WriteHot(m.t.Context(), m.store, table, dt, m.batch, rows); err != nil {
			m.t.Fatal(err)
		}
	}
}

// compact merges; bytes is the size from which a day has more files. Hot files
// stay beside the base that holds their rows.
func (m *mixed) compact(size int64) {
	m.t.Helper()
	o := lake.CompactOptions{Clock: env.ClockFunc(time.Now), Grace: 24 * time.Hour, BucketBytes: size}
	if _, err := lake.Compact(m.t.Context(), m.store, o); err != nil {
		m.t.Fatal(err)
	}
}

// base reads the base files of events.
func (m *mixed) base() map[string][]byte {
	m.t.Helper()
	out := map[string][]byte{}
	for info, err := range m.store.List(m.t.Context(), "events/tier=base/") {
		if err != nil {
			m.t.Fatal(err)
		}
		o, err := m.store.Open(m.t.Context(), info.Key)
		if err != nil {
			m.t.Fatal(err)
		}
		raw, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
		if err != nil {
			m.t.Fatal(err)
		}
		_ = o.Close()
		out[info.Key] = raw
	}
	return out
}

// TestMixed compares over a lake as it is in the middle of things: rows in hot
// and in base, adjusted times with repetitions on other days, base files of two
// generations beside each other, and hot files that no base holds yet.
func TestMixed(t *testing.T) {
	Running(t)
	dir := t.TempDir()
	store, err := localenv.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	m := &mixed{t: t, r: rand.New(rand.NewPCG(11, 7)), store: store}
	m.write("b1")
	m.compact(0)
	old := m.base()
	m.write("b2")
	m.compact(2000)
	for key, raw := range old {
		if err := store.Put(t.Context(), key, bytes.NewReader(raw)); err != nil {
			t.Fatal(err)
		}
	}
	m.write("b3")
	generations := map[string]map[string]bool{}
	for key := range m.base() {
		_, of, _ := strings.Cut(path.Base(key), "-of-")
		if generations[path.Dir(key)] == nil {
			generations[path.Dir(key)] = map[string]bool{}
		}
		generations[path.Dir(key)][of] = true
	}
	if day := generations["events/tier=base/dt=2026-10-25"]; len(day) < 2 {
		t.Fatalf("a day has files of only %d generations: %v", len(day), day)
	}
	p := openBoth(t, dir, Days{First: "2026-10-20", Last: "2026-10-30"})
	t.Run("views", func(t *testing.T) { p.sameViews(t, false) })
	t.Run("definitions", func(t *testing.T) { p.sameDefinitions(t, Running(t)) })
	t.Run("metrics", func(t *testing.T) {
		p.sameMetrics(t, oddProduct, []ask{
			{p: metric.Params{From: "2026-10-23", To: "2026-10-29", TZ: "Europe/Berlin", Grain: "day"}},
			{p: metric.Params{From: "2026-10-23", To: "2026-10-29", TZ: "America/New_York", Grain: "week"}, first: true},
		})
	})
}
