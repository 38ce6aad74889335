package schedule

import (
	"fmt"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/fault"
)

// dayRule says which days of a month are due. It holds what one of the two day
// fields says; the other is ?.
type dayRule struct {
	days     set // days of the month, 1 to 31
	weekdays set // 1 is Sunday
	last     bool
	nearest  []int // the weekday nearest to this day; 0 is the last weekday of the month
	nth      [2]int
	lastDay  set // the last one of this weekday in the month
}

// parseDays reads both day fields, of which one is ?.
func parseDays(day, weekday string) (r dayRule, err error) {
	if weekday == "?" {
		err = r.parseMonthDays(day)
	} else {
		err = r.parseWeekdays(weekday)
	}
	return r, err
}

// parseMonthDays reads a day-of-month: beside numbers, L is the last day, 15W
// the weekday nearest to the 15th within the month, LW the last weekday.
func (r *dayRule) parseMonthDays(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		before, nearest := strings.CutSuffix(part, "W")
		switch {
		case part == "L":
			r.last = true
		case part == "LW":
			r.nearest = append(r.nearest, 0)
		case nearest:
			n, err := dayField.value(before)
			if err != nil {
				return fmt.Errorf("day-of-month %q: %s: %w", text, part, err)
			}
			r.nearest = append(r.nearest, n)
		default:
			values, err := dayField.list(part)
			if err != nil {
				return err
			}
			for _, v := range values {
				r.days |= 1 << v
			}
		}
	}
	return nil
}

// parseWeekdays reads a day-of-week: beside numbers and names, L is the last day
// of the week, 6L the last Friday of the month, 6#2 its second Friday, which
// stands alone.
func (r *dayRule) parseWeekdays(text string) error {
	if day, nth, ok := strings.Cut(text, "#"); ok {
		d, err := weekdayField.value(day)
		n, bad := number(nth)
		if err != nil || bad != nil || n < 1 || n > 5 {
			return fault.Invalidf("day-of-week %q: # stands alone, between a day and a number from 1 to 5, like FRI#2", text)
		}
		r.nth = [2]int{d, n}
		return nil
	}
	for part := range strings.SplitSeq(text, ",") {
		before, last := strings.CutSuffix(part, "L")
		switch {
		case part == "L":
			r.weekdays |= 1 << weekdayField.max
		case last:
			n, err := weekdayField.value(before)
			if err != nil {
				return fmt.Errorf("day-of-week %q: %s: %w", text, part, err)
			}
			r.lastDay |= 1 << n
		case strings.Contains(part, "/"):
			return fault.Invalidf("day-of-week %q: there are no steps here; list the days", text)
		default:
			values, err := weekdayField.list(part)
			if err != nil {
				return err
			}
			for _, v := range values {
				r.weekdays |= 1 << v
			}
		}
	}
	return nil
}

// in is the set of the days of a month that are due.
func (r dayRule) in(year int, month time.Month) set {
	end := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
	first := int(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC).Weekday()) // 0 is Sunday
	weekday := func(day int) int { return (first+day-1)%7 + 1 }
	out := r.days & (1<<(end+1) - 1)
	if r.last {
		out |= 1 << end
	}
	for _, n := range r.nearest {
		if n == 0 {
			n = end
		}
		if n <= end {
			out |= 1 << nearestWeekday(n, end, weekday(n))
		}
	}
	for day := 1; day <= end; day++ {
		w := weekday(day)
		if r.weekdays.has(w) || r.lastDay.has(w) && day+7 > end || r.nth[0] == w && (day-1)/7+1 == r.nth[1] {
			out |= 1 << day
		}
	}
	return out
}

// nearestWeekday moves a Saturday to the Friday before and a Sunday to the
// Monday after, or to the other side where that would leave the month.
func nearestWeekday(day, end, weekday int) int {
	switch weekday {
	case 7:
		if day == 1 {
			return 3
		}
		return day - 1
	case 1:
		if day == end {
			return day - 2
		}
		return day + 1
	}
	return day
}
