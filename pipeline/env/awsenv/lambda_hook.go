package awsenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"upshot.dev/upshot/pipeline/fault"
)

// Hook is CodeDeploy's question whether traffic may move. Both ids are empty
// when the function is invoked by hand or by a schedule.
type Hook struct {
	DeploymentID string          `json:"DeploymentId"`
	ExecutionID  string          `json:"LifecycleEventHookExecutionId"`
	Event        json.RawMessage `json:"-"` // as it came
}

// StartHook serves f as a Lambda function that CodeDeploy asks before it moves
// traffic. It does not return. See HookHandler.
func StartHook(cfg aws.Config, f func(context.Context, Hook) error, log *slog.Logger) {
	start(HookHandler(cfg, f, log), log)
}

// HookHandler tells CodeDeploy the outcome of f: an error, a panic, or no
// outcome in time mean that the deployment goes back. The invocation itself
// succeeds once CodeDeploy has been told, or Lambda would ask again after the
// decision. Invoked by hand or by a schedule it returns the error of f instead.
func HookHandler(cfg aws.Config, f func(context.Context, Hook) error, log *slog.Logger) Function {
	client := codedeploy.NewFromConfig(cfg)
	return func(ctx context.Context, event []byte) ([]byte, error) {
		h, ok := readHook(event)
		if !ok {
			return nil, misdirected(ctx, log, event, "CodeDeploy's lifecycle events, or {} for a run by hand")
		}
		begin := time.Now()
		err := inTime(ctx, log, f, h)
		told := log.With("deployment", h.DeploymentID, "ms", time.Since(begin).Milliseconds())
		if err != nil {
			told.ErrorContext(ctx, "the smoke test failed", "err", err.Error())
		} else {
			told.InfoContext(ctx, "the smoke test succeeded")
		}
		status := types.LifecycleEventStatusSucceeded
		if err != nil {
			status = types.LifecycleEventStatusFailed
		}
		if h.ExecutionID != "" {
			_, err = client.PutLifecycleEventHookExecutionStatus(ctx, &codedeploy.PutLifecycleEventHookExecutionStatusInput{
				DeploymentId: &h.DeploymentID, LifecycleEventHookExecutionId: &h.ExecutionID, Status: status,
			})
			if err != nil {
				err = fmt.Errorf("tell CodeDeploy %s (this needs codedeploy:PutLifecycleEventHookExecutionStatus): %w", status, err)
				log.ErrorContext(ctx, "CodeDeploy was not told", "deployment", h.DeploymentID, "err", err.Error())
			}
		}
		if err != nil {
			return nil, err
		}
		return json.Marshal(map[string]string{"status": string(status)})
	}
}

// readHook takes CodeDeploy's event and, for runs by hand and by a schedule, a
// job's: what belongs to another trigger is none.
func readHook(event []byte) (Hook, bool) {
	h := Hook{Event: event}
	if err := json.Unmarshal(event, &h); err == nil && (h.DeploymentID != "" || h.ExecutionID != "") {
		return h, h.DeploymentID != "" && h.ExecutionID != ""
	}
	_, ok := readJob(event)
	return Hook{Event: event}, ok
}

// inTime runs f so that there is time left to tell the outcome, even when f
// does not heed its context.
func inTime(ctx context.Context, log *slog.Logger, f func(context.Context, Hook) error, h Hook) error {
	ctx, cancel := withMargin(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- guard(ctx, log, func() error { return f(ctx, h) }) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	// What f says about the end of its time is better than that it ended.
	select {
	case err := <-done:
		return err
	default:
		return fault.New(fault.Retry, errors.Join(errors.New("no outcome in time"), ctx.Err()))
	}
}
