package report

import (
	"fmt"
	"math"
	"strings"

	"upshot.dev/upshot/pipeline/stats"
)

// recoveries looks at the counts and shares that were a headline of the period
// before and are none now: whether they came back, that is, differ from what
// they were then. Only what was news can recover, so these comparisons are few;
// they are adjusted together with all others.
func (e *evidence) recoveries(old []Headline, now []finding) []finding {
	w := wordsFor(e.grain)
	var out []finding
	for _, h := range old {
		if h.Kind != "change" {
			continue
		}
		for _, f := range now {
			if f.Key == h.Key && !math.IsNaN(f.p) && f.p > falseRate {
				out = append(out, e.recovery(f, w)...)
			}
		}
	}
	return out
}

// recovery compares a finding's number with that of the period before.
func (e *evidence) recovery(f finding, w words) []finding {
	k, n, name, ok := e.course(f.Key)
	last := len(k) - 1
	if !ok || last < 1 || !e.usable[last] {
		return nil
	}
	var l level
	null, unit, method := 1.0, "times", "exact ratio of two rates"
	var before, current, typical string
	if n == nil {
		c := stats.RateRatio(stats.Rate{Count: k[last], Exposure: e.days[last]}, stats.Rate{Count: k[last-1], Exposure: e.days[last-1]}, stats.Level)
		l = level{effect: c.Interval, p: c.P, n: k[last]}
		current, before = count(k[last]), count(k[last-1])
		typical = FormatValue(ptr(f.usual), "items")
	} else {
		c := stats.ShareTest(k[last], n[last], k[last-1], n[last-1], stats.Level)
		l = level{effect: c.Interval, p: c.P, n: n[last]}
		null, unit, method = 0, "percentage_points", "Newcombe interval"
		now, then := ratio(split{k[last], n[last]}), ratio(split{k[last-1], n[last-1]})
		current, before, typical = FormatValue(&now, "ratio"), FormatValue(&then, "ratio"), FormatValue(ptr(f.usual), "ratio")
	}
	r := newFinding("recovery", "recovery/"+strings.TrimPrefix(f.Key, "change/"), "", f.Section, l, null)
	r.SQL, r.Unit, r.Method, r.topic, r.size = f.SQL, unit, method, f.topic, 1
	r.Tone = "good"
	r.Text = fmt.Sprintf("%s came back to what is usual: %s, after %s the %s before; usual is about %s (%s).", name, current, before, w.this, typical, change(l, unit))
	return []finding{r}
}

// course finds the history behind a key: counts, and for shares what they are
// shares of.
func (e *evidence) course(key string) (k, n []int64, name string, ok bool) {
	if key == "change/tickets" {
		return e.tickets, nil, "Tickets", true
	}
	if id, found := strings.CutPrefix(key, "change/theme/"); found {
		for _, t := range e.themes {
			if t.id == id {
				return t.items, nil, "Feedback about " + t.name, true
			}
		}
	}
	if key == "change/csat" {
		k, n = unsplit(e.csat)
		return k, n, "CSAT", true
	}
	if feature, found := strings.CutPrefix(key, "change/adoption/"); found {
		for _, f := range e.features {
			if f.name == feature {
				k, n = unsplit(f.points)
				return k, n, "Adoption of " + f.name, true
			}
		}
	}
	return nil, nil, "", false
}

// unsplit takes shares apart.
func unsplit(points []split) (k, n []int64) {
	for _, s := range points {
		k, n = append(k, s.k), append(n, s.n)
	}
	return k, n
}
