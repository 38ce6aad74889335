package roadmap

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/metric"
)

// Weeks is the length of the window.
const Weeks = 13

// Deps are what a roadmap is built from.
type Deps struct {
	// Ask computes a metric; Asking makes one of Run.
	Ask   Ask
	Query env.Querier
	// ThemeName is the name of a theme id; nil, or an empty answer, leaves
	// the id.
	ThemeName func(id string) string
}

// Window is the time that the roadmap looks at: whole local days of TZ,
// half-open, and the moments at which they begin and end.
type Window struct {
	From, To   time.Time // dates
	TZ         string
	Start, End time.Time // moments
}

// WindowEnding is the window of the last 13 whole weeks (Monday to Sunday in
// tz) that are over at now. An unknown zone is a fault of kind Invalid.
func WindowEnding(now time.Time, tz string) (Window, error) {
	loc, err := time.LoadLocation(tz)
	if err != nil {
		return Window{}, fault.Invalidf("roadmap time zone %q: %w", tz, err)
	}
	local := now.In(loc)
	day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
	to := day.AddDate(0, 0, -((int(day.Weekday()) + 6) % 7))
	from := to.AddDate(0, 0, -7*Weeks)
	moment := func(d time.Time) time.Time { return time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, loc).UTC() }
	return Window{From: from, To: to, TZ: tz, Start: moment(from), End: moment(to)}, nil
}

// Build ranks the themes of a window by the metrics `themes` and
// `active_users`, the intents of the mentions, and adds a quote to each.
func Build(ctx context.Context, deps Deps, w Window) (*Roadmap, error) {
	p := metric.Params{From: w.From.Format(time.DateOnly), To: w.To.Format(time.DateOnly), TZ: w.TZ, Grain: "all"}
	users, err := deps.Ask(ctx, "active_users", p)
	if err != nil {
		return nil, fmt.Errorf("roadmap: %w", err)
	}
	themes, err := deps.Ask(ctx, "themes", p)
	if err != nil {
		return nil, fmt.Errorf("roadmap: %w", err)
	}
	p.Grain = "week"
	weekly, err := deps.Ask(ctx, "themes", p)
	if err != nil {
		return nil, fmt.Errorf("roadmap: %w", err)
	}
	span := Span{From: w.Start, To: w.End}
	intents, err := Intents(ctx, deps.Query, span)
	if err != nil {
		return nil, fmt.Errorf("roadmap: %w", err)
	}
	quotes, err := Quotes(ctx, deps.Query, span, 1)
	if err != nil {
		return nil, fmt.Errorf("roadmap: %w", err)
	}
	in := Input{
		From: p.From, To: p.To, TZ: w.TZ, SQL: []string{"queries/metrics/themes.sql", "queries/metrics/active_users.sql"},
		Window: fmt.Sprintf("the %d weeks to %s", Weeks, w.To.AddDate(0, 0, -1).Format("2 January 2006")),
	}
	for _, r := range users.Rows {
		in.Active += int64(r.Stats["users"])
	}
	courses := weeklyItems(weekly.Rows)
	for _, r := range themes.Rows {
		id := r.Dims["theme"]
		if id == "" {
			continue
		}
		t := Theme{
			ID: id, Name: id, People: int64(r.Stats["people"]), Items: int64(r.Stats["items"]), Negative: int64(r.Stats["negative"]),
			Weekly: courses[id], Intents: intents[id],
		}
		if deps.ThemeName != nil {
			t.Name = cmp.Or(deps.ThemeName(id), id)
		}
		if q := quotes[id]; len(q) > 0 {
			t.Quote = &q[0]
		}
		in.Themes = append(in.Themes, t)
	}
	return Rank(in), nil
}

// weeklyItems are the items of each theme per whole week, oldest first; weeks
// without any are zeros.
func weeklyItems(rows []metric.Row) map[string][]int64 {
	var weeks []string
	for _, r := range rows {
		if !r.Partial && !slices.Contains(weeks, r.Period) {
			weeks = append(weeks, r.Period)
		}
	}
	slices.Sort(weeks)
	out := map[string][]int64{}
	for _, r := range rows {
		i, found := slices.BinarySearch(weeks, r.Period)
		if !found || r.Partial {
			continue
		}
		id := r.Dims["theme"]
		if out[id] == nil {
			out[id] = make([]int64, len(weeks))
		}
		out[id][i] += int64(r.Stats["items"])
	}
	return out
}
