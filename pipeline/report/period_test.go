package report

import (
	"testing"
	"time"
)

func TestClosedPeriod(t *testing.T) {
	for _, c := range []struct {
		grain, tz, ending, now, from, to string // from "" means an error
	}{
		{"week", "Europe/Berlin", "", "2026-11-23T08:00:00Z", "2026-11-16", "2026-11-23"},
		{"week", "Europe/Berlin", "", "2026-11-22T22:59:59Z", "2026-11-09", "2026-11-16"},
		{"week", "Europe/Berlin", "", "2026-11-22T23:00:00Z", "2026-11-16", "2026-11-23"},
		{"week", "America/New_York", "", "2026-11-23T04:59:59Z", "2026-11-09", "2026-11-16"},
		{"week", "America/New_York", "", "2026-11-23T05:00:00Z", "2026-11-16", "2026-11-23"},
		{"week", "UTC", "2026-11-22", "2027-01-01T00:00:00Z", "2026-11-16", "2026-11-23"},
		{"week", "UTC", "2026-11-23", "2027-01-01T00:00:00Z", "2026-11-16", "2026-11-23"},
		{"week", "UTC", "2026-11-18", "2027-01-01T00:00:00Z", "2026-11-09", "2026-11-16"},
		{"week", "UTC", "2026-11-22", "2026-11-22T12:00:00Z", "", ""},
		{"day", "UTC", "2026-11-22", "2026-11-23T00:00:00Z", "2026-11-22", "2026-11-23"},
		{"day", "UTC", "2026-11-22", "2026-11-22T23:59:59Z", "", ""},
		{"month", "Europe/Berlin", "", "2026-10-31T23:30:00Z", "2026-10-01", "2026-11-01"},
		{"month", "Europe/Berlin", "2024-02-29", "2026-10-31T23:30:00Z", "2024-02-01", "2024-03-01"},
		{"week", "UTC", "22.11.2026", "2027-01-01T00:00:00Z", "", ""},
		{"week", "UTC", "2026-02-30", "2027-01-01T00:00:00Z", "", ""},
	} {
		cal, err := newCalendar(c.grain, c.tz)
		if err != nil {
			t.Fatal(err)
		}
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		from, to, err := cal.closed(c.ending, now)
		if c.from == "" {
			if err == nil {
				t.Errorf("%+v: no error, got %s to %s", c, iso(from), iso(to))
			}
			continue
		}
		if err != nil || iso(from) != c.from || iso(to) != c.to {
			t.Errorf("%+v: got %s to %s, %v", c, iso(from), iso(to), err)
		}
	}
}

func TestCalendarRefuses(t *testing.T) {
	for _, c := range [][2]string{{"quarter", "UTC"}, {"", "UTC"}, {"week", "Mars/Olympus"}} {
		if _, err := newCalendar(c[0], c[1]); err == nil {
			t.Errorf("%v: no error", c)
		}
	}
}

// Beirut skipped midnight on 26 March 2023: the day began at 01:00.
func TestInstantWithoutMidnight(t *testing.T) {
	cal, err := newCalendar("day", "Asia/Beirut")
	if err != nil {
		t.Fatal(err)
	}
	got := cal.instant(time.Date(2018, 3, 25, 0, 0, 0, 0, time.UTC))
	if want := time.Date(2018, 3, 24, 22, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTitles(t *testing.T) {
	for _, c := range []struct{ grain, from, to, want string }{
		{"week", "2026-11-16", "2026-11-23", "Week of 16 to 22 November 2026"},
		{"week", "2026-10-26", "2026-11-02", "Week of 26 October to 1 November 2026"},
		{"week", "2026-12-28", "2027-01-04", "Week of 28 December 2026 to 3 January 2027"},
		{"month", "2026-10-01", "2026-11-01", "October 2026"},
		{"day", "2026-11-22", "2026-11-23", "Sunday, 22 November 2026"},
	} {
		cal, _ := newCalendar(c.grain, "UTC")
		from, _ := time.Parse(time.DateOnly, c.from)
		to, _ := time.Parse(time.DateOnly, c.to)
		if got := cal.title(from, to); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
