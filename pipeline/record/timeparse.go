package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"time"
)

// layouts are the forms in which senders write times, after the date is
// separated by T and any fraction is kept; tried in order.
var layouts = []string{
	"2006-01-02T15:04:05.999999999Z07:00",
	"2006-01-02T15:04:05.999999999Z0700", // Jira: no colon in the zone
	"2006-01-02T15:04:05.999999999Z07",
	"2006-01-02T15:04:05.999999999", // no zone: taken as UTC
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04",
	"2006-01-02",
	"2006-1-2T15:04:05.999999999Z07:00", // Segment's own docs
	"2006-1-2T15:04:05.999999999",
	time.RFC1123, time.RFC1123Z, // HTTP and mail dates
}

var (
	dateSpace  = regexp.MustCompile(`^(\d{4}-\d{1,2}-\d{1,2}) +(\d)`)
	leapSecond = regexp.MustCompile(`(T\d{2}:\d{2}):60(\.\d+)?`)
	plainNum   = regexp.MustCompile(`^-?\d{1,20}(\.\d{1,20})?([eE][+-]?\d{1,2})?$`)
)

// errTime names what would be understood.
var errTime = errors.New("must be a time like 2026-11-01T09:30:00Z, or Unix seconds or milliseconds")

// ParseTime reads the times that senders write: RFC 3339 with 0 to 9 digits of
// fraction, with a space for the T, with " UTC", without zone (UTC), with a
// zone without colon, and Unix seconds or milliseconds as text. A leap second
// is read as the last millisecond before it. The result is UTC, cut down to
// milliseconds. Years outside 1..9999 are no times.
func ParseTime(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	if plainNum.MatchString(s) && !yearOnly(s) {
		return UnixTime(s)
	}
	if len(s) > 64 {
		return time.Time{}, errTime
	}
	s = dateSpace.ReplaceAllString(s, "${1}T${2}")
	if s != "" && s[0] >= '0' && s[0] <= '9' {
		s = strings.TrimSuffix(strings.TrimSuffix(s, " UTC"), " GMT")
		s = strings.Replace(s, " ", "", 1) // "12:00:00 +0100"
		s = strings.Replace(strings.Replace(s, "t", "T", 1), "z", "Z", 1)
	}
	s = leapSecond.ReplaceAllString(s, "${1}:59.999")
	for _, l := range layouts {
		if t, err := time.Parse(l, s); err == nil && t.Year() >= 1 && t.Year() <= 9999 {
			return t.UTC().Truncate(time.Millisecond), nil
		}
	}
	return time.Time{}, errTime
}

// yearOnly keeps a bare year from being read as a second of 1970.
func yearOnly(s string) bool { return len(s) == 4 }

// millisFrom is the size from which a number of time is milliseconds: 1e11
// seconds is the year 5138, 1e11 milliseconds is 1973.
var millisFrom = big.NewRat(100_000_000_000, 1)

// UnixTime reads a JSON number: below 1e11 it is seconds, possibly with a
// fraction, otherwise milliseconds. The sign does not matter for the size.
func UnixTime(number string) (time.Time, error) {
	if !plainNum.MatchString(number) {
		return time.Time{}, errTime
	}
	n, ok := new(big.Rat).SetString(number)
	if !ok {
		return time.Time{}, errTime
	}
	if new(big.Rat).Abs(n).Cmp(millisFrom) < 0 {
		n.Mul(n, big.NewRat(1000, 1))
	}
	// Floor to whole milliseconds: times are cut down, never rounded.
	ms := new(big.Int).Div(n.Num(), n.Denom())
	if !ms.IsInt64() || ms.Int64() > maxMillis || ms.Int64() < minMillis {
		return time.Time{}, fmt.Errorf("%w: %s lies outside the years 1 to 9999", errTime, short(number))
	}
	return time.UnixMilli(ms.Int64()).UTC(), nil
}

var (
	minMillis = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	maxMillis = time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC).UnixMilli()
)

// timeValue reads a JSON value as a time; "" and blank are absent.
func timeValue(raw json.RawMessage) (time.Time, error) {
	if len(raw) == 0 || raw[0] != '"' {
		return UnixTime(string(raw))
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return time.Time{}, errTime
	}
	if strings.TrimSpace(s) == "" {
		return time.Time{}, nil
	}
	return ParseTime(s)
}
