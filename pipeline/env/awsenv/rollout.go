package awsenv

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
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
		// The application's name is made by CloudFormation.
		if d.DeploymentInfo == nil || !strings.HasPrefix(aws.ToString(d.DeploymentInfo.ApplicationName), stack+"-ServerlessDeploymentApplication-") {
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
