package process

import (
	"context"
	"errors"
	"slices"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// Outcome says what became of each message of a batch.
type Outcome struct {
	Result
	// Finished are in the lake.
	Finished []env.Message
	// Failed can never get there, with the reason of each. They belong among the
	// dead letters.
	Failed []Poison
	// Again must come again: Err, which is not theirs, kept them out.
	Again []env.Message
	Err   error
}

// Batch is Process for messages that must not suffer from each other: when the
// batch fails because of what is in it, it is halved until the delivery at fault
// stands alone.
func (p *Processor) Batch(ctx context.Context, msgs []env.Message) Outcome {
	if len(msgs) == 0 {
		return Outcome{}
	}
	res, err := p.Process(ctx, msgs)
	switch {
	case err == nil:
		return Outcome{Result: res, Failed: res.Poison, Finished: without(msgs, res.Poison)}
	case !fault.Is(err, fault.Permanent) && !fault.Is(err, fault.Invalid):
		return Outcome{Again: msgs, Err: err}
	case len(msgs) == 1:
		return Outcome{Failed: []Poison{{msgs[0].ID, err.Error()}}}
	}
	half := len(msgs) / 2
	a, b := p.Batch(ctx, msgs[:half]), p.Batch(ctx, msgs[half:])
	return Outcome{
		Result: Result{
			Records: a.Records + b.Records, Rejected: a.Rejected + b.Rejected, Ignored: a.Ignored + b.Ignored,
			Poison: slices.Concat(a.Poison, b.Poison),
		},
		Finished: slices.Concat(a.Finished, b.Finished),
		Failed:   slices.Concat(a.Failed, b.Failed),
		Again:    slices.Concat(a.Again, b.Again),
		Err:      errors.Join(a.Err, b.Err),
	}
}

// without leaves the poison out.
func without(msgs []env.Message, poison []Poison) []env.Message {
	if len(poison) == 0 {
		return msgs
	}
	return slices.DeleteFunc(slices.Clone(msgs), func(m env.Message) bool {
		return slices.ContainsFunc(poison, func(p Poison) bool { return p.ID == m.ID })
	})
}
