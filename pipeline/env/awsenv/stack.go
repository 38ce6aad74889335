package awsenv

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"

	"upshot.dev/upshot/pipeline/fault"
)

// FromStack reads the deployment from the outputs and parameters of its
// CloudFormation stack, for a person at a terminal who knows only its name. The output of
// UPSHOT_LAKE_BUCKET is LakeBucket, and so on. A stack that does not exist or
// is none of Upshot's is a fault of kind Invalid.
func FromStack(ctx context.Context, cfg aws.Config, name string) (Deployment, error) {
	out, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "ValidationError" {
			return Deployment{}, fault.Invalidf("there is no stack %s in %s; name another with --stack, or another region with AWS_REGION", name, cfg.Region)
		}
		return Deployment{}, fmt.Errorf("read the stack %s (this needs cloudformation:DescribeStacks): %w", name, err)
	}
	outputs := map[string]string{}
	firstDay := ""
	for _, s := range out.Stacks {
		for _, p := range s.Parameters {
			if aws.ToString(p.ParameterKey) == "FirstDay" {
				firstDay = aws.ToString(p.ParameterValue)
			}
		}
		for _, o := range s.Outputs {
			outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
		}
	}
	if outputs["LakeBucket"] == "" {
		return Deployment{}, fault.Invalidf("the stack %s has no output LakeBucket: it is none of Upshot's, or not finished", name)
	}
	d, err := FromEnvironment(func(variable string) (string, bool) {
		v, ok := outputs[OutputName(variable)]
		return v, ok
	})
	d.FirstDay = firstDay
	return d, err
}

// OutputName is the stack's output for a variable of a function:
// UPSHOT_LAKE_BUCKET is LakeBucket.
func OutputName(variable string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(strings.TrimPrefix(variable, "UPSHOT_"), "_") {
		b.WriteString(part[:1] + strings.ToLower(part[1:]))
	}
	return b.String()
}
