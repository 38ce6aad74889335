package report

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// absent is printed where the data give no number.
const absent = "–"

// FormatValue writes a number the way its unit is read: ratio as a percentage,
// nps and points with a sign, seconds as a duration, per_1000 and mean with
// decimals, times as a factor, and everything else (tickets, users, items) as a
// whole number with groups of thousands. A nil number is a dash.
func FormatValue(v *float64, unit string) string {
	if v == nil || math.IsNaN(*v) || math.IsInf(*v, 0) {
		return absent
	}
	x := *v
	switch unit {
	case "ratio", "share":
		return percent(x)
	case "nps", "score", "points":
		return signed(x, 1)
	case "percentage_points":
		return signed(100*x, 1) + " points"
	case "seconds":
		return span(x)
	case "mean", "sentiment":
		return signed(x, 2)
	case "per_1000", "tickets per 1000 users", "per 1000 users":
		return decimal(x, 1)
	case "times":
		return "×" + decimal(x, factorDigits(x))
	default:
		if x == math.Trunc(x) || math.Abs(x) >= 100 {
			return decimal(math.Round(x), 0)
		}
		return decimal(x, 1)
	}
}

// Interval writes "95% 3.1 to 6.8" or "" when there is none; an open side is
// said as such.
func Interval(e Estimate, unit string) string {
	switch {
	case e.Low != nil && e.High != nil:
		return "95% " + FormatValue(e.Low, unit) + " to " + FormatValue(e.High, unit)
	case e.Low != nil:
		return "95% at least " + FormatValue(e.Low, unit)
	case e.High != nil:
		return "95% at most " + FormatValue(e.High, unit)
	default:
		return ""
	}
}

// factorDigits gives a factor about two digits that mean something.
func factorDigits(x float64) int {
	switch {
	case x < 0.95:
		return 2
	case x < 10:
		return 1
	default:
		return 0
	}
}

// percent has a decimal below 10% and above 99%, where it tells things apart.
func percent(x float64) string {
	p := 100 * x
	digits := 1
	if p == 0 || p == 100 || (math.Abs(p) >= 9.95 && math.Abs(p) < 99) {
		digits = 0
	}
	return decimal(p, digits) + "%"
}

// signed puts a plus before what is above zero: scores and changes.
func signed(x float64, digits int) string {
	s := decimal(x, digits)
	if x > 0 && strings.Trim(s, "0.") != "" {
		return "+" + s
	}
	return s
}

// decimal writes x with so many digits after the point, groups of thousands
// and a true minus sign; minus zero is zero.
func decimal(x float64, digits int) string {
	s := strconv.FormatFloat(math.Abs(x), 'f', digits, 64)
	whole, frac, _ := strings.Cut(s, ".")
	var b strings.Builder
	if x < 0 && strings.Trim(s, "0.") != "" {
		b.WriteString("−")
	}
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	if frac != "" {
		b.WriteString("." + frac)
	}
	return b.String()
}

// count writes a whole number.
func count(n int64) string { return decimal(float64(n), 0) }

// span writes seconds as the two largest units: "3 h 12 min", "2.4 d".
func span(s float64) string {
	switch {
	case s < 0:
		return absent
	case s < 60:
		return decimal(s, 0) + " s"
	case s < 3600:
		return decimal(s/60, 0) + " min"
	case s < 48*3600:
		h := math.Floor(s / 3600)
		if m := math.Round((s - h*3600) / 60); m > 0 && m < 60 {
			return decimal(h, 0) + " h " + decimal(m, 0) + " min"
		}
		return decimal(math.Round(s/3600), 0) + " h"
	default:
		return decimal(s/86400, 1) + " d"
	}
}

// plural is "1 person", "2 people".
func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// day writes a date like "16 Nov"; text that is no date stays as it is.
func day(date string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return t.Format("2 Jan")
}

// shorten cuts s to at most n runes at a word's end and marks the cut.
func shorten(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	cut := strings.TrimRight(string(runes[:n-1]), " ")
	if i := strings.LastIndexByte(cut, ' '); i > n/2 {
		cut = cut[:i]
	}
	return strings.TrimRight(cut, " ,;:.") + "…"
}

// ptr is for optional numbers.
func ptr(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
