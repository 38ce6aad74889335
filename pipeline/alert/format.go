package alert

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// show writes a number the way its unit is read: a ratio as a percentage,
// seconds as a length of time. A nil number is a dash.
func show(v *float64, unit string) string {
	if v == nil {
		return "-"
	}
	switch unit {
	case "ratio":
		return strconv.FormatFloat(100**v, 'f', 1, 64) + "%"
	case "seconds":
		return duration(*v)
	case "mean":
		return strconv.FormatFloat(*v, 'f', 2, 64)
	case "count":
		return strconv.FormatFloat(*v, 'f', -1, 64)
	default:
		return strconv.FormatFloat(*v, 'f', 1, 64)
	}
}

// threshold writes the rule's number, with all its digits.
func threshold(v float64, unit string) string {
	switch unit {
	case "ratio":
		return strconv.FormatFloat(100*v, 'g', 12, 64) + "%"
	case "seconds":
		return duration(v)
	default:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
}

// duration writes seconds in the largest unit of which there are two.
func duration(s float64) string {
	for _, u := range []struct {
		name string
		size float64
	}{{"d", 86400}, {"h", 3600}, {"min", 60}} {
		if math.Abs(s) >= 2*u.size {
			return strconv.FormatFloat(math.Round(10*s/u.size)/10, 'f', -1, 64) + " " + u.name
		}
	}
	return strconv.FormatFloat(math.Round(10*s)/10, 'f', -1, 64) + " s"
}

// interval is "75.0% to 92.0%", with a dash for an open side; empty without
// any.
func interval(p Period, unit string) string {
	if p.Low == nil && p.High == nil {
		return ""
	}
	return show(p.Low, unit) + " to " + show(p.High, unit)
}

// oneLine makes text fit to stand in a line: no breaks, nothing that controls a
// terminal or turns the direction of writing.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return strings.Join(strings.Fields(s), " ")
}

// maxSubject is that of a notice, in characters.
const maxSubject = 100

// subject makes text fit to be a notice's subject: one line of ASCII.
func subject(s string) string {
	s = strings.Map(func(r rune) rune {
		if r > '~' {
			return '?'
		}
		return r
	}, oneLine(s))
	if len(s) > maxSubject {
		s = strings.TrimSpace(s[:maxSubject-3]) + "..."
	}
	return s
}
