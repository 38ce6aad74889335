package cloud

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/internal/template"
)

// newGate is a gate before a server that answers everything with an empty 200.
func newGate(t *testing.T, allowed ...template.Statement) (*gate, aws.Config) {
	t.Helper()
	g := &gate{
		function: "f", statements: allowed, used: map[string]bool{}, slow: map[string]slow{}, clock: time.Now,
		names:    names{queues: map[string]string{"http://q/1": "arn:aws:sqs:us-east-1:123456789012:q"}, workgroup: "w", identity: "example.com", application: "app"},
		backends: map[string]http.Handler{"": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })},
	}
	srv := httptest.NewServer(g)
	t.Cleanup(srv.Close)
	cfg := standin.Config(t, standin.Endpoint{URL: srv.URL})
	cfg.RetryMaxAttempts = 1
	return g, cfg
}

// TestCalls has the SDK make every kind of call that functions make: each is
// refused by its name and its ARN, as the service itself would refuse it.
func TestCalls(t *testing.T) {
	raw := []byte("From: Upshot <reports@example.com>\r\nTo: pm@example.com\r\n\r\nhello")
	for want, call := range map[string]func(cfg aws.Config) error{
		"s3:PutObject on arn:aws:s3:::lake/a/b c.parquet": func(cfg aws.Config) error {
			_, err := store(cfg).PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("lake"), Key: aws.String("a/b c.parquet"), Body: strings.NewReader("x")})
			return err
		},
		"s3:GetObject on arn:aws:s3:::lake/a": func(cfg aws.Config) error {
			_, err := store(cfg).GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("lake"), Key: aws.String("a")})
			return err
		},
		"s3:GetObjectVersion on arn:aws:s3:::lake/a": func(cfg aws.Config) error {
			_, err := store(cfg).GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("lake"), Key: aws.String("a"), VersionId: aws.String("1")})
			return err
		},
		"s3:PutObject on arn:aws:s3:::lake/large": func(cfg aws.Config) error {
			_, err := store(cfg).CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String("lake"), Key: aws.String("large")})
			return err
		},
		"s3:AbortMultipartUpload on arn:aws:s3:::lake/large": func(cfg aws.Config) error {
			_, err := store(cfg).AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: aws.String("lake"), Key: aws.String("large"), UploadId: aws.String("u")})
			return err
		},
		"s3:ListBucket on arn:aws:s3:::lake": func(cfg aws.Config) error {
			_, err := store(cfg).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("lake"), Prefix: aws.String("events/")})
			return err
		},
		"s3:DeleteObject on arn:aws:s3:::lake/two": func(cfg aws.Config) error {
			_, err := store(cfg).DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: aws.String("lake"), Delete: &s3types.Delete{Objects: []s3types.ObjectIdentifier{{Key: aws.String("two")}}}})
			return err
		},
		"s3:DeleteObject on arn:aws:s3:::lake/one": func(cfg aws.Config) error {
			_, err := store(cfg).DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("lake"), Key: aws.String("one")})
			return err
		},
		"sqs:SendMessage on arn:aws:sqs:us-east-1:123456789012:q": func(cfg aws.Config) error {
			_, err := sqs.NewFromConfig(cfg).SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{
				QueueUrl: aws.String("http://q/1"), Entries: []sqstypes.SendMessageBatchRequestEntry{{Id: aws.String("1"), MessageBody: aws.String("x")}},
			})
			return err
		},
		"ses:SendRawEmail on arn:aws:ses:us-east-1:123456789012:identity/example.com": func(cfg aws.Config) error {
			_, err := sesv2.NewFromConfig(cfg).SendEmail(t.Context(), &sesv2.SendEmailInput{Content: &sestypes.EmailContent{Raw: &sestypes.RawMessage{Data: raw}}})
			return err
		},
		"sns:Publish on arn:aws:sns:us-east-1:123456789012:topic": func(cfg aws.Config) error {
			_, err := sns.NewFromConfig(cfg).Publish(t.Context(), &sns.PublishInput{TopicArn: aws.String("arn:aws:sns:us-east-1:123456789012:topic"), Message: aws.String("m")})
			return err
		},
		"ssm:GetParameter on arn:aws:ssm:us-east-1:123456789012:parameter/upshot/prod/key": func(cfg aws.Config) error {
			_, err := ssm.NewFromConfig(cfg).GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/upshot/prod/key")})
			return err
		},
		"secretsmanager:GetSecretValue on arn:aws:secretsmanager:us-east-1:123456789012:secret:upshot/prod/key-AbCdEf": func(cfg aws.Config) error {
			_, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("upshot/prod/key")})
			return err
		},
		"athena:GetQueryExecution on arn:aws:athena:us-east-1:123456789012:workgroup/w": func(cfg aws.Config) error {
			_, err := athena.NewFromConfig(cfg).GetQueryExecution(t.Context(), &athena.GetQueryExecutionInput{QueryExecutionId: aws.String("1")})
			return err
		},
		"lambda:InvokeFunction on arn:aws:lambda:us-east-1:123456789012:function:ingest:2": func(cfg aws.Config) error {
			_, err := lambda.NewFromConfig(cfg).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("arn:aws:lambda:us-east-1:123456789012:function:ingest:2")})
			return err
		},
		"codedeploy:PutLifecycleEventHookExecutionStatus on arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:app/group": func(cfg aws.Config) error {
			_, err := codedeploy.NewFromConfig(cfg).PutLifecycleEventHookExecutionStatus(t.Context(), &codedeploy.PutLifecycleEventHookExecutionStatusInput{DeploymentId: aws.String("d")})
			return err
		},
	} {
		g, cfg := newGate(t)
		err := call(cfg)
		api, ok := errors.AsType[smithy.APIError](err)
		if !ok || !slices.Contains([]string{"AccessDenied", "AccessDeniedException", "AuthorizationError"}, api.ErrorCode()) {
			t.Errorf("%s: %v", want, err)
		}
		if len(g.faults) != 1 || g.faults[0] != "f may not "+want {
			t.Errorf("%q, want %q", g.faults, want)
		}
		action, resource, _ := strings.Cut(want, " on ")
		g, cfg = newGate(t, template.Statement{Sid: "S", Effect: "Allow", Actions: []string{action, "x:Never"}, Resources: []string{resource}})
		_ = call(cfg) // the empty answer may be one that the SDK cannot read
		if len(g.faults) > 0 || !slices.Equal(g.unused(), []string{"S x:Never"}) {
			t.Errorf("%s, allowed: %q; not used %q", want, g.faults, g.unused())
		}
	}
}

