package report

import (
	"fmt"
	"math"
)

// The smallest sizes that are worth a headline, and the fewest units that one
// is looked for in. They do not depend on what the numbers turned out to be.
const (
	smallUsers    = 1.10 // factor, active users
	smallCount    = 1.30 // factor, tickets and feedback
	smallShare    = 0.05 // CSAT, adoption
	smallNegative = 0.10 // negative share of a theme
	smallMood     = 0.15 // mean sentiment, on -1..1
	smallNPS      = 10.0 // points
	smallTrend    = 0.02 // share of feedback over the whole history
	smallPlanNPS  = 15.0 // points between a group and the rest
	smallPlatform = 0.10 // adoption between a group and the rest
	manifold      = 2.50 // and that many times as much, or as little: people on
	// one platform may use everything more

	fewTheme = 12  // items of a theme in the whole window
	fewItems = 10  // items of a theme now, for its negative share
	fewScore = 10  // answers now
	fewGroup = 30  // answers of a group
	fewUsers = 100 // active users of a group
	fewTrend = 60  // items of a theme in the whole history
)

// finding is one comparison that was looked at, with the sentence it would be.
type finding struct {
	Headline
	// topic joins findings that say the same thing; the strongest speaks.
	topic string
	// p is unadjusted; NaN where there is too little data to look.
	p float64
	// size is the effect in units of the smallest one worth a headline.
	size float64
	null float64 // the effect that is no change: 0, or 1 for ratios
	// usual is the value of the periods before, as a count or share.
	usual float64
}

// words are the phrases that depend on the length of the period.
type words struct {
	this string // one period
	each string // of a usual amount
	many string // the periods that are compared
	run  string // periods one after the other
}

// wordsFor chooses the phrases.
func wordsFor(grain string) words {
	switch grain {
	case "day":
		return words{"day", "on such a day", "such days", "days"}
	case "month":
		return words{"month", "a month", "months", "months"}
	default:
		return words{"week", "a week", "weeks", "weeks"}
	}
}

// look makes all comparisons of the evidence.
func (e *evidence) look() []finding {
	w := wordsFor(e.grain)
	var out []finding
	out = append(out, e.lookCounts(w)...)
	out = append(out, e.lookScores(w)...)
	for _, f := range e.features {
		before, now := recent(f.points, shareChange)
		out = append(out, shareFinding("adoption", "adoption/"+f.name, "Adoption of "+f.name, "adoption", w, shareChange(before, now), smallShare, "up", fewUsers))
	}
	for _, t := range e.themes {
		out = append(out, e.lookTheme(t, w)...)
	}
	out = append(out, e.lookSegments(w)...)
	return out
}

// lookCounts looks at what is counted over the whole company.
func (e *evidence) lookCounts(w words) []finding {
	before, now := e.rates(e.users, e.days)
	users := e.countFinding("active_users", "change/active_users", "Active users", "adoption", w, countChange(before, now), smallUsers, "up")
	before, now = e.rates(e.tickets, e.days)
	tickets := e.countFinding("ticket_volume", "change/tickets", "Tickets", "support", w, countChange(before, now), smallCount, "down")
	tickets.topic = "tickets"
	return []finding{users, tickets, e.lookContacts(w)}
}

// lookContacts looks at tickets over active users: what more people alone
// explain is no change.
func (e *evidence) lookContacts(w words) finding {
	users := make([]float64, len(e.users))
	for i, n := range e.users {
		users[i] = float64(n)
	}
	before, now := e.rates(e.tickets, users)
	l := countChange(before, now)
	f := e.countFinding("contact_rate", "change/contact_rate", "", "support", w, l, smallCount, "down")
	f.topic = "tickets"
	if now.Exposure > 0 {
		rate, usual := 1000*l.now/now.Exposure, 1000*l.before/now.Exposure
		f.Text = fmt.Sprintf("Tickets per 1,000 active users %s to %s from about %s (%s).", verb(l.effect.Value-1), FormatValue(&rate, "per_1000"), FormatValue(&usual, "per_1000"), change(l, "times"))
	}
	return f
}

