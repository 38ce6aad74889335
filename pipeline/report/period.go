package report

import (
	"fmt"
	"time"

	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/metric"
)

// The lengths of the histories: how far the comparisons look back, and how many
// periods the charts show.
const (
	historyDays, chartDays     = 92, 28
	historyWeeks, chartWeeks   = 27, 13
	historyMonths, chartMonths = 14, 13
)

// calendar cuts time into the periods of one grain in one zone.
type calendar struct {
	grain string
	loc   *time.Location
}

// newCalendar checks grain and zone; a fault of kind Invalid names the wrong
// one.
func newCalendar(grain, tz string) (calendar, error) {
	switch grain {
	case "day", "week", "month":
	default:
		return calendar{}, fault.Invalidf("report period %q: want day, week or month", grain)
	}
	loc, err := time.LoadLocation(tz)
	if err != nil {
		return calendar{}, fault.Invalidf("report time zone %q: %w", tz, err)
	}
	return calendar{grain, loc}, nil
}

// date is a local calendar date, kept as midnight UTC so that adding days never
// meets a clock change.
func date(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// start is the first date of the period that holds d.
func (c calendar) start(d time.Time) time.Time { return metric.PeriodStart(d, c.grain) }

// add moves the first date of a period by n periods.
func (c calendar) add(d time.Time, n int) time.Time { return metric.AddPeriods(d, c.grain, n) }

// instant is the moment at which the local date d begins. Where a clock change
// skips midnight, that is the first moment of the day.
func (c calendar) instant(d time.Time) time.Time {
	t := time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, c.loc)
	for date(t.In(c.loc)).Before(d) {
		t = t.Add(15 * time.Minute)
	}
	return t.UTC()
}

// closed is the last period that is over at the end of the local date ending
// ("2006-01-02"), or by now when ending is empty: its first date and the first
// date after it. A period that now has not reached the end of is a fault of
// kind Invalid.
func (c calendar) closed(ending string, now time.Time) (from, to time.Time, err error) {
	last := date(now.In(c.loc))
	if ending != "" {
		day, err := time.Parse(time.DateOnly, ending)
		if err != nil {
			return from, to, fault.Invalidf("report ending %q: want a date like 2026-11-22", ending)
		}
		last = day.AddDate(0, 0, 1)
	}
	to = c.start(last)
	if c.instant(to).After(now) {
		return from, to, fault.Invalidf("report ending %q: the %s before %s is not over yet", ending, c.grain, to.Format(time.DateOnly))
	}
	return c.add(to, -1), to, nil
}

// sizes are the periods that the comparisons and the charts look back on, the
// one of the report included.
func (c calendar) sizes() (history, chart int) {
	switch c.grain {
	case "day":
		return historyDays, chartDays
	case "month":
		return historyMonths, chartMonths
	default:
		return historyWeeks, chartWeeks
	}
}

// stride is the step between periods that are alike: a Sunday is compared with
// Sundays.
func (c calendar) stride() int {
	if c.grain == "day" {
		return 7
	}
	return 1
}

// title names a period in words.
func (c calendar) title(from, to time.Time) string {
	last := to.AddDate(0, 0, -1)
	switch c.grain {
	case "day":
		return from.Format("Monday, 2 January 2006")
	case "month":
		return from.Format("January 2006")
	}
	switch {
	case from.Year() != last.Year():
		return fmt.Sprintf("Week of %s to %s", from.Format("2 January 2006"), last.Format("2 January 2006"))
	case from.Month() != last.Month():
		return fmt.Sprintf("Week of %s to %s", from.Format("2 January"), last.Format("2 January 2006"))
	default:
		return fmt.Sprintf("Week of %d to %s", from.Day(), last.Format("2 January 2006"))
	}
}

// dates are the first dates of n periods up to, not including, to.
func (c calendar) dates(to time.Time, n int) []time.Time {
	out := make([]time.Time, n)
	for i := range out {
		out[i] = c.add(to, i-n)
	}
	return out
}

// iso writes a date as metrics and JSON have it.
func iso(d time.Time) string { return d.Format(time.DateOnly) }
