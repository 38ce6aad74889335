// Package schedule reads the schedule expressions of Amazon EventBridge
// Scheduler: cron(...) with six fields, rate(...) and at(...). CloudFormation
// and its linters take any text for one, and the service refuses a wrong one
// only when the stack is made.
package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/fault"
)

// Schedule is when something is due. The zero value is never.
//
// Cron expressions are read in the schedule's time zone. A local time that the
// clock leaves out in spring is skipped; one that it shows twice in autumn is
// due the first time only. Both are what the service documents. Rates count
// real time, so a day is always 24 hours.
type Schedule struct {
	expr string
	loc  *time.Location
	cron *cron
	rate time.Duration
	at   time.Time
}

// Parse reads an expression for schedules in loc. An expression that the
// service would refuse, or that is never due, is a fault of kind Invalid that
// says which part of it is wrong.
func Parse(expr string, loc *time.Location) (Schedule, error) {
	s := Schedule{expr: expr, loc: loc}
	kind, rest, ok := strings.Cut(expr, "(")
	body, closed := strings.CutSuffix(rest, ")")
	if !ok || !closed {
		return Schedule{}, fault.Invalidf("the schedule %q is none of cron(minute hour day-of-month month day-of-week year), rate(5 minutes), at(2026-11-02T07:00:00)", expr)
	}
	var err error
	switch kind {
	case "cron":
		s.cron, err = parseCron(body)
	case "rate":
		s.rate, err = parseRate(body)
	case "at":
		s.at, err = parseAt(body, loc)
	default:
		err = fault.Invalidf("%q is none of cron, rate and at, which are written in small letters", kind)
	}
	if err != nil {
		return Schedule{}, fmt.Errorf("the schedule %q: %w", expr, err)
	}
	return s, nil
}

// String is the expression.
func (s Schedule) String() string { return s.expr }

// Next is the first time after a given one that the schedule is due, in UTC,
// and the zero time when there is none. A rate counts from the given time, as
// the service counts from when it invoked last.
func (s Schedule) Next(after time.Time) time.Time {
	switch {
	case s.cron != nil:
		return s.cron.next(after, s.loc)
	case s.rate > 0:
		return after.Add(s.rate).UTC()
	case after.Before(s.at):
		return s.at.UTC()
	}
	return time.Time{}
}

// maxRate is the longest rate that can be counted here, far beyond any use.
const maxRate = 100_000

func parseRate(body string) (time.Duration, error) {
	value, unit, _ := strings.Cut(body, " ")
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > maxRate || value != strconv.Itoa(n) {
		return 0, fault.Invalidf("%q is no number from 1 to %d, followed by one space and a unit", value, maxRate)
	}
	singular, plural := strings.TrimSuffix(unit, "s"), strings.HasSuffix(unit, "s")
	one, ok := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[singular]
	switch {
	case !ok:
		return 0, fault.Invalidf("%q is none of minute, minutes, hour, hours, day, days", unit)
	case (n == 1) == plural:
		return 0, fault.Invalidf("%q: the unit is written without an s for 1, and with one for more", body)
	}
	return time.Duration(n) * one, nil
}

func parseAt(body string, loc *time.Location) (time.Time, error) {
	const layout = "2006-01-02T15:04:05"
	t, err := time.ParseInLocation(layout, body, loc)
	if err != nil {
		return time.Time{}, fault.Invalidf("%q is no time like 2026-11-02T07:00:00, without a zone", body)
	}
	if t.Format(layout) != body {
		return time.Time{}, fault.Invalidf("the clock in %s never shows %s", loc, body)
	}
	return t, nil
}
