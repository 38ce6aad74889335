package awsenv

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"upshot.dev/upshot/pipeline/fault"
)

// Step is one alias that was moved.
type Step struct{ Function, From, To string }

// Rollback points an alias of each function to the version before the one it
// points to, and takes back any share of traffic that a roll-out gave to
// another. Functions that are not there are left out; one without an older
// version is a fault, after all others were moved.
func Rollback(ctx context.Context, cfg aws.Config, alias string, functions ...string) ([]Step, error) {
	client := lambda.NewFromConfig(cfg)
	var done []Step
	var errs []error
	for _, f := range functions {
		s, err := rollBackOne(ctx, client, f, alias)
		if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
			continue
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("roll back %s: %w", f, err))
			continue
		}
		done = append(done, s)
	}
	if len(done) == 0 && len(errs) == 0 {
		return nil, fault.Invalidf("there is none of the functions %v with an alias %s: is the stack's name right, and the region?", functions, alias)
	}
	return done, errors.Join(errs...)
}

func rollBackOne(ctx context.Context, client *lambda.Client, function, alias string) (Step, error) {
	now, err := client.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &function, Name: &alias})
	if err != nil {
		return Step{}, err
	}
	current, err := strconv.Atoi(aws.ToString(now.FunctionVersion))
	if err != nil {
		return Step{}, fault.Permanentf("the alias %s points to %q, which is no version", alias, aws.ToString(now.FunctionVersion))
	}
	before := 0
	pages := lambda.NewListVersionsByFunctionPaginator(client, &lambda.ListVersionsByFunctionInput{FunctionName: &function})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return Step{}, err
		}
		for _, v := range page.Versions {
			if n, err := strconv.Atoi(aws.ToString(v.Version)); err == nil && n < current {
				before = max(before, n)
			}
		}
	}
	if before == 0 {
		return Step{}, fault.Permanentf("there is no version before %d", current)
	}
	to := strconv.Itoa(before)
	_, err = client.UpdateAlias(ctx, &lambda.UpdateAliasInput{
		FunctionName: &function, Name: &alias, FunctionVersion: &to,
		RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}},
	})
	return Step{function, strconv.Itoa(current), to}, err
}
