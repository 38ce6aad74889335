package functions_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/internal/standin/athena"
	"upshot.dev/upshot/internal/standin/cloud"
	"upshot.dev/upshot/internal/template"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/testdata/company"
)

// deployed brings the functions of the template up on stand-ins, built as make
// functions builds them.
func deployed(b *testing.B) *cloud.Deployment {
	b.Helper()
	set, err := template.Load(b.Context(), standin.Installed(b, "lint/bin/python", "the speed of the functions"), "../template.yaml")
	if err != nil {
		b.Fatal(err)
	}
	stack, err := set.Deploy(template.Options{Name: fmt.Sprintf("bench-%d", time.Now().UnixNano()), Parameters: map[string]string{
		"AlertEmail": "on-call@example.com", "MailIdentity": "example.com", "TimeZone": "UTC",
	}})
	if err != nil {
		b.Fatal(err)
	}
	dist := b.TempDir()
	conf, err := os.ReadFile("upshot.yaml")
	if err != nil {
		b.Fatal(err)
	}
	for name := range stack.Functions() {
		build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w -buildid=", "-o", filepath.Join(dist, name, "bootstrap"), "./"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			b.Fatalf("build %s: %v\n%s", name, err, out)
		}
		if err := os.WriteFile(filepath.Join(dist, name, "upshot.yaml"), conf, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	client := ssm.NewFromConfig(standin.Config(b, standin.Moto(b).Endpoint))
	overwrite := true
	for name, value := range map[string]string{"identity_key": "a-key-for-benchmarks-0123456789abcdef", "sources/app": "secret-of-app", "sources/zendesk": "secret-of-zendesk"} {
		name = stack.Outputs["Secrets"][len("ssm:"):] + "/" + name
		if _, err := client.PutParameter(b.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: ssmtypes.ParameterTypeSecureString, Overwrite: &overwrite}); err != nil {
			b.Fatal(err)
		}
	}
	return cloud.Up(b, cloud.Options{Stack: stack, Binaries: dist, Concurrency: 1, Engine: func(lake string) athena.Engine {
		e := athena.OpenLake(lake, localenv.QuerierOptions{})
		b.Cleanup(func() { _ = e.Close() })
		return e
	}})
}

// BenchmarkColdInit is the time from the start of a function's process to its
// question for the first event, and the memory that it has then.
func BenchmarkColdInit(b *testing.B) {
	d := deployed(b)
	for _, name := range slices.Sorted(maps.Keys(d.Functions())) {
		b.Run(name, func(b *testing.B) {
			var memory []int64
			_, before := d.Host.Starts(d.Serving(name))
			for b.Loop() {
				if err := d.Host.Warm(b.Context(), d.Serving(name)); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				memory = append(memory, d.Host.Peak(d.Serving(name)))
				d.Kill(name)
				b.StartTimer()
			}
			_, took := d.Host.Starts(d.Serving(name))
			took = took[len(before):]
			slices.Sort(took)
			slices.Sort(memory)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1e3, "ms-median")
			b.ReportMetric(float64(took[0].Microseconds())/1e3, "ms-least")
			b.ReportMetric(float64(took[len(took)-1].Microseconds())/1e3, "ms-most")
			b.ReportMetric(float64(memory[len(memory)/2])/1e6, "MB-median")
		})
	}
}

// BenchmarkProcess500 is process on its first batch of 500 messages, after init:
// one event, its deliveries through to the files of the lake.
func BenchmarkProcess500(b *testing.B) {
	d := deployed(b)
	event, size := batch(b, 500)
	var memory []int64
	for b.Loop() {
		b.StopTimer()
		d.Kill("process")
		if err := d.Host.Warm(b.Context(), d.Serving("process")); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		out, err := d.Invoke("process", event)
		b.StopTimer()
		if failures, _ := out["batchItemFailures"].([]any); err != nil || len(failures) > 0 {
			b.Fatalf("%v, %v", out, err)
		}
		memory = append(memory, d.Host.Peak(d.Serving("process")))
		b.StartTimer()
	}
	slices.Sort(memory)
	b.ReportMetric(float64(memory[len(memory)/2])/1e6, "MB-median")
	b.ReportMetric(float64(size)/1e6, "MB-event")
}

// batch is an event of SQS with deliveries of the bundled company.
func batch(b *testing.B, n int) (event []byte, size int) {
	b.Helper()
	comp := company.Generate(company.Options{Scale: .1})
	types := map[string]string{"support": "zendesk", "survey": "survey", "app": "app", "github": "github", "api": "api"}
	var records []any
	for i := 0; len(records) < n; i++ {
		c := &comp.Deliveries[i]
		if c.Status/100 != 2 {
			continue
		}
		r := c.Request(c.At, company.Secrets())
		if r.Header.Get("Content-Encoding") != "" {
			continue
		}
		e := record.Envelope{
			Version: record.EnvelopeVersion, ID: fmt.Sprintf("bench-%d", i), Source: types[c.Source], ReceivedAt: c.At,
			Method: r.Method, Path: r.Path, Body: r.Body, Header: map[string]string{"X-Github-Event": r.Header.Get("X-Github-Event")},
		}
		body, err := e.Encode()
		if err != nil {
			b.Fatal(err)
		}
		records = append(records, map[string]any{
			"messageId": e.ID, "receiptHandle": e.ID, "body": string(body), "eventSource": "aws:sqs",
			"attributes":        map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": strconv.FormatInt(c.At.UnixMilli(), 10)},
			"messageAttributes": map[string]any{},
		})
	}
	event, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		b.Fatal(err)
	}
	return event, len(event)
}
