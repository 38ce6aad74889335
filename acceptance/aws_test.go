package acceptance

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"upshot.dev/upshot/internal/runbook"
	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/internal/template"
	"upshot.dev/upshot/testdata/company"
)

// TestOnAWS posts the bundled company to the functions on stand-ins of AWS and
// to one machine, and holds the two against each other.
func TestOnAWS(t *testing.T) {
	if os.Getenv("UPSHOT_E2E") == "" {
		t.Skip("NOT checked: the functions on stand-ins of AWS, from end to end; make e2e does")
	}
	comp := company.Generate(company.Options{Scale: scale(t)})
	if time.Now().Before(comp.End) {
		t.Fatalf("the clock of this machine is before %s, when the company's deliveries end", comp.End)
	}
	set := templates(t)
	c := newCloud(t, set, "upshot-prod")
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
	step(t, "the functions, killed and throttled now and then", func() { c.takes(comp, places) })
	monday := comp.End.In(zone(t))
	monday = time.Date(monday.Year(), monday.Month(), monday.Day(), 0, 0, 0, 0, monday.Location())
	step(t, "the night's compaction, by its schedule", func() {
		if fired := c.fires(monday, monday.Add(4*time.Hour)); len(fired["compact"]) != 2 {
			t.Errorf("compact was started %d times: %v", len(fired["compact"]), fired)
		}
	})
	step(t, "every metric is equal", func() {
		upshot(t, "--config", c.site.config(), "ledger") // fails where it and the lake disagree
		sameMetrics(t, calm, c.site)
	})
	step(t, "the same texts on Trino", func() { c.onTrino(calm) })
	step(t, "the morning's schedules, each fired twice", func() { c.morning(monday) })
	step(t, "a metric breaks its rule", func() { c.alerts(monday.AddDate(0, 0, 1)) })
	step(t, "a delivery that is too large for the queue", func() { c.large() })
	step(t, "dead letters and their way back", func() { c.deadLetters() })
	step(t, "new versions", func() { c.rollsOut() })
	step(t, "the doctor", func() { c.doctor() })
	step(t, "the commands of docs/operations", func() { c.runbooks() })
	step(t, "permissions", func() { c.permissions() })
}

// scale is how much of the bundled company is posted: a tenth, or what
// UPSHOT_E2E_SCALE says.
func scale(t *testing.T) float64 {
	t.Helper()
	given := os.Getenv("UPSHOT_E2E_SCALE")
	if given == "" {
		return .1
	}
	s, err := strconv.ParseFloat(given, 64)
	if err != nil || s <= 0 || s > 1 {
		t.Fatalf("UPSHOT_E2E_SCALE is %q, want a part of the company, up to 1", given)
	}
	return s
}

func zone(t *testing.T) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(company.Zone)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func step(t *testing.T, name string, f func()) {
	t.Helper()
	start := time.Now()
	f()
	t.Logf("%6.1f s  %s", time.Since(start).Seconds(), name)
}

// takes posts everything, while instances of process die in the middle of their
// work and S3 and SQS ask for less for half a minute. Senders try again what is
// not answered with 2xx.
func (c *cloud) takes(comp *company.Company, places []int) {
	t := c.t
	c.Start()
	defer func() { c.Stop() }()
	killing, done := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; i < 4 && killing.Err() == nil; i++ {
			select {
			case <-killing.Done():
			case <-time.After(1700 * time.Millisecond):
				c.Kill("process")
			}
			if i == 1 {
				c.Throttle("s3", 30*time.Second)
				c.Throttle("sqs", 30*time.Second)
			}
		}
	})
	rounds := 0
	for left := places; len(left) > 0; rounds++ {
		if rounds > 60 {
			t.Fatalf("%d deliveries were not answered\n%s", len(left), tail(c.log.String()))
		}
		if rounds > 0 {
			time.Sleep(time.Second)
		}
		left, _ = c.site.post(comp.Deliveries, left, 0)
	}
	done()
	wg.Wait()
	c.until("everything is processed", func() bool { return c.deliveries() == 0 })
	if n := c.dead(); n > 0 {
		t.Errorf("%d deliveries are among the dead letters\n%s", n, tail(c.log.String()))
	}
	if c.Throttled() == 0 {
		t.Error("nothing was throttled")
	}
	starts, cold := c.Host.Starts(c.Serving("process"))
	t.Logf("process was started %d times, cold in %v; senders tried %d times; %d calls were throttled", starts, cold, rounds, c.Throttled())
}

