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
	starts, ends := startOfDay(date, c.loc), startOfDay(date.AddDate(0, 0, 1), c.loc)
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
	case "day":
		return date, date.AddDate(0, 0, 1)
	case "week":
		first = date.AddDate(0, 0, -(int(date.Weekday())+6)%7)
		return first, first.AddDate(0, 0, 7)
	case "month":
		first = date.AddDate(0, 0, 1-date.Day())
		return first, first.AddDate(0, 1, 0)
	default:
		return c.from, c.to
	}
}

// startOfDay is the first moment at which the clocks of loc show the date. That
// is not always midnight: where clocks go forward at 24:00 the day begins at
// 01:00, and where they go back to 23:00 the evening comes twice.
func startOfDay(date time.Time, loc *time.Location) time.Time {
	// From noon of the day before, segment by segment of constant offset.
	cur := date.Add(-36 * time.Hour)
	for {
		local := cur.In(loc)
		_, offset := local.Zone()
		_, end := local.ZoneBounds()
		midnight := date.Add(-time.Duration(offset) * time.Second)
		if !midnight.Before(cur) && (end.IsZero() || midnight.Before(end)) {
			return midnight
		}
		if end.IsZero() {
			return midnight
		}
		if !dateOf(end.In(loc)).Before(date) {
			return end.UTC()
		}
		cur = end
	}
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
