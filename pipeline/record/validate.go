package record

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// maxID bounds ids and short fields: nothing real is longer, and keys and
// dictionaries stay small. In bytes.
const maxID = 1024

// Validate reports everything that keeps the record out of its table. It also
// fills in what the rules imply: an NPS has the scale 0..10.
func (r *Record) Validate() []FieldError {
	var errs []FieldError
	bad := func(name, format string, args ...any) {
		errs = append(errs, FieldError{Pointer: "/" + name, Detail: fmt.Sprintf(format, args...)})
	}
	if !slices.Contains(Tables(), r.Table) {
		bad("table", "must be one of %s", list(tableNames()))
		return errs
	}
	for _, f := range fields {
		if f.str == nil || !f.in(r.Table) {
			continue
		}
		s := *f.str(r)
		if f.enum != nil && s != "" && !slices.Contains(f.enum(r.Table), s) {
			bad(f.name, "must be one of %s, not %q", list(f.enum(r.Table)), short(s))
		}
		if f.typ == "id" && len(s) > maxID {
			bad(f.name, "is longer than %d bytes", maxID)
		}
	}
	switch r.Table {
	case Tickets:
		required(bad, "ticket_id", r.TicketID)
		required(bad, "change", r.Change)
	case Surveys:
		required(bad, "response_id", r.ResponseID)
		required(bad, "kind", r.Kind)
		r.validateScore(bad)
	case Events:
		required(bad, "kind", r.Kind)
		if r.Kind == "track" {
			required(bad, "name", r.Name)
		}
		finite(bad, "revenue", r.Revenue)
		if finite(bad, "duration_ms", r.DurationMS) && *r.DurationMS < 0 {
			bad("duration_ms", "must not be negative")
		}
	case Releases:
		required(bad, "kind", r.Kind)
		if finite(bad, "rollout_percent", r.RolloutPercent) && (*r.RolloutPercent < 0 || *r.RolloutPercent > 100) {
			bad("rollout_percent", "must be from 0 to 100")
		}
		if !r.StartedAt.IsZero() && !r.EndedAt.IsZero() && r.EndedAt.Before(r.StartedAt) {
			bad("ended_at", "must not be before started_at")
		}
	}
	return errs
}

type report func(name, format string, args ...any)

func required(bad report, name, value string) {
	if value == "" {
		bad(name, "is required")
	}
}

// finite reports whether the number is there and usable.
func finite(bad report, name string, v *float64) bool {
	if v == nil {
		return false
	}
	if math.IsNaN(*v) || math.IsInf(*v, 0) {
		bad(name, "must be a finite number")
		return false
	}
	return true
}

// validateScore holds a score against its scale.
func (r *Record) validateScore(bad report) {
	for _, s := range []struct {
		name string
		v    *float64
	}{{"score", r.Score}, {"scale_min", r.ScaleMin}, {"scale_max", r.ScaleMax}} {
		if s.v != nil && !finite(bad, s.name, s.v) {
			return
		}
	}
	switch r.Kind {
	case "nps":
		if r.Score == nil {
			bad("score", "is required for nps")
			return
		}
		if *r.Score != math.Trunc(*r.Score) || *r.Score < 0 || *r.Score > 10 {
			bad("score", "must be a whole number from 0 to 10 for nps")
			return
		}
		r.npsScale(bad)
		return
	case "csat", "ces", "rating":
		if r.Score == nil {
			bad("score", "is required for %s", r.Kind)
		}
		if r.ScaleMin == nil {
			bad("scale_min", "is required for %s", r.Kind)
		}
		if r.ScaleMax == nil {
			bad("scale_max", "is required for %s", r.Kind)
		}
	}
	if r.ScaleMin != nil && r.ScaleMax != nil && *r.ScaleMin >= *r.ScaleMax {
		bad("scale_max", "must be greater than scale_min")
		return
	}
	if r.Score == nil {
		return
	}
	if r.ScaleMin != nil && *r.Score < *r.ScaleMin || r.ScaleMax != nil && *r.Score > *r.ScaleMax {
		bad("score", "must lie on its scale")
	}
}

// npsScale fills in the scale of an NPS and refuses any other.
func (r *Record) npsScale(bad report) {
	for _, s := range []struct {
		name string
		p    **float64
		want float64
	}{{"scale_min", &r.ScaleMin, 0}, {"scale_max", &r.ScaleMax, 10}} {
		if *s.p == nil {
			*s.p = &s.want
		} else if **s.p != s.want {
			bad(s.name, "must be %g for nps", s.want)
		}
	}
}

// short cuts a value for an error message.
func short(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}

// timeLayout is how records write times.
const timeLayout = "2006-01-02T15:04:05.000Z"

// micros is the form in which rows keep a time: microseconds since 1970 that
// hold whole milliseconds.
func micros(t time.Time) int64 { return t.UnixMilli() * 1000 }

// Micros is the stored form of t, cut down to the millisecond.
func Micros(t time.Time) int64 { return micros(t) }
