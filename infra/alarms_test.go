package infra_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"upshot.dev/upshot/internal/template"
)

// page is where the runbooks are, from the root of the checkout.
const page = "docs/operations/alarms.md"

var runbookLink = regexp.MustCompile(`Runbook: (\S+)#(\S+)$`)

// checkAlarms holds that each alarm tells somebody, and what to do.
func checkAlarms(_ *testing.T, s *site) {
	for _, a := range s.All("AWS::CloudWatch::Alarm") {
		link := runbookLink.FindStringSubmatch(a.Text("AlarmDescription"))
		if link == nil || link[1] != page || a.Ref != "upshot-prod-"+link[2] {
			s.found(a, fmt.Sprintf("its description %q does not link to its runbook %s#%s", a.Text("AlarmDescription"), page, strings.TrimPrefix(a.Ref, "upshot-prod-")))
		}
		if !strings.Contains(a.Text("AlarmActions"), s.functions["ingest"].Env["UPSHOT_ALERT_TOPIC"]) {
			s.found(a, "it tells nobody")
		}
		missing := a.Text("TreatMissingData")
		switch seldom := seldom(s.mains, a); {
		case seldom && missing != "ignore":
			s.found(a, "it is over by itself before anybody has measured again")
		case !seldom && missing != "notBreaching":
			s.found(a, "it rings, or goes on, when there is nothing to measure")
		}
	}
}

// seldom reports whether an alarm's metric is measured only when scheduled work
// runs or mails leave. Until the next time nobody knows better than the last.
func seldom(mains map[string]string, a *template.Resource) bool {
	if a.Text("Namespace") == "AWS/SES" {
		return true
	}
	for _, main := range mains {
		if a.Text("Namespace") == "Upshot" && strings.Contains(main, "awsenv.StartJob") && strings.Contains(main, `("`+a.Text("MetricName")+`"`) {
			return true
		}
	}
	return false
}

// TestRunbooks holds that the runbook that an alarm links to is there, and that
// every runbook has its alarm.
func TestRunbooks(t *testing.T) {
	set, err := load(t, "..")
	if err != nil {
		t.Fatal(err)
	}
	st, err := deploy(set, "default")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(page)))
	if err != nil {
		t.Fatal(err)
	}
	headings := regexp.MustCompile("(?m)^#+ `?([a-z][a-z0-9-]*)`?$").FindAllStringSubmatch(string(text), -1)
	var there, alarms []string
	for _, h := range headings {
		there = append(there, h[1])
	}
	for _, a := range st.All("AWS::CloudWatch::Alarm") {
		alarms = append(alarms, strings.TrimPrefix(a.Ref, "upshot-prod-"))
	}
	for _, a := range alarms {
		if !slices.Contains(there, a) {
			t.Errorf("%s has no heading %s", page, a)
		}
	}
	for _, h := range there {
		if !slices.Contains(alarms, h) {
			t.Errorf("%s has a heading %s, and there is no such alarm", page, h)
		}
	}
}

// TestMetricsAreEmitted holds that the code emits the metrics of the namespace
// Upshot that alarms and the dashboard name, with the dimensions that they name.
func TestMetricsAreEmitted(t *testing.T) {
	set, err := load(t, "..")
	if err != nil {
		t.Fatal(err)
	}
	st, err := deploy(set, "default")
	if err != nil {
		t.Fatal(err)
	}
	emitted := emittedMetrics(t)
	named := 0
	for where, m := range namedMetrics(t, st) {
		named++
		if !emitted[m] {
			t.Errorf("%s: the code never emits %s", where, m)
		}
	}
	if named < 15 {
		t.Errorf("only %d metrics are named", named)
	}
}

// emittedMetrics are the names in calls of awsenv's constructors of metrics.
func emittedMetrics(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	call := regexp.MustCompile(`\b(?:Count|Milliseconds|Seconds|Bytes|Amount)\("([A-Za-z]+)"`)
	for _, dir := range []string{"../functions", "../internal/onaws", "../pipeline/env/awsenv"} {
		err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
				return err
			}
			for _, m := range call.FindAllStringSubmatch(read(t, p), -1) {
				out[m[1]] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// namedMetrics are the names of Upshot's metrics in alarms and widgets, by where
// they stand.
func namedMetrics(t *testing.T, st *template.Stack) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, a := range st.All("AWS::CloudWatch::Alarm") {
		if a.Text("Namespace") == "Upshot" {
			out[a.Where()] = a.Text("MetricName")
		}
		metrics, _ := a.Get("Metrics").([]any)
		for i, m := range metrics {
			q := &template.Resource{Properties: m.(map[string]any)}
			if q.Text("MetricStat", "Metric", "Namespace") == "Upshot" {
				out[fmt.Sprintf("%s %d", a.Where(), i)] = q.Text("MetricStat", "Metric", "MetricName")
			}
		}
	}
	for _, d := range st.All("AWS::CloudWatch::Dashboard") {
		for _, w := range widgets(t, d) {
			for i, m := range w.Properties.Metrics {
				if len(m) > 1 && m[0] == "Upshot" {
					out[fmt.Sprintf("dashboard, %s %d", w.Properties.Title, i)] = fmt.Sprint(m[1])
				}
			}
		}
	}
	return out
}

type widget struct {
	Type       string
	Properties struct {
		Title   string
		Region  string
		Metrics [][]any
	}
}

func widgets(t *testing.T, d *template.Resource) []widget {
	t.Helper()
	var body struct{ Widgets []widget }
	if err := json.Unmarshal([]byte(d.Text("DashboardBody")), &body); err != nil {
		t.Fatalf("%s: %v\n%s", d.Where(), err, d.Text("DashboardBody"))
	}
	return body.Widgets
}

// TestDashboard holds that the dashboard shows what it should, of the queues
// and functions that there are.
func TestDashboard(t *testing.T) {
	set, err := load(t, "..")
	if err != nil {
		t.Fatal(err)
	}
	st, err := deploy(set, "everything")
	if err != nil {
		t.Fatal(err)
	}
	all := st.All("AWS::CloudWatch::Dashboard")
	if len(all) != 1 {
		t.Fatalf("%d dashboards", len(all))
	}
	shown := ""
	for _, w := range widgets(t, all[0]) {
		if w.Type != "metric" || w.Properties.Region != "us-east-1" || w.Properties.Title == "" {
			t.Errorf("%+v", w)
		}
		b, _ := json.Marshal(w.Properties.Metrics)
		shown += string(b) + "\n"
	}
	want := []string{
		"'{Upshot,Source,Stage,Status} MetricName=", "IngestLatency", "ApproximateAgeOfOldestMessage", "StoreLag", "RecordsRejected", "LedgerGap",
		"AthenaBytesScanned", "MailsSent",
	}
	for _, f := range st.Functions() {
		want = append(want, `"Duration","FunctionName","`+f.Ref+`"`, strings.ToUpper(f.Package[:1])+f.Package[1:]+"Memory")
	}
	for _, q := range st.All("AWS::SQS::Queue") {
		want = append(want, `"`+q.Ref[strings.LastIndex(q.Ref, "/")+1:]+`"`)
	}
	for _, w := range want {
		if !strings.Contains(shown, w) {
			t.Errorf("the dashboard does not show %s", w)
		}
	}
}
