package awsenv_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/fault"
)

func TestOutputName(t *testing.T) {
	for variable, want := range map[string]string{
		"UPSHOT_LAKE_BUCKET": "LakeBucket", "UPSHOT_DLQ_URL": "DlqUrl", "UPSHOT_SECRETS": "Secrets", "UPSHOT_MAIL_CONFIGURATION_SET": "MailConfigurationSet",
	} {
		if got := awsenv.OutputName(variable); got != want {
			t.Errorf("%s is %s, want %s", variable, got, want)
		}
	}
}

// aStack has outputs as template.yaml names them.
const aStack = `
Parameters: {FirstDay: {Type: String, Default: "2026-01-01"}}
Resources: {Topic: {Type: AWS::SNS::Topic}}
Outputs:
  LakeBucket: {Value: a-lake}
  QueueUrl: {Value: "https://sqs.example/1/q"}
  Secrets: {Value: "ssm:/upshot/prod"}
  AthenaWorkgroup: {Value: upshot-prod}
  Unrelated: {Value: x}
`

func TestFromStack(t *testing.T) {
	cfg := standin.Config(t, standin.Moto(t).Endpoint)
	client := cloudformation.NewFromConfig(cfg)
	for name, template := range map[string]string{"upshot-prod": aStack, "other": "Resources: {Topic: {Type: AWS::SNS::Topic}}"} {
		if _, err := client.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &template}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := awsenv.FromStack(t.Context(), cfg, "upshot-prod")
	if err != nil {
		t.Fatal(err)
	}
	want := awsenv.Deployment{
		Stage: "prod", LakeBucket: "a-lake", LakePrefix: "lake/", QueueURL: "https://sqs.example/1/q", Secrets: "ssm:/upshot/prod",
		Workgroup: "upshot-prod", Catalog: "AwsDataCatalog", Config: "upshot.yaml", MetricsNamespace: "Upshot", FirstDay: "2026-01-01",
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for name, part := range map[string]string{"missing": "there is no stack missing", "other": "no output LakeBucket"} {
		if _, err := awsenv.FromStack(t.Context(), cfg, name); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckSender(t *testing.T) {
	cfg := standin.Config(t, standin.Moto(t).Endpoint)
	if _, err := awsenv.CheckSender(t.Context(), cfg, "Upshot <upshot@unknown.example>"); !fault.Is(err, fault.Permanent) || !strings.Contains(err.Error(), "unknown.example") {
		t.Errorf("an unknown sender: %v", err)
	}
	if _, err := sesv2.NewFromConfig(cfg).CreateEmailIdentity(t.Context(), &sesv2.CreateEmailIdentityInput{EmailIdentity: aws.String("known.example")}); err != nil {
		t.Fatal(err)
	}
	detail, err := awsenv.CheckSender(t.Context(), cfg, "Upshot <upshot@known.example>")
	t.Log(detail, err)
	if err == nil && detail != "known.example may send" || err != nil && !strings.Contains(err.Error(), "known.example is not verified") {
		t.Errorf("%q, %v", detail, err)
	}
	if _, err := awsenv.CheckSender(t.Context(), cfg, "nobody"); !fault.Is(err, fault.Invalid) {
		t.Errorf("no address: %v", err)
	}
}