// lookScores looks at CSAT, NPS and sentiment of everybody.
func (e *evidence) lookScores(w words) []finding {
	before, now := recent(e.csat, shareChange)
	out := []finding{shareFinding("csat", "csat", "CSAT", "csat", w, shareChange(before, now), smallShare, "up", fewScore)}

	answers, last := recent(e.nps, npsChange)
	l := npsChange(answers, last)
	f := newFinding("change", "change/nps", "nps", "nps", l, 0)
	f.Unit, f.Method, f.size = "points", "MOVER interval, spread between the "+w.many, math.Abs(l.effect.Value)/smallNPS
	f.Text = fmt.Sprintf("NPS %s to %s from %s over the %d %s before (%s).", verb(l.effect.Value), FormatValue(&l.now, "nps"), FormatValue(&l.before, "nps"), l.over, w.many, change(l, "points"))
	f.Tone = tone(l.effect.Value, "up")
	out = append(out, f.needs(last.n() >= fewScore))

	moods, mood := recent(e.mood, meanChange)
	l = meanChange(moods, mood)
	f = newFinding("change", "change/sentiment", "sentiment", "sentiment", l, 0)
	f.Unit, f.Method, f.size = "mean", "Welch interval, spread between the "+w.many, math.Abs(l.effect.Value)/smallMood
	f.Text = fmt.Sprintf("Mean sentiment %s to %s from %s over the %d %s before (%s).", verb(l.effect.Value), FormatValue(&l.now, "mean"), FormatValue(&l.before, "mean"), l.over, w.many, change(l, "mean"))
	f.Tone = tone(l.effect.Value, "up")
	return append(out, f.needs(mood.N >= fewScore))
}

// lookTheme looks at how much is said about a theme, at how it is said, and at
// its slow trend.
func (e *evidence) lookTheme(t themeSeries, w words) []finding {
	counts, current := e.rates(t.items, e.days)
	total := current.Count
	for _, r := range counts {
		total += r.Count
	}
	count := e.countFinding("themes", "change/theme/"+t.id, "Feedback about "+t.name, "themes", w, countChange(counts, current), smallCount, "")
	count.topic = "theme/" + t.id
	last := len(t.items) - 1
	if last >= 0 && t.items[last] > 0 && 2*t.negative[last] >= t.items[last] && count.Effect.Value != nil && count.size >= 1 && *count.Effect.Value > 1 {
		count.Tone = "bad"
	}

	shares := make([]split, len(t.items))
	negatives := make([]split, len(t.items))
	var all int64
	for i := range t.items {
		shares[i] = split{t.items[i], e.items[i]}
		negatives[i] = split{t.negative[i], t.items[i]}
		all += t.items[i]
	}
	before, now := recent(negatives, shareChange)
	l := shareChange(before, now)
	negative := newFinding("change", "change/negative/"+t.id, "themes", "themes", l, 0)
	negative.Unit, negative.Method, negative.size = "percentage_points", "Newcombe interval, spread between the "+w.many, math.Abs(l.effect.Value)/smallNegative
	negative.Text = fmt.Sprintf("Of the feedback about %s %s is negative, %s from %s over the %d %s before (%s).", t.name, FormatValue(&l.now, "ratio"), upDown(l.effect.Value), FormatValue(&l.before, "ratio"), l.over, w.many, change(l, "percentage_points"))
	negative.Tone = tone(l.effect.Value, "down")

	l = shareTrend(shares)
	trend := newFinding("trend", "trend/theme/"+t.id, "themes", "themes", l, 0)
	trend.Unit, trend.Method, trend.size = "percentage_points", "trend of shares, quasi-binomial", math.Abs(l.effect.Value)/smallTrend
	trend.Text = fmt.Sprintf("%s %s slowly from about %s to %s of all feedback over %d %s (%s).", t.name, grewShrank(l.effect.Value), FormatValue(&l.before, "ratio"), FormatValue(&l.now, "ratio"), l.over, w.many, change(l, "percentage_points"))
	trend.topic, trend.Tone = "trend/"+t.id, "neutral"
	if l.effect.Value > 0 && 2*sum(t.negative) >= all {
		trend.Tone = "bad"
	}
	return []finding{
		count.needs(total >= fewTheme),
		negative.needs(now.n >= fewItems),
		trend.needs(all >= fewTrend && !onlyDiluted(t.items, l.effect.Value)),
	}
}

// onlyDiluted: a share that shrinks while as much is said as ever shrinks only
// because something else grows, which is that one's headline.
func onlyDiluted(items []int64, change float64) bool {
	if !(change < 0) {
		return false
	}
	third := len(items) / 3
	var first, last int64
	for i := range third {
		first += items[i]
		last += items[len(items)-1-i]
	}
	return float64(last) > 0.8*float64(first)
}

