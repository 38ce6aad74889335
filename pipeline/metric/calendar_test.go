package metric

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// zones are those with odd hours: half and quarter offsets, changes at
// midnight, a skipped day.
var zones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago",
	"Pacific/Apia", "America/Sao_Paulo", "Africa/Cairo", "Asia/Beirut", "America/Asuncion", "Pacific/Chatham",
}

// TestCalendarCoversTheTime: days and periods follow each other without gap or
// overlap, every moment has the date that the clock shows, and nothing lies
// outside the bounds on dt.
func TestCalendarCoversTheTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		loc, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		from := time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 6000).Draw(t, "from"))
		n := rapid.IntRange(1, 120).Draw(t, "days")
		to := from.AddDate(0, 0, n)
		grain := rapid.SampledFrom(grains).Draw(t, "grain")
		c, err := newCalendar(from.Format(time.DateOnly), to.Format(time.DateOnly), loc, grain)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.days) != n {
			t.Fatalf("%d days, want %d", len(c.days), n)
		}
		length := 0
		for i, p := range c.periods {
			length += p.length
			if i > 0 && !c.periods[i-1].ends.Equal(p.starts) {
				t.Fatalf("period %v starts at %v, the one before ends at %v", p.first, p.starts, c.periods[i-1].ends)
			}
			if p.partial != (p.first.Before(from) || p.next.After(to)) || p.ended != !p.next.After(to) {
				t.Fatalf("period %v: partial %v, ended %v", p.first, p.partial, p.ended)
			}
		}
		if length != n {
			t.Fatalf("the periods have %d days, want %d", length, n)
		}
		for i, d := range c.days {
			if i > 0 && !c.days[i-1].ends.Equal(d.starts) {
				t.Fatalf("day %v starts at %v, the one before ends at %v", d.date, d.starts, c.days[i-1].ends)
			}
			if !d.starts.Equal(d.ends) { // a day that was skipped has no moments
				for _, m := range []time.Time{d.starts, d.ends.Add(-time.Millisecond)} {
					if got := dateOf(m.In(loc)); !got.Equal(d.date) {
						t.Fatalf("%v shows %v, not %v", m, got, d.date)
					}
				}
			}
			if d.starts.Before(c.dtFrom()) || d.ends.After(c.dtTo().AddDate(0, 0, 1)) {
				t.Fatalf("day %v lies outside the bounds on dt", d.date)
			}
		}
	})
}

func TestDaysOfClockChanges(t *testing.T) {
	for _, c := range []struct {
		zone, date string
		hours      float64
	}{
		{"Europe/Berlin", "2026-10-25", 25},
		{"Europe/Berlin", "2026-03-29", 23},
		{"America/New_York", "2026-11-01", 25},
		{"America/New_York", "2026-11-02", 24},
		{"Australia/Lord_Howe", "2026-04-05", 24.5},
		{"America/Santiago", "2026-09-06", 23}, // clocks go from 24:00 to 01:00
		{"Pacific/Apia", "2011-12-30", 0},      // skipped
		{"Europe/Berlin", "2041-01-01", 24},    // after a leap year beyond the zone's table
		{"Europe/Berlin", "2041-03-31", 23},
	} {
		loc, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		d, err := time.Parse(time.DateOnly, c.date)
		if err != nil {
			t.Fatal(err)
		}
		got := startOfDay(d.AddDate(0, 0, 1), loc).Sub(startOfDay(d, loc)).Hours()
		if got != c.hours {
			t.Errorf("%s %s has %v hours, want %v", c.zone, c.date, got, c.hours)
		}
	}
}

// TestFarTimes: every day of the next fifty years begins, in every zone that is
// looked at.
func TestFarTimes(t *testing.T) {
	for _, zone := range zones {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		c, err := newCalendar("2026-01-01", "2076-01-01", loc, "day")
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range c.days {
			if h := d.ends.Sub(d.starts).Hours(); h < 23 || h > 25 {
				t.Errorf("%s %v has %v hours", zone, d.date, h)
			}
		}
	}
}

// TestLongestTime: 20,000 days are cut, one more is not.
func TestLongestTime(t *testing.T) {
	from := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(0, 0, maxDays)
	if _, err := newCalendar("1990-01-01", to.Format(time.DateOnly), time.UTC, "all"); err != nil {
		t.Error(err)
	}
	if _, err := newCalendar("1990-01-01", to.AddDate(0, 0, 1).Format(time.DateOnly), time.UTC, "all"); err == nil {
		t.Error("one more day was accepted")
	}
}

func TestWrongTimes(t *testing.T) {
	for _, c := range [][3]string{
		{"2026-11-01", "2026-11-01", "day"},
		{"2026-11-02", "2026-11-01", "day"},
		{"2026-02-30", "2026-11-01", "day"},
		{"x", "2026-11-01", "day"},
		{"2026-11-01", "", "day"},
		{"2026-11-01", "2026-11-02", "hour"},
		{"1900-01-01", "2026-11-01", "day"},
	} {
		if _, err := newCalendar(c[0], c[1], time.UTC, c[2]); err == nil {
			t.Errorf("%v was accepted", c)
		}
	}
}
