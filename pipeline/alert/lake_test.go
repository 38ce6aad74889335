package alert_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/alert"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/pipeline/outbox"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/queries"
)

// writeAnswers puts csat answers of five points into a lake: good ones and bad
// ones on a day, at a time in UTC.
func writeAnswers(t *testing.T, s *localenv.Store, at time.Time, good, bad int) {
	t.Helper()
	var rows []record.SurveyRow
	low, high := 1.0, 5.0
	for i := range good + bad {
		score := 5.0
		if i >= good {
			score = 2
		}
		id := fmt.Sprintf("%d-%d", at.Unix(), i)
		rows = append(rows, record.SurveyRow{
			Row:  record.Row{EventID: id, Source: "survey", OccurredAt: at.UnixMicro(), ReceivedAt: at.UnixMicro(), DeliveryID: "d" + id, UserKey: "u" + id},
			Kind: "csat", ResponseID: id, Score: &score, ScaleMin: &low, ScaleMax: &high,
		})
	}
	if err := lake.WriteHot(t.Context(), s, "surveys", at.Format(time.DateOnly), fmt.Sprint(at.Unix()), rows); err != nil {
		t.Fatal(err)
	}
}

// TestRuleOfALake: the bundled rule of csat from rows in Parquet to the notice,
// with the weeks of the zone.
func TestRuleOfALake(t *testing.T) {
	dir := t.TempDir()
	store, err := localenv.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	monday := time.Date(2026, 10, 5, 9, 0, 0, 0, time.UTC)
	for week, c := range [][2]int{{19, 1}, {12, 8}, {14, 6}, {2, 1}, {11, 9}, {18, 2}} {
		writeAnswers(t, store, monday.AddDate(0, 0, 7*week), c[0], c[1])
	}
	// 23:30 on Sunday in UTC is Monday in Berlin: of the week of 12 October.
	writeAnswers(t, store, time.Date(2026, 10, 11, 23, 30, 0, 0, time.UTC), 0, 10)
	catalog, err := metric.Load(queries.Metrics())
	if err != nil {
		t.Fatal(err)
	}
	m, err := catalog.Get("csat")
	if err != nil {
		t.Fatal(err)
	}
	box, bell, clock := newBox(monday)
	box.Store = store // the outbox lies beside the lake's tables
	var told []string
	for at := monday; at.Before(monday.AddDate(0, 0, 7*7)); at = at.AddDate(0, 0, 7) {
		clock.Set(at)
		for _, x := range tellLake(t, dir, catalog, m, box, at) {
			told = append(told, at.Format(time.DateOnly)+" "+x.Kind+" "+x.First)
		}
	}
	if got, want := strings.Join(told, ", "), "2026-10-26 fired 2026-10-12, 2026-11-16 recovered 2026-10-12"; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
	notices := bell.Notices()
	if len(notices) != 2 {
		t.Fatalf("%d notices", len(notices))
	}
	for _, says := range []string{"  2026-10-12  40.0%  24.6% to 57.7%  30  below 80%\n", "  2026-10-19  70.0%  48.1% to 85.5%  20  below 80%\n", "in 1 of the 2 weeks"} {
		if !strings.Contains(notices[0].Body, says) {
			t.Errorf("%q is missing in\n%s", says, notices[0].Body)
		}
	}
	if says := "  2026-10-26  -      -               3   too little data (n 3, at least 5)\n"; !strings.Contains(notices[1].Body, says) {
		t.Errorf("%q is missing in\n%s", says, notices[1].Body)
	}
}

// tellLake opens the lake anew, as each scheduled run does, and tells twice.
func tellLake(t *testing.T, dir string, catalog *metric.Catalog, m *metric.Metric, box *outbox.Outbox, now time.Time) []alert.Told {
	t.Helper()
	q, err := localenv.OpenQuerier(t.Context(), dir, localenv.QuerierOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	ask := alert.Asking(func(ctx context.Context, name string, p metric.Params) (*metric.Result, error) {
		return catalog.Run(ctx, q, name, config.Product{}, p)
	})
	states, err := alert.Check(t.Context(), []*metric.Metric{m}, ask, "Europe/Berlin", now)
	if err != nil {
		t.Fatal(err)
	}
	var out []alert.Told
	for range 2 {
		told, err := alert.Tell(t.Context(), box, states)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, told...)
	}
	return out
}
