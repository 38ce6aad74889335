package alert_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/alert"
	"upshot.dev/upshot/pipeline/metric"
)

var update = flag.Bool("update", false, "rewrite the notices in testdata")

// TestWording holds the two notices of an episode to testdata.
func TestWording(t *testing.T) {
	m := csat(t, "below 0.80 for 2 periods; severity warn", "daily")
	box, bell, clock := newBox(firstDay)
	for i, days := range []string{"oxx", "oxx.", "oxx.o"} {
		clock.Set(morning(i + 2))
		if _, err := check(t, m, &world{days: []rune(days)}, box, morning(i+2)); err != nil {
			t.Fatal(err)
		}
	}
	if len(bell.Notices()) != 2 {
		t.Fatalf("%d notices", len(bell.Notices()))
	}
	for i, name := range []string{"fired.txt", "recovered.txt"} {
		n := bell.Notices()[i]
		got := "Subject: " + n.Subject + "\n"
		for _, k := range []string{"metric", "severity", "state", "owner"} {
			got += k + ": " + n.Attributes[k] + "\n"
		}
		got += "\n" + n.Body
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestHostileText: a title is text of a file, and stands in a mail's subject.
func TestHostileText(t *testing.T) {
	m := *csat(t, "below 0.80 for 1 period; severity critical", "daily")
	m.Title = "Zufriedenheit für\r\nBcc: victim@example.com\x00\x1b[31m\u202e " + strings.Repeat("long ", 40)
	m.Description, m.Owner = "line\none\x1b]0;x\x07", "sup\r\nport\u2028"
	box, bell, _ := newBox(firstDay)
	if _, err := check(t, &m, &world{days: []rune("ox")}, box, morning(1)); err != nil {
		t.Fatal(err)
	}
	n := bell.Notices()[0]
	if len(n.Subject) > 100 || !regexp.MustCompile(`^[ -~]+$`).MatchString(n.Subject) || !strings.HasPrefix(n.Subject, "[critical] Zufriedenheit f?r Bcc: victim@") {
		t.Errorf("subject %q", n.Subject)
	}
	if strings.ContainsAny(n.Body, "\r\x00\x1b\x07\u202e\u2028") || !strings.Contains(n.Body, "What it is: line one]0;x\n") {
		t.Errorf("body %q", n.Body)
	}
	if n.Attributes["owner"] != "sup port" {
		t.Errorf("attributes %q", n.Attributes)
	}
}

// TestUnits: numbers are written the way their unit is read, the threshold with
// all its digits.
func TestUnits(t *testing.T) {
	for _, c := range []struct{ unit, rule, says string }{
		{"ratio", "below 0.805 for 1 period; severity warn", "below 80.5% for 1 day"},
		{"ratio", "below 0.07 for 1 period; severity warn", "below 7% for 1 day"},
		{"score", "below -20 for 3 periods; severity warn", "below -20 for 3 days"},
		{"seconds", "above 86400 for 2 periods; severity warn", "above 24 h for 2 days"},
		{"seconds", "above 259200 for 2 periods; severity warn", "above 3 d for 2 days"},
		{"seconds", "above 90 for 2 periods; severity warn", "above 90 s for 2 days"},
		{"mean", "below 0.25 for 2 periods; severity warn", "below 0.25 for 2 days"},
		{"count", "above 1200 for 2 periods; severity warn", "above 1200 for 2 days"},
	} {
		m := csat(t, c.rule, "daily", "-- unit: ratio", "-- unit: "+c.unit)
		states, err := alert.Check(t.Context(), []*metric.Metric{m}, (&world{}).ask, "UTC", firstDay)
		if err != nil || states[0].Rule() != c.says {
			t.Errorf("%s, %s: %q, %v", c.unit, c.rule, states[0].Rule(), err)
		}
	}
}

// TestDoubt: where an interval reaches beyond the threshold the notice says so.
func TestDoubt(t *testing.T) {
	for rule, says := range map[string]string{
		"below 0.80 for 2 periods; severity warn": "The whole interval of each of these periods is below 80%.",
		"below 0.75 for 2 periods; severity warn": "The whole interval is below 75% in 0 of the 2 days; otherwise it reaches beyond the threshold, and chance may have its part.",
		"above 0.55 for 2 periods; severity warn": "The whole interval of each of these periods is above 55%.",
	} {
		box, bell, _ := newBox(firstDay)
		if _, err := check(t, csat(t, rule, "daily"), &world{days: []rune("-xx")}, box, morning(2)); err != nil || len(bell.Notices()) != 1 {
			t.Fatalf("%s: %v, %+v", rule, err, bell.Notices())
		}
		if body := bell.Notices()[0].Body; !strings.Contains(body, "\n"+says+"\n") {
			t.Errorf("%s: %s", rule, body)
		}
	}
}

// TestLongNotice: only the latest periods are listed, and an episode that began
// before what is looked at says so.
func TestLongNotice(t *testing.T) {
	box, bell, _ := newBox(firstDay)
	days := []rune(strings.Repeat("x", 40))
	if _, err := check(t, csat(t, "below 0.80 for 2 periods; severity info", "daily"), &world{days: days}, box, morning(39)); err != nil || len(bell.Notices()) != 1 {
		t.Fatalf("%v, %+v", err, bell.Notices())
	}
	n := bell.Notices()[0]
	for _, says := range []string{"CSAT is below 80% since 26 October 2026 or longer.", "(3 days before these)\n  day ", "--from 2026-10-26 --to 2026-11-10 --grain day"} {
		if !strings.Contains(n.Body, says) {
			t.Errorf("%q is missing in\n%s", says, n.Body)
		}
	}
	if strings.Count(n.Body, "below 80%\n") != 12 {
		t.Errorf("not 12 periods in\n%s", n.Body)
	}
}
