package awsenv

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// maxInline is the largest body that travels in the message itself. SQS counts
// the attributes, too, and everywhere allows at least 256 KiB for both.
const maxInline = 250 << 10

// The attributes of a message.
const (
	attributeID    = "upshot-id"    // env.Message.ID
	attributeCodec = "upshot-codec" // how the body is written; none is as it is
	attributeDead  = "upshot-reason"
)

// The codecs of a body.
const (
	codecBase64 = "base64"
	codecClaim  = "claim" // the body is a key in the store
	codecEmpty  = "empty" // SQS takes no empty body
)

// QueueOptions name the queue.
type QueueOptions struct {
	URL           string
	DeadLetterURL string    // for SetAside, Redrive and Depth; may be empty elsewhere
	Claims        env.Store // for bodies that are too large for a message
	Clock         env.Clock
}

// Queue is env.Sender, Receiver, DeadLetters and Gauge on SQS. It is a standard
// queue: messages come at least once and about in order, and one that is sent
// twice under one id comes twice; processing is made for both.
//
// A body above 250 KiB goes by claim check: it lies in the store under
// claims/<id>, and the message holds the key. SQS bills every 64 KiB of a
// message as one request.
type Queue struct {
	o      QueueOptions
	client *sqs.Client
	// wait is how long a look into the queue takes at most, in seconds. A look
	// that does not wait asks some of SQS's machines only, and may find nothing
	// where there is something.
	wait int32

	mu      sync.Mutex
	handles map[string]handle // of what was received and not deleted yet, by id
}

// handle is what SQS wants to hear about a message that was received.
type handle struct {
	receipt string
	claim   string // key of its body, if that is in the store
	message types.Message
}

var (
	_ env.Sender      = (*Queue)(nil)
	_ env.Receiver    = (*Queue)(nil)
	_ env.DeadLetters = (*Queue)(nil)
	_ env.Gauge       = (*Queue)(nil)
)

// codesSQS pass, and are not known as such to the SDK. OverLimit: too many
// messages are in flight.
var codesSQS = []string{"KmsThrottled", "KMS.ThrottlingException", "OverLimit", "AWS.SimpleQueueService.OverLimit"}

// NewQueue makes the adapter; it asks nothing yet.
func NewQueue(cfg aws.Config, o QueueOptions) *Queue {
	client := sqs.NewFromConfig(cfg, func(so *sqs.Options) { so.Retryer = retry.AddWithErrorCodes(so.Retryer, codesSQS...) })
	return &Queue{o: o, client: client, wait: 1, handles: map[string]handle{}}
}

// Send queues m. nil means that SQS has it, and the store its body, if that is
// large.
func (q *Queue) Send(ctx context.Context, m env.Message) error {
	in := &sqs.SendMessageInput{QueueUrl: &q.o.URL, MessageAttributes: map[string]types.MessageAttributeValue{attributeID: text(m.ID)}}
	body, codec := q.encode(m)
	if codec == codecClaim {
		if q.o.Claims == nil {
			return fault.Permanentf("a message of %d bytes is too large for the queue, and there is no store for it", len(m.Body))
		}
		if err := q.o.Claims.Put(ctx, body, bytes.NewReader(m.Body)); err != nil {
			return fmt.Errorf("keep the body of %s: %w", m.ID, err)
		}
	}
	in.MessageBody = &body
	if codec != "" {
		in.MessageAttributes[attributeCodec] = text(codec)
	}
	if _, err := q.client.SendMessage(ctx, in); err != nil {
		return q.explain(ctx, "send a message", "sqs:SendMessage", err)
	}
	return nil
}

func text(s string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &s}
}

// encode writes the body as SQS can take it: bytes that are no text, or hold
// characters that XML lacks, as base64.
func (q *Queue) encode(m env.Message) (body, codec string) {
	switch {
	case len(m.Body) == 0:
		return "-", codecEmpty
	case len(m.Body) > maxInline:
		return "claims/" + m.ID, codecClaim
	case plainText(m.Body):
		return string(m.Body), ""
	}
	if b := base64.StdEncoding.EncodeToString(m.Body); len(b) <= maxInline {
		return b, codecBase64
	}
	return "claims/" + m.ID, codecClaim
}

// plainText says whether SQS takes the bytes as they are: UTF-8 of the
// characters that XML 1.0 allows.
func plainText(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 || r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return false
		}
		b = b[n:]
	}
	return true
}

