package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/internal/standin/athena"
	"upshot.dev/upshot/internal/standin/lambda"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/testdata/company"
)

// cloud is a deployment on stand-ins: the real binaries of the functions under
// a Lambda host, an S3, an SQS and an SES server, moto for the rest, and Athena
// over DuckDB.
type cloud struct {
	t     *testing.T
	host  *lambda.Host
	site  *site // for what it shares with a deployment on one machine
	queue *sqs.Client
	urls  map[string]string // deliveries, dead
	ses   string
	lake  string // folder that the objects of the lake are in
	// backup is a bucket for copies.
	backup string
	log    *lockedBuffer
	env    []string
	dist   string
	stop   func() // ends the event source
}

// lockedBuffer is written to by several processes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// secretsLine is what a configuration that is packed with the code lacks.
var secretsLine = regexp.MustCompile(`, secrets: \[[^]]*\]|(?m)^identity_key:.*$`)

// newCloud starts everything and deploys the functions.
func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{t: t, host: lambda.New(), urls: map[string]string{}, log: &lockedBuffer{}, dist: filepath.Join(scratch, "functions")}
	t.Cleanup(c.host.Close)
	store, moto, mail, queues := standin.S3(t), standin.Moto(t), standin.SES(t), standin.SQS(t)
	c.ses = mail.URL
	bucket := store.VersionedBucket(t, "lake")
	c.backup = store.Bucket(t, "backup")
	c.lake = filepath.Join(store.Root, bucket, "lake")
	cfg := standin.Config(t, moto.Endpoint, queues.Endpoint)
	c.queue = sqs.NewFromConfig(cfg)
	c.makeQueues(bucket)
	c.putSecrets(ssm.NewFromConfig(cfg))
	engine := athena.OpenLake(c.lake, localenv.QuerierOptions{})
	t.Cleanup(func() { _ = engine.Close() })
	sql := athena.New(athena.Options{Engine: engine, Workgroups: map[string]athena.Workgroup{"upshot": {Output: "s3://results/"}, "upshot-prod": {Output: "s3://results/"}}, Clock: env.ClockFunc(time.Now)})
	t.Cleanup(sql.Close)
	c.env = append(standin.Environ(store.Endpoint, moto.Endpoint, mail.Endpoint, queues.Endpoint,
		standin.Endpoint{Service: "Athena", URL: serve(t, sql)}, standin.Endpoint{Service: "Lambda", URL: serve(t, c.host.APIs())},
		standin.Endpoint{Service: "CodeDeploy", URL: serve(t, c.host.APIs())}),
		"UPSHOT_STAGE=test", "UPSHOT_LAKE_BUCKET="+bucket, "UPSHOT_QUEUE_URL="+c.urls["deliveries"], "UPSHOT_DLQ_URL="+c.urls["dead"],
		"UPSHOT_SECRETS=ssm:/upshot/"+bucket, "UPSHOT_ATHENA_WORKGROUP=upshot", "UPSHOT_ATHENA_DATABASE=upshot",
	)
	c.deploy()
	c.site = &site{t: t, dir: t.TempDir(), base: time.Now(), zero: time.Now(), url: serve(t, c.host.HTTPAPI("ingest")), client: &http.Client{Timeout: time.Minute}}
	if err := os.WriteFile(c.site.config(), company.Config(c.lake), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// makeQueues makes the queue as the template does, with a shorter visibility.
func (c *cloud) makeQueues(name string) {
	c.t.Helper()
	make := func(role string, attributes map[string]string) {
		out, err := c.queue.CreateQueue(c.t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(name + "-" + role), Attributes: attributes})
		if err != nil {
			c.t.Fatal(err)
		}
		c.urls[role] = *out.QueueUrl
	}
	make("dead", nil)
	make("deliveries", map[string]string{
		"VisibilityTimeout": "5", "RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":"5"}`, *c.arn("dead")),
	})
}

// putSecrets puts the company's secrets where the functions look.
func (c *cloud) putSecrets(client *ssm.Client) {
	c.t.Helper()
	all := map[string]string{"identity_key": "demo-only-identity-key-0123456789abcdef"}
	for name, secret := range company.Secrets() {
		all["sources/"+name] = secret
	}
	_, bucket := filepath.Split(filepath.Dir(c.lake))
	for name, value := range all {
		if _, err := client.PutParameter(c.t.Context(), &ssm.PutParameterInput{
			Name: aws.String("/upshot/" + bucket + "/" + name), Value: &value, Type: ssmtypes.ParameterTypeSecureString,
		}); err != nil {
			c.t.Fatal(err)
		}
	}
}

// deploy builds the functions and makes them known to the host.
func (c *cloud) deploy() {
	c.t.Helper()
	if err := buildFunctions(c.dist); err != nil {
		c.t.Fatal(err)
	}
	conf := secretsLine.ReplaceAll(company.Config("./lake"), nil)
	for _, name := range []string{"ingest", "process", "compact", "report", "discover", "smoke"} {
		if err := os.WriteFile(filepath.Join(c.dist, name, "upshot.yaml"), conf, 0o600); err != nil {
			c.t.Fatal(err)
		}
		c.host.Add(c.function(name))
	}
}

// function is a function as it is deployed.
func (c *cloud) function(name string) lambda.Function {
	f := lambda.Function{
		Name: name, Bootstrap: filepath.Join(c.dist, name, "bootstrap"), Env: c.env, Timeout: 5 * time.Minute, Memory: 512, Concurrency: 2, Log: c.log,
	}
	switch name {
	case "ingest":
		f.Timeout, f.Memory, f.Concurrency = 10*time.Second, 256, 4
	case "smoke":
		const arn = "arn:aws:lambda:us-east-1:123456789012:function:"
		f.Env = append(slices.Clone(c.env), "UPSHOT_SMOKE_INGEST="+arn+"ingest", "UPSHOT_SMOKE_PROCESS="+arn+"process")
		f.Timeout = time.Minute
	}
	return f
}

// brokenBootstrap is a version that is broken on purpose.
func (c *cloud) brokenBootstrap() string {
	c.t.Helper()
	file := filepath.Join(c.t.TempDir(), "bootstrap")
	if err := os.WriteFile(file, []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		c.t.Fatal(err)
	}
	return file
}

// buildFunctions builds the real binaries, as make functions does, once.
func buildFunctions(dist string) error {
	mains, err := filepath.Glob("../functions/*/main.go")
	if err != nil {
		return err
	}
	for _, m := range mains {
		name := filepath.Base(filepath.Dir(m))
		if _, err := os.Stat(filepath.Join(dist, name, "bootstrap")); err == nil {
			continue
		}
		cmd := exec.Command("go", "build", "-trimpath", "-tags", "lambda.norpc", "-o", filepath.Join(dist, name, "bootstrap"), "upshot.dev/upshot/functions/"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return nil
}

// poll lets the event source work until stop is called.
func (c *cloud) poll() {
	ctx, cancel := context.WithCancel(c.t.Context())
	done := make(chan error, 1)
	go func() {
		done <- c.host.Poll(ctx, lambda.EventSource{Queue: c.queue, URL: c.urls["deliveries"], Function: "process", Batch: 2000, Window: time.Second}, nil)
	}()
	c.stop = func() {
		cancel()
		if err := <-done; err != nil {
			c.t.Errorf("the event source: %v", err)
		}
	}
}

// until waits for something to become true.
func (c *cloud) until(what string, reached func() bool) {
	c.t.Helper()
	for end := time.Now().Add(4 * time.Minute); !reached(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("not in time: %s; %d messages wait, %d are dead\n%s", what, c.depth("deliveries"), c.depth("dead"), tail(c.log.String()))
		}
	}
}

// arn names a queue.
func (c *cloud) arn(role string) *string {
	c.t.Helper()
	out, err := c.queue.GetQueueAttributes(c.t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: aws.String(c.urls[role]), AttributeNames: []sqsAttribute{"QueueArn"}})
	if err != nil {
		c.t.Fatal(err)
	}
	return aws.String(out.Attributes["QueueArn"])
}

// sqsAttribute is the SDK's name of a queue's attribute.
type sqsAttribute = sqstypes.QueueAttributeName

func (c *cloud) depth(role string) int {
	c.t.Helper()
	out, err := c.queue.GetQueueAttributes(c.t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: aws.String(c.urls[role]), AttributeNames: []sqsAttribute{"All"}})
	if err != nil {
		c.t.Fatal(err)
	}
	n := 0
	for _, name := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"} {
		var v int
		_, _ = fmt.Sscan(out.Attributes[name], &v)
		n += v
	}
	return n
}

// invoke runs a function and reads its answer.
func (c *cloud) invoke(name string, event any) (map[string]any, error) {
	b, err := json.Marshal(event)
	if err != nil {
		return nil, err
	}
	out, err := c.host.Invoke(c.t.Context(), name, b)
	if err != nil {
		return nil, err
	}
	var answer map[string]any
	if len(out) > 0 && string(out) != "null" {
		err = json.Unmarshal(out, &answer)
	}
	return answer, err
}

// mails are the mails that left.
func (c *cloud) mails() []map[string]any {
	c.t.Helper()
	resp, err := http.Get(c.ses + "/store")
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	var store struct {
		Emails []map[string]any `json:"emails"`
	}
	if err := json.Unmarshal(b, &store); err != nil {
		c.t.Fatalf("%v: %.300s", err, b)
	}
	return store.Emails
}

func tail(s string) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
