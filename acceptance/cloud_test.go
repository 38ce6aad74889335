package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/internal/standin/athena"
	stand "upshot.dev/upshot/internal/standin/cloud"
	"upshot.dev/upshot/internal/template"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/testdata/company"
)

// cloud is the deployment of template.yaml on stand-ins: the real binaries of
// the functions under a Lambda host, an S3, an SQS and an SES server, moto for
// the rest, and Athena over DuckDB.
type cloud struct {
	*stand.Deployment
	t    *testing.T
	site *site // for what it shares with a deployment on one machine
	log  *lockedBuffer
	dist string
	// backup is a bucket for copies.
	backup string
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

// templates are template.yaml and what it nests, transformed.
func templates(t *testing.T) template.Set {
	t.Helper()
	set, err := template.Load(t.Context(), standin.Installed(t, "lint/bin/python", "the deployment on stand-ins"), "../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// answers are those to the questions that a deployment asks. Compact and smoke
// run once a day, not once an hour, so that a test need not run them all.
var answers = map[string]string{
	"Stage": "prod", "AlertEmail": "on-call@example.com", "MailIdentity": "example.com", "TimeZone": company.Zone,
	"ReportName": "weekly", "ReportSchedule": "cron(0 8 ? * MON *)", "CompactSchedule": "cron(0 3 * * ? *)", "SmokeSchedule": "cron(0 6 * * ? *)",
}

// newCloud deploys the templates under a name.
func newCloud(t *testing.T, set template.Set, name string) *cloud {
	t.Helper()
	c := &cloud{t: t, log: &lockedBuffer{}, dist: filepath.Join(scratch, "functions")}
	stack, err := set.Deploy(template.Options{Name: name, Parameters: answers})
	if err != nil {
		t.Fatal(err)
	}
	if err := buildFunctions(c.dist); err != nil {
		t.Fatal(err)
	}
	conf := secretsLine.ReplaceAll(company.Config("./lake"), nil)
	for f := range stack.Functions() {
		if err := os.WriteFile(filepath.Join(c.dist, f, "upshot.yaml"), conf, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.Deployment = stand.Up(t, stand.Options{
		Stack: stack, Binaries: c.dist, Visibility: 15 * time.Second, Window: time.Second, Log: c.log,
		Engine: func(lake string) athena.Engine {
			e := athena.OpenLake(lake, localenv.QuerierOptions{})
			t.Cleanup(func() { _ = e.Close() })
			return e
		},
	})
	c.backup = standin.S3(t).Bucket(t, "backup")
	c.putSecrets()
	c.site = &site{t: t, dir: t.TempDir(), base: time.Now(), zero: time.Now(), url: c.Front, client: &http.Client{Timeout: time.Minute}}
	if err := os.WriteFile(c.site.config(), company.Config(c.Lake), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// putSecrets puts the company's secrets where the template tells the functions to
// look.
func (c *cloud) putSecrets() {
	c.t.Helper()
	client := ssm.NewFromConfig(standin.Config(c.t, standin.Moto(c.t).Endpoint))
	all := map[string]string{"identity_key": "demo-only-identity-key-0123456789abcdef"}
	for name, secret := range company.Secrets() {
		all["sources/"+name] = secret
	}
	path, ok := strings.CutPrefix(c.Outputs["Secrets"], "ssm:")
	if !ok {
		c.t.Fatalf("the secrets are at %q", c.Outputs["Secrets"])
	}
	overwrite := true
	for name, value := range all {
		name = path + "/" + name
		if _, err := client.PutParameter(c.t.Context(), &ssm.PutParameterInput{
			Name: &name, Value: &value, Type: ssmtypes.ParameterTypeSecureString, Overwrite: &overwrite,
		}); err != nil {
			c.t.Fatal(err)
		}
	}
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

// deliveries and dead count what waits in the queues.
func (c *cloud) deliveries() int { c.t.Helper(); return c.Depth(c.URL("QueueUrl")) }
func (c *cloud) dead() int       { c.t.Helper(); return c.Depth(c.URL("DlqUrl")) }

// until waits for something to become true.
func (c *cloud) until(what string, reached func() bool) {
	c.t.Helper()
	for end := time.Now().Add(4 * time.Minute); !reached(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("not in time: %s; %d messages wait, %d are dead\n%s", what, c.deliveries(), c.dead(), tail(c.log.String()))
		}
	}
}

// invoke runs a function with an event.
func (c *cloud) invoke(name string, event any) (map[string]any, error) {
	b, err := json.Marshal(event)
	if err != nil {
		return nil, err
	}
	return c.Invoke(name, b)
}

// mails are the mails that left.
func (c *cloud) mails() []map[string]any {
	c.t.Helper()
	resp, err := http.Get(c.MailStore)
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
