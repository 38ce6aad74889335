// Package processing is the process stage behind an SQS event source. It is
// apart from onaws so that only the function that needs it holds the artefacts
// of enrichment.
package processing

import (
	"context"
	"time"

	"upshot.dev/upshot/internal/onaws"
	"upshot.dev/upshot/internal/wire/rows"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/process"
)

// New gives what a function does with a batch: everything that can be in the
// lake is there when it returns. A delivery that can never get there is told as
// failed, like one whose time has not come: SQS moves it to the dead letters
// when it failed too often.
func New(b *onaws.Base, identityKey string) (awsenv.Batch, error) {
	p, err := rows.New(b.Config, b.Store, b.Sources(), []byte(identityKey))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, msgs []env.Message) ([]string, error) {
		begin := b.Clock.Now()
		o := p.Batch(ctx, msgs)
		var failed []string
		for _, f := range o.Failed {
			b.Log.ErrorContext(ctx, "delivery cannot be processed", "id", f.ID, "reason", f.Reason)
			failed = append(failed, f.ID)
		}
		for _, m := range o.Again {
			failed = append(failed, m.ID)
		}
		if o.Err != nil {
			b.Log.ErrorContext(ctx, "deliveries come again", "messages", len(o.Again), "err", o.Err)
		}
		lag := oldest(o.Finished, b.Clock.Now())
		b.Log.InfoContext(ctx, "batch processed", "messages", len(msgs), "finished", len(o.Finished), "failed", len(o.Failed), "again", len(o.Again),
			"records", o.Records, "rejected", o.Rejected, "ignored", o.Ignored, "oldest_s", lag.Seconds(), "ms", b.Clock.Now().Sub(begin).Milliseconds())
		measure(b, o, lag)
		return failed, nil
	}, nil
}

// oldest is how long the oldest of the messages has been on its way.
func oldest(msgs []env.Message, now time.Time) (d time.Duration) {
	for _, m := range msgs {
		if !m.SentAt.IsZero() {
			d = max(d, now.Sub(m.SentAt))
		}
	}
	return d
}

func measure(b *onaws.Base, o process.Outcome, lag time.Duration) {
	metrics := []awsenv.Metric{
		awsenv.Count("RecordsStored", o.Records), awsenv.Count("RecordsRejected", o.Rejected), awsenv.Count("RecordsIgnored", o.Ignored),
		awsenv.Count("ProcessFailures", len(o.Failed)+len(o.Again)),
	}
	if len(o.Finished) > 0 {
		metrics = append(metrics, awsenv.Seconds("StoreLag", lag)) // of the batch's oldest: who waited longest counts
	}
	b.Emit(metrics)
}
