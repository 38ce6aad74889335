package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"upshot.dev/upshot/pipeline/stats"
)

// world generates histories of a company in which nothing happens but noise:
// of the units, of the weeks (a factor for everything, and one for each
// series), and a rhythm that drifts.
type world struct {
	rng    *rand.Rand
	weeks  int
	spread float64 // standard deviation of the weeks' own log factor
}

func (w *world) poisson(mean float64) int64 {
	if mean > 200 {
		return max(int64(math.Round(mean+math.Sqrt(mean)*w.rng.NormFloat64())), 0)
	}
	limit, p, k := math.Exp(-mean), 1.0, int64(0)
	for {
		if p *= w.rng.Float64(); p < limit {
			return k
		}
		k++
	}
}

func (w *world) binomial(n int64, p float64) int64 {
	var k int64
	for range n {
		if w.rng.Float64() < p {
			k++
		}
	}
	return k
}

func (w *world) factor() float64 { return math.Exp(w.spread * w.rng.NormFloat64()) }

func (w *world) scores(n int64, p, d float64) scores {
	var s scores
	for range n {
		switch u := w.rng.Float64(); {
		case u < p:
			s.promoters++
		case u < p+d:
			s.detractors++
		default:
			s.passives++
		}
	}
	return s
}

// quiet is a company's evidence without any event.
func (w *world) quiet() *evidence {
	e := &evidence{grain: "week"}
	for i := range w.weeks {
		e.periods = append(e.periods, fmt.Sprintf("week %d", i))
		e.days, e.usable = append(e.days, 7), append(e.usable, true)
		active := w.poisson(1000 * w.factor())
		e.users = append(e.users, active)
		e.tickets = append(e.tickets, w.poisson(58*w.factor()))
		n := w.poisson(40)
		e.csat = append(e.csat, split{w.binomial(n, 0.84), n})
		e.nps = append(e.nps, w.scores(w.poisson(45), 0.5, 0.2))
		var m stats.Sample
		for range w.poisson(120) {
			x := math.Tanh(0.1 + 0.5*w.rng.NormFloat64())
			m = stats.Sample{N: m.N + 1, Sum: m.Sum + x, SumSq: m.SumSq + x*x}
		}
		e.mood = append(e.mood, m)
		e.items = append(e.items, w.poisson(160*w.factor()))
	}
	for i := range 5 {
		s := series[split]{name: fmt.Sprintf("feature %d", i)}
		for _, n := range e.users {
			s.points = append(s.points, split{w.binomial(n, 0.1+0.1*float64(i)), n})
		}
		e.features = append(e.features, s)
		p := series[group[split]]{name: s.name}
		for _, name := range []string{"android", "ios", "web"} {
			p.points = append(p.points, group[split]{name, split{w.binomial(700, 0.3), 700}, split{w.binomial(1400, 0.3), 1400}})
		}
		e.platforms = append(e.platforms, p)
	}
	for i := range 24 {
		t := themeSeries{id: fmt.Sprintf("t%02d", i), name: fmt.Sprintf("Theme %d", i)}
		share := 0.10 / float64(1+i/3)
		for _, all := range e.items {
			k := min(w.poisson(float64(all)*share*w.factor()), all)
			t.items = append(t.items, k)
			t.negative = append(t.negative, w.binomial(k, 0.4))
		}
		e.themes = append(e.themes, t)
	}
	for _, name := range []string{"business", "pro", "starter"} {
		e.plans = append(e.plans, group[scores]{name, w.scores(180, 0.5, 0.2), w.scores(360, 0.5, 0.2)})
	}
	return e
}

