package lambda

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// EventSource is an SQS queue whose messages invoke a function.
type EventSource struct {
	Queue    *sqs.Client
	URL      string
	Function string
	Batch    int           // messages at most
	Window   time.Duration // that a batch is waited for
}

// Poll moves messages from the queue through the function until ctx ends: those
// that the function does not name as failed are deleted; all of a failed
// invocation stay, and come again when their visibility ends. idle is called,
// if it is there, whenever nothing was received.
func (h *Host) Poll(ctx context.Context, s EventSource, idle func()) error {
	for {
		msgs, err := s.gather(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the end of the event source; what was received comes again
		case err != nil:
			return err
		case len(msgs) > 0:
			if err := h.deliver(ctx, s, msgs); err != nil {
				return err
			}
		default:
			if idle != nil {
				idle()
			}
			wait(ctx, 50*time.Millisecond)
		}
	}
}

// gather receives until the batch is full, its window is over, or the payload of
// an invocation would be too large.
func (s EventSource) gather(ctx context.Context) ([]types.Message, error) {
	var out []types.Message
	var end time.Time
	size := 0
	for len(out) < s.Batch && size < maxPayload/2 {
		got, err := s.Queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &s.URL, MaxNumberOfMessages: int32(min(10, s.Batch-len(out))), MessageAttributeNames: []string{"All"}, //nolint:gosec // at most 10
			AttributeNames:              []types.QueueAttributeName{types.QueueAttributeNameAll}, //nolint:staticcheck // the server knows only the older name
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		})
		if err != nil {
			return out, err
		}
		for _, m := range got.Messages {
			size += len(aws.ToString(m.Body)) + 1000
		}
		out = append(out, got.Messages...)
		if len(out) == 0 {
			return nil, nil
		}
		if end.IsZero() {
			end = time.Now().Add(s.Window)
		}
		if len(got.Messages) == 0 {
			if time.Now().After(end) {
				break
			}
			wait(ctx, 20*time.Millisecond)
		}
	}
	return out, nil
}

// deliver invokes the function with one batch and deletes what it finished.
func (h *Host) deliver(ctx context.Context, s EventSource, msgs []types.Message) error {
	records := make([]any, len(msgs))
	for i, m := range msgs {
		attributes := map[string]any{}
		for k, v := range m.MessageAttributes {
			attributes[k] = map[string]any{"dataType": aws.ToString(v.DataType), "stringValue": aws.ToString(v.StringValue)}
		}
		records[i] = map[string]any{
			"messageId": aws.ToString(m.MessageId), "receiptHandle": aws.ToString(m.ReceiptHandle), "body": aws.ToString(m.Body),
			"attributes": m.Attributes, "messageAttributes": attributes, "eventSource": "aws:sqs", "awsRegion": "us-east-1",
		}
	}
	event, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		return err
	}
	out, err := h.Invoke(ctx, s.Function, event)
	if err != nil {
		return nil //nolint:nilerr // a failed invocation leaves its messages; they come again
	}
	var answer struct {
		Failures []struct {
			ID string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil //nolint:nilerr // an answer that cannot be read is a failed invocation
	}
	failed := map[string]bool{}
	for _, f := range answer.Failures {
		failed[f.ID] = true
	}
	var done []types.DeleteMessageBatchRequestEntry
	for i, m := range msgs {
		if !failed[aws.ToString(m.MessageId)] {
			done = append(done, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
		}
	}
	for len(done) > 0 {
		n := min(10, len(done))
		if _, err := s.Queue.DeleteMessageBatch(context.WithoutCancel(ctx), &sqs.DeleteMessageBatchInput{QueueUrl: &s.URL, Entries: done[:n]}); err != nil {
			return err
		}
		done = done[n:]
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
