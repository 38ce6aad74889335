package schedule

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/fault"
)

// cron is a parsed cron expression.
type cron struct {
	minutes, hours, months set // bit n is value n
	years                  []int
	days                   dayRule
}

// set is a set of numbers from 0 to 63.
type set uint64

func (s set) has(n int) bool { return s&(1<<n) != 0 }

// field is one of the six: its name, its range and the names of its values.
type field struct {
	name     string
	min, max int
	names    []string // of min, min+1...
}

var (
	monthNames   = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	weekdayNames = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}

	minuteField  = field{"minute", 0, 59, nil}
	hourField    = field{"hour", 0, 23, nil}
	dayField     = field{"day-of-month", 1, 31, nil}
	monthField   = field{"month", 1, 12, monthNames}
	weekdayField = field{"day-of-week", 1, 7, weekdayNames}
	yearField    = field{"year", 1970, 2199, nil}
)

// parseCron reads the six fields between the brackets.
func parseCron(body string) (*cron, error) {
	f := strings.Fields(body)
	if len(f) != 6 {
		return nil, fault.Invalidf("%d fields; there are six: minute hour day-of-month month day-of-week year, like cron(0 7 ? * MON *)", len(f))
	}
	if (f[2] == "?") == (f[4] == "?") {
		return nil, fault.Invalidf("day-of-month %q and day-of-week %q: exactly one of them must be ?", f[2], f[4])
	}
	c := &cron{}
	var err error
	for _, p := range []struct {
		into *set
		f    field
		text string
	}{{&c.minutes, minuteField, f[0]}, {&c.hours, hourField, f[1]}, {&c.months, monthField, f[3]}} {
		values, e := p.f.list(p.text)
		if e != nil {
			return nil, e
		}
		for _, v := range values {
			*p.into |= 1 << v
		}
	}
	if c.years, err = yearField.list(f[5]); err != nil {
		return nil, err
	}
	if c.days, err = parseDays(f[2], f[4]); err != nil {
		return nil, err
	}
	if !c.everDue() {
		return nil, fault.Invalidf("no such day: the year, the month and the day never meet")
	}
	return c, nil
}

// everDue says whether any day of the years matches.
func (c *cron) everDue() bool {
	for _, year := range c.years {
		for month := time.January; month <= time.December; month++ {
			if c.months.has(int(month)) && c.days.in(year, month) != 0 {
				return true
			}
		}
	}
	return false
}

// list is the values of a field, in order, that the text names: * or a list of
// values, ranges and steps.
func (f field) list(text string) ([]int, error) {
	var out []int
	for part := range strings.SplitSeq(text, ",") {
		from, to, step, err := f.part(part)
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", f.name, text, err)
		}
		for v := from; v <= to; v += step {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// part reads *, N, N-M, and each of them with /STEP: N/STEP runs from N to the
// end of the range.
func (f field) part(text string) (from, to, step int, err error) {
	span, every, stepped := strings.Cut(text, "/")
	step = 1
	if stepped {
		if step, err = number(every); err != nil || step < 1 || step > f.max {
			return 0, 0, 0, fault.Invalidf("the step %q is no number from 1 to %d", every, f.max)
		}
	}
	if span == "*" {
		return f.min, f.max, step, nil
	}
	low, high, ranged := strings.Cut(span, "-")
	if from, err = f.value(low); err != nil {
		return 0, 0, 0, err
	}
	switch {
	case ranged:
		if to, err = f.value(high); err != nil {
			return 0, 0, 0, err
		}
	case stepped:
		to = f.max
	default:
		to = from
	}
	if to < from {
		return 0, 0, 0, fault.Invalidf("the range %s goes backwards; write it as a list of two", span)
	}
	return from, to, step, nil
}

func (f field) value(text string) (int, error) {
	if i := slices.Index(f.names, strings.ToUpper(text)); i >= 0 {
		return f.min + i, nil
	}
	n, err := number(text)
	if err != nil || n < f.min || n > f.max {
		if f.names != nil {
			return 0, fault.Invalidf("%q is neither a number from %d to %d nor one of %s to %s", text, f.min, f.max, f.names[0], f.names[len(f.names)-1])
		}
		return 0, fault.Invalidf("%q is no number from %d to %d", text, f.min, f.max)
	}
	return n, nil
}

// number takes digits only: no sign.
func number(text string) (int, error) {
	if text == "" || len(text) > 4 || strings.Trim(text, "0123456789") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.Atoi(text)
}

// next is the first due time after a given one.
func (c *cron) next(after time.Time, loc *time.Location) time.Time {
	local := after.In(loc)
	y0, m0, d0 := local.Date()
	for _, year := range c.years {
		if year < y0 {
			continue
		}
		for month := time.January; month <= time.December; month++ {
			if !c.months.has(int(month)) || year == y0 && month < m0 {
				continue
			}
			for days := c.days.in(year, month); days != 0; days &= days - 1 {
				day := bits.TrailingZeros64(uint64(days))
				if year == y0 && month == m0 && day < d0 {
					continue
				}
				if t := c.nextOn(year, month, day, after, loc); !t.IsZero() {
					return t
				}
			}
		}
	}
	return time.Time{}
}

// nextOn is the first due time after a given one on one day.
func (c *cron) nextOn(year int, month time.Month, day int, after time.Time, loc *time.Location) time.Time {
	for h := uint64(c.hours); h != 0; h &= h - 1 {
		for m := uint64(c.minutes); m != 0; m &= m - 1 {
			t, exists := wall(year, month, day, bits.TrailingZeros64(h), bits.TrailingZeros64(m), loc)
			if exists && t.After(after) {
				return t
			}
		}
	}
	return time.Time{}
}

// wall is the first time that the clock in loc shows a local time; it does not
// exist where the clock is put forward over it.
func wall(year int, month time.Month, day, hour, minute int, loc *time.Location) (t time.Time, exists bool) {
	shown := time.Date(year, month, day, hour, minute, 0, 0, time.UTC)
	// The offsets in force around it: no zone changes twice within two days.
	for _, around := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := shown.Add(around).In(loc).Zone()
		candidate := shown.Add(-time.Duration(offset) * time.Second)
		if _, there := candidate.In(loc).Zone(); there == offset {
			return candidate, true
		}
	}
	return time.Time{}, false
}
