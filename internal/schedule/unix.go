package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"upshot.dev/upshot/pipeline/fault"
)

// FromUnix turns the five-field cron expression of upshot.yaml into one of
// EventBridge Scheduler: "0 7 * * 1" is cron(0 7 ? * 2 *), as weekdays count
// from another day. An expression that names days both of the month and of the
// week means either on one machine and cannot be said to the service: that is a
// fault of kind Invalid, like every wrong one.
func FromUnix(five string) (string, error) {
	f := strings.Fields(five)
	if len(f) != 5 {
		return "", fault.Invalidf("the schedule %q has %d fields; there are five: minute hour day month weekday", five, len(f))
	}
	minute, hour, day, month, weekday := f[0], f[1], f[2], f[3], f[4]
	if slices.Contains(f, "?") {
		return "", fault.Invalidf("the schedule %q: ? belongs to AWS's expressions; write *", five)
	}
	switch {
	case weekday == "*":
		weekday = "?"
	case day == "*":
		var err error
		if weekday, err = shiftWeekdays(weekday); err != nil {
			return "", fmt.Errorf("the schedule %q: %w", five, err)
		}
		day = "?"
	default:
		return "", fault.Invalidf("the schedule %q names days of the month and of the week; AWS takes one of them: make it two schedules", five)
	}
	out := fmt.Sprintf("cron(%s %s %s %s %s *)", minute, hour, day, month, weekday)
	if strings.ContainsAny(day, "LW") {
		return "", fault.Invalidf("the schedule %q: day %q is no number", five, day)
	}
	if _, err := parseCron(strings.TrimSuffix(strings.TrimPrefix(out, "cron("), ")")); err != nil {
		return "", fmt.Errorf("the schedule %q: %w", five, err)
	}
	return out, nil
}

// shiftWeekdays writes weekdays that count from 0 (or 7) for Sunday as a list
// of those that count from 1, without ranges and steps.
func shiftWeekdays(text string) (string, error) {
	unix := field{"weekday", 0, 7, weekdayNames}
	values, err := unix.list(text)
	if err != nil {
		return "", err
	}
	var days set
	for _, v := range values {
		days |= 1 << (v%7 + 1)
	}
	var out []string
	for d := 1; d <= 7; d++ {
		if days.has(d) {
			out = append(out, strconv.Itoa(d))
		}
	}
	return strings.Join(out, ","), nil
}
