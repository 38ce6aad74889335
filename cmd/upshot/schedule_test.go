package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
)

// desk is a schedule whose clock is moved by hand and whose work is written
// down instead of done.
type desk struct {
	*schedule
	now       time.Time
	store     *localenv.Store
	conf      *config.Config
	reports   []string // the slots that were made
	compacted int
	failing   error
}

// newDesk starts a schedule with one report at a time of day.
func newDesk(t *testing.T, zone, cron, now string) *desk {
	t.Helper()
	s, err := localenv.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{store: s, conf: &config.Config{
		Timezone: zone, Location: loc,
		Reports: map[string]config.Report{"daily": {Period: "day", Schedule: cron}},
	}}
	d.start(t, now)
	return d
}

// start is a start of the process, with the same store.
func (d *desk) start(t *testing.T, now string) {
	t.Helper()
	d.set(t, now)
	a := &app{now: env.ClockFunc(func() time.Time { return d.now })}
	d.schedule = newSchedule(a, d.conf, d.store, slog.New(slog.DiscardHandler))
	d.compact = func(context.Context) error {
		d.compacted++
		return d.failing
	}
	d.report = func(_ context.Context, name string, _ config.Report, slot time.Time) error {
		if d.failing != nil {
			return d.failing
		}
		d.reports = append(d.reports, name+" "+slot.Format(slotLayout))
		return nil
	}
}

func (d *desk) set(t *testing.T, now string) {
	t.Helper()
	var err error
	if d.now, err = time.Parse(time.RFC3339, now); err != nil {
		t.Fatal(err)
	}
}

// walk looks every step until a time.
func (d *desk) walk(t *testing.T, until string, step time.Duration) {
	t.Helper()
	end, err := time.Parse(time.RFC3339, until)
	if err != nil {
		t.Fatal(err)
	}
	for ; !d.now.After(end); d.now = d.now.Add(step) {
		if err := d.look(t.Context()); err != nil && !errors.Is(err, d.failing) {
			t.Fatalf("%s: %v", d.now, err)
		}
	}
}

func (d *desk) want(t *testing.T, slots ...string) {
	t.Helper()
	if diff := cmp.Diff(slots, d.reports); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
}

// TestScheduleOnce: one report a slot, none for slots before the first start.
func TestScheduleOnce(t *testing.T) {
	d := newDesk(t, "Europe/Berlin", "0 8 * * *", "2026-11-02T09:30:00+01:00")
	d.walk(t, "2026-11-03T07:59:59+01:00", 13*time.Minute)
	d.want(t)
	d.set(t, "2026-11-03T07:59:59+01:00")
	d.walk(t, "2026-11-03T07:59:59+01:00", time.Second)
	d.want(t)
	d.walk(t, "2026-11-05T07:00:00+01:00", 7*time.Minute)
	d.want(t, "daily 2026-11-03T08:00", "daily 2026-11-04T08:00")
}

// TestScheduleClockChanges: a slot in the hour that comes twice in autumn is
// made once, and one in the hour that spring leaves out is made all the same.
func TestScheduleClockChanges(t *testing.T) {
	d := newDesk(t, "Europe/Berlin", "30 2 * * *", "2026-10-24T12:00:00+02:00")
	d.walk(t, "2026-10-26T12:00:00+01:00", time.Minute)
	d.want(t, "daily 2026-10-25T02:30", "daily 2026-10-26T02:30")

	d = newDesk(t, "Europe/Berlin", "30 2 * * *", "2026-03-28T12:00:00+01:00")
	d.walk(t, "2026-03-30T12:00:00+02:00", time.Minute)
	d.want(t, "daily 2026-03-29T02:30", "daily 2026-03-30T02:30")

	d = newDesk(t, "America/New_York", "30 1 * * *", "2026-10-31T12:00:00-04:00")
	d.walk(t, "2026-11-02T12:00:00-05:00", time.Minute)
	d.want(t, "daily 2026-11-01T01:30", "daily 2026-11-02T01:30")
}

// TestScheduleStartsInTheHourThatComesTwice: between the two 02:45 of autumn
// neither a second report of 02:30 is made nor the next day's lost.
func TestScheduleStartsInTheHourThatComesTwice(t *testing.T) {
	d := newDesk(t, "Europe/Berlin", "30 2 * * *", "2026-10-24T12:00:00+02:00")
	d.walk(t, "2026-10-25T02:45:00+02:00", time.Minute)
	d.start(t, "2026-10-25T02:15:00+01:00")
	d.walk(t, "2026-10-26T12:00:00+01:00", time.Minute)
	d.want(t, "daily 2026-10-25T02:30", "daily 2026-10-26T02:30")
}

// TestScheduleCatchUp: after a pause the latest slot that was missed is made,
// once, if it is no older than three days.
func TestScheduleCatchUp(t *testing.T) {
	d := newDesk(t, "UTC", "0 8 * * MON", "2026-11-01T12:00:00Z")
	d.walk(t, "2026-11-02T09:00:00Z", time.Minute)
	d.start(t, "2026-11-10T12:00:00Z") // Monday the 9th was missed
	d.walk(t, "2026-11-10T13:00:00Z", time.Minute)
	d.want(t, "daily 2026-11-02T08:00", "daily 2026-11-09T08:00")
	d.start(t, "2026-11-19T08:00:01Z") // Monday the 16th is too long ago
	d.walk(t, "2026-11-19T09:00:00Z", time.Minute)
	d.want(t, "daily 2026-11-02T08:00", "daily 2026-11-09T08:00")
	d.walk(t, "2026-11-23T09:00:00Z", 10*time.Minute)
	d.want(t, "daily 2026-11-02T08:00", "daily 2026-11-09T08:00", "daily 2026-11-23T08:00")
}

// TestScheduleTriesAgain: a report that failed is made at a later look, and the
// failure is told at every look until then.
func TestScheduleTriesAgain(t *testing.T) {
	d := newDesk(t, "UTC", "0 8 * * *", "2026-11-02T07:59:00Z")
	d.failing = errors.New("no disk")
	d.walk(t, "2026-11-02T08:05:00Z", time.Minute)
	d.want(t)
	if err := d.look(t.Context()); !errors.Is(err, d.failing) {
		t.Errorf("the failure is not told: %v", err)
	}
	d.failing = nil
	d.walk(t, "2026-11-02T08:10:00Z", time.Minute)
	d.want(t, "daily 2026-11-02T08:00")
}

// TestScheduleCompacts: every ten minutes, also when it failed before.
func TestScheduleCompacts(t *testing.T) {
	d := newDesk(t, "UTC", "0 8 * * *", "2026-11-02T09:00:00Z")
	d.failing = errors.New("no disk")
	d.walk(t, "2026-11-02T09:09:59Z", time.Second)
	if d.compacted != 0 {
		t.Errorf("compacted %d times before it was due", d.compacted)
	}
	d.walk(t, "2026-11-02T09:10:59Z", time.Second)
	d.failing = nil
	d.walk(t, "2026-11-02T09:39:59Z", time.Second)
	if d.compacted != 3 {
		t.Errorf("compacted %d times in 40 minutes, want 3", d.compacted)
	}
}
