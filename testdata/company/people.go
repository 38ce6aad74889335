package company

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Domain is the company's own e-mail domain, which the configuration excludes;
// DemoUser is a person excluded by user id.
const (
	Domain   = "tidewater.example"
	DemoUser = "u-demo"
)

// Account is a customer.
type Account struct {
	ID, Name, Domain, Plan, Country string
	Since                           time.Time
	// Upgraded is when the account went from free to team; zero for most.
	Upgraded time.Time
}

// PlanAt is the account's plan at a time.
func (a *Account) PlanAt(t time.Time) string {
	if !a.Upgraded.IsZero() && !t.Before(a.Upgraded) {
		return "team"
	}
	return a.Plan
}

// Person is somebody with a login.
type Person struct {
	UserID, Name, Email, AnonymousID string
	Account                          int
	Country, Locale, Platform        string
	Joined                           time.Time // sign-up, for many before Start
	Left                             time.Time // their last week ends here; zero: still there
	Colleague                        bool      // one of ours: no metric counts them
	Exporter, Scanner                bool      // uses export; scans on ios
	Known                            bool      // identify links the e-mail and the anonymous id to the user id

	mobile   string  // second platform, "" for none
	activity float64 // share of weeks in which they come
	days     float64 // mean days of such a week beyond the first
	clock    time.Duration
	zone     *time.Location
}

// countries have weight, locale and the zones that set the time of day.
var countries = []struct {
	code, locale, zone string
	weight             float64
}{
	{"DE", "de-DE", "Europe/Berlin", 26},
	{"US", "en-US", "America/New_York", 18},
	{"GB", "en-GB", "Europe/London", 12},
	{"FR", "fr-FR", "Europe/Paris", 9},
	{"NL", "nl-NL", "Europe/Amsterdam", 6},
	{"AT", "de-AT", "Europe/Vienna", 6},
	{"CA", "en-CA", "America/Toronto", 5},
	{"ES", "es-ES", "Europe/Madrid", 5},
	{"IN", "en-IN", "Asia/Kolkata", 5},
	{"AU", "en-AU", "Australia/Sydney", 3},
	{"BR", "pt-BR", "America/Sao_Paulo", 3},
	{"JP", "ja-JP", "Asia/Tokyo", 2},
}

// plans have their share of the accounts and their mean size in people.
var plans = []struct {
	name        string
	share, size float64
}{
	{"free", .42, 2.2}, {"team", .36, 8.6}, {"business", .16, 14}, {"enterprise", .06, 27},
}

func (g *generator) makeAccounts() {
	r := g.stream("accounts")
	shares := make([]float64, len(plans))
	for i, p := range plans {
		shares[i] = p.share
	}
	byCountry := make([]float64, len(countries))
	for i, c := range countries {
		byCountry[i] = c.weight
	}
	used := map[string]bool{}
	for i := range g.scaled(fullAccounts) {
		name := pick(r, g.texts.Companies) + " " + pick(r, g.texts.Trades)
		if used[name] {
			name = fmt.Sprintf("%s %d", name, i)
		}
		used[name] = true
		a := Account{
			ID: fmt.Sprintf("acc_%04d", 1000+i), Name: name,
			Domain:  strings.ToLower(strings.ReplaceAll(name, " ", "-")) + ".example",
			Plan:    plans[weighted(r, shares)].name,
			Country: countries[weighted(r, byCountry)].code, Since: g.End, // until somebody joins
		}
		if a.Plan == "free" && r.Float64() < .06 {
			a.Upgraded = g.Start.Add(between(r, 0, weeks*7*24*time.Hour))
		}
		g.Accounts = append(g.Accounts, a)
	}
}

