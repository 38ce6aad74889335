package reporting_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/internal/reporting"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/pipeline/report"
)

const conf = `timezone: Europe/Berlin
mail: {from: "Upshot <upshot@example.com>"}
reports:
  weekly: {period: week, schedule: "0 7 * * MON", to: [pm@example.com, cto@example.com]}
  quiet: {period: week, schedule: "0 7 * * MON"}
  daily: {period: day, schedule: "0 7 * * *", to: [pm@example.com]}
`

// monday is the slot of the weekly report, as local wall-clock time.
var monday = time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)

// desk is where reports are made: over a lake with four weeks of answers.
type desk struct {
	reporting.Reporter
	reporting.Sender
	clock  *memenv.Clock
	store  *memenv.Store
	mailer *memenv.Mailer
	asked  int // how often a mailer was made
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "upshot.yaml")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.LoadPacked(file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := localenv.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 28 {
		at := time.Date(2026, 10, 26, 12, 0, 0, 0, time.UTC).AddDate(0, 0, i)
		score := float64(10 - i%2)
		id := at.Format(time.DateOnly)
		row := record.Row{EventID: id, Source: "survey", OccurredAt: at.UnixMicro(), ReceivedAt: at.UnixMicro(), DeliveryID: id, UserKey: id}
		if err := lake.WriteHot(t.Context(), folder, "surveys", id, "b", []record.SurveyRow{{Row: row, ResponseID: id, Kind: "nps", Score: &score}}); err != nil {
			t.Fatal(err)
		}
	}
	q, err := localenv.OpenQuerier(t.Context(), dir, localenv.QuerierOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	d := &desk{clock: memenv.NewClock(monday.Add(-time.Hour)), mailer: &memenv.Mailer{}}
	d.store = memenv.NewStore(d.clock)
	d.Reporter = reporting.Reporter{Config: c, Query: q}
	d.Sender = reporting.Sender{Store: d.store, Clock: d.clock, Mailer: func() (env.Mailer, error) { d.asked++; return d.mailer, nil }}
	return d
}

// kept lists the reports in the store.
func (d *desk) kept(t *testing.T) (keys []string) {
	t.Helper()
	for info, err := range d.store.List(t.Context(), "reports/") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, strings.TrimPrefix(info.Key, "reports/"))
	}
	return keys
}

// TestScheduled: the slot closes the period, however late the run is; the report
// is kept under its name and as the latest, and mailed once to all.
func TestScheduled(t *testing.T) {
	d := newDesk(t)
	for i := range 2 {
		from, sent, err := d.Scheduled(t.Context(), d.Sender, "weekly", monday)
		if err != nil || from != "2026-11-16" || sent != (i == 0) {
			t.Fatalf("run %d: from %s, sent %v, %v", i, from, sent, err)
		}
		d.clock.Advance(6 * time.Hour)
	}
	want := []string{}
	for _, dir := range []string{"latest", "weekly/2026-11-16"} {
		for _, f := range []string{"report.eml", "report.html", "report.json", "report.md"} {
			want = append(want, dir+"/"+f)
		}
	}
	if got := d.kept(t); !slices.Equal(got, want) {
		t.Errorf("kept %q", got)
	}
	mails := d.mailer.Mails()
	if len(mails) != 1 || !slices.Equal(mails[0].To, []string{"pm@example.com", "cto@example.com"}) || mails[0].From != "Upshot <upshot@example.com>" {
		t.Fatalf("mailed %d", len(mails))
	}
	if !bytes.Contains(mails[0].Raw, []byte("cto@example.com")) {
		t.Errorf("the mail does not name who gets it: %.300s", mails[0].Raw)
	}
	// Another report is a mail of its own.
	if from, sent, err := d.Scheduled(t.Context(), d.Sender, "daily", monday); err != nil || from != "2026-11-22" || !sent {
		t.Errorf("the day: %s, %v, %v", from, sent, err)
	}
}

// TestScheduledWithoutRecipients is kept, and nothing that mails is made.
func TestScheduledWithoutRecipients(t *testing.T) {
	d := newDesk(t)
	from, sent, err := d.Scheduled(t.Context(), d.Sender, "quiet", monday)
	if err != nil || from != "2026-11-16" || sent || d.asked != 0 || len(d.kept(t)) != 8 {
		t.Errorf("from %s, sent %v, %v; %d mailers, kept %q", from, sent, err, d.asked, d.kept(t))
	}
}

