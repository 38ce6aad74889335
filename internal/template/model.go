package template

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Function is a deployed function.
type Function struct {
	*Resource
	Package string // its folder in functions/, like "ingest"
	Env     map[string]string
	Timeout time.Duration
	Memory  int // MB
	Alias   *Resource
	Role    *Resource
}

// Functions are all of a deployment, by package.
func (s *Stack) Functions() map[string]Function {
	out := map[string]Function{}
	for _, r := range s.All("AWS::Lambda::Function") {
		f := Function{
			Resource: r, Package: strings.TrimSuffix(path.Base(r.Text("Code", "S3Key")), ".zip"), Env: map[string]string{},
			Timeout: time.Duration(r.Number("Timeout")) * time.Second, Memory: r.Number("MemorySize"),
		}
		variables, _ := r.Get("Environment", "Variables").(map[string]any)
		for k, v := range variables {
			f.Env[k] = text(v)
		}
		for _, a := range s.All("AWS::Lambda::Alias") {
			if a.Text("FunctionName") == r.Ref {
				f.Alias = a
			}
		}
		f.Role = s.byARN("AWS::IAM::Role", r.Text("Role"))
		out[f.Package] = f
	}
	return out
}

// byARN finds the resource of a type that an ARN belongs to; nil when there is
// none.
func (s *Stack) byARN(kind, arn string) *Resource {
	for _, r := range s.All(kind) {
		if own, err := r.attribute("Arn"); err == nil && own == arn {
			return r
		}
	}
	return nil
}

// RoleOf is the role that a property of a resource names by its ARN; nil when
// there is none of the deployment.
func (s *Stack) RoleOf(r *Resource, property ...string) *Resource {
	return s.byARN("AWS::IAM::Role", r.Text(property...))
}

// Statement is a statement of a policy, with its lists as lists.
type Statement struct {
	Sid, Effect        string
	Actions, Resources []string
	Condition          any
}

// Statements are those of a role, or of another resource with a PolicyDocument.
func Statements(r *Resource) []Statement {
	var documents []any
	policies, _ := r.Properties["Policies"].([]any)
	for _, p := range policies {
		if m, ok := p.(map[string]any); ok {
			documents = append(documents, m["PolicyDocument"])
		}
	}
	if d, ok := r.Properties["PolicyDocument"]; ok {
		documents = append(documents, d)
	}
	var out []Statement
	for _, d := range documents {
		m, _ := d.(map[string]any)
		for _, s := range list(m["Statement"]) {
			m, _ := s.(map[string]any)
			out = append(out, Statement{
				Sid: text(m["Sid"]), Effect: text(m["Effect"]), Actions: texts(m["Action"]), Resources: texts(m["Resource"]), Condition: m["Condition"],
			})
		}
	}
	return out
}

// Allowed says whether statements without a condition allow an action, like
// "s3:PutObject", on the ARN of a resource, and nothing denies it.
func Allowed(statements []Statement, action, arn string) bool {
	allowed := false
	for _, s := range statements {
		hit := s.Condition == nil &&
			slices.ContainsFunc(s.Actions, func(p string) bool { return Matches(strings.ToLower(p), strings.ToLower(action)) }) &&
			slices.ContainsFunc(s.Resources, func(p string) bool { return Matches(p, arn) })
		if hit && s.Effect == "Deny" {
			return false
		}
		allowed = allowed || hit
	}
	return allowed
}

// Matches says whether a text is what IAM's pattern says: * is any characters,
// ? is one.
func Matches(pattern, s string) bool {
	for pattern != "" {
		switch {
		case pattern[0] == '*':
			for i := len(s); i >= 0; i-- {
				if Matches(pattern[1:], s[i:]) {
					return true
				}
			}
			return false
		case s == "" || pattern[0] != '?' && pattern[0] != s[0]:
			return false
		}
		pattern, s = pattern[1:], s[1:]
	}
	return s == ""
}

// EventSource is a queue that invokes a function.
type EventSource struct {
	*Resource
	Queue           *Resource
	Batch           int
	Window          time.Duration
	MaxConcurrency  int
	PartialFailures bool
}

// EventSources are those of a function's alias. A source of another version is
// none.
func (s *Stack) EventSources(f Function) []EventSource {
	var out []EventSource
	for _, r := range s.All("AWS::Lambda::EventSourceMapping") {
		if f.Alias == nil || r.Text("FunctionName") != f.Alias.Ref {
			continue
		}
		out = append(out, EventSource{
			Resource: r, Queue: s.byARN("AWS::SQS::Queue", r.Text("EventSourceArn")), Batch: r.Number("BatchSize"),
			Window:          time.Duration(r.Number("MaximumBatchingWindowInSeconds")) * time.Second,
			MaxConcurrency:  r.Number("ScalingConfig", "MaximumConcurrency"),
			PartialFailures: slices.Contains(texts(r.Get("FunctionResponseTypes")), "ReportBatchItemFailures"),
		})
	}
	return out
}

// Schedule is a schedule of EventBridge Scheduler.
type Schedule struct {
	*Resource
	Expression, Zone string
	Function         string // package; empty when its target is no alias of the deployment
	Input            string // with <aws.scheduler.scheduled-time> where the time goes
}

// Schedules are all of the deployment.
func (s *Stack) Schedules() []Schedule {
	functions := s.Functions()
	var out []Schedule
	for _, r := range s.All("AWS::Scheduler::Schedule") {
		d := Schedule{Resource: r, Expression: r.Text("ScheduleExpression"), Zone: r.Text("ScheduleExpressionTimezone"), Input: r.Text("Target", "Input")}
		for _, name := range sorted(functions) {
			if a := functions[name].Alias; a != nil && a.Ref == r.Text("Target", "Arn") {
				d.Function = name
			}
		}
		out = append(out, d)
	}
	return out
}

// Event is what the schedule sends when it is due at a time.
func (d Schedule) Event(due time.Time) []byte {
	return []byte(strings.ReplaceAll(d.Input, "<aws.scheduler.scheduled-time>", due.UTC().Format(time.RFC3339)))
}

// QueueARN is the ARN of a queue.
func QueueARN(queue *Resource) string { return queue.arn("sqs", queue.name("QueueName")) }

func list(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	if v == nil {
		return nil
	}
	return []any{v}
}

func texts(v any) []string {
	var out []string
	for _, e := range list(v) {
		out = append(out, fmt.Sprint(text(e)))
	}
	return out
}
