package awsenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"upshot.dev/upshot/pipeline/env"
)

// reserve is how long before its end a function stops working: an answer that
// comes too late is none, and everything it did is done again.
const reserve = 5 * time.Second

// Batch is what a function does with messages. failed are the ids of those that
// must come again, or go to the dead letters when they came too often; an error
// is about all of them. Ids are those of env.Message.
type Batch func(ctx context.Context, msgs []env.Message) (failed []string, err error)

// StartQueue serves f as a Lambda function behind an SQS event source that
// reports batch item failures. It does not return.
func StartQueue(q *Queue, f Batch, log *slog.Logger) { lambda.Start(QueueHandler(q, f, log)) }

// QueueHandler turns events of SQS into messages and says which of them
// failed. SQS deletes all others, so in doubt a message is one that failed:
// when f panics or does not finish in time, all of them are. Bodies that went
// by claim check are fetched; they stay in the store, until its lifecycle
// removes them, because a message may come again after it was processed.
func QueueHandler(q *Queue, f Batch, log *slog.Logger) func(context.Context, json.RawMessage) (events.SQSEventResponse, error) {
	return func(ctx context.Context, raw json.RawMessage) (events.SQSEventResponse, error) {
		var e events.SQSEvent
		if err := json.Unmarshal(raw, &e); err != nil {
			return events.SQSEventResponse{}, errors.New("this function takes events of an SQS queue")
		}
		out := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
		if len(e.Records) == 0 {
			if !emptyBatch(raw) {
				return out, errors.New("this function takes events of an SQS queue; the event has no Records")
			}
			return out, nil
		}
		if deadline, ok := ctx.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, deadline.Add(-reserve))
			defer cancel()
		}
		fail := func(r events.SQSMessage) {
			out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
		}
		var msgs []env.Message
		records := map[string][]events.SQSMessage{} // by id: a delivery may be queued twice
		for _, r := range e.Records {
			m, err := q.fromEvent(ctx, r)
			if err != nil {
				log.ErrorContext(ctx, "message cannot be read", "message_id", r.MessageId, "err", err)
				fail(r)
				continue
			}
			if len(records[m.ID]) == 0 {
				msgs = append(msgs, m)
			}
			records[m.ID] = append(records[m.ID], r)
		}
		if len(msgs) == 0 {
			return out, nil
		}
		failed, err := guarded(ctx, f, msgs)
		if err != nil {
			log.ErrorContext(ctx, "batch failed", "messages", len(msgs), "err", err)
			failed = nil
			for _, m := range msgs {
				failed = append(failed, m.ID)
			}
		}
		for _, id := range failed {
			for _, r := range records[id] {
				fail(r)
			}
			delete(records, id)
		}
		return out, nil
	}
}

// emptyBatch tells an event of a queue without messages from something else.
func emptyBatch(raw json.RawMessage) bool {
	var shape struct {
		Records *[]json.RawMessage `json:"Records"`
	}
	return json.Unmarshal(raw, &shape) == nil && shape.Records != nil
}

// guarded runs f; a panic is an error without the panic's value, which may be
// part of a payload.
func guarded(ctx context.Context, f Batch, msgs []env.Message) (failed []string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic of type %T:\n%s", p, debug.Stack())
		}
	}()
	return f(ctx, msgs)
}

// fromEvent is the message of an event's record.
func (q *Queue) fromEvent(ctx context.Context, r events.SQSMessage) (env.Message, error) {
	attribute := func(name string) string {
		a, ok := r.MessageAttributes[name]
		if !ok || a.StringValue == nil {
			return ""
		}
		return *a.StringValue
	}
	m, err := q.decode(ctx, r.MessageId, r.Body, attribute)
	if err != nil {
		return m, err
	}
	m.Attempts, m.SentAt = received(r.Attributes["ApproximateReceiveCount"]), milliseconds(r.Attributes["SentTimestamp"])
	return m, nil
}

// received is how often a message was received before this time.
func received(count string) int {
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 {
		return 0
	}
	return n - 1
}

func milliseconds(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}