// TestScheduledFails: an error is the run's, and the next run makes good what
// this one left.
func TestScheduledFails(t *testing.T) {
	d := newDesk(t)
	if _, _, err := d.Scheduled(t.Context(), d.Sender, "monthly", monday); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), `"monthly"`) {
		t.Errorf("a report that is not configured: %v", err)
	}
	if len(d.kept(t)) != 0 {
		t.Errorf("kept %q", d.kept(t))
	}
	away := errors.New("made for a test: the mail service is away")
	d.mailer.Fail(away)
	if _, sent, err := d.Scheduled(t.Context(), d.Sender, "weekly", monday); !errors.Is(err, away) || sent {
		t.Errorf("%v, %v", sent, err)
	}
	noMailer := d.Sender
	noMailer.Mailer = func() (env.Mailer, error) { return nil, away }
	if _, sent, err := d.Scheduled(t.Context(), noMailer, "weekly", monday); !errors.Is(err, away) || sent {
		t.Errorf("%v, %v", sent, err)
	}
	d.mailer.Fail(nil)
	if _, sent, err := d.Scheduled(t.Context(), d.Sender, "weekly", monday); err != nil || !sent || len(d.mailer.Mails()) != 1 {
		t.Errorf("the next run: %v, %v, %d mails", sent, err, len(d.mailer.Mails()))
	}
	full := d.Sender
	full.Store = fullStore{d.store}
	if _, _, err := d.Scheduled(t.Context(), full, "weekly", monday); !errors.Is(err, errFull) || !strings.Contains(err.Error(), "keep the report") {
		t.Errorf("a store that takes nothing: %v", err)
	}
}

var errFull = errors.New("made for a test: the store is full")

// fullStore takes nothing.
type fullStore struct{ env.Store }

func (fullStore) Put(context.Context, string, io.Reader) error { return errFull }

// TestFiles: all forms say the same period, and a machine without mail gets
// addresses that go nowhere.
func TestFiles(t *testing.T) {
	d := newDesk(t)
	var told []string
	d.Progress = func(what string) { told = append(told, what) }
	r, err := d.Build(t.Context(), report.Params{Period: "week", TZ: "Europe/Berlin", Now: monday})
	if err != nil || len(told) == 0 {
		t.Fatalf("%v, %q", err, told)
	}
	for _, c := range []struct {
		from     string
		to       []string
		wantFrom string
		wantTo   string
	}{
		{"", nil, "upshot@localhost", "you@localhost"},
		{"Reports <reports@example.com>", []string{"pm@example.com"}, "reports@example.com", "pm@example.com"},
	} {
		conf := *d.Config
		conf.Mail.From = c.from
		files, err := reporting.Files(r, &conf, c.to)
		if err != nil || len(files) != 4 {
			t.Fatalf("%d files, %v", len(files), err)
		}
		for name, says := range map[string][]string{
			"report.html": {"<!doctype html>"}, "report.md": {"# "}, "report.json": {`"2026-11-16"`}, "report.eml": {c.wantFrom, c.wantTo},
		} {
			for _, s := range says {
				if !strings.Contains(strings.ToLower(string(files[name])), strings.ToLower(s)) {
					t.Errorf("%s: %.200s, want %q in it", name, files[name], s)
				}
			}
		}
	}
}

// TestMetricsHasTheThemes by their names, and computes by the configuration.
func TestMetricsHasTheThemes(t *testing.T) {
	d := newDesk(t)
	run, name, err := d.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	res, err := run(t.Context(), "nps", metric.Params{From: "2026-11-16", To: "2026-11-23", TZ: "Europe/Berlin", Grain: "week"})
	if err != nil || len(res.Rows()) != 1 || res.Rows()[0].N != 7 {
		t.Errorf("%+v, %v", res.Rows(), err)
	}
	if _, err := run(t.Context(), "happiness", metric.Params{From: "2026-11-16", To: "2026-11-22", TZ: "UTC", Grain: "week"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a metric that there is not: %v", err)
	}
	if name("sso") != "Single sign-on" || name("no-such-theme") != "" {
		t.Errorf("%q, %q", name("sso"), name("no-such-theme"))
	}
}
