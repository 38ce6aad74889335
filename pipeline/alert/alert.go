package alert

import (
	"context"
	"errors"
	"fmt"
	"time"

	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/metric"
)

// lookBack is how many periods before those of the rule are looked at: so far
// back can be told since when an episode lasts.
const lookBack = 13

// Status is what the last complete periods say about a rule.
type Status string

// What a rule's status can be.
const (
	Firing Status = "firing"  // an episode is on, and the last period breaks the rule
	OK     Status = "ok"      // one of the last periods is well
	NoData Status = "no data" // the last periods cannot tell; State.Reason says why
)

// Ask computes a metric of the whole product.
type Ask func(ctx context.Context, name string, p metric.Params) ([]metric.Row, error)

// Asking makes Ask of what a catalog offers for a lake and a product.
func Asking(run func(context.Context, string, metric.Params) (*metric.Result, error)) Ask {
	return func(ctx context.Context, name string, p metric.Params) ([]metric.Row, error) {
		r, err := run(ctx, name, p)
		if err != nil {
			return nil, err
		}
		if r.Record != nil {
			defer r.Record.Release() // the rows are Go values of their own
		}
		return r.Rows(), nil
	}
}

// State is what one rule says at one time.
type State struct {
	Metric *metric.Metric // its Alert is the rule
	TZ     string
	Status Status
	Reason string // why there is no data; empty otherwise
	// Since is the first period of the episode that is on, also when the last
	// period says nothing; empty when none is.
	Since string
	// Periods are those that were looked at, oldest first, each complete.
	Periods []Period
}

// Period is one complete period under a rule.
type Period struct {
	First, Next      string // local dates, half-open
	N                int64
	Value, Low, High *float64
	Breaks           bool   // it is on the wrong side of the threshold
	Missing          string // why it says nothing; empty when it says something
}

// well reports whether the period says that nothing is wrong.
func (p Period) well() bool { return !p.Breaks && p.Missing == "" }

// Check computes the state of the rule of each metric that has one, in the
// order given, at the time now in the zone tz. A metric that cannot be computed
// has no state; the error, which joins all of them, says so, and the states of
// the others stand.
func Check(ctx context.Context, metrics []*metric.Metric, ask Ask, tz string, now time.Time) ([]State, error) {
	loc, err := time.LoadLocation(tz)
	if err != nil {
		return nil, fault.Invalidf("%q is no IANA time zone like Europe/Berlin", tz)
	}
	var out []State
	var errs []error
	for _, m := range metrics {
		if m.Alert == nil {
			continue
		}
		s := State{Metric: m, TZ: tz}
		to := metric.PeriodStart(now.In(loc), m.Alert.Grain)
		from := metric.AddPeriods(to, m.Alert.Grain, -m.Alert.Periods-lookBack)
		rows, err := ask(ctx, m.Name, metric.Params{From: iso(from), To: iso(to), TZ: tz, Grain: m.Alert.Grain})
		if err != nil {
			errs = append(errs, fmt.Errorf("the rule of %s: %w", m.Name, err))
			continue
		}
		s.Periods = judge(m, rows, from, to)
		s.decide()
		out = append(out, s)
	}
	return out, errors.Join(errs...)
}

// judge holds each period of [from, to) against the rule.
func judge(m *metric.Metric, rows []metric.Row, from, to time.Time) []Period {
	by := map[string]metric.Row{}
	for _, r := range rows {
		by[r.Period] = r
	}
	var out []Period
	for d := from; d.Before(to); d = metric.AddPeriods(d, m.Alert.Grain, 1) {
		r, ok := by[iso(d)]
		p := Period{First: iso(d), Next: iso(metric.AddPeriods(d, m.Alert.Grain, 1)), N: r.N, Value: r.Value, Low: r.Low, High: r.High}
		switch {
		case !ok:
			p.Missing = "nothing happened"
		case r.Value == nil && r.Note != "":
			p.Missing = fmt.Sprintf("%s (n %d, at least %d)", r.Note, r.N, m.MinN)
		case r.Value == nil:
			p.Missing = "no value"
		case m.Interval.Func != "none" && r.Low == nil && r.High == nil:
			p.Missing = fmt.Sprintf("no interval (n %d)", r.N)
		default:
			p.Breaks = m.Alert.Breaks(*r.Value)
		}
		out = append(out, p)
	}
	return out
}

// decide finds the episode that is on, and the status.
func (s *State) decide() {
	n, run := s.Metric.Alert.Periods, 0
	for i, p := range s.Periods {
		switch {
		case p.Breaks:
			if run++; run == n && s.Since == "" {
				s.Since = s.Periods[i-n+1].First
			}
		case p.Missing != "":
			run = 0 // it begins no episode and ends none
		default:
			run, s.Since = 0, ""
		}
	}
	last := s.Periods[len(s.Periods)-n:]
	switch end := last[n-1]; {
	case end.Missing != "":
		s.Status, s.Reason = NoData, span(end, s.Metric.Alert.Grain)+": "+end.Missing
	case end.Breaks && s.Since != "":
		s.Status = Firing
	default:
		s.Status = OK
		for _, p := range last {
			if p.well() {
				return
			}
		}
		for _, p := range last { // one that says nothing among those that break
			if p.Missing != "" {
				s.Status, s.Reason = NoData, span(p, s.Metric.Alert.Grain)+": "+p.Missing
			}
		}
	}
}

// Recent are the periods since the episode that is on began, otherwise as many
// as the rule is about.
func (s *State) Recent() []Period {
	if s.Since != "" {
		return s.since(s.Since)
	}
	return s.Periods[len(s.Periods)-s.Metric.Alert.Periods:]
}

// since are the periods that were looked at from first on.
func (s *State) since(first string) []Period {
	for i, p := range s.Periods {
		if p.First >= first {
			return s.Periods[i:]
		}
	}
	return nil
}
