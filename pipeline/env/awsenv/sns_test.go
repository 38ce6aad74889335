package awsenv_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/env/envtest"
	"upshot.dev/upshot/pipeline/fault"
)

// topic makes a topic with a queue behind it, which shows what arrives.
func topic(t *testing.T) (n *awsenv.Notifier, arrived func() []env.Notice) {
	t.Helper()
	cfg := standin.Config(t, standin.Moto(t).Endpoint)
	name := strings.NewReplacer("/", "-", "'", "").Replace(t.Name())
	made, err := sns.NewFromConfig(cfg).CreateTopic(t.Context(), &sns.CreateTopicInput{Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	q := sqs.NewFromConfig(cfg)
	name = name[:min(len(name), 80)]
	queue, err := q.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		t.Fatal(err)
	}
	_, err = sns.NewFromConfig(cfg).Subscribe(t.Context(), &sns.SubscribeInput{
		TopicArn: made.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs:us-east-1:123456789012:" + name),
	})
	if err != nil {
		t.Fatal(err)
	}
	return awsenv.NewNotifier(cfg, *made.TopicArn), func() (out []env.Notice) {
		for {
			got, err := q.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, VisibilityTimeout: 60})
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Messages) == 0 {
				return out
			}
			out = append(out, published(t, *got.Messages[0].Body))
		}
	}
}

// published reads what SNS puts into a queue.
func published(t *testing.T, body string) env.Notice {
	t.Helper()
	var m struct {
		Subject, Message  string
		MessageAttributes map[string]struct{ Value string }
	}
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatal(err)
	}
	n := env.Notice{Subject: m.Subject, Body: m.Message, Attributes: map[string]string{}}
	for k, v := range m.MessageAttributes {
		n.Attributes[k] = v.Value
	}
	return n
}

func TestNotifier(t *testing.T) {
	envtest.Notifier(t, func(t *testing.T) (env.Notifier, func() []env.Notice) { return topic(t) })
}

// TestNoticesThatAreTooLong are cut between characters and say so; attributes
// count, too.
func TestNoticesThatAreTooLong(t *testing.T) {
	for name, body := range map[string]string{
		"ASCII": strings.Repeat("x", 300<<10), "wide": strings.Repeat("€", 100<<10), "wider": "x" + strings.Repeat("😀", 100<<10),
	} {
		t.Run(name, func(t *testing.T) {
			n, arrived := topic(t)
			if err := n.Notify(t.Context(), env.Notice{Body: body, Attributes: map[string]string{"a": strings.Repeat("y", 1000)}}); err != nil {
				t.Fatal(err)
			}
			got := arrived()
			if len(got) != 1 {
				t.Fatalf("%d notices", len(got))
			}
			b := got[0].Body
			kept, note := strings.CutSuffix(b, "\n[cut: the notice was longer]")
			if len(b) > 256<<10 || len(b) < 200<<10 || !utf8.ValidString(b) || !note || !strings.HasPrefix(body, kept) {
				t.Errorf("%d bytes, note %v, ends with %q", len(b), note, b[len(b)-40:])
			}
		})
	}
}

// snsError answers as SNS does when it refuses.
func snsError(w http.ResponseWriter, r *http.Request, status int, code string) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>`+code+`</Code><Message>made for a test</Message></Error><RequestId>1</RequestId></ErrorResponse>`)
}

func TestNotifierRefusals(t *testing.T) {
	for _, c := range []struct {
		status     int
		code, says string
		kind       fault.Kind
	}{
		{429, "Throttled", "", fault.Retry},
		{400, "Throttling", "", fault.Retry},
		{400, "KMSThrottling", "", fault.Retry},
		{500, "InternalError", "", fault.Retry},
		{403, "ExpiredToken", "", fault.Retry},
		{404, "NotFound", "UPSHOT_ALERT_TOPIC", fault.Permanent},
		{403, "AuthorizationError", "sns:Publish", fault.Permanent},
		{403, "AccessDenied", "sns:Publish", fault.Permanent},
		{400, "InvalidParameter", "SNS refuses", fault.Permanent},
		{400, "KMSAccessDenied", "kms:GenerateDataKey", fault.Permanent},
		{400, "KMSDisabled", "key", fault.Permanent},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { snsError(w, r, c.status, c.code) }))
		cfg := standin.Config(t, standin.Endpoint{Service: "SNS", URL: srv.URL})
		cfg.Retryer = awsenv.Impatient
		err := awsenv.NewNotifier(cfg, "arn:aws:sns:us-east-1:1:alerts").Notify(t.Context(), env.Notice{Body: "x"})
		if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), "arn:aws:sns:us-east-1:1:alerts") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want a fault of kind %v that says %q", c.code, err, c.kind, c.says)
		}
		srv.Close()
	}
}

// TestNotifierOutlastsThrottling, and the context of the caller ends its
// patience.
func TestNotifierOutlastsThrottling(t *testing.T) {
	var calls atomic.Int32
	e := standin.Front(t, standin.Moto(t).Endpoint, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if calls.Add(1) < awsenv.MaxAttempts {
			snsError(w, r, http.StatusTooManyRequests, "Throttled")
			return
		}
		next.ServeHTTP(w, r)
	})
	direct := standin.Config(t, standin.Moto(t).Endpoint)
	made, err := sns.NewFromConfig(direct).CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("throttled")})
	if err != nil {
		t.Fatal(err)
	}
	cfg := standin.Config(t, e)
	cfg.Retryer = awsenv.Impatient
	start := time.Now()
	if err := awsenv.NewNotifier(cfg, *made.TopicArn).Notify(t.Context(), env.Notice{Body: "x"}); err != nil || calls.Load() != awsenv.MaxAttempts {
		t.Errorf("%d calls in %v: %v", calls.Load(), time.Since(start), err)
	}
}
