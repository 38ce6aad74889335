package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"upshot.dev/upshot/internal/jobs"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/lake"
)

const (
	// tick is how often the schedule looks at the clock.
	tick = time.Second
	// compactGrace lets other programs finish that have listed the files.
	compactGrace = 5 * time.Minute
	// catchUp is how old a missed report may be to be made after a start.
	catchUp = 72 * time.Hour
)

// schedule runs compaction and reports when they are due. A report's slot is
// its local time on the schedule: it runs once per slot, also when clocks go
// back, and a slot that was missed while nothing ran is made up for.
type schedule struct {
	a           *app
	c           *config.Config
	store       env.Store
	log         *slog.Logger
	nextCompact time.Time
	started     time.Time
	compact     func(context.Context) error
	report      func(ctx context.Context, name string, r config.Report, slot time.Time) error
}

func newSchedule(a *app, c *config.Config, s *localenv.Store, log *slog.Logger) *schedule {
	now := a.now.Now()
	j := &schedule{a: a, c: c, store: s, log: log, started: now, nextCompact: now.Add(compactEvery)}
	j.compact = func(ctx context.Context) error {
		return jobs.Run(ctx, s, a.now, "compact", func(ctx context.Context) error {
			_, err := lake.Compact(ctx, s, lake.CompactOptions{Clock: a.now, Grace: compactGrace, Temp: s.Temp()})
			return err
		})
	}
	j.report = func(ctx context.Context, name string, _ config.Report, slot time.Time) error {
		return jobs.Run(ctx, s, a.now, "report-"+name, func(ctx context.Context) error {
			return a.scheduledReport(ctx, c, s, name, slot)
		})
	}
	return j
}

// run looks at the clock until ctx ends. A failure is logged and tried again:
// compaction at its next time, a report at the next look.
func (j *schedule) run(ctx context.Context) {
	backoff := time.Duration(0)
	for ctx.Err() == nil {
		wait(ctx, tick+backoff)
		backoff = 0
		if err := j.look(ctx); err != nil && ctx.Err() == nil {
			j.log.Error("scheduled work failed; it is tried again", "err", err)
			backoff = time.Minute
		}
	}
}

// look does what is due now.
func (j *schedule) look(ctx context.Context) error {
	now := j.a.now.Now()
	var errs []error
	if !now.Before(j.nextCompact) {
		j.nextCompact = now.Add(compactEvery)
		if err := j.compact(ctx); err != nil {
			errs = append(errs, fmt.Errorf("compact: %w", err))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(j.c.Reports)) {
		if err := j.lookReport(ctx, name, j.c.Reports[name], now); err != nil {
			errs = append(errs, fmt.Errorf("report %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// lookReport makes the report of the latest slot that is due and was not made.
func (j *schedule) lookReport(ctx context.Context, name string, r config.Report, now time.Time) error {
	plan, err := cron.ParseStandard(r.Schedule)
	if err != nil {
		return err
	}
	marker := "reports/" + name + "/slot"
	done, err := readSlot(ctx, j.store, marker)
	if err != nil {
		return err
	}
	// Slots are walked in local wall-clock time, where each comes once a year.
	if done.IsZero() {
		// The first start is remembered, so that a slot after it is made up for
		// even when nothing ran at that time.
		done = wall(j.started, j.c.Location)
		if err := j.store.Put(ctx, marker, strings.NewReader(done.Format(slotLayout))); err != nil {
			return err
		}
	}
	from := later(done, wall(now, j.c.Location).Add(-catchUp))
	due := time.Time{}
	for t := plan.Next(from); !t.IsZero() && !t.After(wall(now, j.c.Location)); t = plan.Next(t) {
		due = t
	}
	if due.IsZero() {
		return nil
	}
	if err := j.report(ctx, name, r, due); err != nil {
		return err
	}
	return j.store.Put(ctx, marker, strings.NewReader(due.Format(slotLayout)))
}

const slotLayout = "2006-01-02T15:04"

// wall is the local wall-clock time of t, as if it were UTC.
func wall(t time.Time, loc *time.Location) time.Time {
	l := t.In(loc)
	return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, time.UTC)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// readSlot gives the last slot whose report was made, zero when there is none.
func readSlot(ctx context.Context, s env.Blobs, key string) (time.Time, error) {
	o, err := s.Open(ctx, key)
	if errors.Is(err, env.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = o.Close() }()
	b, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(slotLayout, string(b))
}