func store(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
}

// TestUnknown: what makes no sense is told, and is no permission.
func TestUnknown(t *testing.T) {
	for _, c := range []struct{ method, path, scope, target, body, want string }{
		{"POST", "/", "sqs", "AmazonSQS.SendMessage", `{"QueueUrl":"http://q/2"}`, `a queue "http://q/2" that the deployment does not have`},
		{"POST", "/", "sqs", "AmazonSQS.SendMessage", `{`, "unexpected end"},
		{"POST", "/", "dynamodb", "DynamoDB.GetItem", `{}`, `the service "dynamodb"`},
		{"GET", "/", "", "", "", `the service ""`},
		{"PATCH", "/lake/a", "s3", "", "", "no function of this project makes"},
		{"PUT", "/lake", "s3", "", "", "no function of this project makes"},
		{"POST", "/v2/email/outbound-emails", "ses", "", `{"FromEmailAddress":"nobody"}`, "the sender of a mail"},
	} {
		g, _ := newGate(t, template.Statement{Sid: "All", Effect: "Allow", Actions: []string{"*"}, Resources: []string{"*"}})
		r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
		r.Header.Set("X-Amz-Target", c.target)
		if c.scope != "" {
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIA/20261123/us-east-1/"+c.scope+"/aws4_request, SignedHeaders=host, Signature=0")
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if w.Code/100 != 4 || len(g.faults) != 1 || !strings.Contains(g.faults[0], c.want) {
			t.Errorf("%s %s: %d %q, want %q", c.method, c.path, w.Code, g.faults, c.want)
		}
	}
}

// TestThrottled: the refusal is one that the SDK would try again, and ends.
func TestThrottled(t *testing.T) {
	all := template.Statement{Sid: "All", Effect: "Allow", Actions: []string{"*"}, Resources: []string{"*"}}
	g, cfg := newGate(t, all)
	d := &Deployment{gates: map[string]*gate{"f": g}}
	now := time.Now()
	g.clock = func() time.Time { return now }
	for service, want := range map[string]string{"s3": "SlowDown", "sqs": "RequestThrottled", "ssm": "ThrottlingException"} {
		d.Throttle(service, 30*time.Second)
		var err error
		switch service {
		case "s3":
			_, err = store(cfg).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("lake")})
		case "sqs":
			_, err = sqs.NewFromConfig(cfg).SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String("http://q/1"), MessageBody: aws.String("x")})
		case "ssm":
			_, err = ssm.NewFromConfig(cfg).GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/x")})
		}
		if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != want {
			t.Errorf("%s: %v, want %s", service, err, want)
		}
	}
	if d.Throttled() != 3 {
		t.Errorf("%d calls were throttled", d.Throttled())
	}
	now = now.Add(31 * time.Second)
	if _, ok := g.throttled("s3"); ok {
		t.Error("it is throttled for ever")
	}
}