// decode reads what Send wrote. A message without an id, which somebody else
// sent, gets that of SQS. A body whose claim is gone is a fault of kind
// Permanent.
func (q *Queue) decode(ctx context.Context, messageID, body string, attribute func(string) string) (env.Message, error) {
	m := env.Message{ID: attribute(attributeID)}
	if m.ID == "" {
		m.ID = messageID
	}
	switch codec := attribute(attributeCodec); codec {
	case "":
		m.Body = []byte(body)
	case codecEmpty:
		m.Body = []byte{}
	case codecBase64:
		b, err := base64.StdEncoding.DecodeString(body)
		if err != nil {
			return m, fault.Permanentf("message %s says that it is base64, and it is not", messageID)
		}
		m.Body = b
	case codecClaim:
		b, err := q.claimed(ctx, body)
		if err != nil {
			return m, fmt.Errorf("message %s: %w", messageID, err)
		}
		m.Body = b
	default:
		return m, fault.Permanentf("message %s is written in %q: a newer version sent it; deploy that, and redrive", messageID, codec)
	}
	return m, nil
}

// claimed fetches a body from the store.
func (q *Queue) claimed(ctx context.Context, key string) ([]byte, error) {
	if q.o.Claims == nil {
		return nil, fault.Permanentf("its body is in the store under %s, and there is no store", key)
	}
	o, err := q.o.Claims.Open(ctx, key)
	if errors.Is(err, env.ErrNotExist) {
		return nil, fault.Permanentf("its body was in the store under %s and is gone: a lifecycle that is shorter than the queue's retention, or somebody removed it: %w", key, err)
	}
	if err != nil {
		return nil, fmt.Errorf("fetch its body: %w", err)
	}
	defer func() { _ = o.Close() }()
	b, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	if err != nil {
		return nil, fmt.Errorf("fetch its body: %w", err)
	}
	return b, nil
}

// explain turns an error of the SDK into one that names the queue, says what is
// wrong and whether trying again helps.
func (q *Queue) explain(ctx context.Context, doing, action string, err error) error {
	doing += " (queue " + q.o.URL + ")"
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, errors.Join(ctx.Err(), err))
	}
	code, status := codeOf(err)
	switch {
	case code == "AWS.SimpleQueueService.NonExistentQueue" || code == "QueueDoesNotExist":
		return fault.Permanentf("%s: there is no such queue; UPSHOT_QUEUE_URL and UPSHOT_DLQ_URL name them: %w", doing, err)
	case slices.Contains(codesSQS, code) || passes(err):
		return fault.Retryf("%s: %w", doing, err)
	case strings.HasPrefix(strings.ToUpper(code), "KMS"):
		return fault.Permanentf("%s: the KMS key of the queue cannot be used; the role needs kms:GenerateDataKey and kms:Decrypt on it: %w", doing, err)
	case code == "AccessDenied" || code == "AccessDeniedException" || status == 403:
		return fault.Permanentf("%s: denied; the role needs %s on it: %w", doing, action, err)
	case status >= 400 && status < 500:
		return fault.Permanentf("%s: SQS refuses: %w", doing, err)
	}
	return fault.Retryf("%s: %w", doing, err)
}

// Depth counts the messages, approximately, as SQS does. Oldest is always 0:
// SQS does not tell; the queue's metric ApproximateAgeOfOldestMessage does.
func (q *Queue) Depth(ctx context.Context) (env.Depth, error) {
	queued, flying, err := q.count(ctx, q.o.URL)
	if err != nil {
		return env.Depth{}, err
	}
	d := env.Depth{Queued: queued, InFlight: flying}
	if q.o.DeadLetterURL != "" {
		dead, hidden, err := q.count(ctx, q.o.DeadLetterURL)
		if err != nil {
			return env.Depth{}, err
		}
		d.Dead = dead + hidden
	}
	return d, nil
}

func (q *Queue) count(ctx context.Context, url string) (visible, hidden int, err error) {
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}})
	if err != nil {
		return 0, 0, q.explain(ctx, "measure the queue", "sqs:GetQueueAttributes", err)
	}
	n := func(name types.QueueAttributeName) int {
		var v int
		_, _ = fmt.Sscan(out.Attributes[string(name)], &v)
		return v
	}
	return n(types.QueueAttributeNameApproximateNumberOfMessages),
		n(types.QueueAttributeNameApproximateNumberOfMessagesNotVisible) + n(types.QueueAttributeNameApproximateNumberOfMessagesDelayed), nil
}
