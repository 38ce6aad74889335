package schedule_test

import (
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/internal/schedule"
	"upshot.dev/upshot/pipeline/fault"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// TestNext says when expressions are due, as local times.
func TestNext(t *testing.T) {
	const layout = "2006-01-02 15:04"
	for _, c := range []struct{ expr, zone, after, want string }{
		{"cron(0 7 ? * MON *)", "UTC", "2026-11-02 07:00", "2026-11-09 07:00"},
		{"cron(0 7 ? * 2 *)", "UTC", "2026-11-02 06:59", "2026-11-02 07:00"},
		{"cron(*/15 * * * ? *)", "UTC", "2026-12-31 23:50", "2027-01-01 00:00"},
		{"cron(5/20 8-10 * * ? *)", "UTC", "2026-11-02 08:45", "2026-11-02 09:05"},
		{"cron(0 0 L * ? *)", "UTC", "2028-02-01 00:00", "2028-02-29 00:00"},
		{"cron(0 0 LW * ? *)", "UTC", "2026-10-01 00:00", "2026-10-30 00:00"}, // the 31st is a Saturday
		{"cron(0 0 1W * ? *)", "UTC", "2026-08-01 00:01", "2026-08-03 00:00"}, // the 1st is a Saturday
		{"cron(0 0 15W * ? *)", "UTC", "2026-11-01 00:00", "2026-11-16 00:00"},
		{"cron(0 0 31W * ? *)", "UTC", "2027-01-01 00:00", "2027-01-29 00:00"},
		{"cron(0 0 ? * 6L *)", "UTC", "2026-11-01 00:00", "2026-11-27 00:00"},
		{"cron(0 0 ? * L *)", "UTC", "2026-11-01 00:00", "2026-11-07 00:00"},
		{"cron(0 0 ? * tue#3 *)", "UTC", "2026-11-01 00:00", "2026-11-17 00:00"},
		{"cron(0 0 ? * 1#5 *)", "UTC", "2026-12-01 00:00", "2027-01-31 00:00"},
		{"cron(0 0 29 2 ? *)", "UTC", "2026-01-01 00:00", "2028-02-29 00:00"},
		{"cron(0 0 1 JAN,JUL ? 2030/10)", "UTC", "2030-07-01 00:00", "2040-01-01 00:00"},
		{"cron(0 0 1 1 ? 2020)", "UTC", "2020-01-01 00:00", ""},
		{"cron(30 2 * * ? *)", "Europe/Berlin", "2027-03-27 02:30", "2027-03-29 02:30"},  // the clock leaves it out
		{"cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24 02:30", "2026-10-25 02:30"},  // shown twice
		{"cron(0 */1 * * ? *)", "Europe/Berlin", "2027-03-28 01:00", "2027-03-28 03:00"}, // 02:00 is left out
		{"cron(0 0 * * ? *)", "America/Santiago", "2026-09-05 00:00", "2026-09-07 00:00"},
		{"rate(1 minute)", "UTC", "2026-11-02 07:00", "2026-11-02 07:01"},
		{"rate(36 hours)", "UTC", "2026-11-02 07:00", "2026-11-03 19:00"},
		{"rate(1 day)", "Europe/Berlin", "2027-03-27 12:00", "2027-03-28 13:00"}, // 24 hours
		{"at(2026-11-02T07:00:00)", "Europe/Berlin", "2026-11-01 07:00", "2026-11-02 07:00"},
		{"at(2026-11-02T07:00:00)", "Europe/Berlin", "2026-11-02 07:00", ""},
	} {
		loc := zone(t, c.zone)
		s, err := schedule.Parse(c.expr, loc)
		if err != nil {
			t.Error(err)
			continue
		}
		after, err := time.ParseInLocation(layout, c.after, loc)
		if err != nil {
			t.Fatal(err)
		}
		next, got := s.Next(after), ""
		if !next.IsZero() {
			got = next.In(loc).Format(layout)
		}
		if got != c.want {
			t.Errorf("%s in %s after %s: %q, want %q", c.expr, c.zone, c.after, got, c.want)
		}
	}
}

// TestTwiceInAutumn holds that a time that the clock shows twice is due the
// first time, and not again.
func TestTwiceInAutumn(t *testing.T) {
	s, err := schedule.Parse("cron(30 2 * * ? *)", zone(t, "Europe/Berlin"))
	if err != nil {
		t.Fatal(err)
	}
	first := s.Next(time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC))
	if want := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC); !first.Equal(want) {
		t.Errorf("first %v, want %v", first, want)
	}
	if second, want := s.Next(first), time.Date(2026, 10, 26, 1, 30, 0, 0, time.UTC); !second.Equal(want) {
		t.Errorf("then %v, want %v", second, want)
	}
}

