package metric

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/queries"
)

// ruled is a metric file whose line 12 is a rule.
const ruled = `-- name: m
-- title: A title
-- description: What it is.
-- owner: product
-- unit: ratio
-- better: up
-- value: ratio(good, n)
-- interval: wilson(good, n)
-- n: n
-- statistics: good
-- report: weekly
-- alert: %s
SELECT d.period /*by:e*/, count(*) AS good, count(*) AS n
FROM events AS e
JOIN days AS d ON d.dt = e.dt
WHERE e.dt >= :dt_from AND e.dt <= :dt_to
GROUP BY d.period /*by:e*/
`

func TestAlertRules(t *testing.T) {
	for text, want := range map[string]Alert{
		"below 0.80 for 2 periods; severity warn":      {Threshold: 0.8, Periods: 2, Severity: "warn", Grain: "week"},
		"above 1 for 1 period; severity critical":      {Above: true, Threshold: 1, Periods: 1, Severity: "critical", Grain: "week"},
		"above 0 for 60 periods; severity info":        {Above: true, Periods: 60, Severity: "info", Grain: "week"},
		"below  -0.00  for 3 period ;  severity  warn": {Periods: 3, Severity: "warn", Grain: "week"},
	} {
		m, err := parse("m.sql", fmt.Sprintf(ruled, text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if *m.Alert != want {
			t.Errorf("%q: %+v", text, *m.Alert)
		}
	}
}

// TestWrongAlertRules: the fault names file and line, and what would be right.
func TestWrongAlertRules(t *testing.T) {
	for text, says := range map[string]string{
		"whenever it is bad":                              `write it like "below 0.80 for 2 periods; severity warn"`,
		"below 0.80 for 2 periods":                        "write it like",
		"below 0.80; severity warn":                       "write it like",
		"below 0.80 for 2 periods; warn":                  "write it like",
		"below 0.80 for 2 periods; severity warn; really": "write it like",
		"below 0.80 for 2 periods; severity warn page me": "write it like",
		"below 0.80 in 2 periods; severity warn":          "write it like",
		"under 0.80 for 2 periods; severity warn":         `"under" is none of below, above`,
		"Below 0.80 for 2 periods; severity warn":         `"Below" is none of below, above`,
		"below 80% for 2 periods; severity warn":          `"80%" is no threshold; write a number in the metric's unit, like 0.80`,
		"below NaN for 2 periods; severity warn":          "is no threshold",
		"below Inf for 2 periods; severity warn":          "is no threshold",
		"below 1e-1 for 2 periods; severity warn":         "is no threshold",
		"below 0x1p-2 for 2 periods; severity warn":       "is no threshold",
		"below .8 for 2 periods; severity warn":           "is no threshold",
		"below 0.8 for 0 periods; severity warn":          "write a whole number from 1 to 60",
		"below 0.8 for 02 periods; severity warn":         "write a whole number from 1 to 60",
		"below 0.8 for 61 periods; severity warn":         "write a whole number from 1 to 60",
		"below 0.8 for two periods; severity warn":        "write a whole number from 1 to 60",
		"below 0.8 for 2 weeks; severity warn":            `"weeks" is none of periods, period`,
		"below 0.8 for 2 periods; severity page":          `severity "page" is none of info, warn, critical`,
		"below 80 for 2 periods; severity warn":           "a ratio is never below 80; it lies between 0 and 1",
		"above -1 for 2 periods; severity warn":           "a ratio is never above -1",
	} {
		_, err := parse("m.sql", fmt.Sprintf(ruled, text))
		if fault.KindOf(err) != fault.Permanent || !strings.HasPrefix(err.Error(), "m.sql:12: alert: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestAlertOfTheWholeMetric: a rule needs one value a period, of periods that
// the metric has.
func TestAlertOfTheWholeMetric(t *testing.T) {
	good := fmt.Sprintf(ruled, "below 0.80 for 2 periods; severity warn")
	for name, c := range map[string]struct{ old, new, says string }{
		"labels":   {"-- report: weekly", "-- labels: good", "a row for each good"},
		"no weeks": {"-- report: weekly", "-- grains: day, month", "about each week, and the metric has only the grains day, month"},
		"no days":  {"-- report: weekly\n", "-- report: daily\n-- grains: week, month\n", "about each day"},
	} {
		_, err := parse("m.sql", strings.Replace(good, c.old, c.new, 1))
		if err == nil || !strings.Contains(err.Error(), ": alert: ") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for report, want := range map[string]string{"daily": "day", "weekly": "week", "monthly": "month"} {
		m, err := parse("m.sql", strings.Replace(good, "weekly", report, 1))
		if err != nil || m.Alert.Grain != want {
			t.Errorf("%s: %v, %v", report, m, err)
		}
	}
}

// FuzzAlert: whatever the rule, reading it ends with a fault that names its
// line, or with a rule whose text reads back to the same.
func FuzzAlert(f *testing.F) {
	f.Add("below 0.80 for 2 periods; severity warn")
	f.Add("above -12.5 for 1 period; severity critical")
	f.Add("below 999999999999999.123 for 60 periods; severity info")
	f.Add("below 0.8 for 2 periods; severity warn; \x00")
	files, err := fs.Glob(queries.Metrics(), "*.sql")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		b, err := fs.ReadFile(queries.Metrics(), file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if rule, ok := strings.CutPrefix(line, "-- alert: "); ok {
				f.Add(strings.TrimSpace(rule))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\r\n") || strings.TrimSpace(text) == "" {
			t.Skip() // no value of one line
		}
		file := strings.Replace(fmt.Sprintf(ruled, text), "unit: ratio", "unit: mean", 1)
		m, err := parse("m.sql", file)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "m.sql:12: alert: ") {
				t.Fatal(err)
			}
			return
		}
		again, err := parse("m.sql", strings.Replace(fmt.Sprintf(ruled, m.Alert.String()), "unit: ratio", "unit: mean", 1))
		if err != nil || *again.Alert != *m.Alert {
			t.Fatalf("%q was read as %q, which reads back to %+v, %v", text, m.Alert, again, err)
		}
		if v := m.Alert.Threshold; m.Alert.Breaks(v) || m.Alert.Breaks(v+1) == m.Alert.Breaks(v-1) {
			t.Fatalf("%q breaks at %v, or on both sides", text, v)
		}
	})
}
