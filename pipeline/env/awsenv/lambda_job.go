package awsenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"upshot.dev/upshot/pipeline/fault"
)

// Job is one scheduled run, as template.yaml writes it into the schedule's
// input: {"name": "weekly", "scheduled": "<aws.scheduler.scheduled-time>"}.
type Job struct {
	Name      string    `json:"name"`
	Scheduled time.Time `json:"scheduled"` // when it was due; zero for a run by hand
}

// StartJob serves f as a Lambda function that a schedule invokes. It does not
// return.
func StartJob(f func(context.Context, Job) (any, error), log *slog.Logger) {
	lambda.Start(JobHandler(f, log))
}

// JobHandler reads the schedule's input, which may be empty for a run by hand.
// An error of f fails the invocation, so that the schedule tries again. f is
// told to stop shortly before the function's end.
func JobHandler(f func(context.Context, Job) (any, error), log *slog.Logger) func(context.Context, json.RawMessage) (any, error) {
	return func(ctx context.Context, raw json.RawMessage) (out any, err error) {
		var job Job
		if len(raw) > 0 && string(raw) != "null" {
			if err := json.Unmarshal(raw, &job); err != nil {
				return nil, fault.Invalidf(`this function takes {"name": "...", "scheduled": "2026-11-02T07:00:00Z"} or nothing: %w`, err)
			}
		}
		if deadline, ok := ctx.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, deadline.Add(-reserve))
			defer cancel()
		}
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic of type %T:\n%s", p, debug.Stack())
			}
			if err != nil {
				log.ErrorContext(ctx, "scheduled work failed", "name", job.Name, "kind", fault.KindOf(err).String(), "err", err)
			}
		}()
		return f(ctx, job)
	}
}

// Hook is CodeDeploy's question whether traffic may move. Both ids are empty
// when the function is invoked by hand or by a schedule.
type Hook struct {
	DeploymentID string `json:"DeploymentId"`
	ExecutionID  string `json:"LifecycleEventHookExecutionId"`
}

// StartHook serves f as a Lambda function that CodeDeploy asks before it moves
// traffic. It does not return.
func StartHook(cfg aws.Config, f func(context.Context, Hook) error, log *slog.Logger) {
	lambda.Start(HookHandler(cfg, f, log))
}

// HookHandler tells CodeDeploy the outcome of f: an error or a panic means that
// the deployment goes back. Invoked by hand or by a schedule it returns the
// error instead.
func HookHandler(cfg aws.Config, f func(context.Context, Hook) error, log *slog.Logger) func(context.Context, Hook) error {
	client := codedeploy.NewFromConfig(cfg)
	return func(ctx context.Context, h Hook) error {
		err := try(ctx, f, h)
		if err != nil {
			log.ErrorContext(ctx, "the smoke test failed", "deployment", h.DeploymentID, "err", err)
		}
		if h.ExecutionID == "" {
			return err
		}
		status := types.LifecycleEventStatusSucceeded
		if err != nil {
			status = types.LifecycleEventStatusFailed
		}
		_, told := client.PutLifecycleEventHookExecutionStatus(context.WithoutCancel(ctx), &codedeploy.PutLifecycleEventHookExecutionStatusInput{
			DeploymentId: &h.DeploymentID, LifecycleEventHookExecutionId: &h.ExecutionID, Status: status,
		})
		if told != nil {
			told = fmt.Errorf("tell CodeDeploy (this needs codedeploy:PutLifecycleEventHookExecutionStatus): %w", told)
		}
		return errors.Join(err, told)
	}
}

// try runs f so that there is time left to tell the outcome.
func try(ctx context.Context, f func(context.Context, Hook) error, h Hook) (err error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-reserve))
		defer cancel()
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic of type %T:\n%s", p, debug.Stack())
		}
	}()
	return f(ctx, h)
}
