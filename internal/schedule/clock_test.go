package schedule_test

import (
	"testing"
	"time"

	"upshot.dev/upshot/internal/schedule"
)

// TestAgainstTheClock walks through every minute around clock changes, as a
// clock on the wall shows them, and notes those that an expression names when
// the clock shows them first.
func TestAgainstTheClock(t *testing.T) {
	for _, c := range []struct {
		zone string
		from time.Time
	}{
		{"Europe/Berlin", time.Date(2026, 10, 24, 0, 0, 0, 0, time.UTC)},
		{"Europe/Berlin", time.Date(2027, 3, 27, 0, 0, 0, 0, time.UTC)},
		{"America/New_York", time.Date(2026, 10, 31, 0, 0, 0, 0, time.UTC)},
		{"Australia/Lord_Howe", time.Date(2026, 10, 3, 0, 0, 0, 0, time.UTC)}, // half an hour
		{"Australia/Lord_Howe", time.Date(2027, 4, 3, 0, 0, 0, 0, time.UTC)},
		{"America/Havana", time.Date(2026, 10, 31, 0, 0, 0, 0, time.UTC)},  // at one o'clock
		{"America/Santiago", time.Date(2027, 4, 3, 0, 0, 0, 0, time.UTC)},  // at midnight
		{"America/St_Johns", time.Date(2010, 11, 6, 0, 0, 0, 0, time.UTC)}, // a minute after midnight
		{"Pacific/Apia", time.Date(2011, 12, 29, 0, 0, 0, 0, time.UTC)},    // a day is left out
	} {
		loc, minutes := zone(t, c.zone), 4*24*60
		shown := map[string]bool{}
		for i := range 48 * 60 { // what the clock showed just before
			shown[c.from.Add(-time.Duration(i+1)*time.Minute).In(loc).Format("2006-01-02 15:04")] = true
		}
		due := map[string][]time.Time{}
		match := map[string]func(time.Time) bool{
			"cron(* * * * ? *)":         func(time.Time) bool { return true },
			"cron(10/25 * * * ? *)":     func(l time.Time) bool { return l.Minute() == 10 || l.Minute() == 35 },
			"cron(30 0,1,2 * * ? *)":    func(l time.Time) bool { return l.Minute() == 30 && l.Hour() < 3 },
			"cron(59 23 ? * SAT,SUN *)": func(l time.Time) bool { return l.Format("15:04") == "23:59" && (l.Weekday() == 0 || l.Weekday() == 6) },
		}
		for i := range minutes {
			at := c.from.Add(time.Duration(i) * time.Minute)
			local := at.In(loc)
			if key := local.Format("2006-01-02 15:04"); !shown[key] {
				shown[key] = true
				for expr, hit := range match {
					if hit(local) {
						due[expr] = append(due[expr], at)
					}
				}
			}
		}
		for expr := range match {
			s, err := schedule.Parse(expr, loc)
			if err != nil {
				t.Fatal(err)
			}
			at := c.from.Add(-time.Second)
			for _, want := range due[expr] {
				if at = s.Next(at); !at.Equal(want) {
					t.Errorf("%s in %s: %v, want %v", expr, c.zone, at.In(loc), want.In(loc))
					break
				}
			}
			// From any moment, also within an hour that the clock shows twice.
			for i := 0; i < minutes; i += 7 {
				from := c.from.Add(time.Duration(i) * time.Minute)
				for _, want := range due[expr] {
					if want.After(from) {
						if got := s.Next(from); !got.Equal(want) {
							t.Fatalf("%s in %s after %v: %v, want %v", expr, c.zone, from.In(loc), got.In(loc), want.In(loc))
						}
						break
					}
				}
			}
		}
	}
}

// FuzzParse holds that whatever can be parsed is due later than asked, at a
// whole minute, and that parsing ends.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"cron(0 7 ? * MON *)", "cron(*/15 0-6 L * ? 2026-2030)", "cron(0 0 15W,LW 1 ? *)", "cron(1 2 ? 3 6L,7 *)", "cron(1 2 ? 3 4#5 *)",
		"rate(5 minutes)", "rate(1 day)", "at(2026-11-02T07:00:00)", "cron(0 7 30 2 ? *)", "cron(", "rate()",
	} {
		f.Add(s, int64(1_790_000_000))
	}
	loc := zone(f, "Europe/Berlin")
	f.Fuzz(func(t *testing.T, expr string, unix int64) {
		s, err := schedule.Parse(expr, loc)
		if err != nil {
			return
		}
		after := time.Unix(unix%4_000_000_000, 0)
		next := s.Next(after)
		if next.IsZero() {
			return
		}
		if !next.After(after) {
			t.Errorf("%s after %v: %v", expr, after, next)
		}
		if expr[0] == 'c' && next.Second() != 0 {
			t.Errorf("%s: %v is no whole minute", expr, next)
		}
	})
}

// FuzzFromUnix holds that what is turned can be parsed.
func FuzzFromUnix(f *testing.F) {
	for _, s := range []string{"0 7 * * 1", "*/5 * * * *", "30 6 1,15 * *", "0 0 * * 5-7", "0 0 1 1 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, five string) {
		expr, err := schedule.FromUnix(five)
		if err != nil {
			return
		}
		if _, err := schedule.Parse(expr, time.UTC); err != nil {
			t.Errorf("%q: %v", five, err)
		}
	})
}