// fires lets the schedules do what is due in a time, each time twice, and gives
// the answers by function.
func (c *cloud) fires(from, to time.Time) map[string][]map[string]any {
	c.t.Helper()
	answers := map[string][]map[string]any{}
	for _, f := range c.Advance(from, to, 2) {
		if f.Err != nil {
			c.t.Errorf("%s at %s: %v\n%s", f.Schedule, f.Due, f.Err, tail(c.log.String()))
		}
		answers[f.Function] = append(answers[f.Function], f.Answer)
	}
	return answers
}

// morning is what a Monday's schedules do. Each fires twice at once, and a third
// time a day later by hand: the report is mailed once.
func (c *cloud) morning(monday time.Time) {
	t := c.t
	c.Start()
	defer func() { c.Stop() }()
	fired := c.fires(monday.Add(4*time.Hour), monday.Add(9*time.Hour))
	for name := range c.Functions() {
		want := map[string]int{"ingest": 0, "process": 0, "compact": 0}
		if n, ok := want[name]; len(fired[name]) != n && ok || !ok && len(fired[name]) != 2 {
			t.Errorf("%s was started %d times by a schedule", name, len(fired[name]))
		}
	}
	mailed := 0
	for _, a := range fired["report"] {
		if a["mailed"] == true {
			mailed++
		}
	}
	again, err := c.invoke("report", map[string]string{"name": "weekly", "scheduled": monday.Add(8 * time.Hour).UTC().Format(time.RFC3339)})
	if err != nil || again["mailed"] != false || again["report"] != "weekly" {
		t.Errorf("the third time: %v, %v", again, err)
	}
	if n := len(c.mails()); n != 1 || mailed != 1 {
		t.Errorf("%d mails left and %d were told, want one", n, mailed)
	}
	for _, f := range []string{"report.html", "report.eml", "report.md", "report.json"} {
		if b, err := os.ReadFile(filepath.Join(c.Lake, "reports", "latest", f)); err != nil || len(b) < 500 {
			t.Errorf("%s: %d bytes, %v", f, len(b), err)
		}
	}
	for _, a := range fired["discover"] {
		key, _ := a["key"].(string)
		if b, err := os.ReadFile(filepath.Join(c.Lake, key)); err != nil || !bytes.Contains(b, []byte(`"phrases"`)) {
			t.Errorf("discover: %v: %v: %.200s", a, err, b)
		}
	}
}

// alerts lets many be unhappy for weeks: whoever is on call is told once, though
// the schedule fires twice on that day and on the next.
func (c *cloud) alerts(day time.Time) {
	t := c.t
	cfg := standin.Config(t, standin.Moto(t).Endpoint)
	inbox, err := sqs.NewFromConfig(cfg).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(c.Name + "-on-call")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sns.NewFromConfig(cfg).Subscribe(t.Context(), &sns.SubscribeInput{
		TopicArn: aws.String(c.Output("AlertTopic")), Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs:us-east-1:123456789012:" + c.Name + "-on-call"),
	}); err != nil {
		t.Fatal(err)
	}
	var body strings.Builder
	for i := range 21 * 40 {
		at := time.Now().UTC().AddDate(0, 0, -1-i/40)
		fmt.Fprintf(&body, `{"table":"surveys","event_id":"bad-%d","occurred_at":%q,"response_id":"bad-%d","kind":"csat","score":1,"scale_min":1,"scale_max":5}`+"\n", i, at.Format(time.RFC3339), i)
	}
	c.record(body.String(), "")
	c.Start()
	c.until("they are processed", func() bool { return c.deliveries() == 0 })
	c.Stop()
	for range 2 {
		// From after compaction to before the canary's next time.
		fired := c.fires(day.Add(6*time.Hour+time.Minute), day.Add(7*time.Hour))
		if len(fired["alert"]) != 2 || len(fired) != 1 {
			t.Errorf("alert was started so: %v", fired)
		}
		day = day.AddDate(0, 0, 1)
	}
	told := 0
	for {
		got, err := sqs.NewFromConfig(cfg).ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: inbox.QueueUrl, VisibilityTimeout: 600})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Messages) == 0 {
			break
		}
		told++
		if !strings.Contains(*got.Messages[0].Body, "CSAT is below 80%") {
			t.Errorf("told: %s", *got.Messages[0].Body)
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}

