package company

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// Event is one call of the tracking API.
type Event struct {
	ID, Kind, Name             string
	UserID, AnonymousID, Email string // who, as the call says it; an alias has its previousId as AnonymousID
	// At is when it counts as having happened: Clock, or Clock corrected by
	// the flush's sentAt where the client's clock is plainly wrong.
	At    time.Time
	Clock time.Time // the client's time in the payload
	// Person is the index of who did it, -1 for visitors who never sign up.
	Person                                                     int
	Account, Plan, Platform, Country, Locale, Version, Session string
	Properties                                                 string // a JSON object, or ""

	flush int
}

// The planted weekly noise: factors of the people who come and of how much
// they do. They are fixed, so that the peak of week 15 lies inside the spread
// of the weeks around it; the draws of a seed add to both.
var (
	comeNoise = [weeks]float64{
		1.01, .97, 1.03, .98, 1.04, .96, 1.02, .95, 1.05, .99, .96, 1.04, .97,
		1.03, 1.08, .98, 1.01, .95, 1.03, .97, 1.04, .99, .96, 1.02, .98, 1.01,
	}
	doNoise = [weeks]float64{
		.99, 1.04, .95, 1.06, .97, .93, 1.05, .94, 1.06, 1.03, .92, 1.07, .95,
		1.03, 1.10, .96, 1.04, .94, 1.05, .97, 1.02, .93, 1.06, .98, 1.03, 1.00,
	}
	weekdays = []float64{1.1, 1.2, 1.15, 1.1, .9, .2, .13} // from Monday
	hours    = []float64{
		.05, .03, .02, .02, .03, .1, .4, 1.2, 3.2, 4.6, 4.8, 4.2,
		2.4, 3.4, 4.4, 4.2, 3.4, 2.2, 1.1, .8, .7, .5, .3, .15,
	}
)

// How often those who export or scan do so in a session.
const (
	exportRate = .45
	scanRate   = .66
)

// session is one visit in the making.
type session struct {
	person   int // -1: a visitor
	start    time.Time
	platform string
	week     int
	visitor  string // anonymous id of a visit without login
	first    bool   // the first of a person in this history
}

// makeUsage draws who comes when, then what they do, and how it is sent.
func (g *generator) makeUsage() {
	r := g.stream("usage")
	var sessions []session
	for i := range g.People {
		sessions = g.visits(r, i, sessions)
	}
	sessions = g.visitors(r, sessions)
	// How much is done in a session is set so that the total comes out.
	weight, fixed := 0.0, 0.0
	for _, s := range sessions {
		if s.visitor != "" {
			fixed += 2
			continue
		}
		weight += doNoise[s.week-1]
		fixed += g.certain(&s)
	}
	u := usage{generator: g, r: r, rate: max(.5, (float64(g.scaled(fullEvents))-fixed)/weight)}
	slices.SortStableFunc(sessions, func(a, b session) int { return a.start.Compare(b.start) })
	for _, s := range sessions {
		u.play(s)
	}
	u.send()
}

// certain is the expected number of a session's events apart from those that
// the usage rate gives.
func (g *generator) certain(s *session) float64 {
	p := &g.People[s.person]
	n := 1.0
	if s.first {
		n += .93
		if !p.Joined.Before(g.Start) {
			n += 1.8
		}
	}
	if p.Exporter {
		n += 2 * exportRate
	}
	if p.Scanner && s.platform == "ios" {
		n += scanRate
	}
	return n
}

