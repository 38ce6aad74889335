package alert

import "time"

// start is the first local date of the period of grain that holds t, kept as
// midnight in UTC, so that adding days never meets a clock change. All periods
// before it are complete.
func start(t time.Time, grain string) time.Time {
	d := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	switch grain {
	case "week":
		return d.AddDate(0, 0, -(int(d.Weekday())+6)%7)
	case "month":
		return d.AddDate(0, 0, 1-d.Day())
	default:
		return d
	}
}

// add moves the first date of a period by n periods.
func add(d time.Time, grain string, n int) time.Time {
	switch grain {
	case "week":
		return d.AddDate(0, 0, 7*n)
	case "month":
		return d.AddDate(0, n, 0)
	default:
		return d.AddDate(0, 0, n)
	}
}

func iso(d time.Time) string { return d.Format(time.DateOnly) }

// span names a period in words.
func span(p Period, grain string) string {
	d, err := time.Parse(time.DateOnly, p.First)
	if err != nil {
		return p.First
	}
	switch grain {
	case "week":
		return "the week of " + d.Format("2 January 2006")
	case "month":
		return d.Format("January 2006")
	default:
		return d.Format("2 January 2006")
	}
}

// within is span behind the word that it takes: "in October 2026".
func within(p Period, grain string) string {
	if grain == "day" {
		return "on " + span(p, grain)
	}
	return "in " + span(p, grain)
}
