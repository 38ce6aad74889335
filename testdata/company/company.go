// Package company generates Tidewater, a made-up software company, with what
// its tools would deliver to Upshot in half a year: usage events of 3,000
// people, support tickets, survey answers, releases. Some truths are planted in
// it (truths.yaml), so that a report can be held against them.
//
// The same options give the same bytes: all randomness comes from the seed, and
// every part of the company draws from a stream of its own. Nothing here
// imports the pipeline: signatures, bodies and the metrics of truth_*.go are
// written a second time, so that agreement between the two means something.
//
// All names, addresses and numbers are made up: domains end in .example or are
// those of RFC 2606, telephone numbers come from ranges set aside for drama,
// cards and IBANs are the well-known test values.
package company

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Zone is the time zone in which the company cuts its periods.
const Zone = "Europe/Berlin"

// weeks is the length of the company's history.
const weeks = 26

// Sizes of the full company; Options.Scale shrinks them.
const (
	fullPeople   = 3000
	fullAccounts = 400
	fullEvents   = 200_000
	fullTickets  = 1500
	fullAnswers  = 1200
	releaseCount = 30
)

// Options say which company to make. Zero values are the bundled one.
type Options struct {
	// Seed gives another company of the same kind and with the same truths;
	// 0 means 20261123.
	Seed uint64
	// Scale shrinks people, accounts, events, tickets and answers; releases
	// stay. 0 means 1, the full company.
	Scale float64
	// End lies in the last week, which is the local one that holds the moment
	// before it. Zero means the week that ends on Sunday 2026-11-22. Another
	// end moves the whole history, clock changes aside.
	End time.Time
}

// Company is the generated company: its own plain records, and the deliveries
// that bring them to Upshot.
type Company struct {
	// Start and End are local midnights of Mondays, half-open.
	Start, End time.Time
	Accounts   []Account
	People     []Person
	Events     []Event  // by time
	Tickets    []Ticket // by creation
	Answers    []Answer // by first score
	Releases   []Release
	Deliveries []Delivery // by At; those of one moment in a fixed order
	Truth      Truth
	// Ledger is what the ledger must say in the end, by configured source.
	Ledger map[string]Tally
	loc    *time.Location
}

// Tally counts input records as the ledger does: Received is the sum of the
// other four.
type Tally struct{ Received, Stored, Duplicate, Rejected, Ignored int }

// Generate makes the company. The full one takes about a second. It panics
// when the embedded texts are broken, which a test would have found.
func Generate(o Options) *Company {
	if o.Seed == 0 {
		o.Seed = 20261123
	}
	if o.Scale <= 0 {
		o.Scale = 1
	}
	loc := mustZone(Zone)
	if o.End.IsZero() {
		o.End = time.Date(2026, 11, 22, 23, 59, 59, 0, loc)
	}
	end := mondayAfter(o.End, loc)
	c := &Company{Start: end.AddDate(0, 0, -7*weeks), End: end, loc: loc, Ledger: map[string]Tally{}}
	g := &generator{Company: c, seed: o.Seed, scale: o.Scale, texts: loadTexts(), zones: map[string]*time.Location{}}
	c.Truth = loadTruth()
	g.makeReleases()
	g.makeAccounts()
	g.makePeople()
	g.makeUsage()
	g.makeTickets()
	g.makeAnswers()
	g.makeFaults()
	g.finish()
	return c
}

// generator is a company in the making.
type generator struct {
	*Company
	seed  uint64
	scale float64
	texts *texts
	zones map[string]*time.Location
}

// stream is a source of randomness of its own for one part of the company: a
// change to one part does not move the others.
func (g *generator) stream(part string) *rand.Rand {
	h := uint64(14695981039346656037) // FNV-1a
	for _, b := range []byte(part) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return rand.New(rand.NewPCG(g.seed, h))
}

func (g *generator) scaled(full int) int { return max(1, int(float64(full)*g.scale+0.5)) }

