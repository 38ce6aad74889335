package acceptance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"upshot.dev/upshot/internal/runbook"
	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/internal/standin/lambda"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/testdata/company"
)

// TestOnAWS posts the bundled company to the functions on stand-ins of AWS and
// to one machine, and holds the two against each other.
func TestOnAWS(t *testing.T) {
	if os.Getenv("UPSHOT_E2E") == "" {
		t.Skip("NOT checked: the functions on stand-ins of AWS, from end to end; make e2e does")
	}
	comp := company.Generate(company.Options{Scale: .1})
	if time.Now().Before(comp.End) {
		t.Fatalf("the clock of this machine is before %s, when the company's deliveries end", comp.End)
	}
	c := newCloud(t)
	calm := newSite(t, time.Now())
	places := make([]int, len(comp.Deliveries))
	for i := range places {
		places[i] = i
	}
	step(t, "one machine", func() {
		calm.start()
		if left, _ := calm.post(comp.Deliveries, places, 0); len(left) > 0 {
			t.Fatalf("%d deliveries were not answered", len(left))
		}
		calm.empty()
		calm.stop()
	})
	step(t, "the functions, killed now and then", func() { c.takes(comp, places) })
	step(t, "compaction", func() {
		if _, err := c.invoke("compact", map[string]string{"name": "compact"}); err != nil {
			t.Fatalf("%v\n%s", err, tail(c.log.String()))
		}
	})
	step(t, "every metric is equal", func() {
		upshot(t, "--config", c.site.config(), "ledger") // fails where it and the lake disagree
		sameMetrics(t, calm, c.site)
	})
	step(t, "the report is mailed once", func() { c.mailsOnce(comp) })
	step(t, "discovery", func() {
		got, err := c.invoke("discover", map[string]string{"name": "discover"})
		key, _ := got["key"].(string)
		if b, readErr := os.ReadFile(filepath.Join(c.lake, key)); err != nil || readErr != nil || !bytes.Contains(b, []byte(`"phrases"`)) {
			t.Errorf("%v, %v, %v: %.200s", got, err, readErr, b)
		}
	})
	step(t, "dead letters and their way back", func() { c.deadLetters() })
	step(t, "the smoke test", func() { c.smokes() })
	step(t, "the doctor", func() { c.doctor() })
	step(t, "the commands of docs/operations", func() { c.runbooks() })
}

func step(t *testing.T, name string, f func()) {
	t.Helper()
	start := time.Now()
	f()
	t.Logf("%6.1f s  %s", time.Since(start).Seconds(), name)
}

// takes posts everything, while instances of process die in the middle of their
// work.
func (c *cloud) takes(comp *company.Company, places []int) {
	t := c.t
	c.poll()
	defer func() { c.stop() }()
	killing, done := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; i < 4 && killing.Err() == nil; i++ {
			select {
			case <-killing.Done():
			case <-time.After(1700 * time.Millisecond):
				c.host.Kill("process")
			}
		}
	})
	left, _ := c.site.post(comp.Deliveries, places, 0)
	done()
	wg.Wait()
	if len(left) > 0 {
		t.Fatalf("%d deliveries were not answered\n%s", len(left), tail(c.log.String()))
	}
	c.until("everything is processed", func() bool { return c.depth("deliveries") == 0 })
	if n := c.depth("dead"); n > 0 {
		t.Errorf("%d deliveries are among the dead letters\n%s", n, tail(c.log.String()))
	}
	starts, cold := c.host.Starts("process")
	t.Logf("process was started %d times, cold in %v", starts, cold)
}

// mailsOnce fires the schedule of the report three times, two of them at once.
func (c *cloud) mailsOnce(comp *company.Company) {
	t := c.t
	event := map[string]string{"name": "weekly", "scheduled": comp.End.Add(7 * time.Hour).Format(time.RFC3339)}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			// Of two at once one may find the other at work; the schedule tries again.
			if _, err := c.invoke("report", event); err != nil && !strings.Contains(err.Error(), "is being sent") && !strings.Contains(err.Error(), "claim") && !strings.Contains(err.Error(), "attempt") {
				t.Errorf("report: %v\n%s", err, tail(c.log.String()))
			}
		})
	}
	wg.Wait()
	again, err := c.invoke("report", event)
	if err != nil || again["mailed"] != false || again["report"] != "weekly" {
		t.Errorf("the third time: %v, %v", again, err)
	}
	mails := c.mails()
	if len(mails) != 1 {
		t.Errorf("%d mails left, want one", len(mails))
	}
	for _, f := range []string{"report.html", "report.eml", "report.md", "report.json"} {
		if b, err := os.ReadFile(filepath.Join(c.lake, "reports", "latest", f)); err != nil || len(b) < 500 {
			t.Errorf("%s: %d bytes, %v", f, len(b), err)
		}
	}
}

