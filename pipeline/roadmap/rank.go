package roadmap

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"upshot.dev/upshot/pipeline/stats"
)

// Input is what is known of the window.
type Input struct {
	From, To, TZ, Window string
	Active               int64 // active users of the window
	Themes               []Theme
	SQL                  []string
}

// Theme is the measured feedback about one theme in the window.
type Theme struct {
	ID, Name string
	// People are distinct persons, Items pieces of feedback, Negative those of
	// the items that sound negative.
	People, Items, Negative int64
	// Weekly are the items of the window's whole weeks, oldest first.
	Weekly []int64
	// Intents count the mentions by what they want.
	Intents []Count
	Quote   *Quote
}

const (
	// minPeople and minItems are what a theme needs to be ranked at all.
	minPeople = 5
	minItems  = 5
	// lately is the number of weeks that growth compares with those before.
	lately = 4
	// maxGrowth and minGrowth bound what growth does to the score.
	maxGrowth, minGrowth = 2.0, 0.5
)

// weights say how much one mention weighs by what it wants. A bug keeps
// somebody from working, praise asks for nothing.
var weights = []struct {
	intent string
	weight float64
}{{"bug", 1}, {"complaint", 0.8}, {"request", 0.6}, {"question", 0.3}, {"other", 0.2}, {"praise", 0}}

// Formula is the score in words, printed with every roadmap.
const Formula = "Score = 1000 × reach × impact × growth. " +
	"Reach: people who mentioned the theme among active users, lower end of Wilson's interval. " +
	"Impact: mean of the negative share and of the severity (bug 1, complaint 0.8, request 0.6, question 0.3, other 0.2, praise 0), each at its lower end. " +
	"Growth: the weekly rate of the last 4 weeks against those before, between 0.5 and 2, and 1 where its interval holds 1."

// Rank orders the themes of the window by score. Themes with fewer than five
// people or items are left out and counted.
func Rank(in Input) *Roadmap {
	r := &Roadmap{From: in.From, To: in.To, TZ: in.TZ, Window: in.Window, Active: in.Active, Formula: Formula, SQL: in.SQL, Items: []Item{}}
	for _, t := range in.Themes {
		if t.Items == 0 {
			continue
		}
		if t.People < minPeople || t.Items < minItems || in.Active == 0 {
			r.Left++
			continue
		}
		r.Items = append(r.Items, rate(t, in.Active))
	}
	slices.SortStableFunc(r.Items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Theme, b.Theme))
	})
	for i := range r.Items {
		r.Items[i].Rank = i + 1
	}
	if in.Active == 0 {
		r.Note = "Nobody was active in the window, so reach cannot be measured."
	}
	return r
}

// rate measures one theme.
func rate(t Theme, active int64) Item {
	// People who wrote without being active are reached, too; a share cannot
	// be above one.
	reach := stats.Wilson(t.People, max(active, t.People), stats.Level)
	negative := stats.Wilson(t.Negative, t.Items, stats.Level)
	severe, mentions := severity(t.Intents)
	grown := growth(t.Weekly)
	impact := negative.Low
	if severe.Known() {
		impact = (negative.Low + severe.Low) / 2
	}
	item := Item{
		Theme: t.ID, Name: t.Name, People: t.People, Items: t.Items,
		Reach: estimate(reach, max(active, t.People)), Negative: estimate(negative, t.Items),
		Severity: estimate(severe, mentions), Intents: t.Intents, Growth: estimate(grown, t.Items),
		Score: 1000 * reach.Low * impact * growthFactor(grown), Quote: t.Quote,
	}
	item.Why = why(item, t.Negative)
	return item
}

// severity is the mean weight of the mentions. The interval adds one mention
// spread evenly over 0..1: without it a few equal mentions would look certain.
func severity(intents []Count) (stats.Interval, int64) {
	var n int64
	sum, sq := 0.0, 0.0
	for _, c := range intents {
		for _, w := range weights {
			if w.intent == c.Name {
				n += c.Count
				sum += float64(c.Count) * w.weight
				sq += float64(c.Count) * w.weight * w.weight
			}
		}
	}
	if n == 0 {
		return stats.Interval{Value: math.NaN(), Low: math.NaN(), High: math.NaN(), Note: stats.NoteNoData}, 0
	}
	wide := stats.MeanT(n+1, sum+0.5, sq+1.0/3, stats.Level)
	value := sum / float64(n)
	return stats.Interval{Value: value, Low: min(max(wide.Low, 0), value), High: max(min(wide.High, 1), value)}, n
}

// growth is the ratio of the last weeks' rate to that of the weeks before.
func growth(weekly []int64) stats.Interval {
	if len(weekly) < 2*lately {
		return stats.Interval{Value: math.NaN(), Low: math.NaN(), High: math.NaN(), Note: stats.NoteFewPeriods}
	}
	rates := make([]stats.Rate, len(weekly))
	for i, k := range weekly {
		rates[i] = stats.Rate{Count: k, Exposure: 1}
	}
	cut := len(rates) - lately
	return stats.WeeklyChange(rates[:cut], rates[cut:], stats.Level).Interval
}

// growthFactor is growth's bound that lies nearer to no change, 1 when the
// interval holds it.
func growthFactor(iv stats.Interval) float64 {
	switch {
	case !iv.Known():
		return 1
	case iv.Low > 1:
		return min(iv.Low, maxGrowth)
	case iv.High < 1:
		return max(iv.High, minGrowth)
	default:
		return 1
	}
}

// estimate is an interval as the JSON has it; absent numbers are null, and the note
// then says what every thin number says.
func estimate(iv stats.Interval, n int64) Estimate {
	e := Estimate{N: n, Value: stats.Nullable(iv.Value), Low: stats.Nullable(iv.Low), High: stats.Nullable(iv.High)}
	if e.Value == nil {
		e.Note = "too little data"
	}
	return e
}

// why says in one sentence what put the theme here.
func why(i Item, negative int64) string {
	parts := []string{
		fmt.Sprintf("%d known people (%s of active users, at least %s) wrote about it in %d pieces of feedback", i.People, percent(*i.Reach.Value), percent(*i.Reach.Low), i.Items),
		fmt.Sprintf("%d of these are negative", negative),
	}
	if text := asks(i.Intents); text != "" {
		parts = append(parts, fmt.Sprintf(text, i.Severity.N))
	}
	switch g := i.Growth; {
	case g.Low != nil && *g.Low > 1:
		parts = append(parts, fmt.Sprintf("growing (×%.1f in the last %d weeks)", *g.Value, lately))
	case g.High != nil && *g.High < 1:
		parts = append(parts, fmt.Sprintf("shrinking (×%.1f in the last %d weeks)", *g.Value, lately))
	}
	return strings.Join(parts, "; ") + "."
}

// asks says what most of the mentions want that want something, as a format for
// the number of all mentions; "" when none does.
func asks(intents []Count) string {
	best, phrase := Count{}, ""
	for _, c := range intents {
		verb := map[string]string{"bug": "report a bug", "complaint": "complain", "request": "ask for something"}[c.Name]
		if verb != "" && c.Count > best.Count {
			best, phrase = c, fmt.Sprintf("%d of %%d mentions %s", c.Count, verb)
		}
	}
	return phrase
}

// percent writes a share for a sentence.
func percent(x float64) string { return fmt.Sprintf("%.1f%%", 100*x) }
