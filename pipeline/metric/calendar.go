package metric

import (
	"slices"
	"time"
	_ "time/tzdata" // zones must load wherever the program runs

	"upshot.dev/upshot/pipeline/fault"
)

// maxDays bounds the time that one call may ask for.
const maxDays = 20000

// calendar is a time cut into periods and days of a time zone.
type calendar struct {
	from, to time.Time // local dates, as midnights in UTC; half-open
	loc      *time.Location
	grain    string
	periods  []period
	days     []day
}

// period is one day, week, month or the whole time. Its first date names it.
type period struct {
	first, next  time.Time // local dates, whole
	starts, ends time.Time // moments, cut to [from, to)
	partial      bool      // reaches beyond [from, to)
	ended        bool      // its whole end is not after to
	length       int       // days inside [from, to)
}

// day is one local day inside [from, to).
type day struct {
	date, period time.Time
	starts, ends time.Time
}

// newCalendar cuts [from, to), dates like 2026-11-01, by the calendar of loc.
func newCalendar(from, to string, loc *time.Location, grain string) (*calendar, error) {
	if !slices.Contains(grains, grain) {
		return nil, fault.Invalidf("grain %q is none of day, week, month, all", grain)
	}
	c := &calendar{loc: loc, grain: grain}
	var err error
	if c.from, err = parseDate("from", from); err != nil {
		return nil, err
	}
	if c.to, err = parseDate("to", to); err != nil {
		return nil, err
	}
	if !c.from.Before(c.to) {
		return nil, fault.Invalidf("from %s must lie before to %s; to is the date after the last one", from, to)
	}
	if c.to.Sub(c.from) > maxDays*24*time.Hour {
		return nil, fault.Invalidf("from %s to %s is more than %d days", from, to, maxDays)
	}
	for d := c.from; d.Before(c.to); d = d.AddDate(0, 0, 1) {
		c.add(d)
	}
	return c, nil
}

func parseDate(name, s string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1 {
		return time.Time{}, fault.Invalidf("%s %q is no date like 2026-11-01", name, s)
	}
	return t, nil
}

// add appends a day, and its period when it is the first of it.
func (c *calendar) add(date time.Time) {
	ends := startOfDay(date.AddDate(0, 0, 1), c.loc)
	var starts time.Time
	if n := len(c.days); n > 0 {
		starts = c.days[n-1].ends
	} else {
		starts = startOfDay(date, c.loc)
	}
	first, next := c.bounds(date)
	if n := len(c.periods); n == 0 || !c.periods[n-1].first.Equal(first) {
		c.periods = append(c.periods, period{
			first: first, next: next, starts: starts,
			partial: first.Before(c.from) || next.After(c.to), ended: !next.After(c.to),
		})
	}
	p := &c.periods[len(c.periods)-1]
	p.ends = ends
	p.length++
	c.days = append(c.days, day{date, p.first, starts, ends})
}

// bounds are the first date of the period that holds date, and of the next.
func (c *calendar) bounds(date time.Time) (first, next time.Time) {
	switch c.grain {
	case "day", "week", "month":
		first = PeriodStart(date, c.grain)
		return first, AddPeriods(first, c.grain, 1)
	default:
		return c.from, c.to
	}
}

// PeriodStart is the first date of the period of grain ("day", "week" from
// Monday, "month") that holds the date that t's clock shows. Dates are kept as
// midnight in UTC, so that adding days never meets a clock change.
func PeriodStart(t time.Time, grain string) time.Time {
	d := dateOf(t)
	switch grain {
	case "week":
		return d.AddDate(0, 0, -(int(d.Weekday())+6)%7)
	case "month":
		return d.AddDate(0, 0, 1-d.Day())
	default:
		return d
	}
}

// AddPeriods moves the first date of a period by n periods.
func AddPeriods(d time.Time, grain string, n int) time.Time {
	switch grain {
	case "week":
		return d.AddDate(0, 0, 7*n)
	case "month":
		return d.AddDate(0, n, 0)
	default:
		return d.AddDate(0, 0, n)
	}
}

// startOfDay is the moment at which the clocks of loc turn to the date. That is
// not always midnight: where clocks go forward at 24:00 the day begins at 01:00.
// A date that was skipped begins when the next one does. What is no plain
// midnight is looked for by the hour and then by halves: time.ZoneBounds cannot
// be followed from zone to zone, as beyond 2037 it gives ends that are not later
// than the moment asked about (Go 1.26, Berlin, the last days of 2040).
func startOfDay(date time.Time, loc *time.Location) time.Time {
	turned := func(t time.Time) bool { return !dateOf(t.In(loc)).Before(date) }
	_, offset := date.In(loc).Zone()
	if t := date.Add(-time.Duration(offset) * time.Second); turned(t) && !turned(t.Add(-time.Second)) {
		return t
	}
	before := date.Add(-18 * time.Hour) // no zone was ever 18 hours ahead
	after := before
	for !turned(after) {
		before, after = after, after.Add(time.Hour)
	}
	for after.Sub(before) > time.Second { // zones change on whole seconds
		if mid := before.Add(after.Sub(before) / 2).Truncate(time.Second); turned(mid) {
			after = mid
		} else {
			before = mid
		}
	}
	return after
}

// dateOf is the date that a clock shows, as midnight in UTC.
func dateOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// dtFrom and dtTo are UTC dates that hold every moment of [from, to).
func (c *calendar) dtFrom() time.Time { return dateOf(c.periods[0].starts.UTC()).AddDate(0, 0, -1) }

func (c *calendar) dtTo() time.Time {
	return dateOf(c.periods[len(c.periods)-1].ends.UTC()).AddDate(0, 0, 1)
}
