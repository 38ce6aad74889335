package infra_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"upshot.dev/upshot/internal/standin"
)

// TestTemplate makes every check on the templates as they are.
func TestTemplate(t *testing.T) {
	for _, f := range look(t, "..") {
		t.Error(f)
	}
}

// TestGuided holds that sam deploy --guided asks five questions at most that
// need an answer: the stack's name, the region, and the parameters without a
// default; and that each parameter says what it is and what it takes.
func TestGuided(t *testing.T) {
	set, err := load(t, "..")
	if err != nil {
		t.Fatal(err)
	}
	root := set["template.yaml"]
	var asked []string
	for name, p := range root.Parameters {
		if p.Default == nil {
			asked = append(asked, name)
		}
		if p.Description == "" || p.AllowedPattern == "" && p.AllowedValues == nil && p.MinValue == nil {
			t.Errorf("%s says neither what it is nor what it takes", name)
		}
	}
	if len(asked) > 3 {
		t.Errorf("%d parameters have no default, with name and region that is more than five: %v", len(asked), asked)
	}
	groups, _ := root.Metadata["AWS::CloudFormation::Interface"].(map[string]any)["ParameterGroups"].([]any)
	grouped := 0
	for _, g := range groups {
		list, _ := g.(map[string]any)["Parameters"].([]any)
		for _, p := range list {
			grouped++
			if _, ok := root.Parameters[p.(string)]; !ok {
				t.Errorf("the group names %s, which is no parameter", p)
			}
		}
	}
	if grouped != len(root.Parameters) {
		t.Errorf("%d of %d parameters are in a group", grouped, len(root.Parameters))
	}
}

