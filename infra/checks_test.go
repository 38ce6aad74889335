package infra_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/internal/schedule"
	"upshot.dev/upshot/internal/template"
	"upshot.dev/upshot/pipeline/env/awsenv"
)

// checks are what linters do not know. Each notes what it found.
var checks = []func(*testing.T, *site){
	checkFunctions, checkEnvironment, checkAliases, checkEventSource, checkQueues, checkBuckets, checkPolicies, checkSchedules,
	checkFront, checkRollout, checkAlarms, checkLogs, checkOutputs, checkMuchNeeded,
}

// checkFunctions holds that what is in functions/ is deployed, and nothing else.
func checkFunctions(_ *testing.T, s *site) {
	for name := range s.mains {
		if _, ok := s.functions[name]; !ok {
			s.findings = append(s.findings, "functions/"+name+" is not deployed")
		}
	}
	for name, f := range s.functions {
		if _, ok := s.mains[name]; !ok {
			s.found(f.Resource, "there is no functions/"+name)
		}
		if f.Text("Code", "S3Key") != "dist/"+name+".zip" {
			s.found(f.Resource, "its code is not dist/"+name+".zip, which make functions writes")
		}
		if f.Text("Runtime") != "provided.al2023" || f.Text("Architectures") != `["arm64"]` || f.Timeout <= 0 || f.Timeout > 15*time.Minute || f.Memory < 128 {
			s.found(f.Resource, "runtime, architecture, timeout or memory cannot be right")
		}
		if f.Role == nil {
			s.found(f.Resource, "it has no role of this deployment")
		}
	}
}

// known are the variables that functions read.
func known() []string {
	var out []string
	_, _ = awsenv.FromEnvironment(func(name string) (string, bool) { out = append(out, name); return "", false })
	return out
}

// checkEnvironment holds that functions are told what they ask for, in a form
// that they take, and nothing that they do not read.
func checkEnvironment(_ *testing.T, s *site) {
	all := known()
	for name, f := range s.functions {
		lookup := func(v string) (string, bool) { x, ok := f.Env[v]; return x, ok }
		if _, err := awsenv.FromEnvironment(lookup); err != nil {
			s.found(f.Resource, err.Error())
		}
		for _, v := range needs(s.mains[name]) {
			if f.Env[v] == "" {
				s.found(f.Resource, v+" is not set, and functions/"+name+" needs it")
			}
		}
		for _, v := range all {
			// The configuration lies beside the code.
			if f.Env[v] == "" && strings.HasPrefix(v, "UPSHOT_") && v != "UPSHOT_CONFIG" {
				s.found(f.Resource, v+" is not set")
			}
		}
		for v := range f.Env {
			if !slices.Contains(all, v) && !slices.Contains(needs(s.mains[name]), v) {
				s.found(f.Resource, v+" is set, and nobody reads it")
			}
		}
	}
}

// checkAliases holds that every function has the alias that all others name.
func checkAliases(_ *testing.T, s *site) {
	for name, f := range s.functions {
		if f.Alias == nil || f.Alias.Text("Name") != "live" {
			s.found(f.Resource, name+" has no alias live: it cannot be rolled back")
		}
	}
}

// checkEventSource holds that process gets the queue's messages by its alias
// and may say which of them failed.
func checkEventSource(_ *testing.T, s *site) {
	process := s.functions["process"]
	sources := s.EventSources(process)
	if len(sources) != 1 {
		s.findings = append(s.findings, fmt.Sprintf("process has %d event sources on its alias, want one", len(sources)))
		return
	}
	e := sources[0]
	switch {
	case e.Queue == nil || e.Queue.Ref != process.Env["UPSHOT_QUEUE_URL"]:
		s.found(e.Resource, "its queue is not the one that ingest writes to")
	case !e.PartialFailures:
		s.found(e.Resource, "without ReportBatchItemFailures one bad delivery makes its whole batch come again")
	case e.Batch > 10 && e.Window <= 0:
		s.found(e.Resource, "a batch of more than 10 needs a window")
	case e.Batch < 100 || e.Window > 5*time.Minute || e.MaxConcurrency < 2:
		s.found(e.Resource, "batch, window or concurrency cannot be right")
	}
}

// checkQueues holds that nothing is lost by a queue's settings.
func checkQueues(_ *testing.T, s *site) {
	process, dead := s.functions["process"], ""
	for _, q := range s.All("AWS::SQS::Queue") {
		if q.Text("SqsManagedSseEnabled") != "true" && q.Text("KmsMasterKeyId") == "" {
			s.found(q, "it is not encrypted")
		}
		if q.Number("MessageRetentionPeriod") != 14*24*3600 {
			s.found(q, "messages are not kept for 14 days")
		}
		if q.Ref == process.Env["UPSHOT_QUEUE_URL"] {
			dead = q.Text("RedrivePolicy", "deadLetterTargetArn")
			if at := time.Duration(q.Number("VisibilityTimeout")) * time.Second; at < 6*process.Timeout {
				s.found(q, fmt.Sprintf("its visibility of %v is less than six times the %v of process", at, process.Timeout))
			}
			if q.Number("RedrivePolicy", "maxReceiveCount") != 5 {
				s.found(q, "a delivery is not tried five times")
			}
		}
	}
	for _, q := range s.All("AWS::SQS::Queue") {
		if q.Ref == process.Env["UPSHOT_DLQ_URL"] && template.QueueARN(q) == dead {
			return
		}
	}
	s.findings = append(s.findings, "the dead letters of the queue are not at UPSHOT_DLQ_URL")
}

