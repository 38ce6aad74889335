package report_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/pipeline/report"
	"upshot.dev/upshot/queries"
)

// rows is a small lake in the making: 20 weeks to Sunday 2026-11-22 in UTC.
type rows struct {
	tickets  map[string][]record.TicketRow
	surveys  map[string][]record.SurveyRow
	events   map[string][]record.EventRow
	releases map[string][]record.ReleaseRow
	receipts map[string][]record.ReceiptRow
	n        int
}

const weeks = 20

func (r *rows) base(source string, at time.Time, person string) (record.Row, string) {
	r.n++
	id := fmt.Sprintf("e%06d", r.n)
	dt := at.Format(time.DateOnly)
	r.receipts[dt] = append(r.receipts[dt], record.ReceiptRow{DeliveryID: "d" + id, Source: source, Table: "t", ReceivedAt: at.UnixMicro(), Outcome: record.OutcomeRecord, EventKey: int64(r.n)})
	return record.Row{EventID: id, Source: source, OccurredAt: at.UnixMicro(), ReceivedAt: at.UnixMicro(), DeliveryID: "d" + id, UserKey: person, Plan: "pro"}, dt
}

func (r *rows) event(at time.Time, person, name, platform string) {
	row, dt := r.base("app", at, person)
	row.Platform = platform
	r.events[dt] = append(r.events[dt], record.EventRow{Row: row, Kind: "track", Name: name})
}

func (r *rows) ticket(at time.Time, person, theme, text string, sentiment float64) {
	row, dt := r.base("desk", at, person)
	r.tickets[dt] = append(r.tickets[dt], record.TicketRow{
		Row: row, TicketID: row.EventID, Change: "created", AuthorRole: "customer", Public: true, Status: "new",
		Feedback: record.Feedback{
			Text: text, Language: "en", Sentiment: &sentiment, SentimentLabel: "negative", Intent: "bug",
			Themes: []string{theme}, MentionSentences: []string{text}, MentionSentiments: []float64{sentiment}, MentionIntents: []string{"bug"},
		},
	})
}

func (r *rows) answer(at time.Time, person, plan string, score float64) {
	row, dt := r.base("survey", at, person)
	row.Plan = plan
	r.surveys[dt] = append(r.surveys[dt], record.SurveyRow{Row: row, ResponseID: row.EventID, Kind: "nps", Score: &score})
}

// smallCompany fills the lake, on two days of each week: 300 people active on
// three platforms, the scanner on ios alone; three tickets a week about export,
// 25 in the last; seven answers of each plan, those of the team plan worse.
func smallCompany() *rows {
	r := &rows{tickets: map[string][]record.TicketRow{}, surveys: map[string][]record.SurveyRow{}, events: map[string][]record.EventRow{}, releases: map[string][]record.ReleaseRow{}, receipts: map[string][]record.ReceiptRow{}}
	monday := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC).AddDate(0, 0, -7*weeks)
	for w := range weeks {
		start := monday.AddDate(0, 0, 7*w)
		for p := range 300 {
			at, person := start.AddDate(0, 0, p%2).Add(time.Duration(p)*time.Second), fmt.Sprintf("p%03d", p)
			platform := []string{"web", "ios", "android"}[p%3]
			r.event(at, person, "Dashboard Viewed", platform)
			if platform == "ios" && p%2 == 0 {
				r.event(at, person, "Document Scanned", platform)
			}
		}
		exports := 3 + w%2
		if w == weeks-1 {
			exports = 25
		}
		for i := range exports {
			r.ticket(start.Add(time.Duration(i)*time.Hour), fmt.Sprintf("p%03d", 7*i+w), "export", fmt.Sprintf("The export of report %d stops at page three, please help.", i), -0.6)
		}
		for i := range 20 + w%3 {
			r.ticket(start.Add(time.Duration(i)*time.Hour), fmt.Sprintf("p%03d", 3*i+w), "billing", "The invoice of last month shows another address.", -0.2)
		}
		for d := range 7 {
			r.answer(start.AddDate(0, 0, d%2), fmt.Sprintf("p%03d", w*7+d), "pro", float64(10-d%3))
			r.answer(start.AddDate(0, 0, d%2), fmt.Sprintf("p%03d", 150+d+w), "team", []float64{3, 7, 9}[d%3])
		}
	}
	row, dt := r.base("github", time.Date(2026, 11, 16, 7, 20, 0, 0, time.UTC), "")
	r.releases[dt] = append(r.releases[dt], record.ReleaseRow{Row: row, Kind: "release", Version: "v2.0.0", Title: "New | renderer <b>"})
	return r
}