// broken are the ways to break the templates, and what must be found then.
var broken = []struct{ name, file, old, new, want string }{
	{"a variable's name is wrong", "template.yaml", "UPSHOT_LAKE_BUCKET:", "UPSHOT_LAKE_BUKET:", "UPSHOT_LAKE_BUCKET is not set, and functions/ingest needs it"},
	{"a variable is missing", "template.yaml", "        UPSHOT_ALERT_TOPIC: !GetAtt Alerts.Outputs.Topic\n", "", "UPSHOT_ALERT_TOPIC is not set"},
	{"the event source is missing", "template.yaml", "          Type: SQS\n          Properties:\n            Queue: !GetAtt Queues.Outputs.Arn", "          Type: SQS\n          Properties:\n            Queue: !GetAtt Queues.Outputs.FailedJobsArn", "its queue is not the one that ingest writes to"},
	{"partial failures are not reported", "template.yaml", "            FunctionResponseTypes: [ReportBatchItemFailures]\n", "", "without ReportBatchItemFailures"},
	{"the alias is missing", "template.yaml", "    AutoPublishAlias: live\n", "", "requires AutoPublishAlias"},
	{"an alias of another name", "template.yaml", "    AutoPublishAlias: live\n", "    AutoPublishAlias: prod\n", "has no alias live"},
	{"a reference to nothing", "template.yaml", "Value: !Ref Stage}", "Value: !Ref Stagee}", "Stagee"},
	{"a function without code", "template.yaml", "dist/report.zip", "dist/reports.zip", "functions/report is not deployed"},
	{"the function is not asked before traffic moves", "template.yaml", "        Hooks: {PreTraffic: !Ref SmokeFunction}\n", "", "the smoke test is not asked"},
	{"the visibility is too short", "infra/queues.yaml", "VisibilityTimeout: 720", "VisibilityTimeout: 120", "less than six times"},
	{"dead letters after one try", "infra/queues.yaml", "maxReceiveCount: 5", "maxReceiveCount: 1", "not tried five times"},
	{"a public bucket", "infra/storage.yaml", "BlockPublicPolicy: true", "BlockPublicPolicy: false", "it can be made public"},
	{"access without TLS", "infra/storage.yaml", `{aws:SecureTransport: "false"}`, `{aws:SecureTransport: "true"}`, "does not deny access without TLS"},
	{"an action with a star", "infra/roles.yaml", "Action: sqs:SendMessage", "Action: sqs:*", "Queue allows sqs:*"},
	{"a permission on everything", "infra/roles.yaml", "Resource: !Sub arn:${AWS::Partition}:s3:::${LakeBucket}/${LakePrefix}claims/*", `Resource: "*"`, "LargeBodies allows it on everything"},
	{"a permission is missing", "infra/roles.yaml", "${LakePrefix}archive/*", "${LakePrefix}archives/*", "process may not s3:PutObject"},
	{"notices without permission", "infra/roles.yaml", "Action: sns:Publish", "Action: sns:Subscribe", "alert may not sns:Publish"},
	{"a cron that never fires", "template.yaml", "cron(0 7 ? * MON *)", "cron(0 7 30 2 ? *)", "the year, the month and the day never meet"},
	{"a cron of five fields", "template.yaml", "cron(30 4 * * ? *)", "cron(30 4 * * ?)", "5 fields; there are six"},
	{"a schedule without its input", "infra/schedules.yaml", `'{"name":"compact",`, `'{"job":"compact",`, "its input is no job"},
	{"a schedule past the alias", "template.yaml", "CompactAlias: !Ref CompactFunction.Alias", "CompactAlias: !GetAtt CompactFunction.Arn", "does not start the alias of a function"},
	{"an alarm without its runbook", "infra/alarms.yaml", "#queue-age", "#queue-old", "does not link to its runbook"},
	{"an alarm that tells nobody", "infra/alarms.yaml", "      AlarmActions: [!Ref AlertTopic]\n", "", "it tells nobody"},
	{"an alarm that is over by itself", "infra/alarms.yaml", "TreatMissingData: ignore", "TreatMissingData: notBreaching", "it is over by itself"},
	{"an alarm that is never over", "infra/alarms.yaml", "TreatMissingData: notBreaching", "TreatMissingData: ignore", "it rings, or goes on"},
	{"the API may not call", "infra/front.yaml", "Principal: apigateway.amazonaws.com", "Principal: sns.amazonaws.com", "the HTTP API may not call ingest"},
	{"an output of another name", "template.yaml", "  DlqUrl:", "  DeadLetterUrl:", "the output DlqUrl"},
	{"a log for ever", "infra/logs.yaml", "      RetentionInDays: !Ref LogDays\n", "", "it is kept for ever"},
}

// TestBroken breaks the templates in one way after the other, and holds that
// the checks find each.
func TestBroken(t *testing.T) {
	for _, b := range broken {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			found := look(t, breakIt(t, b.file, b.old, b.new))
			if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, b.want) }) {
				t.Errorf("%q was not found, only %q", b.want, found)
			}
		})
	}
}

// breakIt copies the templates and changes the first place of one.
func breakIt(t *testing.T, file, old, new string) string {
	t.Helper()
	dir := t.TempDir()
	files, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, "transform.py", "../template.yaml")
	changed := false
	for _, f := range files {
		to := filepath.Join("infra", f)
		text := read(t, f)
		if to == file {
			after := strings.Replace(text, old, new, 1)
			changed, text = after != text, after
		}
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(to)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !changed {
		t.Fatalf("%s does not hold %q", file, old)
	}
	return dir
}

// TestLinters breaks what linters find, so that it is known that they look.
func TestLinters(t *testing.T) {
	lint := standin.Installed(t, "lint/bin/cfn-lint", "that cfn-lint finds what is wrong")
	for _, b := range []struct{ name, file, old, new, want string }{
		{"a property of another name", "infra/queues.yaml", "VisibilityTimeout:", "VisibilityTimeOut:", "VisibilityTimeOut"},
		{"a reference to nothing", "infra/storage.yaml", "LakeBucket: {Value: !Ref Lake}", "LakeBucket: {Value: !Ref Lakes}", "Lakes"},
	} {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), lint, "--", filepath.Join(breakIt(t, b.file, b.old, b.new), b.file))
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), b.want) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