// makePeople fills the accounts by their plan's size, and adds colleagues and
// the demo user, who belong to an account of ours.
func (g *generator) makePeople() {
	r := g.stream("people")
	sizes := map[string]float64{}
	for _, p := range plans {
		sizes[p.name] = p.size
	}
	weights := make([]float64, len(g.Accounts))
	for i, a := range g.Accounts {
		weights[i] = sizes[a.Plan] * (.4 + r.ExpFloat64())
	}
	total := g.scaled(fullPeople)
	ours := max(1, total/120)
	for i := range total {
		account := weighted(r, weights)
		if i < len(g.Accounts) {
			account = i // nobody's account is empty
		}
		p := g.person(r, i, account)
		if i >= total-ours {
			p.Colleague = true
			p.Email = strings.ToLower(strings.Fields(p.Name)[0]) + fmt.Sprintf(".%d@%s", i, Domain)
			if i == total-1 {
				p.UserID, p.Email = DemoUser, "demo@example.com"
			}
		}
		g.People = append(g.People, p)
	}
}

func (g *generator) person(r *rand.Rand, i, account int) Person {
	a := &g.Accounts[account]
	p := Person{
		UserID: fmt.Sprintf("u-%05d", 10000+i), AnonymousID: uuid(r), Account: account, Country: a.Country,
		Name: pick(r, g.texts.FirstNames) + " " + pick(r, g.texts.LastNames),
	}
	if r.Float64() < .15 {
		p.Country = countries[r.IntN(len(countries))].code
	}
	for _, c := range countries {
		if c.code == p.Country {
			p.Locale, p.zone = c.locale, g.zone(c.zone)
		}
	}
	p.Email = strings.ToLower(strings.ReplaceAll(p.Name, " ", ".")) + fmt.Sprintf("%d@%s", i, a.Domain)
	p.Joined = g.joining(r)
	a.Since = earlier(a.Since, p.Joined)
	g.leaving(r, &p)
	switch weighted(r, []float64{57, 16, 18, 9}) {
	case 0:
		p.Platform = "web"
		p.mobile = []string{"ios", "android", "", "", "", ""}[r.IntN(6)]
	case 1:
		p.Platform = "desktop"
	case 2:
		p.Platform, p.mobile = "ios", "ios"
	default:
		p.Platform, p.mobile = "android", "android"
	}
	p.Exporter = r.Float64() < map[string]float64{"free": .15, "team": .45, "business": .5, "enterprise": .55}[a.Plan]
	p.Scanner = p.mobile == "ios" && r.Float64() < .46
	p.Known = r.Float64() < .93
	p.activity = .35 + .5*r.Float64()
	p.days = .2 + 1.1*r.Float64()
	p.clock = deviceClock(r)
	return p
}

// joining is when somebody signs up: two in five before this history, the
// others during it, evenly and a few more each week. Crowds in some week would
// be a truth nobody planted.
func (g *generator) joining(r *rand.Rand) time.Time {
	if r.Float64() < .4 {
		return g.Start.Add(-exponential(r, 30*7*24*time.Hour))
	}
	for {
		if x := r.Float64(); r.Float64()*1.4 < .9+.5*x {
			return g.Start.Add(time.Duration(x * float64(g.End.Sub(g.Start)-36*time.Hour)))
		}
	}
}

// leaving decides how long somebody stays: a third of the new only try it and
// are gone within weeks, the others leave one by one.
func (g *generator) leaving(r *rand.Rand, p *Person) {
	hazard := .014
	from := p.Joined
	if p.Joined.Before(g.Start) {
		from = g.Start
	} else if r.Float64() < .34 {
		hazard = .5
	}
	for w := from.Add(7 * 24 * time.Hour); w.Before(g.End); w = w.Add(7 * 24 * time.Hour) {
		if r.Float64() < hazard {
			p.Left = w
			return
		}
	}
}

// deviceClock is how far a phone's clock is off: a few seconds for most, hours,
// days or years for a few.
func deviceClock(r *rand.Rand) time.Duration {
	if r.Float64() < .05 {
		return pick(r, []time.Duration{
			7*time.Minute + 13*time.Second, -43 * time.Minute, -3 * time.Hour, 2 * time.Hour,
			26 * time.Hour, -48 * time.Hour, -400 * 24 * time.Hour, 95 * time.Second,
		})
	}
	return between(r, -20*time.Second, 20*time.Second)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