// deadLetters lets process be broken for longer than a message is tried, and a
// message come that is no envelope. Both block nobody and end among the dead
// letters; after the repair the delivery comes back and is in the lake.
func (c *cloud) deadLetters() {
	t := c.t
	good := c.function("process")
	c.host.Add(lambda.Function{Name: "process", Bootstrap: c.brokenBootstrap(), Timeout: time.Second, Log: c.log})
	body := `{"table":"events","event_id":"came-back","occurred_at":"2026-11-20T10:00:00Z","user_id":"u1","kind":"track","name":"Opened"}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.site.url+"/v1/records", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+company.Secrets()["api"])
	resp, err := c.site.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("a record is answered %s", resp.Status)
	}
	if _, err := c.queue.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(c.urls["deliveries"]), MessageBody: aws.String("no envelope")}); err != nil {
		t.Fatal(err)
	}
	c.poll()
	c.until("both are dead letters", func() bool { return c.depth("dead") == 2 && c.depth("deliveries") == 0 })
	c.stop()

	c.host.Add(good)
	if _, err := c.queue.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{SourceArn: c.arn("dead"), DestinationArn: c.arn("deliveries")}); err != nil {
		t.Fatal(err)
	}
	c.until("they are back", func() bool { return c.depth("dead") == 0 && c.depth("deliveries") == 2 })
	c.poll()
	c.until("one is processed, the other is dead again", func() bool { return c.depth("dead") == 1 && c.depth("deliveries") == 0 })
	c.stop()
	if got := string(upshot(t, "--config", c.site.config(), "query", "SELECT count(*) AS n FROM events WHERE event_id = 'came-back'", "--format", "csv")); got != "n\n1\n" {
		t.Errorf("the delivery that came back is in the lake so often: %q", got)
	}
}

// smokes asks for the deployment hook's verdict on good functions, and on a
// process that is broken on purpose.
func (c *cloud) smokes() {
	t := c.t
	c.poll()
	defer func() { c.stop() }()
	if _, err := c.invoke("smoke", map[string]string{"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "good"}); err != nil {
		t.Errorf("good versions: %v\n%s", err, tail(c.log.String()))
	}
	c.host.Add(lambda.Function{Name: "process", Bootstrap: c.brokenBootstrap(), Timeout: time.Second, Log: c.log})
	_, err := c.invoke("smoke", map[string]string{"DeploymentId": "d-2", "LifecycleEventHookExecutionId": "broken"})
	if _, ok := errors.AsType[*lambda.FunctionError](err); err != nil && !ok {
		t.Errorf("a broken version: %v", err)
	}
	got := c.host.HookOutcomes()
	want := []lambda.HookOutcome{{DeploymentID: "d-1", ExecutionID: "good", Status: "Succeeded"}, {DeploymentID: "d-2", ExecutionID: "broken", Status: "Failed"}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("the hooks told %+v\n%s", got, tail(c.log.String()))
	}
}

// doctor looks the deployment over by its stack, as a person would.
func (c *cloud) doctor() {
	t := c.t
	outputs := ""
	for _, v := range c.env {
		if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, "UPSHOT_") {
			outputs += fmt.Sprintf("  %s: {Value: %q}\n", awsenv.OutputName(name), value)
		}
	}
	client := cloudformation.NewFromConfig(standin.Config(t, standin.Moto(t).Endpoint))
	if _, err := client.CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName: aws.String("upshot-prod"), TemplateBody: aws.String("Resources: {Topic: {Type: AWS::SNS::Topic}}\nOutputs:\n" + outputs),
	}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary(), "doctor", "--stack", "upshot-prod", "--config", filepath.Join(c.dist, "ingest", "upshot.yaml"))
	cmd.Env = append(os.Environ(), c.env...)
	out, err := cmd.CombinedOutput()
	for _, want := range []string{
		`ok +source support +1 secret`, `ok +identity key +set`, `fail +dead letters +1 deliveries`, `ok +lake +can be written`,
		`ok +ledger +the lake holds`, `ok +schedule compact +succeeded`, `fail +mail +`, `Athena read`,
	} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("the doctor does not say %q: %v\n%s", want, err, out)
		}
	}
	for _, secret := range company.Secrets() {
		if bytes.Contains(out, []byte(secret)) {
			t.Errorf("the doctor shows a secret")
		}
	}
}

// runbooks runs every command of docs/operations that is for AWS, as it is
// written, with the real command line of AWS against the stand-ins. The doctor
// may find something: that is its work.
func (c *cloud) runbooks() {
	t := c.t
	tools := filepath.Dir(standin.Installed(t, "aws/bin/aws", "the commands of docs/operations for AWS"))
	blocks, err := runbook.Read("../docs/operations")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	conf, err := os.ReadFile(filepath.Join(c.dist, "ingest", "upshot.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "upshot.yaml"), conf, 0o600); err != nil {
		t.Fatal(err)
	}
	lake := filepath.Base(filepath.Dir(c.lake))
	ran := 0
	for _, b := range blocks {
		if b.Where != runbook.AWS {
			continue
		}
		ran++
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", `upshot() { command upshot "$@" || [ $? = 1 ]; }`+"\n"+b.Script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), c.env...)
		cmd.Env = append(
			cmd.Env, "PATH="+filepath.Dir(binary())+":"+tools+":"+os.Getenv("PATH"), "AWS_DEFAULT_REGION=us-east-1",
			"STACK=upshot-prod", "WORKGROUP=upshot", "DATABASE=upshot", "LAKE_BUCKET="+lake, "BACKUP_BUCKET="+c.backup,
			"DLQ_ARN="+*c.arn("dead"), "QUEUE_ARN="+*c.arn("deliveries"),
		)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("docs/operations/%s:%d: %v\n%s%s", b.Page, b.Line, err, b.Script, out)
		}
	}
	if ran < 8 {
		t.Errorf("only %d blocks were run", ran)
	}
}
