package awsenv

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"upshot.dev/upshot/pipeline/fault"
)

// parameterReader reads SecureStrings of SSM Parameter Store.
func parameterReader(cfg aws.Config) secretReader {
	client := ssm.NewFromConfig(cfg)
	return func(ctx context.Context, name string) (string, bool, error) {
		out, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
		if _, absent := errors.AsType[*ssmtypes.ParameterNotFound](err); absent {
			return "", false, nil
		}
		if err != nil {
			return "", false, err
		}
		if out.Parameter == nil || out.Parameter.Type != ssmtypes.ParameterTypeSecureString {
			return "", false, fault.Permanentf("the parameter is not encrypted: put it again with --type SecureString")
		}
		return aws.ToString(out.Parameter.Value), true, nil
	}
}

// secretsManagerReader reads the current version of secrets. One that is
// waiting for its deletion is refused by the service with a reason.
func secretsManagerReader(cfg aws.Config) secretReader {
	client := secretsmanager.NewFromConfig(cfg)
	return func(ctx context.Context, name string) (string, bool, error) {
		out, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
		if _, absent := errors.AsType[*smtypes.ResourceNotFoundException](err); absent {
			return "", false, nil
		}
		if err != nil {
			return "", false, err
		}
		if out.SecretString == nil {
			return string(out.SecretBinary), true, nil
		}
		return *out.SecretString, true, nil
	}
}
