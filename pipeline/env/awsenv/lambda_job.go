package awsenv

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"upshot.dev/upshot/pipeline/fault"
)

const wantJob = `a schedule's input, {"name": "weekly", "scheduled": "2026-11-02T07:00:00Z"}, or {} for a run by hand`

// Job is one scheduled run, as template.yaml writes it into the schedule's
// input: {"name": "weekly", "scheduled": "<aws.scheduler.scheduled-time>"}.
type Job struct {
	Name      string          `json:"name"`
	Scheduled time.Time       `json:"scheduled"` // when it was due; zero for a run by hand
	Input     json.RawMessage `json:"input"`     // for the job itself; nil when there is none
}

// StartJob serves f as a Lambda function that a schedule invokes. It does not
// return. See JobHandler.
func StartJob(f func(context.Context, Job) (any, error), log *slog.Logger) {
	start(JobHandler(f, log), log)
}

// JobHandler reads the schedule's input, which may be empty for a run by hand,
// and answers what f returns as JSON. An error or a panic of f fails the
// invocation, so that the schedule tries again. Either way one line in log says
// what came of the run and how long it took; the answer is in it, so it holds
// nothing but counts and names. The context of f ends a little before the
// function's time does. An event of any other kind is a fault of kind Invalid.
func JobHandler(f func(context.Context, Job) (any, error), log *slog.Logger) Function {
	return func(ctx context.Context, event []byte) ([]byte, error) {
		job, ok := readJob(event)
		if !ok {
			return nil, misdirected(ctx, log, event, wantJob)
		}
		ctx, cancel := withMargin(ctx)
		defer cancel()
		begin := time.Now()
		var out []byte
		err := guard(ctx, log, func() error {
			result, err := f(ctx, job)
			if err != nil {
				return err
			}
			out, err = json.Marshal(result)
			return err
		})
		told := log.With("name", job.Name, "ms", time.Since(begin).Milliseconds())
		if !job.Scheduled.IsZero() {
			told = told.With("due", job.Scheduled)
		}
		if err != nil {
			told.ErrorContext(ctx, "scheduled work failed", "kind", fault.KindOf(err).String(), "err", err.Error())
			return nil, err
		}
		told.InfoContext(ctx, "scheduled work is done", "result", json.RawMessage(out))
		return out, nil
	}
}

// readJob reads a job strictly: an event of another service, which a wrong
// trigger sends, must not be taken for a run by hand.
func readJob(event []byte) (job Job, ok bool) {
	event = bytes.TrimSpace(event)
	if len(event) == 0 || string(event) == "null" {
		return job, true
	}
	d := json.NewDecoder(bytes.NewReader(event))
	d.DisallowUnknownFields()
	return job, d.Decode(&job) == nil && !d.More() && event[0] == '{'
}
