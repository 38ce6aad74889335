package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"upshot.dev/upshot/pipeline/env"
)

// Queue is what a Worker needs of the queue.
type Queue interface {
	env.Receiver
	env.DeadLetters
}

// Worker takes deliveries from a queue and processes them in batches. It is
// the loop of one machine; on Lambda the event source does its work.
//
// A delivery is finished when its rows, or the reasons against it, are in the
// lake. It is set aside, out of everybody's way, when it can never get there:
// it is no envelope, its rows cannot be written, or the process died over it
// again and again. When the store fails, no delivery is to blame: all come
// back later, each time after a longer while, however often.
type Worker struct {
	Processor *Processor
	Queue     Queue
	Store     env.Store // for the markers of deliveries that killed the process
	Log       *slog.Logger
	// Batch is the number of deliveries taken at once; 0 is 512.
	Batch int
	// Lease is how long a batch may take before others may have it; 0 is 2 m.
	Lease time.Duration
}

const (
	// suspectAfter attempts a delivery is handled with care: see suspects.go.
	suspectAfter = 2
	maxDelay     = 5 * time.Minute
)

// Drain processes until the queue shows nothing more, or nothing more can be
// done, and returns how many deliveries it finished. Deliveries that failed
// come back later; the error is the last failure.
func (w *Worker) Drain(ctx context.Context) (int, error) {
	done := 0
	var failed error
	for ctx.Err() == nil {
		n, err := w.Step(ctx)
		done += n
		if err != nil {
			failed = err
		}
		if n == 0 {
			break
		}
	}
	return done, failed
}

// Step takes one batch and returns how many deliveries it finished: 0 when
// there was nothing to do or nothing could be done. It may be cut off by ctx at
// any point: what was not deleted comes again.
func (w *Worker) Step(ctx context.Context) (int, error) {
	limit, lease := w.Batch, w.Lease
	if limit <= 0 {
		limit = 512
	}
	if lease <= 0 {
		lease = 2 * time.Minute
	}
	msgs, err := w.Queue.Receive(ctx, limit, lease)
	if err != nil {
		return 0, fmt.Errorf("receive deliveries: %w", err)
	}
	var fresh, suspects []env.Message
	for _, m := range msgs {
		if m.Attempts < suspectAfter {
			fresh = append(fresh, m)
		} else {
			suspects = append(suspects, m)
		}
	}
	// The suspects last: should one of them end the process, the others are
	// finished.
	n, err := w.run(ctx, fresh)
	careful, suspectErr := w.suspects(ctx, suspects)
	return n + careful, errors.Join(err, suspectErr)
}

// run processes one batch, deletes what is finished, sets aside what can never
// be, and releases the rest.
func (w *Worker) run(ctx context.Context, msgs []env.Message) (int, error) {
	if len(msgs) == 0 {
		return 0, nil
	}
	o := w.Processor.Batch(ctx, msgs)
	n, err := w.finish(ctx, o.Finished, o.Failed)
	if len(o.Again) > 0 {
		err = errors.Join(err, w.release(ctx, o.Again, o.Err))
	}
	return n, err
}

// finish deletes what is in the lake and sets the poison aside.
func (w *Worker) finish(ctx context.Context, msgs []env.Message, poison []Poison) (int, error) {
	for _, p := range poison {
		if err := w.setAside(ctx, p.ID, p.Reason); err != nil {
			return 0, err
		}
	}
	if len(msgs) == 0 {
		return len(poison), nil
	}
	ids := make([]string, len(msgs))
	for i, m := range msgs {
		ids[i] = m.ID
	}
	// The rows are durable; from here on a crash only repeats work.
	if err := w.Queue.Delete(context.WithoutCancel(ctx), ids...); err != nil {
		return 0, fmt.Errorf("delete %d finished deliveries: %w", len(ids), err)
	}
	return len(msgs) + len(poison), nil
}

// release gives deliveries back after a failure that is not theirs. The more
// often they failed, the later they come.
func (w *Worker) release(ctx context.Context, msgs []env.Message, cause error) error {
	ids := make([]string, len(msgs))
	attempts := 0
	for i, m := range msgs {
		ids[i] = m.ID
		attempts = max(attempts, m.Attempts)
	}
	delay := min(time.Second<<min(attempts, 10), maxDelay)
	if err := w.Queue.Release(context.WithoutCancel(ctx), delay, ids...); err != nil {
		return fmt.Errorf("process %d deliveries: %w; giving them back: %w", len(msgs), cause, err)
	}
	return fmt.Errorf("process %d deliveries, trying again in %s: %w", len(msgs), delay, cause)
}

func (w *Worker) setAside(ctx context.Context, id, reason string) error {
	if w.Log != nil {
		w.Log.Error("delivery set aside", "id", id, "reason", reason)
	}
	if err := w.Queue.SetAside(context.WithoutCancel(ctx), reason, id); err != nil {
		return fmt.Errorf("set delivery %s aside: %w", id, err)
	}
	return nil
}
