package alert

import "time"

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
