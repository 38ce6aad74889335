package metric

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Alert is a metric's rule: its value is on the wrong side of a threshold for
// some periods in a row.
type Alert struct {
	Above     bool    // the wrong side is above the threshold; below it otherwise
	Threshold float64 // in the metric's unit; a value equal to it is well
	Periods   int     // adjacent complete periods, 1 to 60
	Severity  string  // info, warn, critical
	Grain     string  // day, week, month: that of the metric's report, week without one
}

// Breaks reports whether v is on the wrong side of the threshold.
func (a Alert) Breaks(v float64) bool {
	if a.Above {
		return v > a.Threshold
	}
	return v < a.Threshold
}

// Side is above or below.
func (a Alert) Side() string {
	if a.Above {
		return "above"
	}
	return "below"
}

// String is the rule as the front matter has it; it reads back to the same.
func (a Alert) String() string {
	word := "periods"
	if a.Periods == 1 {
		word = "period"
	}
	return fmt.Sprintf("%s %s for %d %s; severity %s", a.Side(), strconv.FormatFloat(a.Threshold, 'f', -1, 64), a.Periods, word, a.Severity)
}

const (
	alertExample    = "below 0.80 for 2 periods; severity warn"
	maxAlertPeriods = 60
)

var (
	severities    = []string{"info", "warn", "critical"}
	thresholdForm = regexp.MustCompile(`^-?[0-9]{1,15}(\.[0-9]{1,15})?$`)
	periodsForm   = regexp.MustCompile(`^[1-9][0-9]{0,3}$`)
)

// setAlert reads a rule like "below 0.80 for 2 periods; severity warn". An
// error says what would be right.
func (m *Metric) setAlert(value string) error {
	rule, severity, _ := strings.Cut(value, ";")
	words, how := strings.Fields(rule), strings.Fields(severity)
	if len(words) != 5 || words[2] != "for" || len(how) != 2 || how[0] != "severity" {
		return fmt.Errorf("%q is no rule; write it like %q", value, alertExample)
	}
	side, threshold, count, unit := words[0], words[1], words[3], words[4]
	if err := oneOf(side, []string{"below", "above"}); err != nil {
		return err
	}
	if !thresholdForm.MatchString(threshold) {
		return fmt.Errorf("%q is no threshold; write a number in the metric's unit, like 0.80", threshold)
	}
	x, err := strconv.ParseFloat(threshold, 64)
	if err != nil {
		return fmt.Errorf("%q is no threshold: %w", threshold, err)
	}
	n, _ := strconv.Atoi(count) // 0 is refused below
	if !periodsForm.MatchString(count) || n > maxAlertPeriods {
		return fmt.Errorf("%q is no number of periods; write a whole number from 1 to %d", count, maxAlertPeriods)
	}
	if err := oneOf(unit, []string{"periods", "period"}); err != nil {
		return err
	}
	if err := oneOf(how[1], severities); err != nil {
		return fmt.Errorf("severity %w", err)
	}
	m.Alert = &Alert{Above: side == "above", Threshold: x + 0, Periods: n, Severity: how[1]} // + 0: no minus zero
	return nil
}

// checkAlert holds the rule against the rest of the metric, and finds the
// periods that it is about.
func (m *Metric) checkAlert() error {
	a := m.Alert
	if a == nil {
		return nil
	}
	a.Grain = reportGrain(m.Report)
	switch {
	case len(m.Labels) > 0:
		return fmt.Errorf("the metric has a row for each %s, and a rule needs one value a period", strings.Join(m.Labels, " and "))
	case !slices.Contains(m.Grains, a.Grain):
		return fmt.Errorf("the rule is about each %s, and the metric has only the grains %s; report says which it is: daily, weekly or monthly", a.Grain, strings.Join(m.Grains, ", "))
	case m.Unit == "ratio" && (a.Threshold < 0 || a.Threshold > 1):
		return fmt.Errorf("a ratio is never %s %s; it lies between 0 and 1", a.Side(), strconv.FormatFloat(a.Threshold, 'f', -1, 64))
	}
	return nil
}

// reportGrain is the length of the periods that a report is about.
func reportGrain(report string) string {
	switch report {
	case "daily":
		return "day"
	case "monthly":
		return "month"
	default:
		return "week"
	}
}
