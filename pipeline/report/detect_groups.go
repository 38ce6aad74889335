package report

import (
	"fmt"
	"math"

	"upshot.dev/upshot/pipeline/stats"
)

// lookSegments looks at each group beside the rest, over enough periods together
// that small groups have a voice.
func (e *evidence) lookSegments(w words) []finding {
	var out []finding
	for _, g := range e.plans {
		// The lowest and the highest plan each have their say.
		l := level{now: g.in.interval().Value, before: g.others.interval().Value, n: g.in.n()}
		l.effect = stats.DifferenceMOVER(g.in.interval(), g.others.interval())
		l.p = normalP(l.effect)
		f := newFinding("segment", "segment/nps/plan/"+g.name, "nps", "nps", l, 0)
		f.Unit, f.Method, f.topic, f.size = "points", "MOVER interval", "segment/nps/plan/"+tone(l.effect.Value, "up"), math.Abs(l.effect.Value)/smallPlanNPS
		f.Text = fmt.Sprintf("NPS on the plan %s is %s, against %s on the others (difference %s) over the last %d %s.", g.name, FormatValue(&l.now, "nps"), FormatValue(&l.before, "nps"), change(l, "points"), segmentPeriods, w.run)
		f.Tone = tone(l.effect.Value, "up")
		out = append(out, f.needs(g.in.n() >= fewGroup && g.others.n() >= fewGroup))
	}
	for _, feature := range e.platforms {
		for _, g := range feature.points {
			out = append(out, platformFinding(feature.name, g, w))
		}
	}
	return out
}

// platformFinding compares the adoption of a feature on a platform with that on
// the others. Somebody who uses two platforms is in both groups, which makes the
// difference smaller, never larger.
func platformFinding(feature string, g group[split], w words) finding {
	l := level{now: ratio(g.in), before: ratio(g.others), n: g.in.n + g.others.n}
	c := stats.ShareTest(g.in.k, g.in.n, g.others.k, g.others.n, stats.Level)
	l.effect, l.p = c.Interval, c.P
	f := newFinding("segment", "segment/adoption/"+feature+"/"+g.name, "adoption", "adoption", l, 0)
	f.Unit, f.Method, f.topic, f.size = "percentage_points", "Newcombe interval", "segment/adoption/"+feature, math.Abs(l.effect.Value)/smallPlatform
	manner := "is used by"
	if l.now > 10*l.before {
		manner = "is used almost only on " + g.name + ": by"
	}
	f.Text = fmt.Sprintf("The feature %s %s %s of the active users on %s, against %s elsewhere (difference %s), over the last %d %s.", feature, manner, FormatValue(&l.now, "ratio"), g.name, FormatValue(&l.before, "ratio"), change(l, "percentage_points"), segmentPeriods, w.run)
	f.Tone = "neutral"
	if high, low := max(l.now, l.before), min(l.now, l.before); high < manifold*low {
		f.size = 0
	}
	return f.needs(g.in.n >= fewUsers && g.others.n >= fewUsers)
}

// ratio is the share itself; NaN of nobody.
func ratio(s split) float64 {
	if s.n == 0 {
		return math.NaN()
	}
	return float64(s.k) / float64(s.n)
}