// sum adds.
func sum(xs []int64) int64 {
	var total int64
	for _, x := range xs {
		total += x
	}
	return total
}

// countFinding is the comparison of a count with the periods before.
func (e *evidence) countFinding(metric, key, subject, section string, w words, l level, small float64, better string) finding {
	f := newFinding("change", key, metric, section, l, 1)
	f.Unit, f.Method = "times", fmt.Sprintf("spread between the %d %s before, at least Poisson's", l.over, w.many)
	ratio := l.effect.Value
	if math.IsNaN(ratio) {
		ratio = l.effect.Low
	}
	f.size = math.Abs(math.Log(max(ratio, 1e-3))) / math.Log(small)
	direction := math.Log(max(ratio, 1e-3))
	from := "about " + FormatValue(&l.before, "items") + " " + w.each
	if l.before == 0 {
		from = "none " + w.each
	}
	f.Text = fmt.Sprintf("%s %s to %s from %s (%s).", subject, verb(direction), FormatValue(&l.now, "items"), from, change(l, "times"))
	f.Tone = tone(direction, better)
	last := len(e.usable) - 1
	return f.needs(last >= 0 && (e.usable[last] || direction > 0))
}

// shareFinding is the comparison of a share with the periods before.
func shareFinding(metric, key, subject, section string, w words, l level, small float64, better string, few int64) finding {
	f := newFinding("change", "change/"+key, metric, section, l, 0)
	f.Unit, f.Method, f.size = "percentage_points", "Newcombe interval, spread between the "+w.many, math.Abs(l.effect.Value)/small
	f.Text = fmt.Sprintf("%s %s to %s from %s over the %d %s before (%s).", subject, verb(l.effect.Value), FormatValue(&l.now, "ratio"), FormatValue(&l.before, "ratio"), l.over, w.many, change(l, "percentage_points"))
	f.Tone = tone(l.effect.Value, better)
	return f.needs(l.n >= few)
}

// newFinding starts a finding with its number; whoever calls adds text, unit,
// method, tone and size.
func newFinding(kind, key, metric, section string, l level, null float64) finding {
	return finding{
		Headline: Headline{
			Key: key, Kind: kind, Section: section, SQL: "queries/metrics/" + metric + ".sql",
			Effect: Estimate{N: l.n, Value: ptr(l.effect.Value), Low: ptr(l.effect.Low), High: ptr(l.effect.High)},
		},
		topic: key, p: l.p, null: null, usual: l.before,
	}
}

// needs drops a comparison that too little stands behind: it is not looked at
// and does not count among the comparisons.
func (f finding) needs(enough bool) finding {
	if !enough {
		f.p = math.NaN()
	}
	return f
}

// change writes an effect with its interval: "×4.6, 95% 3.1 to 6.8".
func change(l level, unit string) string {
	e := Estimate{Value: ptr(l.effect.Value), Low: ptr(l.effect.Low), High: ptr(l.effect.High)}
	if unit == "percentage_points" || unit == "points" {
		return fmt.Sprintf("%s points, 95%% %s to %s", points(l.effect.Value, unit), points(l.effect.Low, unit), points(l.effect.High, unit))
	}
	iv := Interval(e, unit)
	if e.Value == nil {
		return iv
	}
	return FormatValue(e.Value, unit) + ", " + iv
}

// points writes a difference of shares or scores in points.
func points(x float64, unit string) string {
	if unit == "percentage_points" {
		x *= 100
	}
	if math.Abs(x) >= 9.95 {
		return signed(x, 0)
	}
	return signed(x, 1)
}

// verb says a direction of a number.
func verb(direction float64) string {
	if direction < 0 {
		return "fell"
	}
	return "rose"
}

// upDown says a direction as an adverb.
func upDown(direction float64) string {
	if direction < 0 {
		return "down"
	}
	return "up"
}

// grewShrank says a direction of a share.
func grewShrank(direction float64) string {
	if direction < 0 {
		return "shrank"
	}
	return "grew"
}

// tone says whether a direction is good, given which one is better.
func tone(direction float64, better string) string {
	switch {
	case better == "" || direction == 0:
		return "neutral"
	case (direction > 0) == (better == "up"):
		return "good"
	default:
		return "bad"
	}
}