// visits draws one person's sessions, week by week.
func (g *generator) visits(r *rand.Rand, i int, list []session) []session {
	p := &g.People[i]
	first := true
	joins := !p.Joined.Before(g.Start)
	if joins {
		if p.Known || r.Float64() < .5 {
			for range r.IntN(4) { // looked around before signing up
				at := p.Joined.Add(-between(r, 10*time.Minute, 14*24*time.Hour))
				if !at.Before(g.Start) {
					list = append(list, session{person: i, start: at, platform: "web", week: g.week(at), visitor: p.AnonymousID})
				}
			}
		}
		list = append(list, session{person: i, start: p.Joined, platform: g.device(r, p), week: g.week(p.Joined), first: true})
		first = false
	}
	for w := 1; w <= weeks; w++ {
		monday := g.WeekStart(w)
		if monday.AddDate(0, 0, 7).Before(p.Joined) || !p.Left.IsZero() && !monday.Before(p.Left) {
			continue
		}
		if r.Float64() > p.activity*comeNoise[w-1] {
			continue
		}
		n := 1 + min(5, geometric(r, p.days))
		days := slices.Clone(weekdays)
		for range n {
			d := weighted(r, days)
			days[d] = 0
			at := localTime(r, monday.AddDate(0, 0, d), p.zone)
			if at.Before(p.Joined.Add(30*time.Minute)) || !at.Before(g.End.Add(-time.Hour)) || at.Before(g.Start) {
				continue
			}
			list = append(list, session{person: i, start: at, platform: g.device(r, p), week: g.week(at), first: first})
			first = false
		}
	}
	return list
}

// visitors come to the website once or twice and never sign up.
func (g *generator) visitors(r *rand.Rand, list []session) []session {
	for range g.scaled(500) {
		id := uuid(r)
		for range 1 + r.IntN(2) {
			at := localTime(r, g.Start.AddDate(0, 0, r.IntN(7*weeks-1)), g.zone(countries[r.IntN(len(countries))].zone))
			if !at.Before(g.Start) {
				list = append(list, session{person: -1, start: at, platform: "web", week: g.week(at), visitor: id})
			}
		}
	}
	return list
}

// localTime is a moment of a date in somebody's own zone.
func localTime(r *rand.Rand, day time.Time, zone *time.Location) time.Time {
	h := weighted(r, hours)
	return time.Date(day.Year(), day.Month(), day.Day(), h, r.IntN(60), r.IntN(60), r.IntN(1000)*int(time.Millisecond), zone).UTC()
}

func (g *generator) device(r *rand.Rand, p *Person) string {
	if p.mobile != "" && p.mobile != p.Platform && r.Float64() < .25 {
		return p.mobile
	}
	if p.mobile == p.Platform && r.Float64() < .3 {
		return "web"
	}
	return p.Platform
}

// usage plays sessions.
type usage struct {
	*generator
	r       *rand.Rand
	rate    float64
	events  []Event
	now     session
	at      time.Time // the true time
	sid     string
	starts  []int // index of each session's first event
	devices []session
}

// add puts one call at the present moment and moves on.
func (u *usage) add(kind, name, props string) *Event {
	s := u.now
	e := Event{Kind: kind, Name: name, Clock: u.at, Person: s.person, Platform: s.platform, Session: u.sid, Properties: props, Version: u.version(u.at, s)}
	if s.person >= 0 {
		p := &u.People[s.person]
		e.Country, e.Locale = p.Country, p.Locale
		if s.visitor == "" {
			a := &u.Accounts[p.Account]
			e.UserID, e.Account, e.Plan = p.UserID, a.ID, a.PlanAt(u.at)
		}
	}
	e.AnonymousID = s.visitor
	u.events = append(u.events, e)
	u.at = u.at.Add(time.Second + exponential(u.r, 35*time.Second))
	return &u.events[len(u.events)-1]
}

// version is the app's version on a device: the website is up to date, what
// was installed lags behind.
func (u *usage) version(at time.Time, s session) string {
	if s.platform != "web" {
		at = at.Add(-time.Duration(2+(s.person+7)%9) * 24 * time.Hour)
	}
	return u.versionAt(at)
}

func (u *usage) play(s session) {
	u.now, u.at, u.sid = s, s.start.UTC().Truncate(time.Millisecond), uuid(u.r)[:18]
	u.starts = append(u.starts, len(u.events))
	u.devices = append(u.devices, s)
	if s.visitor != "" {
		for range 1 + u.r.IntN(3) {
			u.add("page", pick(u.r, []string{"Landing", "Pricing", "Docs", "Customers"}), "")
		}
		return
	}
	view := "page"
	if s.platform == "ios" || s.platform == "android" {
		view = "screen"
	}
	u.add(view, "Home", "")
	if s.first {
		u.arrive()
	}
	p := &u.People[s.person]
	for range geometric(u.r, u.rate*doNoise[s.week-1]) {
		u.act(p, view)
	}
	if p.Exporter && u.r.Float64() < exportRate { // on every platform: scanning alone tells them apart
		u.export()
	}
	if p.Scanner && s.platform == "ios" && u.r.Float64() < scanRate {
		u.add("track", "Document Scanned", `{"pages":`+strconv.Itoa(1+u.r.IntN(6))+`}`)
	}
}

