package awsenv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// The limits of SNS for one notice. Attributes count, so there is some room.
const (
	maxSubject = 99
	maxNotice  = 250 << 10
)

// codesSNS are throttling, too, and not known as such to the SDK.
var codesSNS = []string{"Throttled", "KMSThrottling"}

// Notifier is env.Notifier on an SNS topic. Throttling is a fault of kind
// Retry; a topic that does not exist or is denied is one of kind Permanent.
type Notifier struct {
	topic  string
	client *sns.Client
}

var _ env.Notifier = (*Notifier)(nil)

// NewNotifier makes the adapter for the topic with this ARN; it asks nothing
// yet.
func NewNotifier(cfg aws.Config, topic string) *Notifier {
	return &Notifier{topic, sns.NewFromConfig(cfg, func(o *sns.Options) { o.Retryer = retry.AddWithErrorCodes(o.Retryer, codesSNS...) })}
}

// Notify publishes n. A subject that SNS would refuse is made fit: one line of
// ASCII, below 100 characters. A body above 250 KiB is cut, and says so.
func (n *Notifier) Notify(ctx context.Context, notice env.Notice) error {
	in := &sns.PublishInput{TopicArn: &n.topic, Message: aws.String(cut(strings.ToValidUTF8(notice.Body, "\uFFFD"))), MessageAttributes: map[string]types.MessageAttributeValue{}}
	if s := subject(notice.Subject); s != "" {
		in.Subject = &s
	}
	for k, v := range notice.Attributes {
		if v != "" {
			in.MessageAttributes[k] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(v)}
		}
	}
	if aws.ToString(in.Message) == "" {
		return fault.Invalidf("the notice has no body")
	}
	if _, err := n.client.Publish(ctx, in); err != nil {
		return n.explain(ctx, err)
	}
	return nil
}

// subject keeps what SNS takes: ASCII without line breaks that begins with a
// letter, a digit or a mark.
func subject(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r < 0x20:
			return ' '
		case r > 0x7e:
			return '?'
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	if len(s) > maxSubject {
		s = s[:maxSubject-3] + "..."
	}
	return s
}

// cut bounds a body, between characters.
func cut(s string) string {
	if len(s) <= maxNotice {
		return s
	}
	s = s[:maxNotice]
	for s != "" { // a character that was cut in two goes whole
		if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s + "\n[cut: the notice was longer]"
}

func (n *Notifier) explain(ctx context.Context, err error) error {
	doing := "publish to " + n.topic
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, errors.Join(ctx.Err(), err))
	}
	code, status := codeOf(err)
	switch {
	case slices.Contains(codesSNS, code) || passes(err):
		return fault.Retryf("%s: %w", doing, err)
	case code == "NotFound":
		return fault.Permanentf("%s: there is no such topic; UPSHOT_ALERT_TOPIC names it: %w", doing, err)
	case code == "AuthorizationError" || status == 403:
		return fault.Permanentf("%s: denied; the role needs sns:Publish on it, and kms:GenerateDataKey and kms:Decrypt on its key: %w", doing, err)
	case strings.HasPrefix(code, "KMS"):
		return fault.Permanentf("%s: the KMS key of the topic cannot be used; the role needs kms:GenerateDataKey and kms:Decrypt on it: %w", doing, err)
	case status >= 400 && status < 500:
		return fault.Permanentf("%s: SNS refuses: %w", doing, err)
	}
	return fault.Retryf("%s: %w", doing, err)
}
