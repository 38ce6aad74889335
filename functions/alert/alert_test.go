package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/internal/standin/athena"
	"upshot.dev/upshot/internal/standin/cloud"
	"upshot.dev/upshot/internal/template"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
)

// deployed brings the template up on stand-ins, with this function alone built.
func deployed(t *testing.T) *cloud.Deployment {
	t.Helper()
	set, err := template.Load(t.Context(), standin.Installed(t, "lint/bin/python", "alerts through the template's function"), "../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	stack, err := set.Deploy(template.Options{Name: fmt.Sprintf("alert-%d", time.Now().UnixNano()), Parameters: map[string]string{
		"AlertEmail": "on-call@example.com", "MailIdentity": "", "TimeZone": "UTC",
	}})
	if err != nil {
		t.Fatal(err)
	}
	dist := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags", "lambda.norpc", "-o", filepath.Join(dist, "alert", "bootstrap"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	conf, err := os.ReadFile("../upshot.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dist, "alert", "upshot.yaml"), conf, 0o600); err != nil {
		t.Fatal(err)
	}
	return cloud.Up(t, cloud.Options{Stack: stack, Binaries: dist, Engine: func(lake string) athena.Engine {
		e := athena.OpenLake(lake, localenv.QuerierOptions{})
		t.Cleanup(func() { _ = e.Close() })
		return e
	}})
}

// onCall puts a queue behind the topic of the deployment, and gives what came.
func onCall(t *testing.T, d *cloud.Deployment) func() []map[string]any {
	t.Helper()
	cfg := standin.Config(t, standin.Moto(t).Endpoint)
	name := fmt.Sprintf("on-call-%d", time.Now().UnixNano())
	q := sqs.NewFromConfig(cfg)
	queue, err := q.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		t.Fatal(err)
	}
	_, err = sns.NewFromConfig(cfg).Subscribe(t.Context(), &sns.SubscribeInput{
		TopicArn: aws.String(d.Output("AlertTopic")), Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs:us-east-1:123456789012:" + name),
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() (out []map[string]any) {
		for {
			got, err := q.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, VisibilityTimeout: 600})
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Messages) == 0 {
				return out
			}
			var m map[string]any
			if err := json.Unmarshal([]byte(*got.Messages[0].Body), &m); err != nil {
				t.Fatal(err)
			}
			out = append(out, m)
		}
	}
}

// answers writes csat answers of five points on a day.
func answers(t *testing.T, dir string, at time.Time, good, bad int) {
	t.Helper()
	s, err := localenv.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	var rows []record.SurveyRow
	low, high := 1.0, 5.0
	for i := range good + bad {
		score := 5.0
		if i >= good {
			score = 1
		}
		id := fmt.Sprintf("%d-%d", at.Unix(), i)
		rows = append(rows, record.SurveyRow{
			Row:  record.Row{EventID: id, Source: "survey", OccurredAt: at.UnixMicro(), ReceivedAt: at.UnixMicro(), DeliveryID: "d" + id, UserKey: "u" + id},
			Kind: "csat", ResponseID: id, Score: &score, ScaleMin: &low, ScaleMax: &high,
		})
	}
	if err := lake.WriteHot(t.Context(), s, "surveys", at.Format(time.DateOnly), fmt.Sprint("b", at.Unix()), rows); err != nil {
		t.Fatal(err)
	}
}

// TestOnAWS: the real binary, with the template's environment and role, tells
// the topic once that a rule is broken and once that it no longer is, though it
// is started several times, and twice at once.
func TestOnAWS(t *testing.T) {
	d := deployed(t)
	arrived := onCall(t, d)
	now := time.Now().UTC()
	monday := now.Truncate(24*time.Hour).AddDate(0, 0, -(int(now.Weekday())+6)%7)
	noon := func(week int) time.Time { return monday.AddDate(0, 0, -7*week+2).Add(12 * time.Hour) }
	answers(t, d.Lake, noon(3), 19, 1)
	answers(t, d.Lake, noon(2), 5, 15)
	answers(t, d.Lake, noon(1), 8, 12)
	event := []byte(`{"name":"alert","scheduled":"` + now.Format(time.RFC3339) + `"}`)
	var at sync.WaitGroup
	for range 2 {
		at.Go(func() { _, _ = d.Invoke("alert", event) }) // one may find the other at work
	}
	at.Wait()
	out, err := d.Invoke("alert", event)
	if err != nil || fmt.Sprint(out["firing"], out["rules"], out["told"]) != "[csat] 1 []" {
		t.Errorf("%v, %v", out, err)
	}
	told := arrived()
	if len(told) != 1 {
		t.Fatalf("%d notices, want 1: %v", len(told), told)
	}
	if told[0]["Subject"] != "[warn] CSAT is below 80%" || !strings.Contains(fmt.Sprint(told[0]["Message"]), "  25.0%  ") || !strings.Contains(fmt.Sprint(told[0]["MessageAttributes"]), "support") {
		t.Errorf("%v", told[0])
	}
	// Answers that came late make the last week well.
	answers(t, d.Lake, noon(1).Add(time.Hour), 90, 0)
	for range 2 {
		if _, err := d.Invoke("alert", event); err != nil {
			t.Fatal(err)
		}
	}
	if told = arrived(); len(told) != 1 || told[0]["Subject"] != "[recovered] CSAT is not below 80% any more" {
		t.Errorf("%v", told)
	}
	for _, f := range d.Denied() {
		t.Error(f)
	}
	for _, u := range d.Unused() {
		if strings.HasPrefix(u, "alert") {
			t.Log("not used:", u)
		}
	}
	mark, err := os.ReadFile(filepath.Join(d.Lake, "jobs", "alert.json"))
	if err != nil || !strings.Contains(string(mark), `"name":"alert"`) {
		t.Errorf("%s, %v", mark, err)
	}
}
