package awsenv

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// maxClaimed is how many bytes of bodies are handed over at once. An event has
// at most 6 MB, but bodies that went by claim check come on top, and all of
// them together may be more than a function's memory.
const maxClaimed = 32 << 20

// Batch is what a function does with messages. failed are the ids of those that
// must come again, or go to the dead letters when they came too often. An error
// says why; without any id it is about all of them.
type Batch func(ctx context.Context, msgs []env.Message) (failed []string, err error)

// StartQueue serves f as a Lambda function behind an SQS event source that
// reports batch item failures. It does not return. See QueueHandler.
func StartQueue(q *Queue, f Batch, log *slog.Logger) { start(QueueHandler(q, f, log), log) }

// QueueHandler turns events of SQS into messages and says which of them
// failed. SQS deletes all others, so in doubt a message is one that failed: one
// that cannot be read, all of those that f got when it panics, those for which
// no time is left. The context of f ends a little before the function's time
// does. When nothing at all could be finished, for a reason that f gives, the
// invocation itself fails: SQS does the same with the messages, and Lambda
// counts an error, which an alarm can see.
//
// Bodies that went by claim check are fetched; f is called more than once when
// they are large together. They stay in the store until its lifecycle removes
// them, because a message may come again after it was processed.
//
// An event of any other kind is a fault of kind Invalid.
func QueueHandler(q *Queue, f Batch, log *slog.Logger) Function {
	return func(ctx context.Context, event []byte) ([]byte, error) {
		records, ok := readQueueEvent(event)
		if !ok {
			return nil, misdirected(ctx, log, event, "batches of an SQS queue")
		}
		ctx, cancel := withMargin(ctx)
		defer cancel()
		b := batch{q: q, f: f, log: log, byID: map[string][]string{}, failed: map[string]bool{}}
		b.run(ctx, records)
		if b.err != nil && len(b.failed) == len(records) {
			return nil, fmt.Errorf("none of %d messages is finished: %w", len(records), b.err)
		}
		out := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
		for _, r := range records {
			if b.failed[r.MessageId] {
				out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
			}
		}
		return json.Marshal(out)
	}
}

// readQueueEvent reads the records, which may be none. A record without an id
// makes the event one of another kind: its failure could not be told.
func readQueueEvent(event []byte) ([]events.SQSMessage, bool) {
	var e struct {
		Records *[]events.SQSMessage `json:"Records"`
	}
	if err := json.Unmarshal(event, &e); err != nil || e.Records == nil {
		return nil, false
	}
	for _, r := range *e.Records {
		if r.EventSource != "aws:sqs" || r.MessageId == "" {
			return nil, false
		}
	}
	return *e.Records, true
}

// batch is one event at work.
type batch struct {
	q   *Queue
	f   Batch
	log *slog.Logger

	msgs   []env.Message       // to be handed over next
	bytes  int                 // of their bodies
	byID   map[string][]string // SQS's ids of a message; it may have been queued twice
	failed map[string]bool     // by SQS's id
	err    error               // the last reason that f gave
}

// run hands all records over that can be read.
func (b *batch) run(ctx context.Context, records []events.SQSMessage) {
	for _, r := range records {
		if ctx.Err() != nil {
			b.failed[r.MessageId], b.err = true, cmp.Or(b.err, ctx.Err())
			continue
		}
		m, err := b.q.fromEvent(ctx, r)
		if err != nil {
			b.log.ErrorContext(ctx, "message cannot be read", "message", r.MessageId, "kind", fault.KindOf(err).String(), "err", err.Error())
			b.failed[r.MessageId] = true
			continue
		}
		b.byID[m.ID] = append(b.byID[m.ID], r.MessageId)
		if len(b.byID[m.ID]) > 1 {
			continue // its twin's outcome is its own
		}
		b.msgs, b.bytes = append(b.msgs, m), b.bytes+len(m.Body)
		if b.bytes >= maxClaimed {
			b.hand(ctx)
		}
	}
	b.hand(ctx)
}

// hand gives f what has been gathered and notes what failed.
func (b *batch) hand(ctx context.Context) {
	msgs := b.msgs
	b.msgs, b.bytes = nil, 0
	if len(msgs) == 0 {
		return
	}
	var failed []string
	err := ctx.Err()
	if err == nil {
		err = guard(ctx, b.log, func() (err error) { failed, err = b.f(ctx, msgs); return err })
	}
	all := err != nil && len(failed) == 0
	for _, id := range failed {
		if b.byID[id] == nil {
			b.log.ErrorContext(ctx, "a message failed that was not in the batch", "id", id)
			all = true
		}
		b.fail(id)
	}
	if all {
		for _, m := range msgs {
			b.fail(m.ID)
		}
	}
	if err != nil {
		b.err = err
		b.log.ErrorContext(ctx, "batch failed", "messages", len(msgs), "failed", len(b.failed), "kind", fault.KindOf(err).String(), "err", err.Error())
	}
}

func (b *batch) fail(id string) {
	for _, record := range b.byID[id] {
		b.failed[record] = true
	}
}

// fromEvent is the message of an event's record.
func (q *Queue) fromEvent(ctx context.Context, r events.SQSMessage) (env.Message, error) {
	attribute := func(name string) string { return aws.ToString(r.MessageAttributes[name].StringValue) }
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
