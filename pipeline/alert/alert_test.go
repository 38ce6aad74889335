package alert_test

import (
	"context"
	"errors"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"upshot.dev/upshot/pipeline/alert"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/pipeline/outbox"
	"upshot.dev/upshot/queries"
)

// csat is the real metric with another rule, another length of periods, and
// other changes to its text, in pairs.
func csat(t testing.TB, rule, report string, changes ...string) *metric.Metric {
	t.Helper()
	b, err := fs.ReadFile(queries.Metrics(), "csat.sql")
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(?m)^-- alert: .*$`).ReplaceAllLiteralString(string(b), "-- alert: "+rule)
	text = strings.NewReplacer(append(changes, "-- report: weekly", "-- report: "+report)...).Replace(text)
	c, err := metric.Load(fstest.MapFS{"csat.sql": {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Get("csat")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The days of a world: x breaks "below 0.80", o is well, a dot has too little
// data, a dash has no row, and i has a value without an interval.
const (
	breaks, well, few, none, bare = 'x', 'o', '.', '-', 'i'
)

var firstDay = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)

// world answers for days from firstDay on.
type world struct{ days []rune }

func (w *world) ask(_ context.Context, _ string, p metric.Params) ([]metric.Row, error) {
	var out []metric.Row
	for i, d := range w.days {
		row := metric.Row{Period: firstDay.AddDate(0, 0, i).Format(time.DateOnly), N: 40}
		if row.Period < p.From || row.Period >= p.To {
			continue
		}
		v, low, high := 0.9, 0.85, 0.95
		switch d {
		case none:
			continue
		case few:
			row.N, row.Note = 3, "too little data"
			out = append(out, row)
			continue
		case breaks:
			v, low, high = 0.7, 0.6, 0.78
		}
		row.Value = &v
		if d != bare {
			row.Low, row.High = &low, &high
		}
		out = append(out, row)
	}
	return out, nil
}

// box is an outbox in memory.
func newBox(now time.Time) (*outbox.Outbox, *memenv.Notifier, *memenv.Clock) {
	clock, bell := memenv.NewClock(now), &memenv.Notifier{}
	return &outbox.Outbox{Store: memenv.NewStore(clock), Notifier: bell, Clock: clock}, bell, clock
}

// morning is the hour after day n, counted from 0, has ended in UTC.
func morning(n int) time.Time { return firstDay.AddDate(0, 0, n+1).Add(time.Hour) }

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		days, rule string
		status     alert.Status
		since      string
		reason     string
	}{
		{"ooooo", "below 0.80 for 2 periods; severity warn", alert.OK, "", ""},
		{"oooox", "below 0.80 for 2 periods; severity warn", alert.OK, "", ""},
		{"oooxx", "below 0.80 for 2 periods; severity warn", alert.Firing, "2026-10-04", ""},
		{"oxxxx", "below 0.80 for 2 periods; severity warn", alert.Firing, "2026-10-02", ""},
		{"oxxxo", "below 0.80 for 2 periods; severity warn", alert.OK, "", ""},
		{"ooox.", "below 0.80 for 2 periods; severity warn", alert.NoData, "", "5 October 2026: too little data (n 3, at least 5)"},
		{"oox.x", "below 0.80 for 2 periods; severity warn", alert.NoData, "", "4 October 2026: too little data (n 3, at least 5)"},
		{"oox-x", "below 0.80 for 2 periods; severity warn", alert.NoData, "", "4 October 2026: nothing happened"},
		{"ooxi", "below 0.80 for 2 periods; severity warn", alert.NoData, "", "4 October 2026: no interval (n 40)"},
		{"ox.xo", "below 0.80 for 2 periods; severity warn", alert.OK, "", ""},
		{"oxx.x", "below 0.80 for 2 periods; severity warn", alert.Firing, "2026-10-02", ""},
		{"oxx..", "below 0.80 for 2 periods; severity warn", alert.NoData, "2026-10-02", "5 October 2026: too little data (n 3, at least 5)"},
		{"ox.o.", "below 0.80 for 2 periods; severity warn", alert.NoData, "", "5 October 2026: too little data (n 3, at least 5)"},
		{"oooox", "below 0.80 for 1 period; severity warn", alert.Firing, "2026-10-05", ""},
		{"oox.x", "below 0.80 for 3 periods; severity warn", alert.NoData, "", "4 October 2026: too little data (n 3, at least 5)"},
		{"xxxxo", "above 0.80 for 1 period; severity warn", alert.Firing, "2026-10-05", ""},
		{"", "below 0.80 for 2 periods; severity warn", alert.NoData, "", "30 September 2026: nothing happened"},
	} {
		w := &world{days: []rune(c.days)}
		states, err := alert.Check(t.Context(), []*metric.Metric{csat(t, c.rule, "daily")}, w.ask, "UTC", morning(len(c.days)-1))
		if err != nil || len(states) != 1 {
			t.Fatalf("%s: %v, %v", c.days, states, err)
		}
		if s := states[0]; s.Status != c.status || s.Since != c.since || s.Reason != c.reason {
			t.Errorf("%q, %s: %s since %q, %q", c.days, c.rule, s.Status, s.Since, s.Reason)
		}
	}
}

// TestPeriods: only complete periods of the zone are asked for, also around
// changes of clocks.
func TestPeriods(t *testing.T) {
	for _, c := range []struct{ report, tz, now, from, to string }{
		{"daily", "Europe/Berlin", "2026-10-25T22:59:59Z", "2026-10-10", "2026-10-25"},
		{"daily", "Europe/Berlin", "2026-10-25T23:00:00Z", "2026-10-11", "2026-10-26"},
		{"weekly", "Europe/Berlin", "2026-10-25T22:59:59Z", "2026-07-06", "2026-10-19"},
		{"weekly", "Europe/Berlin", "2026-10-25T23:00:00Z", "2026-07-13", "2026-10-26"},
		{"monthly", "America/New_York", "2026-11-01T03:59:59Z", "2025-07-01", "2026-10-01"},
		{"monthly", "America/New_York", "2026-11-01T04:00:00Z", "2025-08-01", "2026-11-01"},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		var asked metric.Params
		_, err = alert.Check(t.Context(), []*metric.Metric{csat(t, "below 0.80 for 2 periods; severity warn", c.report)},
			func(_ context.Context, _ string, p metric.Params) ([]metric.Row, error) { asked = p; return nil, nil }, c.tz, now)
		if err != nil || asked.From != c.from || asked.To != c.to || asked.TZ != c.tz || len(asked.By) != 0 {
			t.Errorf("%s at %s: %+v, %v", c.report, c.now, asked, err)
		}
	}
}

// TestOneBroken: a metric that cannot be computed takes nothing from the
// others.
func TestOneBroken(t *testing.T) {
	good, bad := csat(t, "below 0.80 for 2 periods; severity warn", "daily"), csat(t, "below 0.80 for 2 periods; severity warn", "daily")
	bad.Name = "broken"
	w := &world{days: []rune("oxx")}
	down := fault.Retryf("the engine is away")
	states, err := alert.Check(t.Context(), []*metric.Metric{bad, good, {Name: "without"}}, func(ctx context.Context, name string, p metric.Params) ([]metric.Row, error) {
		if name == "broken" {
			return nil, down
		}
		return w.ask(ctx, name, p)
	}, "UTC", morning(2))
	if !errors.Is(err, down) || !strings.Contains(err.Error(), "the rule of broken") || len(states) != 1 || states[0].Status != alert.Firing {
		t.Errorf("%+v, %v", states, err)
	}
	if _, err := alert.Check(t.Context(), []*metric.Metric{good}, w.ask, "Mars/Phobos", morning(2)); !fault.Is(err, fault.Invalid) {
		t.Errorf("a wrong zone: %v", err)
	}
}