// With nothing going on at most one report in twenty may carry a headline, be
// the weeks Poisson-quiet or noisy. 240 reports: the limit allows for the
// simulation's own error.
func TestNoiseMakesNoHeadlines(t *testing.T) {
	for _, spread := range []float64{0, 0.1, 0.25} {
		w := &world{rng: rand.New(rand.NewPCG(7, uint64(1000*spread))), weeks: 26, spread: spread}
		const reports = 240
		loud := 0
		for range reports {
			heads, looked := choose(w.quiet().look(), nil)
			if looked < 50 {
				t.Fatalf("looked at %d comparisons only", looked)
			}
			if len(heads) > 0 {
				loud++
				t.Logf("spread %.2f: %s", spread, heads[0].Text)
			}
		}
		t.Logf("spread %.2f: %d of %d reports carry a headline", spread, loud, reports)
		if float64(loud) > 0.05*reports+2*math.Sqrt(0.05*0.95*reports) {
			t.Errorf("spread %.2f: %d of %d reports carry a headline, at most 5%% may", spread, loud, reports)
		}
	}
}

// planted is a noisy company with the events that a report must find.
func planted(seed uint64) *evidence {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), weeks: 26, spread: 0.1}
	e := w.quiet()
	last := w.weeks - 1
	e.themes[3].name, e.themes[3].items[last], e.themes[3].negative[last] = "Export", 41, 33
	for i := range w.weeks {
		grown := w.poisson(float64(e.items[i]) * (0.02 + 0.10*float64(i)/float64(last)))
		e.themes[9].items[i], e.themes[9].negative[i] = grown, w.binomial(grown, 0.5)
	}
	e.themes[9].name = "Performance"
	e.plans[2].in, e.plans[0].others, e.plans[1].others = w.scores(150, 0.3, 0.42), w.scores(330, 0.4, 0.3), w.scores(330, 0.4, 0.3)
	e.platforms[1].points[1] = group[split]{"ios", split{240, 700}, split{9, 1400}}
	return e
}

func TestPlantedTruthsAreFound(t *testing.T) {
	const runs = 60
	found := map[string]int{}
	want := []string{"change/theme/t03", "trend/theme/t09", "segment/nps/plan/starter", "segment/adoption/feature 1/ios"}
	for seed := range uint64(runs) {
		heads, _ := choose(planted(seed).look(), nil)
		if len(heads) > maxHeadlines {
			t.Fatalf("%d headlines", len(heads))
		}
		for _, h := range heads {
			found[h.Key]++
			if seed == 0 {
				t.Log(h.Text)
			}
		}
	}
	for _, key := range want {
		if found[key] < runs*95/100 {
			t.Errorf("%s found in %d of %d reports", key, found[key], runs)
		}
	}
	others := 0
	for key, n := range found {
		// What follows from a planted truth is no false finding: its own
		// negative share, and the other plans and platforms.
		if !slices.Contains(want, key) && !strings.HasPrefix(key, "change/negative/t03") && !strings.HasPrefix(key, "segment/") && key != "change/theme/t09" && key != "trend/theme/t03" {
			others += n
			t.Log(key, n)
		}
	}
	if others > runs*20/100 {
		t.Errorf("%d other headlines in %d reports", others, runs)
	}
}

// A peak of the size that weeks differ by anyway is no news; the same peak
// where weeks are alike is.
func TestUsagePeak(t *testing.T) {
	for _, c := range []struct {
		name  string
		users []int64
		want  bool
	}{
		{"noisy weeks", []int64{980, 1120, 900, 1060, 1180, 930, 1010, 1150, 880, 1090, 1000, 1210}, false},
		{"steady weeks", []int64{1000, 1010, 990, 1005, 1000, 995, 1008, 1002, 997, 1001, 1000, 1230}, true},
	} {
		e := &evidence{grain: "week", users: c.users}
		for range c.users {
			e.periods, e.days, e.usable, e.items = append(e.periods, "w"), append(e.days, 7), append(e.usable, true), append(e.items, 0)
			e.tickets = append(e.tickets, 50)
		}
		heads, _ := choose(e.look(), nil)
		if got := len(heads) > 0; got != c.want {
			t.Errorf("%s: headline %v, want %v (%v)", c.name, got, c.want, heads)
		}
	}
}