// TestWrong names what EventBridge refuses, and what the message points at.
func TestWrong(t *testing.T) {
	for expr, want := range map[string]string{
		"":                          "is none of cron(",
		"cron(0 7 ? * MON)":         "5 fields; there are six",
		"cron(0 7 * * 1)":           "5 fields; there are six",
		"0 7 ? * MON *":             "is none of cron(",
		"Cron(0 7 ? * MON *)":       "small letters",
		"cron(0 7 * * * *)":         "exactly one of them must be ?",
		"cron(0 7 ? * ? *)":         "exactly one of them must be ?",
		"cron(0 7 1 * MON *)":       "exactly one of them must be ?",
		"cron(60 7 ? * MON *)":      `minute "60": "60" is no number from 0 to 59`,
		"cron(0 24 ? * MON *)":      `hour "24"`,
		"cron(0 7 0 * ? *)":         `day-of-month "0"`,
		"cron(0 7 32 * ? *)":        `day-of-month "32"`,
		"cron(0 7 1 13 ? *)":        `month "13"`,
		"cron(0 7 1 JANUARY ? *)":   "nor one of JAN to DEC",
		"cron(0 7 ? * 0 *)":         `day-of-week "0"`,
		"cron(0 7 ? * 8 *)":         `day-of-week "8"`,
		"cron(0 7 ? * MON-FRI/2 *)": "no steps here",
		"cron(0 7 ? * MON#6 *)":     "from 1 to 5",
		"cron(0 7 ? * MON#1,FRI *)": "stands alone",
		"cron(0 7 ? * MON 1969)":    `year "1969"`,
		"cron(0 7 ? * MON 2200)":    `year "2200"`,
		"cron(*/0 7 ? * MON *)":     "the step",
		"cron(0 18-7 ? * MON *)":    "goes backwards",
		"cron(0 7 ? * FRI-MON *)":   "goes backwards",
		"cron(0 7 30 2 ? *)":        "never meet",
		"cron(0 7 29 2 ? 2027)":     "never meet",
		"cron(0 7 L-3 * ? *)":       `"L"`,
		"cron(0,,5 7 * * ? *)":      `""`,
		"cron(+5 7 * * ? *)":        `"+5"`,
		"rate(0 minutes)":           "no number from 1",
		"rate(5 minute)":            "without an s for 1",
		"rate(1 minutes)":           "without an s for 1",
		"rate(30 seconds)":          "is none of minute",
		"rate(1.5 hours)":           "no number from 1",
		"rate(5minutes)":            "no number from 1",
		"at(2026-11-02 07:00:00)":   "is no time like",
		"at(2026-11-02T07:00:00Z)":  "is no time like",
		"at(2027-03-28T02:30:00)":   "never shows",
	} {
		_, err := schedule.Parse(expr, zone(t, "Europe/Berlin"))
		if err == nil || fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want a fault of kind Invalid with %q", expr, err, want)
		}
	}
}

// TestFromUnix turns the expressions of upshot.yaml.
func TestFromUnix(t *testing.T) {
	for five, want := range map[string]string{
		"0 7 * * 1":       "cron(0 7 ? * 2 *)",
		"0 7 * * 0":       "cron(0 7 ? * 1 *)",
		"0 7 * * 7":       "cron(0 7 ? * 1 *)",
		"0 7 * * 5-7":     "cron(0 7 ? * 1,6,7 *)",
		"0 7 * * mon-fri": "cron(0 7 ? * 2,3,4,5,6 *)",
		"*/5 * * * *":     "cron(*/5 * * * ? *)",
		"30 6 1,15 * *":   "cron(30 6 1,15 * ? *)",
		"0 0 1 jan *":     "cron(0 0 1 jan ? *)",
	} {
		if got, err := schedule.FromUnix(five); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", five, got, err, want)
		}
	}
	for five, want := range map[string]string{
		"0 7 1 * 1":   "make it two schedules",
		"0 7 * *":     "4 fields",
		"0 7 ? * 1":   "? belongs to AWS",
		"0 7 L * *":   "no number",
		"0 7 30 2 *":  "never meet",
		"0 7 * * 8":   `"8"`,
		"@weekly":     "1 fields",
		"61 7 * * *":  `minute "61"`,
		"0 7 * * 2#1": `"2#1"`,
	} {
		if got, err := schedule.FromUnix(five); err == nil || fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v, want a fault of kind Invalid with %q", five, got, err, want)
		}
	}
}
