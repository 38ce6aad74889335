package awsenv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// atOnce is how many messages SQS handles in one call.
const atOnce = 10

// maxDelaySQS is the longest time that SQS hides a message.
const maxDelaySQS = 12 * time.Hour

// reasonLimit bounds the reason kept beside a dead letter.
const reasonLimit = 1000

// Receive takes up to limit messages, in several calls when that is more than
// ten. A message that cannot be read is not returned: it stays and goes to the
// dead letters by the queue's own rule; the others are returned, and the fault
// only when there are none. The lease is rounded up to seconds.
func (q *Queue) Receive(ctx context.Context, limit int, lease time.Duration) ([]env.Message, error) {
	var out []env.Message
	var unreadable error
	for len(out) < limit {
		got, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &q.o.URL, MaxNumberOfMessages: int32(min(limit-len(out), atOnce)), VisibilityTimeout: seconds(lease), //nolint:gosec // at most 10
			MessageAttributeNames:       []string{"All"},
			AttributeNames:              []types.QueueAttributeName{types.QueueAttributeNameAll}, //nolint:staticcheck // other servers than AWS know only the older name
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		})
		if err != nil {
			if len(out) > 0 {
				break // what was received is the caller's already
			}
			return nil, q.explain(ctx, "receive messages", "sqs:ReceiveMessage", err)
		}
		for _, r := range got.Messages {
			m, err := q.take(ctx, r)
			if err != nil {
				unreadable = errors.Join(unreadable, err)
				continue
			}
			out = append(out, m)
		}
		if len(got.Messages) == 0 {
			break
		}
	}
	if len(out) == 0 {
		return nil, unreadable
	}
	slices.SortStableFunc(out, func(a, b env.Message) int { return a.SentAt.Compare(b.SentAt) })
	return out, nil
}

// take reads a message and remembers how to speak of it.
func (q *Queue) take(ctx context.Context, r types.Message) (env.Message, error) {
	attribute := func(name string) string { return aws.ToString(r.MessageAttributes[name].StringValue) }
	m, err := q.decode(ctx, aws.ToString(r.MessageId), aws.ToString(r.Body), attribute)
	if err != nil {
		return m, err
	}
	m.Attempts, m.SentAt = received(r.Attributes["ApproximateReceiveCount"]), milliseconds(r.Attributes["SentTimestamp"])
	h := handle{receipt: aws.ToString(r.ReceiptHandle), message: r}
	if attribute(attributeCodec) == codecClaim {
		h.claim = aws.ToString(r.Body)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.handles[m.ID] = h
	return m, nil
}

// held finds what was received under the ids; unknown ones are left out.
func (q *Queue) held(ids []string) map[string]handle {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := map[string]handle{}
	for _, id := range ids {
		if h, ok := q.handles[id]; ok {
			out[id] = h
		}
	}
	return out
}

func (q *Queue) forget(ids ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range ids {
		delete(q.handles, id)
	}
}

// Delete removes messages, and then the bodies that went by claim check.
func (q *Queue) Delete(ctx context.Context, ids ...string) error {
	held := q.held(ids)
	err := tens(held, func(part []string) error {
		in := &sqs.DeleteMessageBatchInput{QueueUrl: &q.o.URL}
		for i, id := range part {
			in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(held[id].receipt)})
		}
		out, err := q.client.DeleteMessageBatch(ctx, in)
		if err != nil {
			return q.explain(ctx, "delete messages", "sqs:DeleteMessage", err)
		}
		return q.partly("delete", out.Failed)
	})
	if err != nil {
		return err
	}
	for id, h := range held {
		if h.claim == "" || q.o.Claims == nil {
			continue
		}
		if err := q.o.Claims.Remove(ctx, h.claim); err != nil {
			return fmt.Errorf("remove the body of %s: %w", id, err)
		}
	}
	q.forget(ids...)
	return nil
}

// Release makes messages visible again after delay, rounded up to seconds.
func (q *Queue) Release(ctx context.Context, delay time.Duration, ids ...string) error {
	held := q.held(ids)
	err := tens(held, func(part []string) error {
		in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.o.URL}
		for i, id := range part {
			in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(held[id].receipt), VisibilityTimeout: seconds(delay)})
		}
		out, err := q.client.ChangeMessageVisibilityBatch(ctx, in)
		if err != nil {
			return q.explain(ctx, "give messages back", "sqs:ChangeMessageVisibility", err)
		}
		return q.partly("give back", out.Failed)
	})
	if err == nil {
		q.forget(ids...)
	}
	return err
}

