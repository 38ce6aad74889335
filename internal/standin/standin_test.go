package standin_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"upshot.dev/upshot/internal/standin"
)

// TestS3ObjectsArePlainFiles is what lets DuckDB and Trino read the lake that
// the functions wrote.
func TestS3ObjectsArePlainFiles(t *testing.T) {
	srv := standin.S3(t)
	client := s3.NewFromConfig(standin.Config(t, srv.Endpoint), func(o *s3.Options) { o.UsePathStyle = true })
	for _, bucket := range []string{srv.Bucket(t, "plain"), srv.VersionedBucket(t, "versioned")} {
		for _, body := range []string{"old", "new"} {
			_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("a/dt=1/b"), Body: strings.NewReader(body)})
			if err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(filepath.Join(srv.Root, bucket, "a", "dt=1", "b"))
		if err != nil || string(got) != "new" {
			t.Errorf("%s: the file has %q, %v", bucket, got, err)
		}
	}
}

func TestSQSAnswers(t *testing.T) {
	client := sqs.NewFromConfig(standin.Config(t, standin.SQS(t).Endpoint))
	q, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: q.QueueUrl, MessageBody: aws.String("x")}); err != nil {
		t.Fatal(err)
	}
	got, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: q.QueueUrl})
	if err != nil || len(got.Messages) != 1 || aws.ToString(got.Messages[0].Body) != "x" {
		t.Errorf("received %+v, %v", got, err)
	}
}

func TestSESAnswers(t *testing.T) {
	client := sesv2.NewFromConfig(standin.Config(t, standin.SES(t).Endpoint))
	out, err := client.SendEmail(t.Context(), &sesv2.SendEmailInput{
		FromEmailAddress: aws.String("upshot@example.com"),
		Destination:      &types.Destination{ToAddresses: []string{"a@example.com"}},
		Content: &types.EmailContent{Raw: &types.RawMessage{
			Data: []byte("From: upshot@example.com\r\nTo: a@example.com\r\nSubject: hello\r\n\r\nx\r\n"),
		}},
	})
	if err != nil || aws.ToString(out.MessageId) == "" {
		t.Errorf("sent %+v, %v", out, err)
	}
}

// TestMotoAnswersForTheRest also shows that one service's endpoint is not
// another's.
func TestMotoAnswersForTheRest(t *testing.T) {
	cfg := standin.Config(t, standin.Moto(t).Endpoint, standin.Endpoint{Service: "SQS", URL: "http://127.0.0.1:1"})
	topic, err := sns.NewFromConfig(cfg).CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("alerts")})
	if err != nil || !strings.HasSuffix(aws.ToString(topic.TopicArn), ":alerts") {
		t.Errorf("topic %+v, %v", topic, err)
	}
	cfg.RetryMaxAttempts = 1
	if _, err := sqs.NewFromConfig(cfg).ListQueues(t.Context(), &sqs.ListQueuesInput{}); err == nil {
		t.Error("SQS was answered by the server of the others")
	}
}