// large posts more than SQS takes at once: it goes by way of the store. So much
// is read in parts, and by compact too.
func (c *cloud) large() {
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	const n = 20_000
	for i := range n {
		// What compresses badly, for large files.
		id := sha256.Sum256([]byte(strconv.Itoa(i)))
		_, _ = fmt.Fprintf(z, `{"table":"events","event_id":"large-%x","occurred_at":"2026-11-20T10:00:00Z","user_id":"u1","kind":"track","name":"Opened"}`+"\n", id)
	}
	if err := z.Close(); err != nil {
		c.t.Fatal(err)
	}
	c.record(body.String(), "gzip")
	if resp, err := c.site.client.Get(c.site.url + "/v1/status"); err != nil || resp.StatusCode != http.StatusOK {
		c.t.Errorf("the status: %v, %v", resp, err)
	}
	c.Start()
	c.until("it is processed", func() bool { return c.deliveries() == 0 })
	c.Stop()
	if _, err := c.invoke("compact", map[string]string{"name": "compact"}); err != nil {
		c.t.Errorf("compact: %v\n%s", err, tail(c.log.String()))
	}
	if got := c.stored("large-%"); got != fmt.Sprint(n) {
		c.t.Errorf("%s of %d records are in the lake\n%s", got, n, tail(c.log.String()))
	}
}

// record posts records of the person that imports them.
func (c *cloud) record(lines, encoding string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.site.url+"/v1/records", strings.NewReader(lines))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+company.Secrets()["api"])
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	resp, err := c.site.client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		c.t.Fatalf("records are answered %s", resp.Status)
	}
}

// stored counts the events in the lake whose id is like a pattern.
func (c *cloud) stored(like string) string {
	c.t.Helper()
	out := string(upshot(c.t, "--config", c.site.config(), "query", "SELECT count(*) AS n FROM events WHERE event_id LIKE '"+like+"'", "--format", "csv"))
	return strings.TrimSpace(strings.TrimPrefix(out, "n\n"))
}

// deadLetters lets process be broken for longer than a message is tried, and a
// message come that is no envelope. Both block nobody and end among the dead
// letters, which rings; after the repair the delivery comes back and is in the
// lake.
func (c *cloud) deadLetters() {
	t := c.t
	queue, dead := c.URL("QueueUrl"), c.URL("DlqUrl")
	if rings := c.Alarms("ApproximateNumberOfMessagesVisible", dead); len(rings) == 0 || slices.Contains(values(rings), true) {
		t.Errorf("alarms without dead letters: %v", rings)
	}
	c.Replace("process", c.brokenBootstrap(), time.Second)
	// Twelve minutes would pass from try to try.
	c.visibility(queue, "2")
	c.record(`{"table":"events","event_id":"came-back","occurred_at":"2026-11-20T10:00:00Z","user_id":"u1","kind":"track","name":"Opened"}`, "")
	if _, err := c.Queue.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: aws.String("no envelope")}); err != nil {
		t.Fatal(err)
	}
	c.Start()
	c.until("both are dead letters", func() bool { return c.dead() == 2 && c.deliveries() == 0 })
	c.Stop()
	if rings := c.Alarms("ApproximateNumberOfMessagesVisible", dead); !slices.Contains(values(rings), true) {
		t.Errorf("no alarm rings with dead letters: %v", rings)
	}

	c.Replace("process", "", 0)
	if _, err := c.Queue.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(c.ARN(dead)), DestinationArn: aws.String(c.ARN(queue))}); err != nil {
		t.Fatal(err)
	}
	c.until("they are back", func() bool { return c.dead() == 0 && c.deliveries() == 2 })
	c.Start()
	c.until("one is processed, the other is dead again", func() bool { return c.dead() == 1 && c.deliveries() == 0 })
	c.Stop()
	c.visibility(queue, "15")
	if n := c.stored("came-back"); n != "1" {
		t.Errorf("the delivery that came back is in the lake so often: %s", n)
	}
}

func values(m map[string]bool) []bool { return slices.Collect(maps.Values(m)) }

func (c *cloud) visibility(queue, seconds string) {
	c.t.Helper()
	if _, err := c.Queue.SetQueueAttributes(c.t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &queue, Attributes: map[string]string{"VisibilityTimeout": seconds}}); err != nil {
		c.t.Fatal(err)
	}
}