func (g *generator) zone(name string) *time.Location {
	if g.zones[name] == nil {
		g.zones[name] = mustZone(name)
	}
	return g.zones[name]
}

// week is the number of t's week, 1..26; 0 and 27 lie outside.
func (c *Company) week(t time.Time) int {
	if t.Before(c.Start) {
		return 0
	}
	if !t.Before(c.End) {
		return weeks + 1
	}
	n := int(t.Sub(c.Start).Hours()/(7*24)) + 1 // near enough: clock changes move it by an hour
	for n > 1 && t.Before(c.WeekStart(n)) {
		n--
	}
	for n < weeks && !t.Before(c.WeekStart(n+1)) {
		n++
	}
	return n
}

// WeekStart is the local midnight with which week n (1..26) begins.
func (c *Company) WeekStart(n int) time.Time { return c.Start.AddDate(0, 0, 7*(n-1)) }

// at is a moment of a week: its day (0 is Monday) and local time.
func (c *Company) at(week, day, hour, minute int) time.Time {
	d := c.WeekStart(week).AddDate(0, 0, day)
	return time.Date(d.Year(), d.Month(), d.Day(), hour, minute, 0, 0, c.loc)
}

// finish puts the deliveries in the order in which they arrive.
func (g *generator) finish() {
	slices.SortStableFunc(g.Deliveries, func(a, b Delivery) int { return a.At.Compare(b.At) })
	for i := range g.Deliveries {
		d := &g.Deliveries[i]
		t := g.Ledger[d.Source]
		for _, n := range []struct {
			to *int
			by int
		}{{&t.Stored, d.tally.Stored}, {&t.Duplicate, d.tally.Duplicate}, {&t.Rejected, d.tally.Rejected}, {&t.Ignored, d.tally.Ignored}} {
			*n.to += n.by
			t.Received += n.by
		}
		g.Ledger[d.Source] = t
	}
}

func mustZone(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic("company: " + err.Error())
	}
	return loc
}

// mondayAfter is the first local Monday's midnight at or after t.
func mondayAfter(t time.Time, loc *time.Location) time.Time {
	t = t.In(loc)
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, loc)
	for day.Before(t) || day.Weekday() != time.Monday {
		day = day.AddDate(0, 0, 1)
		day = time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, loc)
	}
	return day
}

// The drawing of the generator's parts.

// weighted draws an index by weight.
func weighted(r *rand.Rand, weights []float64) int {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	x := r.Float64() * sum
	for i, w := range weights {
		if x -= w; x < 0 {
			return i
		}
	}
	return len(weights) - 1
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// between draws a length of time from lo to hi, in whole milliseconds.
func between(r *rand.Rand, lo, hi time.Duration) time.Duration {
	return (lo + time.Duration(r.Float64()*float64(hi-lo))).Truncate(time.Millisecond)
}

// exponential draws a length of time with the given mean.
func exponential(r *rand.Rand, mean time.Duration) time.Duration {
	return time.Duration(r.ExpFloat64() * float64(mean)).Truncate(time.Millisecond)
}

// geometric draws 0, 1, 2, ... with the given mean.
func geometric(r *rand.Rand, mean float64) int {
	p, n := 1/(1+mean), 0
	for n < 200 && r.Float64() > p {
		n++
	}
	return n
}

const hexDigits = "0123456789abcdef"

// uuid draws 32 hexadecimal digits in the usual groups, as version 4.
func uuid(r *rand.Rand) string {
	var b strings.Builder
	b.Grow(36)
	for i := range 32 {
		switch i {
		case 8, 12, 16, 20:
			b.WriteByte('-')
		}
		switch i {
		case 12:
			b.WriteByte('4')
		case 16:
			b.WriteByte(hexDigits[8+r.IntN(4)])
		default:
			b.WriteByte(hexDigits[r.IntN(16)])
		}
	}
	return b.String()
}
