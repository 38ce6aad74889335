package infra_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"upshot.dev/upshot/internal/template"
)

// checkFront holds that what senders reach is the alias of ingest, and that it
// may be reached.
func checkFront(_ *testing.T, s *site) {
	alias := s.functions["ingest"].Alias
	if alias == nil {
		return
	}
	permitted := func(action, principal string) bool {
		return slices.ContainsFunc(s.All("AWS::Lambda::Permission"), func(p *template.Resource) bool {
			return p.Text("FunctionName") == alias.Ref && p.Text("Action") == action && p.Text("Principal") == principal
		})
	}
	if s.Parameters["Front"] == "function-url" {
		urls := s.All("AWS::Lambda::Url")
		if len(urls) != 1 || urls[0].Text("TargetFunctionArn")+":"+urls[0].Text("Qualifier") != alias.Ref || len(s.All("AWS::ApiGatewayV2::Api")) > 0 {
			s.findings = append(s.findings, "the function URL is not the alias of ingest")
		}
		if !permitted("lambda:InvokeFunctionUrl", "*") || !permitted("lambda:InvokeFunction", "*") {
			s.findings = append(s.findings, "the function URL may not be called")
		}
		return
	}
	for _, i := range s.All("AWS::ApiGatewayV2::Integration") {
		if i.Text("IntegrationUri") != alias.Ref || i.Text("PayloadFormatVersion") != "2.0" {
			s.found(i, "it does not call the alias of ingest with events of version 2.0")
		}
		if i.Number("TimeoutInMillis") <= int(s.functions["ingest"].Timeout.Milliseconds()) {
			s.found(i, "it gives up before ingest does")
		}
	}
	if !permitted("lambda:InvokeFunction", "apigateway.amazonaws.com") {
		s.findings = append(s.findings, "the HTTP API may not call ingest")
	}
	for _, st := range s.All("AWS::ApiGatewayV2::Stage") {
		if st.Number("DefaultRouteSettings", "ThrottlingRateLimit") == 0 || st.Text("AccessLogSettings", "DestinationArn") == "" {
			s.found(st, "it does not throttle, or has no access log")
		}
	}
}

// checkRollout holds that traffic of ingest and process moves only after the
// smoke test, and goes back when an alarm rings.
func checkRollout(_ *testing.T, s *site) {
	smoke := s.functions["smoke"]
	if !strings.HasPrefix(smoke.Ref, "CodeDeployHook_") {
		s.found(smoke.Resource, "CodeDeploy's own role may invoke functions named CodeDeployHook_ only")
	}
	rolesOf := map[string]*template.Resource{}
	for _, r := range s.All("AWS::IAM::Role") {
		rolesOf["arn:aws:iam::123456789012:role/"+r.Ref] = r
	}
	alarms := map[string]bool{}
	for _, a := range s.All("AWS::CloudWatch::Alarm") {
		alarms[a.Ref] = true
	}
	for _, name := range []string{"ingest", "process"} {
		f := s.functions[name]
		if f.Alias == nil {
			continue
		}
		update, _ := f.Alias.Policy["CodeDeployLambdaAliasUpdate"].(map[string]any)
		if update["BeforeAllowTrafficHook"] != smoke.Ref {
			s.found(f.Alias, "the smoke test is not asked before traffic moves")
		}
		version := smoke.Env["UPSHOT_SMOKE_"+strings.ToUpper(name)]
		if version != f.Alias.Ref[:strings.LastIndex(f.Alias.Ref, ":")]+":"+f.Alias.Text("FunctionVersion")[strings.LastIndex(f.Alias.Text("FunctionVersion"), ":")+1:] && version == "" {
			s.found(smoke.Resource, "it does not try the new version of "+name)
		}
		groups := s.All("AWS::CodeDeploy::DeploymentGroup")
		i := slices.IndexFunc(groups, func(g *template.Resource) bool { return g.Ref == update["DeploymentGroupName"] })
		if i < 0 {
			s.found(f.Alias, "it is not moved by a deployment group")
			continue
		}
		s.checkGroup(groups[i], rolesOf[groups[i].Text("ServiceRoleArn")], alarms, f, smoke)
	}
}

// rollsBack are the alarms that end a roll-out.
var rollsBack = []string{"ingest-errors", "ingest-latency", "process-failures", "dead-letters-growing", "smoke-failing"}

func (s *site) checkGroup(g, role *template.Resource, alarms map[string]bool, f, smoke template.Function) {
	if want := "CodeDeployDefault.Lambda" + s.Parameters["Rollout"]; g.Text("DeploymentConfigName") != want && s.Parameters["Rollout"] == "Canary10Percent5Minutes" {
		// Another choice is put in when SAM transforms, which here happens with the default.
		s.found(g, "it moves traffic by "+g.Text("DeploymentConfigName"))
	}
	for _, name := range rollsBack {
		in := strings.Contains(g.Text("AlarmConfiguration"), `"upshot-prod-`+name+`"`)
		if in != (s.Parameters["RollbackOnAlarm"] == "true") {
			s.found(g, fmt.Sprintf("RollbackOnAlarm is %s, and %s among its alarms: %v", s.Parameters["RollbackOnAlarm"], name, in))
		}
		if !alarms["upshot-prod-"+name] {
			s.found(g, "there is no alarm "+name)
		}
	}
	if role == nil {
		s.found(g, "it has no role of this deployment")
		return
	}
	for _, c := range [][2]string{
		{"lambda:UpdateAlias", f.Alias.Ref},
		{"lambda:InvokeFunction", "arn:aws:lambda:us-east-1:123456789012:function:" + smoke.Ref},
		{"cloudwatch:DescribeAlarms", "arn:aws:cloudwatch:us-east-1:123456789012:alarm:x"},
	} {
		if !template.Allowed(template.Statements(role), c[0], c[1]) {
			s.found(role, "CodeDeploy may not "+c[0])
		}
	}
}

