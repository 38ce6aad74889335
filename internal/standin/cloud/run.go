package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"upshot.dev/upshot/internal/schedule"
	"upshot.dev/upshot/internal/standin/lambda"
	"upshot.dev/upshot/internal/template"
)

// retryAfter is between two tries of an asynchronous invocation; on AWS it is one
// minute, then two.
const retryAfter = 15 * time.Second

type attributeName = types.QueueAttributeName

// Start lets the event sources work until Stop. Those of the template invoke the
// alias of their function.
func (d *Deployment) Start() {
	d.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 10)
	n := 0
	for name, f := range d.functions {
		for _, s := range d.EventSources(f) {
			if s.Queue == nil || !s.PartialFailures {
				cancel()
				d.t.Fatalf("%s: without a queue of the deployment, or without partial failures", s.Where())
			}
			d.consumes(d.gates[name], template.QueueARN(s.Queue))
			window := s.Window
			if d.o.Window > 0 {
				window = d.o.Window
			}
			n++
			go func() {
				done <- d.Host.Poll(ctx, lambda.EventSource{Queue: d.Queue, URL: d.urls[s.Queue.Ref], Function: aliasOf(f), Batch: s.Batch, Window: window}, nil)
			}()
		}
	}
	d.stopped = func() {
		cancel()
		for range n {
			if err := <-done; err != nil {
				d.t.Errorf("an event source: %v", err)
			}
		}
	}
}

// Stop ends what Start began, after the batches at work.
func (d *Deployment) Stop() { d.stopped() }

// Invoke runs the alias of a function and reads its answer.
func (d *Deployment) Invoke(name string, event []byte) (map[string]any, error) {
	out, err := d.Host.Invoke(d.t.Context(), aliasOf(d.functions[name]), event)
	if err != nil {
		return nil, err
	}
	var answer map[string]any
	if len(out) > 0 && string(out) != "null" {
		err = json.Unmarshal(out, &answer)
	}
	return answer, err
}

// Firing is one time that a schedule was due.
type Firing struct {
	Schedule string // its name in the template
	Function string
	Due      time.Time
	Answer   map[string]any
	Err      error // after the last try
}

// Advance fires what is due after from and not after to, in the order of time
// and each as often as times at once, as a service that delivers at least once
// may. A
// run that fails is tried as often as the function's template says and then told
// to where that sends failures.
func (d *Deployment) Advance(from, to time.Time, times int) []Firing {
	d.t.Helper()
	var out []Firing
	for _, s := range d.Schedules() {
		if s.Function == "" {
			d.t.Fatalf("%s: it starts no alias of the deployment", s.Where())
		}
		role := d.RoleOf(s.Resource, "Target", "RoleArn")
		if role == nil || !template.Allowed(template.Statements(role), "lambda:InvokeFunction", s.Text("Target", "Arn")) {
			d.t.Errorf("%s: its role may not start %s", s.Where(), s.Text("Target", "Arn"))
			continue
		}
		zone, err := time.LoadLocation(s.Zone)
		if err != nil {
			d.t.Fatalf("%s: %v", s.Where(), err)
		}
		due, err := schedule.Parse(s.Expression, zone)
		if err != nil {
			d.t.Fatalf("%s: %v", s.Where(), err)
		}
		for at := due.Next(from); !at.IsZero() && !at.After(to); at = due.Next(at) {
			out = append(out, Firing{Schedule: s.ID, Function: s.Function, Due: at})
		}
	}
	slices.SortStableFunc(out, func(a, b Firing) int { return a.Due.Compare(b.Due) })
	events := map[string]template.Schedule{}
	for _, s := range d.Schedules() {
		events[s.ID] = s
	}
	var fired []Firing
	for _, f := range out {
		at := make([]Firing, times)
		var wg sync.WaitGroup
		for i := range at {
			at[i] = f
			wg.Go(func() { at[i].Answer, at[i].Err = d.async(f.Function, events[f.Schedule].Event(f.Due)) })
		}
		wg.Wait()
		fired = append(fired, at...)
	}
	return fired
}

// async is an asynchronous invocation.
func (d *Deployment) async(name string, event []byte) (answer map[string]any, err error) {
	d.t.Helper()
	f := d.functions[name]
	tries, failures := 3, ""
	for _, c := range d.All("AWS::Lambda::EventInvokeConfig") {
		if c.Text("FunctionName") == f.Ref && c.Text("Qualifier") == f.Alias.Text("Name") {
			tries, failures = 1+c.Number("MaximumRetryAttempts"), c.Text("DestinationConfig", "OnFailure", "Destination")
		}
	}
	for i := range tries {
		if i > 0 {
			time.Sleep(retryAfter)
		}
		if answer, err = d.Invoke(name, event); err == nil {
			return answer, nil
		}
	}
	url := d.urlByARN[failures]
	if url == "" {
		return nil, fmt.Errorf("%s: its failures go nowhere: %w", f.Where(), err)
	}
	body, jsonErr := json.Marshal(map[string]any{
		"version": "1.0", "requestContext": map[string]any{"functionArn": f.Alias.Ref, "condition": "RetriesExhausted", "approximateInvokeCount": tries},
		"requestPayload": json.RawMessage(event), "responsePayload": err.Error(),
	})
	if jsonErr != nil {
		return nil, errors.Join(err, jsonErr)
	}
	_, sendErr := d.Queue.SendMessage(d.t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String(string(body))})
	return nil, errors.Join(err, sendErr)
}

