package report

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/roadmap"
)

// Deps are what a report is built from.
type Deps struct {
	// Run computes a metric.
	Run Run
	// Query answers SQL over the views: quotes, intents and releases.
	Query env.Querier
	// ThemeName is the name of a theme id; nil, or an empty answer, leaves
	// the id.
	ThemeName func(id string) string
	// Progress is told what is being computed; it may be nil.
	Progress func(what string)
}

// Params say which report is wanted.
type Params struct {
	Period string // day, week or month
	// Ending chooses the last period that is over at the end of this local
	// date ("2006-01-02"); empty: the last one that is over by Now.
	Ending string
	TZ     string // IANA
	Now    time.Time
}

// builder carries one build.
type builder struct {
	deps     Deps
	answer   roadmap.Ask
	cal      calendar
	from, to time.Time // local dates
}

// Build computes the report of a closed period. It asks for each metric over
// the whole history at once, looks for headlines in it and in the history one
// period shorter (what was a headline then is marked as continuing), and adds
// quotes, releases, the ledger and the roadmap. A period that is not over, a
// wrong grain, zone or date is a fault of kind Invalid; other errors are those
// of Run and Query.
func Build(ctx context.Context, deps Deps, p Params) (*Report, error) {
	return build(ctx, deps, roadmap.Asking(deps.Run), p)
}

// build is Build with the metrics reduced to what is read of them, which is what
// tests can make up.
func build(ctx context.Context, deps Deps, answer roadmap.Ask, p Params) (*Report, error) {
	cal, err := newCalendar(p.Period, p.TZ)
	if err != nil {
		return nil, err
	}
	b := &builder{deps: deps, answer: answer, cal: cal}
	if b.from, b.to, err = cal.closed(p.Ending, p.Now); err != nil {
		return nil, err
	}
	g, err := b.gather(ctx)
	if err != nil {
		return nil, err
	}
	b.say("releases and quotes")
	chartFrom, err := time.Parse(time.DateOnly, g.chart[0])
	if err != nil {
		return nil, fmt.Errorf("first charted period: %w", err)
	}
	happened, err := b.happenings(ctx, chartFrom, b.to)
	if err != nil {
		return nil, err
	}
	quotes, err := roadmap.Quotes(ctx, deps.Query, roadmap.Span{From: cal.instant(b.from), To: cal.instant(b.to)}, 2)
	if err != nil {
		return nil, err
	}
	r := &Report{
		Schema: Schema, Title: cal.title(b.from, b.to), Method: methodText(cal.grain),
		Period: Period{Grain: cal.grain, From: iso(b.from), To: iso(b.to), TZ: p.TZ, Ended: cal.instant(b.to).Format(time.RFC3339), History: len(g.chart)},
	}
	receiptDates := b.receiptDates(g)
	silent := silences(g.receipts, receiptDates)
	b.headlines(r, g, silent, b.context(happened))
	b.fill(r, g, b.marks(happened, g.chart), quotes)
	r.Releases = b.releases(happened)
	r.Ledger = ledger(g.receipts, datesBetween(b.from, b.to))
	r.Ledger.Silent = within(silent, iso(b.from), iso(b.to))
	b.say("roadmap")
	if r.Roadmap, err = b.roadmap(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// say tells whoever waits what is being computed.
func (b *builder) say(what string) {
	if b.deps.Progress != nil {
		b.deps.Progress(what)
	}
}

// themeName is the name of a theme, or its id where the taxonomy has none (a theme
// that was removed since the text was enriched).
func (b *builder) themeName(id string) string {
	if b.deps.ThemeName != nil {
		if name := b.deps.ThemeName(id); name != "" {
			return name
		}
	}
	return id
}

// headlines looks twice, now and as of the period before, and writes the
// subject.
func (b *builder) headlines(r *Report, g *gathered, silent []Silence, context string) {
	days := map[string]bool{}
	for _, s := range silent {
		for _, d := range s.Days {
			days[d] = true
		}
	}
	now := b.evidence(g, days)
	before := now.back()
	before.plans, before.platforms = planGroups(g.plansBefore), platformGroups(g.platformsBefore)
	old := headlinesOf(before.look())
	findings := now.look()
	r.Headlines, r.Compared = choose(append(findings, now.recoveries(old, findings)...), keysOf(old))
	for i := range r.Headlines {
		if k := r.Headlines[i].Kind; k == "change" || k == "recovery" {
			r.Headlines[i].Context = context
		}
	}
	w := wordsFor(b.cal.grain)
	r.Quiet = fmt.Sprintf("No change this %s is larger than its usual spread.", w.this)
	short := strings.TrimPrefix(r.Title, "Week of ")
	r.Subject = fmt.Sprintf("No change beyond the usual spread · %s", short)
	if len(r.Headlines) > 0 {
		r.Quiet = ""
		lead, _, _ := strings.Cut(r.Headlines[0].Text, " (")
		r.Subject = fmt.Sprintf("%s · %s", strings.TrimSuffix(lead, "."), short)
	} else {
		r.Headlines = []Headline{}
	}
}

// releases lists what happened in the period itself.
func (b *builder) releases(happened []happening) []Release {
	out := []Release{}
	start, end := b.cal.instant(b.from), b.cal.instant(b.to)
	for _, h := range happened {
		if !h.at.Before(start) && h.at.Before(end) && !slices.Contains(out, h.release) {
			out = append(out, h.release)
		}
	}
	return out
}

// datesBetween are the dates of [from, to).
func datesBetween(from, to time.Time) []string {
	var out []string
	for d := from; d.Before(to); d = d.AddDate(0, 0, 1) {
		out = append(out, iso(d))
	}
	return out
}

// receiptDates are the days that the receipts were asked for.
func (b *builder) receiptDates(g *gathered) []string {
	from, err := time.Parse(time.DateOnly, g.periods[0])
	if earliest := b.to.AddDate(0, 0, -receiptDays); err != nil || from.Before(earliest) {
		from = earliest
	}
	return datesBetween(from, b.to)
}

// roadmap ranks the themes of the last 13 weeks.
func (b *builder) roadmap(ctx context.Context) (*roadmap.Roadmap, error) {
	return roadmap.Build(ctx, roadmap.Deps{Ask: b.answer, Query: b.deps.Query, ThemeName: b.themeName},
		roadmap.Window{From: b.to.AddDate(0, 0, -7*roadmap.Weeks), To: b.to, TZ: b.cal.loc.String(), Start: b.cal.instant(b.to.AddDate(0, 0, -7*roadmap.Weeks)), End: b.cal.instant(b.to)})
}