// checkMuchNeeded holds that roles allow the calls that functions are known to
// make. The end-to-end run compares all calls; this fails earlier.
func checkMuchNeeded(_ *testing.T, s *site) {
	const account = "us-east-1:123456789012:"
	lake := "arn:aws:s3:::" + s.functions["process"].Env["UPSHOT_LAKE_BUCKET"] + "/" + s.functions["process"].Env["UPSHOT_LAKE_PREFIX"]
	_, queue, _ := strings.Cut(s.functions["process"].Env["UPSHOT_QUEUE_URL"], "/123456789012/")
	queue = "arn:aws:sqs:" + account + queue
	group := "arn:aws:athena:" + account + "workgroup/" + s.functions["report"].Env["UPSHOT_ATHENA_WORKGROUP"]
	secret := func(name string) (action, arn string) {
		if where := s.functions["ingest"].Env["UPSHOT_SECRETS"]; strings.HasPrefix(where, "ssm:") {
			return "ssm:GetParameter", "arn:aws:ssm:" + account + "parameter" + strings.TrimPrefix(where, "ssm:") + "/" + name
		}
		return "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:" + account + "secret:" + strings.TrimPrefix(s.functions["ingest"].Env["UPSHOT_SECRETS"], "secretsmanager:") + "/" + name + "-Ab12Cd"
	}
	readSource, source := secret("sources/zendesk")
	readKey, key := secret("identity_key")
	readSmoke, smoke := secret("sources/smoke")
	for _, c := range []struct{ function, action, arn string }{
		{"ingest", "sqs:SendMessage", queue},
		{"ingest", "s3:PutObject", lake + "claims/x"},
		{"ingest", readSource, source},
		{"process", "sqs:ReceiveMessage", queue},
		{"process", "sqs:DeleteMessage", queue},
		{"process", "sqs:GetQueueAttributes", queue},
		{"process", "s3:GetObject", lake + "claims/x"},
		{"process", "s3:GetObjectVersion", lake + "claims/x"},
		{"process", "s3:PutObject", lake + "tickets/tier=hot/dt=2026-11-02/x.parquet"},
		{"process", "s3:PutObject", lake + "ledger/tier=hot/dt=2026-11-02/x.parquet"},
		{"process", "s3:PutObject", lake + "archive/dt=2026-11-02/x.jsonl.zst"},
		{"process", readKey, key},
		{"compact", "s3:PutObject", lake + "events/tier=base/dt=2026-11-02/x.parquet"},
		{"compact", "s3:DeleteObject", lake + "events/tier=hot/dt=2026-11-02/x.parquet"},
		{"compact", "s3:PutObject", lake + "compact/lock"},
		{"compact", "s3:GetObjectVersion", lake + "events/tier=hot/dt=2026-11-02/x.parquet"},
		{"report", "athena:StartQueryExecution", group},
		{"report", "s3:PutObject", lake + "reports/latest/report.html"},
		{"report", "s3:PutObject", lake + "outbox/x/sent"},
		{"alert", "athena:StartQueryExecution", group},
		{"alert", "sns:Publish", s.functions["alert"].Env["UPSHOT_ALERT_TOPIC"]},
		{"alert", "s3:GetObject", lake + "surveys/tier=base/dt=2026-11-02/x.parquet"},
		{"alert", "s3:GetObject", lake + "outbox/alert/csat/below-week/2026-11-02/fired/sent"},
		{"alert", "s3:PutObject", lake + "outbox/alert/csat/below-week/2026-11-02/fired/claim.0001"},
		{"alert", "s3:PutObject", lake + "jobs/alert.json"},
		{"smoke", "lambda:InvokeFunction", s.functions["smoke"].Env["UPSHOT_SMOKE_INGEST"]},
		{"smoke", "lambda:InvokeFunction", s.functions["smoke"].Env["UPSHOT_SMOKE_PROCESS"]},
		{"smoke", readSmoke, smoke},
	} {
		f := s.functions[c.function]
		if f.Role != nil && !template.Allowed(template.Statements(f.Role), c.action, c.arn) {
			s.found(f.Role, c.function+" may not "+c.action+" on "+c.arn)
		}
	}
	never := []struct{ function, action, arn string }{
		{"ingest", "s3:GetObject", lake + "tickets/tier=hot/dt=2026-11-02/x.parquet"},
		{"ingest", readKey, key},
		{"process", "s3:DeleteObject", lake + "tickets/tier=hot/dt=2026-11-02/x.parquet"},
		{"process", "ses:SendEmail", "arn:aws:ses:" + account + "identity/example.com"},
		{"alert", "s3:PutObject", lake + "outbox/report-weekly-2026-11-02/sent"},
		{"alert", "s3:PutObject", lake + "surveys/tier=hot/dt=2026-11-02/x.parquet"},
		{"report", "sns:Publish", s.functions["alert"].Env["UPSHOT_ALERT_TOPIC"]},
		{"report", "s3:PutObject", lake + "tickets/tier=hot/dt=2026-11-02/x.parquet"},
		{"compact", readKey, key},
	}
	for _, c := range never {
		f := s.functions[c.function]
		if f.Role != nil && template.Allowed(template.Statements(f.Role), c.action, c.arn) {
			s.found(f.Role, c.function+" may "+c.action+" on "+c.arn+", which it never does")
		}
	}
}