// rollsOut brings new versions of both functions that the deployment hook tries:
// a good one serves afterwards, one that is broken on purpose never does. Then it
// takes the good ones back with the command of the runbook.
func (c *cloud) rollsOut() {
	t := c.t
	c.Start()
	defer func() { c.Stop() }()
	first := map[string]string{}
	for _, name := range []string{"ingest", "process"} {
		before := c.Serving(name)
		first[name] = before
		if status := c.RollOut(name, c.brokenBootstrap()); status != "Failed" || c.Serving(name) != before {
			t.Errorf("%s, broken: the hook says %q, and %s serves, before it was %s\n%s", name, status, c.Serving(name), before, tail(c.log.String()))
		}
		if status := c.RollOut(name, filepath.Join(c.dist, name, "bootstrap")); status != "Succeeded" || c.Serving(name) == before {
			t.Errorf("%s: the hook says %q, and %s serves\n%s", name, status, c.Serving(name), tail(c.log.String()))
		}
	}
	// By hand, and past the version that never served.
	back := exec.CommandContext(t.Context(), "go", "run", "../internal/rollback", "-stack", c.Name)
	back.Env = append(os.Environ(), c.Operator...)
	out, err := back.CombinedOutput()
	if err != nil {
		t.Errorf("make rollback: %v\n%s", err, out)
	}
	for name, was := range first {
		if c.Serving(name) != was {
			t.Errorf("after make rollback %s serves, want %s:\n%s", c.Serving(name), was, out)
		}
	}
	// As a canary it tries what serves.
	if _, err := c.invoke("smoke", map[string]string{"name": "smoke"}); err != nil {
		t.Errorf("the canary: %v\n%s", err, tail(c.log.String()))
	}
}

// permissions holds what the functions called against what their roles allow. A
// permission that nothing of this run needed must have its reason here.
func (c *cloud) permissions() {
	for _, d := range c.Denied() {
		c.t.Error(d)
	}
	var without []string
	for _, u := range c.Unused() {
		reason := ""
		for pattern, r := range unusedFor {
			if template.Matches(pattern, u) {
				reason = r
			}
		}
		if reason == "" {
			without = append(without, u)
			continue
		}
		c.t.Logf("not used in this run: %-45s %s", u, reason)
	}
	for _, u := range without {
		c.t.Errorf("not used, and no reason is known: %s", u)
	}
}

// unusedFor are the reasons of permissions that a run does not use.
var unusedFor = map[string]string{
	"* s3:AbortMultipartUpload":            "when the upload of a large file fails half-way",
	"*: Queries athena:StopQueryExecution": "when a query is given up, at the end of a function's time",
	"process: Lake s3:ListBucket":          "without it S3 tells an object that is not there as one that is denied",
	"report: Mail ses:SendEmail":           "SES asks for this one or for ses:SendRawEmail, by the version of its API",
}

// doctor looks the deployment over by its stack, as a person would.
func (c *cloud) doctor() {
	t := c.t
	outputs := ""
	for name := range c.Outputs {
		outputs += fmt.Sprintf("  %s: {Value: %q}\n", name, c.Output(name))
	}
	client := cloudformation.NewFromConfig(standin.Config(t, standin.Moto(t).Endpoint))
	if _, err := client.CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName: aws.String(c.Name), TemplateBody: aws.String("Resources: {Topic: {Type: AWS::SNS::Topic}}\nOutputs:\n" + outputs),
	}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary(), "doctor", "--stack", c.Name, "--config", filepath.Join(c.dist, "ingest", "upshot.yaml"))
	cmd.Env = append(os.Environ(), c.Operator...)
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
	// The first of them make this secret, before anything is deployed.
	key := strings.TrimPrefix(c.Outputs["Secrets"], "ssm:") + "/identity_key"
	if _, err := ssm.NewFromConfig(standin.Config(t, standin.Moto(t).Endpoint)).DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: &key}); err != nil {
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
	ran := 0
	for _, b := range blocks {
		if b.Where != runbook.AWS {
			continue
		}
		ran++
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", `upshot() { command upshot "$@" || [ $? = 1 ]; }`+"\n"+b.Script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), c.Operator...)
		cmd.Env = append(
			cmd.Env, "PATH="+filepath.Dir(binary())+":"+tools+":"+os.Getenv("PATH"), "AWS_DEFAULT_REGION=us-east-1",
			"STACK="+c.Name, "WORKGROUP="+c.Output("AthenaWorkgroup"), "DATABASE="+c.Output("AthenaDatabase"), "LAKE_BUCKET="+c.Output("LakeBucket"), "BACKUP_BUCKET="+c.backup,
			"DLQ_ARN="+c.ARN(c.URL("DlqUrl")), "QUEUE_ARN="+c.ARN(c.URL("QueueUrl")),
		)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("docs/operations/%s:%d: %v\n%s%s", b.Page, b.Line, err, b.Script, out)
		}
	}
	if ran < 8 {
		t.Errorf("only %d blocks were run", ran)
	}
}
