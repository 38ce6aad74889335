package awsenv

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
			WaitTimeSeconds:             q.wait,
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

// Delete removes messages, and then the bodies that went by claim check. What
// SQS refuses is tried again a few times; then it is a fault of kind Retry, and
// all others are deleted.
func (q *Queue) Delete(ctx context.Context, ids ...string) error {
	held := q.held(ids)
	left, err := tens(held, func(part []string) ([]types.BatchResultErrorEntry, error) {
		in := &sqs.DeleteMessageBatchInput{QueueUrl: &q.o.URL}
		for i, id := range part {
			in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(held[id].receipt)})
		}
		out, err := q.client.DeleteMessageBatch(ctx, in)
		if err != nil {
			return nil, q.explain(ctx, "delete messages", "sqs:DeleteMessage", err)
		}
		return out.Failed, nil
	})
	for id, h := range held {
		if left[id] {
			continue
		}
		if h.claim != "" && q.o.Claims != nil {
			// The message is gone already. A body that stays is an orphan,
			// which the store's lifecycle removes.
			_ = q.o.Claims.Remove(ctx, h.claim)
		}
		q.forget(id)
	}
	return q.refused("delete", len(left), err)
}

// Release makes messages visible again after delay, rounded up to seconds.
// What SQS refuses is handled as by Delete.
func (q *Queue) Release(ctx context.Context, delay time.Duration, ids ...string) error {
	held := q.held(ids)
	left, err := tens(held, func(part []string) ([]types.BatchResultErrorEntry, error) {
		in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.o.URL}
		for i, id := range part {
			in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(held[id].receipt), VisibilityTimeout: seconds(delay)})
		}
		out, err := q.client.ChangeMessageVisibilityBatch(ctx, in)
		if err != nil {
			return nil, q.explain(ctx, "give messages back", "sqs:ChangeMessageVisibility", err)
		}
		return out.Failed, nil
	})
	for id := range held {
		if !left[id] {
			q.forget(id)
		}
	}
	return q.refused("give back", len(left), err)
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
			QueueUrl: &q.o.DeadLetterURL, MaxNumberOfMessages: atOnce, VisibilityTimeout: 60, WaitTimeSeconds: q.wait, MessageAttributeNames: []string{"All"},
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

// batchTries is how often a message is tried whose neighbours were taken: the
// SDK repeats only calls that fail as a whole.
const batchTries = 3

// tens calls f with ten ids at a time, in their order, and again with those
// that SQS refused. left are the ids that it refused to the end; err is about
// the last of them. A receipt that is not valid any more counts as taken: the
// lease ended, and the message is somebody else's.
func tens(held map[string]handle, f func([]string) ([]types.BatchResultErrorEntry, error)) (left map[string]bool, err error) {
	left = map[string]bool{}
	for part := range slices.Chunk(slices.Sorted(maps.Keys(held)), atOnce) {
		for try := 1; len(part) > 0; try++ {
			failed, e := f(part)
			var again []string
			for _, r := range failed {
				n, bad := strconv.Atoi(aws.ToString(r.Id))
				if bad != nil || n < 0 || n >= len(part) || isGone(aws.ToString(r.Code)) {
					continue
				}
				e = fmt.Errorf("%s: %s", aws.ToString(r.Code), aws.ToString(r.Message))
				again = append(again, part[n])
			}
			if e != nil && failed == nil {
				again, try = part, batchTries // the whole call, which the SDK has repeated
			}
			if try < batchTries {
				part = again
				continue
			}
			for _, id := range again {
				left[id], err = true, e
			}
			break
		}
	}
	return left, err
}

// isGone tells the codes for a receipt that is not valid any more.
func isGone(code string) bool {
	switch code {
	case "ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight":
		return true
	}
	return false
}

// refused tells what SQS refused to the end of n messages.
func (q *Queue) refused(doing string, n int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %d messages (queue %s): %w", doing, n, q.o.URL, err)
}

// seconds rounds up to what SQS takes.
func seconds(d time.Duration) int32 {
	d = min(max(d, 0), maxDelaySQS)
	return int32((d + time.Second - 1) / time.Second)
}