// SetAside moves messages to the dead letters, with the reason. A crash between
// the two steps leaves a message in both places: it is tried again, and its
// copy counts once.
func (q *Queue) SetAside(ctx context.Context, reason string, ids ...string) error {
	if q.o.DeadLetterURL == "" {
		return fault.Permanentf("no queue of dead letters is named: set UPSHOT_DLQ_URL")
	}
	if len(reason) > reasonLimit {
		reason = reason[:reasonLimit]
	}
	for id, h := range q.held(ids) {
		attributes := map[string]types.MessageAttributeValue{attributeDead: text(printable(reason))}
		for k, v := range h.message.MessageAttributes {
			attributes[k] = types.MessageAttributeValue{DataType: v.DataType, StringValue: v.StringValue, BinaryValue: v.BinaryValue}
		}
		_, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &q.o.DeadLetterURL, MessageBody: h.message.Body, MessageAttributes: attributes})
		if err != nil {
			return q.explain(ctx, "set "+id+" aside", "sqs:SendMessage", err)
		}
		if _, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &q.o.URL, ReceiptHandle: &h.receipt}); err != nil {
			return q.explain(ctx, "delete what was set aside", "sqs:DeleteMessage", err)
		}
		q.forget(id)
	}
	return nil
}

// printable makes a reason that SQS takes as an attribute.
func printable(s string) string {
	out := []rune{}
	for _, r := range s {
		if r < 0x20 || r == 0xFFFD || r == 0xFFFE || r == 0xFFFF {
			r = ' '
		}
		out = append(out, r)
	}
	if len(out) == 0 {
		return "unknown"
	}
	return string(out)
}

// Redrive puts all dead letters back, one after the other: a crash leaves one
// in both places at most, and its copy counts once. A large number is moved
// sooner by SQS itself (aws sqs start-message-move-task).
func (q *Queue) Redrive(ctx context.Context) (int, error) {
	if q.o.DeadLetterURL == "" {
		return 0, fault.Permanentf("no queue of dead letters is named: set UPSHOT_DLQ_URL")
	}
	moved := 0
	for {
		got, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &q.o.DeadLetterURL, MaxNumberOfMessages: atOnce, VisibilityTimeout: 60, MessageAttributeNames: []string{"All"},
		})
		if err != nil {
			return moved, q.explain(ctx, "read the dead letters", "sqs:ReceiveMessage", err)
		}
		if len(got.Messages) == 0 {
			return moved, nil
		}
		for _, r := range got.Messages {
			attributes := map[string]types.MessageAttributeValue{}
			for k, v := range r.MessageAttributes {
				if k != attributeDead {
					attributes[k] = types.MessageAttributeValue{DataType: v.DataType, StringValue: v.StringValue, BinaryValue: v.BinaryValue}
				}
			}
			if _, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &q.o.URL, MessageBody: r.Body, MessageAttributes: attributes}); err != nil {
				return moved, q.explain(ctx, "put a dead letter back", "sqs:SendMessage", err)
			}
			if _, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &q.o.DeadLetterURL, ReceiptHandle: r.ReceiptHandle}); err != nil {
				return moved, q.explain(ctx, "delete a dead letter", "sqs:DeleteMessage", err)
			}
			moved++
		}
	}
}

// tens calls f with ten ids at a time, in their order.
func tens(held map[string]handle, f func([]string) error) error {
	ids := make([]string, 0, len(held))
	for id := range held {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for part := range slices.Chunk(ids, atOnce) {
		if err := f(part); err != nil {
			return err
		}
	}
	return nil
}

// partly tells what SQS refused of a batch. A receipt that is not valid any
// more is no failure: the lease ended, and the message is somebody else's.
func (q *Queue) partly(doing string, failed []types.BatchResultErrorEntry) error {
	var errs []error
	for _, f := range failed {
		code := aws.ToString(f.Code)
		if code == "ReceiptHandleIsInvalid" || code == "InvalidParameterValue" || code == "MessageNotInflight" || code == "AWS.SimpleQueueService.MessageNotInflight" {
			continue
		}
		errs = append(errs, fmt.Errorf("%s: %s", code, aws.ToString(f.Message)))
	}
	if len(errs) == 0 {
		return nil
	}
	return fault.Retryf("%s %d messages (queue %s): %w", doing, len(errs), q.o.URL, errors.Join(errs...))
}

// seconds rounds up to what SQS takes.
func seconds(d time.Duration) int32 {
	d = min(max(d, 0), maxDelaySQS)
	return int32((d + time.Second - 1) / time.Second)
}
