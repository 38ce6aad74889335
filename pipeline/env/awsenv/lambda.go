package awsenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// Function answers the events of one Lambda function. It never panics, and an
// event that it cannot be for is a fault of kind Invalid: Lambda counts it as
// an error, and whoever asked is told that it failed.
type Function func(ctx context.Context, event []byte) ([]byte, error)

// Invoke makes a Function a lambda.Handler.
func (f Function) Invoke(ctx context.Context, event []byte) ([]byte, error) { return f(ctx, event) }

// start hands the process to Lambda, for good. What came before was its init.
func start(f Function, log *slog.Logger) {
	took, known := processAge()
	var metrics *Metrics
	if d, err := FromEnvironment(os.LookupEnv); err == nil {
		metrics = NewMetrics(os.Stdout, d.MetricsNamespace, d.Stage, env.ClockFunc(time.Now))
	}
	said := &libraryLog{log: log}
	stdlog.SetFlags(0)
	stdlog.SetOutput(said)
	lambda.Start(said.during(tellColdStart(f, log, metrics, took, known)))
}

// The time before Lambda's own limit at which work is told to stop, so that
// what is done can still be told: a fifth of what is left, within bounds.
const (
	minMargin = 200 * time.Millisecond
	maxMargin = 5 * time.Second
)

// withMargin is ctx that ends a while before Lambda ends the function.
func withMargin(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	margin := min(max(time.Until(end)/5, minMargin), maxMargin)
	return context.WithDeadline(ctx, end.Add(-margin))
}

// errPanicked stands for a panic whose value is not told: it may hold parts of
// a body or a secret.
var errPanicked = errors.New("the function panicked; its log has the stack")

// guard runs f and makes a panic an error. The stack is logged, the value only
// when it is the runtime's own. http.ErrAbortHandler is passed on as an error.
func guard(ctx context.Context, log *slog.Logger, f func() error) (err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if e, ok := v.(error); ok && errors.Is(e, http.ErrAbortHandler) {
			err = http.ErrAbortHandler
			return
		}
		attrs := []any{"stack", string(debug.Stack())}
		if e, ok := v.(runtime.Error); ok {
			attrs = append(attrs, "panic", e.Error())
		}
		log.ErrorContext(ctx, "panic in a function", attrs...)
		err = fault.New(fault.Retry, errPanicked)
	}()
	return f()
}

// misdirected logs and returns the error for an event of another shape.
func misdirected(ctx context.Context, log *slog.Logger, event []byte, want string) error {
	got := shape(event)
	log.ErrorContext(ctx, "event of another shape", "got", got, "want", want, "bytes", len(event))
	return fault.Invalidf("this function takes %s; it got %s", want, got)
}

// shape names what an event looks like, by its form alone: its values may be
// anybody's data.
func shape(event []byte) string {
	var e struct {
		Version        string          `json:"version"`
		HTTPMethod     string          `json:"httpMethod"`
		Source         string          `json:"source"`
		DetailType     string          `json:"detail-type"`
		DeploymentID   string          `json:"DeploymentId"`
		ExecutionID    string          `json:"LifecycleEventHookExecutionId"`
		RequestContext json.RawMessage `json:"requestContext"`
		Records        []struct {
			Source string `json:"eventSource"`
			SNS    string `json:"EventSource"`
		} `json:"Records"`
	}
	var form map[string]json.RawMessage
	if err := json.Unmarshal(event, &form); err != nil {
		return "what is no JSON object"
	}
	if len(form) == 0 {
		return "an empty event"
	}
	// A member of another type leaves the others read.
	_ = json.Unmarshal(event, &e)
	var context struct {
		ELB  json.RawMessage `json:"elb"`
		HTTP json.RawMessage `json:"http"`
	}
	_ = json.Unmarshal(e.RequestContext, &context)
	switch {
	case context.ELB != nil:
		return "an event of an Application Load Balancer"
	case e.HTTPMethod != "":
		return "an API Gateway event of version 1.0 (a REST API, or an HTTP API with PayloadFormatVersion 1.0)"
	case context.HTTP != nil:
		return "an HTTP event of version " + fmt.Sprintf("%.8q", e.Version)
	case len(e.Records) > 0:
		return "records of " + fmt.Sprintf("%.32q", e.Records[0].Source+e.Records[0].SNS)
	case form["Records"] != nil:
		return "an empty batch"
	case e.DeploymentID != "" && e.ExecutionID != "":
		return "a CodeDeploy lifecycle event"
	case e.DetailType != "" && e.Source != "":
		return "an EventBridge event"
	}
	return "an object of another form (a direct invocation?)"
}