// A fall in a period with missing data is no news, and a baseline period with
// missing data is no yardstick.
func TestGapsAreNoChange(t *testing.T) {
	e := &evidence{grain: "week", tickets: []int64{60, 61, 59, 60, 62, 58, 60, 61, 20}}
	for range e.tickets {
		e.periods, e.days, e.usable, e.items = append(e.periods, "w"), append(e.days, 7), append(e.usable, true), append(e.items, 0)
		e.users = append(e.users, 0)
	}
	if heads, _ := choose(e.look(), nil); len(heads) != 1 {
		t.Fatalf("complete data: %v", heads)
	}
	e.usable[8] = false
	if heads, _ := choose(e.look(), nil); len(heads) != 0 {
		t.Errorf("the fall of an incomplete week is a headline: %v", heads)
	}
}

// What breaks for two weeks is a change in the first, the same one continuing in
// the second although the first lies in its history, and a recovery in the
// third.
func TestIncidentContinuesAndRecovers(t *testing.T) {
	e := planted(1)
	export := &e.themes[3]
	week := func(items, negative int64) {
		w := &world{rng: rand.New(rand.NewPCG(9, uint64(len(e.users)))), weeks: 1, spread: 0.1}
		next := w.quiet()
		e.periods, e.days, e.usable = append(e.periods, "next"), append(e.days, 7), append(e.usable, true)
		e.users, e.tickets, e.items = append(e.users, next.users...), append(e.tickets, next.tickets...), append(e.items, next.items...)
		e.csat, e.nps, e.mood = append(e.csat, next.csat...), append(e.nps, next.nps...), append(e.mood, next.mood...)
		for i := range e.features {
			e.features[i].points = append(e.features[i].points, next.features[i].points...)
		}
		for i := range e.themes {
			e.themes[i].items, e.themes[i].negative = append(e.themes[i].items, next.themes[i].items...), append(e.themes[i].negative, next.themes[i].negative...)
		}
		export.items[len(e.users)-1], export.negative[len(e.users)-1] = items, negative
	}
	report := func(old []Headline) map[string]Headline {
		findings := e.look()
		heads, _ := choose(append(findings, e.recoveries(old, findings)...), keysOf(old))
		out := map[string]Headline{}
		for _, h := range heads {
			out[h.Key] = h
		}
		return out
	}
	list := func(m map[string]Headline) (out []Headline) {
		for _, key := range sortedKeys(m) {
			out = append(out, m[key])
		}
		return out
	}
	const change, recovery = "change/theme/t03", "recovery/theme/t03"
	first := report(nil)
	if h, ok := first[change]; !ok || h.Continuing {
		t.Fatalf("first week: %+v", first)
	}
	week(36, 25)
	second := report(list(first))
	if h, ok := second[change]; !ok || !h.Continuing {
		t.Errorf("second week: %+v", second)
	}
	week(7, 3)
	third := report(list(second))
	if _, ok := third[recovery]; !ok {
		t.Errorf("third week: %+v", third)
	} else {
		t.Log(third[recovery].Text)
	}
	if _, ok := third[change]; ok {
		t.Errorf("third week still has the change: %+v", third[change])
	}
	week(7, 3)
	if fourth := report(list(third)); len(fourth[recovery].Key) > 0 {
		t.Errorf("fourth week recovers again: %+v", fourth)
	}
}

func TestContinuing(t *testing.T) {
	e := planted(3)
	first, _ := choose(e.look(), nil)
	again, _ := choose(e.look(), keysOf(first))
	if len(first) != len(again) {
		t.Fatalf("%d and %d headlines", len(first), len(again))
	}
	for _, h := range again {
		if !h.Continuing {
			t.Errorf("%s is not marked as continuing", h.Key)
		}
	}
	if n := len(e.back().users); n != len(e.users)-1 {
		t.Errorf("back has %d weeks of %d", n, len(e.users))
	}
}