// checkBuckets holds that buckets are closed, encrypted and reached by TLS only,
// and that the lake keeps versions.
func checkBuckets(_ *testing.T, s *site) {
	for _, b := range s.All("AWS::S3::Bucket") {
		for _, p := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
			if b.Text("PublicAccessBlockConfiguration", p) != "true" {
				s.found(b, "it can be made public: "+p)
			}
		}
		if !strings.Contains(b.Text("BucketEncryption"), "SSEAlgorithm") {
			s.found(b, "it is not encrypted")
		}
		if !strings.Contains(b.Text("LifecycleConfiguration"), "AbortIncompleteMultipartUpload") {
			s.found(b, "broken uploads stay for ever")
		}
		tls := slices.ContainsFunc(s.All("AWS::S3::BucketPolicy"), func(p *template.Resource) bool {
			return p.Text("Bucket") == b.Ref && slices.ContainsFunc(template.Statements(p), func(st template.Statement) bool {
				c, _ := json.Marshal(st.Condition)
				return st.Effect == "Deny" && strings.Contains(string(c), `"aws:SecureTransport":"false"`)
			})
		})
		if !tls {
			s.found(b, "its policy does not deny access without TLS")
		}
		if b.Ref == s.functions["process"].Env["UPSHOT_LAKE_BUCKET"] && b.Text("VersioningConfiguration", "Status") != "Enabled" {
			s.found(b, "the lake keeps no versions")
		}
	}
}

// checkPolicies holds that roles allow actions by name on resources by name.
func checkPolicies(_ *testing.T, s *site) {
	for _, r := range s.All("AWS::IAM::Role") {
		if r.Get("ManagedPolicyArns") != nil {
			s.found(r, "a managed policy allows what nobody here wrote down")
		}
		if bound := s.Parameters["PermissionsBoundary"]; r.Text("PermissionsBoundary") != bound {
			s.found(r, "it is not bounded")
		}
		for _, st := range template.Statements(r) {
			for _, a := range st.Actions {
				if strings.Contains(a, "*") {
					s.found(r, st.Sid+" allows "+a)
				}
			}
			// X-Ray knows no resources.
			if slices.Contains(st.Resources, "*") && st.Sid != "Traces" {
				s.found(r, st.Sid+" allows it on everything")
			}
		}
	}
}

// checkSchedules holds that each expression is one, and what is due then.
func checkSchedules(_ *testing.T, s *site) {
	zone, err := time.LoadLocation(s.Parameters["TimeZone"])
	if err != nil {
		s.findings = append(s.findings, err.Error())
		return
	}
	jobs := map[string]int{}
	for _, d := range s.Schedules() {
		if _, err := schedule.Parse(d.Expression, zone); err != nil {
			s.found(d.Resource, err.Error())
		}
		if d.Function == "" {
			s.found(d.Resource, "it does not start the alias of a function")
			continue
		}
		jobs[d.Function]++
		var job awsenv.Job
		in := json.NewDecoder(strings.NewReader(string(d.Event(time.Date(2026, 11, 2, 7, 0, 0, 0, time.UTC)))))
		in.DisallowUnknownFields()
		if err := in.Decode(&job); err != nil || job.Name == "" || job.Scheduled.Hour() != 7 {
			s.found(d.Resource, fmt.Sprintf("its input is no job: %+v, %v", job, err))
		}
		if d.Zone != zone.String() || d.Text("FlexibleTimeWindow", "Mode") != "OFF" || d.Text("Target", "DeadLetterConfig", "Arn") == "" {
			s.found(d.Resource, "its zone, window or dead letters cannot be right")
		}
		allowed := slices.ContainsFunc(s.All("AWS::IAM::Role"), func(r *template.Resource) bool {
			return strings.HasSuffix(d.Text("Target", "RoleArn"), "/"+r.Ref) && template.Allowed(template.Statements(r), "lambda:InvokeFunction", d.Text("Target", "Arn"))
		})
		if !allowed {
			s.found(d.Resource, "its role may not start "+d.Function)
		}
	}
	for name, main := range s.mains {
		if strings.Contains(main, "awsenv.StartJob") && jobs[name] == 0 && (name != "report" || s.Parameters["ReportName"] != "") {
			s.findings = append(s.findings, "nothing starts "+name)
		}
	}
}

// checkLogs holds that a function may write its own log, which is there and is
// not kept for ever.
func checkLogs(_ *testing.T, s *site) {
	groups := map[string]*template.Resource{}
	for _, g := range s.All("AWS::Logs::LogGroup") {
		groups[g.Ref] = g
		if g.Number("RetentionInDays") == 0 {
			s.found(g, "it is kept for ever")
		}
	}
	for name, f := range s.functions {
		group := f.Text("LoggingConfig", "LogGroup")
		if groups[group] == nil {
			s.found(f.Resource, "its log group is not of this deployment")
		}
		stream := "arn:aws:logs:us-east-1:123456789012:log-group:" + group + ":log-stream:x"
		if f.Role != nil && !template.Allowed(template.Statements(f.Role), "logs:PutLogEvents", stream) {
			s.found(f.Resource, name+" may not write its log")
		}
	}
}

// checkOutputs holds that upshot doctor --stack can read the deployment.
func checkOutputs(_ *testing.T, s *site) {
	process := s.functions["process"]
	for _, v := range known() {
		if got := s.Outputs[awsenv.OutputName(v)]; strings.HasPrefix(v, "UPSHOT_") && v != "UPSHOT_CONFIG" && got != process.Env[v] {
			s.findings = append(s.findings, fmt.Sprintf("the output %s is %q, and %s is %q", awsenv.OutputName(v), got, v, process.Env[v]))
		}
	}
	if !strings.HasPrefix(s.Outputs["HookAddress"], "https://") || !strings.HasSuffix(s.Outputs["HookAddress"], "/hooks/<source>") {
		s.findings = append(s.findings, "the output HookAddress is "+s.Outputs["HookAddress"])
	}
}
