package awsenv

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"upshot.dev/upshot/pipeline/fault"
)

// StopRollouts ends the roll-outs of a stack that are under way, so that
// CodeDeploy takes their traffic back and moves none any more. It returns the
// ids of what it stopped. CloudFormation then takes the whole update back.
func StopRollouts(ctx context.Context, cfg aws.Config, stack string) ([]string, error) {
	client := codedeploy.NewFromConfig(cfg)
	var ids, stopped []string
	pages := codedeploy.NewListDeploymentsPaginator(client, &codedeploy.ListDeploymentsInput{IncludeOnlyStatuses: []types.DeploymentStatus{
		types.DeploymentStatusCreated, types.DeploymentStatusQueued, types.DeploymentStatusInProgress, types.DeploymentStatusReady,
	}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the roll-outs (this needs codedeploy:ListDeployments): %w", err)
		}
		ids = append(ids, page.Deployments...)
	}
	var errs []error
	for _, id := range ids {
		d, err := client.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
		if err != nil {
			errs = append(errs, fmt.Errorf("look at the roll-out %s: %w", id, err))
			continue
		}
		if !ofStack(d.DeploymentInfo, stack) {
			continue
		}
		if _, err := client.StopDeployment(ctx, &codedeploy.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: aws.Bool(true)}); err != nil {
			errs = append(errs, fmt.Errorf("stop the roll-out %s: %w", id, err))
			continue
		}
		stopped = append(stopped, id)
	}
	return stopped, errors.Join(errs...)
}

// historyDays is how far back Refused looks: versions of older roll-outs are not
// gone back to from one of today.
const historyDays = 90

// Refused are the versions of functions that a roll-out of the stack brought and
// that never served all traffic, because a hook, an alarm or a person ended it.
// They stay published, and are none to go back to. now is the end of the time
// that is looked at.
func Refused(ctx context.Context, cfg aws.Config, stack string, now time.Time) (map[string]map[int]bool, error) {
	client := codedeploy.NewFromConfig(cfg)
	from := now.AddDate(0, 0, -historyDays)
	out := map[string]map[int]bool{}
	pages := codedeploy.NewListDeploymentsPaginator(client, &codedeploy.ListDeploymentsInput{
		IncludeOnlyStatuses: []types.DeploymentStatus{types.DeploymentStatusFailed, types.DeploymentStatusStopped},
		CreateTimeRange:     &types.TimeRange{Start: &from, End: &now},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the roll-outs that failed (this needs codedeploy:ListDeployments): %w", err)
		}
		for _, id := range page.Deployments {
			if err := refusedBy(ctx, client, stack, id, out); err != nil {
				return nil, fmt.Errorf("look at the roll-out %s (this needs codedeploy:GetDeployment, ListDeploymentTargets and BatchGetDeploymentTargets): %w", id, err)
			}
		}
	}
	return out, nil
}

// refusedBy adds what one roll-out brought, when it is one of the stack.
func refusedBy(ctx context.Context, client *codedeploy.Client, stack, id string, out map[string]map[int]bool) error {
	d, err := client.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil || !ofStack(d.DeploymentInfo, stack) {
		return err
	}
	ids, err := client.ListDeploymentTargets(ctx, &codedeploy.ListDeploymentTargetsInput{DeploymentId: &id})
	if err != nil || len(ids.TargetIds) == 0 {
		return err
	}
	targets, err := client.BatchGetDeploymentTargets(ctx, &codedeploy.BatchGetDeploymentTargetsInput{DeploymentId: &id, TargetIds: ids.TargetIds})
	if err != nil {
		return err
	}
	for _, t := range targets.DeploymentTargets {
		if t.LambdaTarget == nil || t.LambdaTarget.LambdaFunctionInfo == nil {
			continue
		}
		f := t.LambdaTarget.LambdaFunctionInfo
		v, err := strconv.Atoi(aws.ToString(f.TargetVersion))
		if err != nil {
			return fault.Permanentf("the roll-out brings %q, which is no version", aws.ToString(f.TargetVersion))
		}
		name := aws.ToString(f.FunctionName)
		if out[name] == nil {
			out[name] = map[int]bool{}
		}
		out[name][v] = true
	}
	return nil
}

// ofStack says whether a roll-out belongs to a stack: the application's name is
// made by CloudFormation.
func ofStack(d *types.DeploymentInfo, stack string) bool {
	return d != nil && strings.HasPrefix(aws.ToString(d.ApplicationName), stack+"-ServerlessDeploymentApplication")
}