// arrive is what happens at the first login: the person is made known, and
// some start a project.
func (u *usage) arrive() {
	p := &u.People[u.now.person]
	joined := !p.Joined.Before(u.Start)
	if p.Known {
		if joined && u.r.Float64() < .25 {
			u.add("alias", "", "").AnonymousID = p.AnonymousID
			u.add("identify", "", "").Email = p.Email
		} else {
			e := u.add("identify", "", "")
			e.Email, e.AnonymousID = p.Email, p.AnonymousID
			if u.r.Float64() < .1 { // typed by hand
				e.Email = " " + string(e.Email[0]-'a'+'A') + e.Email[1:]
			}
		}
	}
	if joined {
		u.add("track", "Signed Up", "")
		if u.r.Float64() < .58 {
			u.add("track", "Project Created", `{"template":`+strconv.FormatBool(u.r.Float64() < .4)+`}`)
		}
	}
}

var actions = []struct {
	name   string
	weight float64
}{
	{"Project Opened", 20},
	{"Task Updated", 26},
	{"Dashboard Viewed", 12},
	{"Comment Added", 10},
	{"Report Viewed", 7},
	{"Search Performed", 6},
	{"Filter Applied", 5},
	{"Notification Opened", 5},
	{"File Uploaded", 3},
	{"Project Created", .7},
	{"Member Invited", .7},
	{"Integration Connected", .4},
	{"Error Shown", .5},
	{"", 9},
}

var actionWeights = func() []float64 {
	w := make([]float64, len(actions))
	for i, a := range actions {
		w[i] = a.weight
	}
	return w
}()

// act is one thing done. Dashboards take longer from month to month, which is
// what the growing theme complains about.
func (u *usage) act(p *Person, view string) {
	switch name := actions[weighted(u.r, actionWeights)].name; name {
	case "":
		u.add(view, pick(u.r, []string{"Board", "Timeline", "Settings", "Archive"}), "")
	case "Dashboard Viewed":
		ms := 500 + 60*float64(u.now.week) + 700*u.r.ExpFloat64()*(1+float64(u.now.week)/13)
		u.add("track", name, `{"duration_ms":`+strconv.Itoa(int(ms))+`,"widgets":`+strconv.Itoa(2+u.r.IntN(9))+`}`)
	case "Error Shown":
		u.add("track", name, `{"code":"`+pick(u.r, []string{"upload_failed", "not_found", "offline"})+`"}`)
	case "Search Performed":
		u.add("track", name, `{"results":`+strconv.Itoa(u.r.IntN(40))+`}`)
	case "Member Invited", "Project Opened":
		e := u.add("track", name, "")
		if p.Known && u.r.Float64() < .1 {
			e.AnonymousID = p.AnonymousID // the browser's own id comes along
		}
	default:
		u.add("track", name, "")
	}
}

// export is a task: it is started, and done unless the export is broken.
func (u *usage) export() {
	format := pick(u.r, []string{"pdf", "pdf", "csv", "xlsx"})
	props := `{"format":"` + format + `"`
	u.add("track", "Export Started", props+"}")
	done := .96
	if u.broken(u.at) {
		done = .12
	}
	if u.r.Float64() < done {
		u.add("track", "Report Exported", fmt.Sprintf(`%s,"rows":%d,"duration_ms":%d}`, props, 10+u.r.IntN(4000), 800+int(2500*u.r.ExpFloat64())))
	} else {
		u.add("track", "Error Shown", `{"code":"export_failed"}`)
	}
}

// sortEvents orders by time, then id, and keeps nothing else.
func sortEvents(list []Event) {
	slices.SortFunc(list, func(a, b Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
}