// RollOut brings new code for a function the way that CodeDeploy does: a version
// is published, the hook of the deployment is asked with what it needs to try
// it, and the alias moves only when the hook says so. It tells what the hook
// said; empty when it said nothing.
func (d *Deployment) RollOut(name, bootstrap string) (status string) {
	d.t.Helper()
	f := d.functions[name]
	update, _ := f.Alias.Policy["CodeDeployLambdaAliasUpdate"].(map[string]any)
	hook, _ := update["BeforeAllowTrafficHook"].(string)
	asked := ""
	for n, h := range d.functions {
		if hook != "" && h.Ref == hook {
			asked = n
		}
	}
	if asked == "" {
		d.t.Fatalf("%s: its alias moves without a hook", f.Where())
	}
	before, serving := d.environ[asked], d.Serving(name)
	version := fmt.Sprintf("%s:%d", f.Ref, d.publish(name, bootstrap, time.Now()))
	// CloudFormation gives the hook the new version before it asks it.
	with := slices.Clone(before)
	for i, v := range with {
		if at, ok := strings.CutSuffix(v, ":"+serving); ok {
			with[i] = at + ":" + version
		}
	}
	d.configure(asked, with)
	id := fmt.Sprintf("d-%d", len(d.rollOuts)+1)
	event, _ := json.Marshal(map[string]string{"DeploymentId": id, "LifecycleEventHookExecutionId": "e-" + version})
	if _, err := d.Host.Invoke(d.t.Context(), hook, event); err != nil {
		d.t.Logf("the hook fails: %v", err)
	}
	for _, o := range d.Host.HookOutcomes() {
		if o.DeploymentID == id {
			status = o.Status
		}
	}
	d.rollOuts = append(d.rollOuts, rollOut{id, f.Ref, version[strings.LastIndex(version, ":")+1:], status})
	if status == "Succeeded" {
		d.Host.Alias(aliasOf(f), version)
	} else {
		d.configure(asked, before) // CloudFormation takes everything back
	}
	return status
}

// configure publishes a function with another environment, all at once.
func (d *Deployment) configure(name string, environ []string) {
	d.environ[name] = environ
	f := d.functions[name]
	version := fmt.Sprintf("%s:%d", f.Ref, d.publish(name, filepath.Join(d.o.Binaries, name, "bootstrap"), time.Now()))
	d.Host.Alias(f.Ref, version)
	d.Host.Alias(aliasOf(f), version)
}

// Serving is the version that a function's alias names.
func (d *Deployment) Serving(name string) string { return d.Host.Behind(aliasOf(d.functions[name])) }

// Kill ends every instance of what serves a function.
func (d *Deployment) Kill(name string) { d.Host.Kill(aliasOf(d.functions[name])) }

// Replace puts other code in the place of what serves a function, as if it had
// always been so; its own when bootstrap is empty. Timeout, where it is not 0,
// is instead of the template's.
func (d *Deployment) Replace(name, bootstrap string, timeout time.Duration) {
	f := d.functions[name]
	if bootstrap == "" {
		bootstrap = filepath.Join(d.o.Binaries, name, "bootstrap")
	}
	if timeout == 0 {
		timeout = f.Timeout
	}
	d.Host.Add(lambda.Function{
		Name: d.Serving(name), Bootstrap: bootstrap, Env: d.environ[name], Timeout: timeout, Memory: f.Memory, Concurrency: d.o.Concurrency, Log: d.o.Log,
	})
}

// Throttle has every call that functions make to a service ("s3", "sqs", "ssm",
// "athena") refused for a time, as the service does when it is asked too much.
func (d *Deployment) Throttle(service string, during time.Duration) {
	s := slow{time.Now().Add(during), http.StatusBadRequest, "ThrottlingException"}
	switch service {
	case "s3":
		s.status, s.code = http.StatusServiceUnavailable, "SlowDown"
	case "sqs":
		s.code = "RequestThrottled"
	}
	for _, g := range d.gates {
		g.mu.Lock()
		g.slow[service] = s
		g.mu.Unlock()
	}
}

// Throttled is how many calls were refused by Throttle.
func (d *Deployment) Throttled() (n int) {
	for _, g := range d.gates {
		g.mu.Lock()
		n += g.refused
		g.mu.Unlock()
	}
	return n
}

// Alarms are those of the template that watch nothing but one metric of a queue,
// by their names, and whether the queue as it is now would ring them.
func (d *Deployment) Alarms(metric, url string) map[string]bool {
	d.t.Helper()
	arn := d.arnByURL[url]
	name := arn[strings.LastIndex(arn, ":")+1:]
	value := float64(d.Depth(url))
	out := map[string]bool{}
	for _, a := range d.All("AWS::CloudWatch::Alarm") {
		var dimensions []struct{ Name, Value string }
		_ = json.Unmarshal([]byte(a.Text("Dimensions")), &dimensions)
		if a.Text("MetricName") != metric || len(dimensions) != 1 || dimensions[0].Name != "QueueName" || dimensions[0].Value != name {
			continue
		}
		threshold := float64(a.Number("Threshold"))
		switch op := a.Text("ComparisonOperator"); op {
		case "GreaterThanOrEqualToThreshold":
			out[a.Ref] = value >= threshold
		case "GreaterThanThreshold":
			out[a.Ref] = value > threshold
		default:
			d.t.Errorf("%s: the comparison %s is not known here", a.Where(), op)
		}
	}
	return out
}
