package alert

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"upshot.dev/upshot/pipeline/env"
)

// maxShown is how many periods a notice lists, the latest ones.
const maxShown = 12

// Rule is the rule in words: "below 80% for 2 weeks".
func (s *State) Rule() string {
	return fmt.Sprintf("%s for %s", s.limit(), s.periods(s.Metric.Alert.Periods))
}

// limit is "below 80%".
func (s *State) limit() string {
	return s.Metric.Alert.Side() + " " + threshold(s.Metric.Alert.Threshold, s.Metric.Unit)
}

// periods is "1 week", "2 weeks".
func (s *State) periods(n int) string {
	if n == 1 {
		return "1 " + s.Metric.Alert.Grain
	}
	return fmt.Sprintf("%d %ss", n, s.Metric.Alert.Grain)
}

// firedNotice says that an episode is on.
func (s *State) firedNotice() env.Notice {
	shown := s.since(s.Since)
	begin := "since " + span(shown[0], s.Metric.Alert.Grain)
	if len(shown) == len(s.Periods) {
		begin += " or longer"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is %s %s.\n\n", s.title(), s.limit(), begin)
	s.table(&b, shown)
	if doubt := s.doubt(shown); doubt != "" {
		fmt.Fprintf(&b, "\n%s\n", doubt)
	}
	s.about(&b, shown)
	return s.notice(kindFired, fmt.Sprintf("[%s] %s is %s", s.Metric.Alert.Severity, s.title(), s.limit()), b.String())
}

// recoveredNotice says that the episode that began with the period first is
// over with the period end.
func (s *State) recoveredNotice(first string, end Period) env.Notice {
	shown := s.since(first)
	was := Period{First: first}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is not %s any more: it was %s %s. It was told to be %s since %s.\n\n", s.title(), s.limit(),
		show(end.Value, s.Metric.Unit), within(end, s.Metric.Alert.Grain), s.limit(), span(was, s.Metric.Alert.Grain))
	s.table(&b, shown)
	s.about(&b, shown)
	return s.notice(kindRecovered, fmt.Sprintf("[recovered] %s is not %s any more", s.title(), s.limit()), b.String())
}

func (s *State) notice(kind, about, body string) env.Notice {
	return env.Notice{Subject: subject(about), Body: body, Attributes: map[string]string{
		"metric": s.Metric.Name, "severity": s.Metric.Alert.Severity, "state": kind, "owner": oneLine(s.Metric.Owner),
	}}
}

func (s *State) title() string { return oneLine(s.Metric.Title) }

// table lists the latest of the periods with their values.
func (s *State) table(b *strings.Builder, shown []Period) {
	if over := len(shown) - maxShown; over > 0 {
		fmt.Fprintf(b, "  (%s before these)\n", s.periods(over))
		shown = shown[over:]
	}
	var t strings.Builder
	w := tabwriter.NewWriter(&t, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "  %s\tvalue\t95%% interval\tn\t\n", s.Metric.Alert.Grain)
	for _, p := range shown {
		remark := oneLine(p.Missing)
		if p.Breaks {
			remark = s.limit()
		}
		between := interval(p, s.Metric.Unit)
		if between == "" {
			between = "-"
		}
		_, _ = fmt.Fprintf(w, "  %s\t%s\t%s\t%d\t%s\n", p.First, show(p.Value, s.Metric.Unit), between, p.N, remark)
	}
	_ = w.Flush() // a Builder takes everything
	for line := range strings.Lines(t.String()) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
}

// doubt says how sure the intervals are of the periods that break the rule;
// empty for a metric without intervals.
func (s *State) doubt(shown []Period) string {
	a := s.Metric.Alert
	broken, sure := 0, 0
	for _, p := range shown {
		if !p.Breaks || p.Low == nil && p.High == nil {
			continue
		}
		broken++
		if a.Above && p.Low != nil && a.Breaks(*p.Low) || !a.Above && p.High != nil && a.Breaks(*p.High) {
			sure++
		}
	}
	switch {
	case broken == 0:
		return ""
	case sure == broken:
		return "The whole interval of each of these periods is " + s.limit() + "."
	default:
		return fmt.Sprintf("The whole interval is %s in %d of the %s; otherwise it reaches beyond the threshold, and chance may have its part.", s.limit(), sure, s.periods(broken))
	}
}

// about says what the number is, and where to see it.
func (s *State) about(b *strings.Builder, shown []Period) {
	m := s.Metric
	fmt.Fprintf(b, "\nRule: %s. Severity: %s. Owner: %s.", s.Rule(), m.Alert.Severity, oneLine(m.Owner))
	if m.Target != nil {
		fmt.Fprintf(b, " Target: %s.", threshold(*m.Target, m.Unit))
	}
	fmt.Fprintf(b, "\nWhat it is: %s\n", oneLine(m.Description))
	if len(shown) == 0 {
		return
	}
	command := fmt.Sprintf("upshot metric %s --from %s --to %s --grain %s --tz %s", m.Name, shown[0].First, shown[len(shown)-1].Next, m.Alert.Grain, s.TZ)
	fmt.Fprintf(b, "\nThe same numbers:\n  %s\n", command)
	if len(m.By) > 0 {
		fmt.Fprintf(b, "Whom they are about (by %s):\n  %s --by %s\n", strings.Join(m.By, ", "), command, m.By[0])
	}
	fmt.Fprintf(b, "All rules:\n  upshot alerts\n")
}

// Value writes a period's value the way its unit is read, a dash for none.
func (s *State) Value(p Period) string { return show(p.Value, s.Metric.Unit) }

// Interval writes a period's interval, "75.0% to 92.0%"; empty without one.
func (s *State) Interval(p Period) string { return interval(p, s.Metric.Unit) }