func write[T any](t *testing.T, store *localenv.Store, table string, days map[string][]T) {
	t.Helper()
	for dt, list := range days {
		if err := lake.WriteHot(t.Context(), store, table, dt, "batch", list); err != nil {
			t.Fatal(err)
		}
	}
}

func build(t *testing.T, r *rows, p report.Params) *report.Report {
	t.Helper()
	dir := t.TempDir()
	store, err := localenv.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	write(t, store, "tickets", r.tickets)
	write(t, store, "surveys", r.surveys)
	write(t, store, "events", r.events)
	write(t, store, "releases", r.releases)
	write(t, store, "ledger", r.receipts)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	q, err := localenv.OpenQuerier(t.Context(), dir, localenv.QuerierOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	catalog, err := metric.Load(queries.Metrics())
	if err != nil {
		t.Fatal(err)
	}
	product := config.Product{Features: map[string]config.Matcher{"scanner": {Events: []string{"Document Scanned"}}, "dashboards": {Events: []string{"Dashboard Viewed"}}}}
	got, err := report.Build(t.Context(), report.Deps{
		Query: q, ThemeName: strings.ToTitle,
		Run: func(ctx context.Context, name string, p metric.Params) (*metric.Result, error) {
			return catalog.Run(ctx, q, name, product, p)
		},
	}, p)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// The whole way from rows in Parquet through the metrics' SQL on DuckDB to the
// report, held against numbers counted by hand.
func TestReportOfALake(t *testing.T) {
	r := build(t, smallCompany(), report.Params{Period: "week", TZ: "UTC", Now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)})
	value := map[string]float64{}
	for _, f := range r.Figures {
		if f.Value != nil {
			value[f.Metric] = *f.Value
		}
	}
	// 14 answers: pro 10 9 8 10 9 8 10, team 3 7 9 3 7 9 3: P 7, D 3.
	for name, want := range map[string]float64{"active_users": 300, "ticket_volume": 46, "nps": 100 * 4.0 / 14, "contact_rate": 1000 * 46.0 / 300} {
		if math.Abs(value[name]-want) > 1e-9 {
			t.Errorf("%s is %v, by hand %v", name, value[name], want)
		}
	}
	keys := map[string]report.Headline{}
	for _, h := range r.Headlines {
		keys[h.Key] = h
		t.Log(h.Text, h.Context)
	}
	for _, want := range []string{"change/theme/export", "segment/nps/plan/team", "segment/adoption/scanner/ios"} {
		if _, ok := keys[want]; !ok {
			t.Errorf("%s is no headline", want)
		}
	}
	if h := keys["change/theme/export"]; h.Effect.N != 25 || h.Context != "In the same week: release v2.0.0 (Mon 16 Nov)." {
		t.Errorf("%+v", h)
	}
	if _, ok := keys["change/active_users"]; ok {
		t.Error("the same 300 people every week are a headline")
	}
	// 300 dashboards, 50 scans, 46 tickets, 14 answers, one release.
	if r.Ledger.Received != 411 || r.Ledger.Stored != 411 || !r.Ledger.Adds() {
		t.Errorf("ledger %+v", r.Ledger.LedgerRow)
	}
	if len(r.Releases) != 1 || r.Releases[0].Title != "New | renderer <b>" {
		t.Errorf("releases %+v", r.Releases)
	}
	for _, s := range r.Sections {
		if s.ID == "themes" && (len(s.Themes) != 2 || s.Themes[0].Name != "EXPORT" || s.Themes[0].Items != 25 || len(s.Themes[0].Quotes) != 2 || s.Themes[0].People != 25) {
			t.Errorf("themes %+v", s.Themes)
		}
	}
	if r.Roadmap == nil || r.Roadmap.Active != 300 || len(r.Roadmap.Items) != 2 || r.Roadmap.Items[0].Quote == nil || r.Roadmap.Items[0].Severity.N == 0 {
		t.Errorf("roadmap %+v", r.Roadmap)
	}
	page, err := r.HTML()
	if err != nil || strings.Contains(string(page), "renderer <b>") || !strings.Contains(string(page), "renderer &lt;b&gt;") {
		t.Errorf("page: %v", err)
	}
}

// The week before the break has nothing new to say.
func TestQuietReportOfALake(t *testing.T) {
	r := build(t, smallCompany(), report.Params{Period: "week", Ending: "2026-11-15", TZ: "UTC", Now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)})
	for _, h := range r.Headlines {
		if h.Kind != "segment" || !h.Continuing {
			t.Errorf("%+v", h)
		}
	}
}
