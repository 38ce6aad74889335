package awsenv

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// Invoke runs a function, named by its ARN with a version, and returns what it
// answers. An error of the function is a fault of kind Permanent with what it
// said.
func Invoke(ctx context.Context, cfg aws.Config, function string, event []byte) ([]byte, error) {
	out, err := lambda.NewFromConfig(cfg).Invoke(ctx, &lambda.InvokeInput{FunctionName: &function, Payload: event})
	if err != nil {
		code, status := codeOf(err)
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("invoke %s: %w", function, errors.Join(ctx.Err(), err))
		case code == "AccessDeniedException" || status == 403:
			return nil, fault.Permanentf("invoke %s: denied; the role needs lambda:InvokeFunction on it: %w", function, err)
		case retryable(err):
			return nil, fault.Retryf("invoke %s: %w", function, err)
		}
		return nil, fault.Permanentf("invoke %s: %w", function, err)
	}
	if out.FunctionError != nil {
		return nil, fault.Permanentf("%s failed (%s): %.500s", function, *out.FunctionError, out.Payload)
	}
	return out.Payload, nil
}

// MakeSecret stores a new random secret under a name that has none yet, and
// returns it. Where there is one, as somebody else was faster, the error is
// env.ErrExist, and a fault of kind Retry.
func MakeSecret(ctx context.Context, cfg aws.Config, location, name string, random io.Reader) (string, error) {
	service, prefix, err := parseLocation(location)
	if err != nil {
		return "", err
	}
	var raw [32]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", fmt.Errorf("make a secret: %w", err)
	}
	sum := sha256.Sum256(raw[:])
	// The form of Standard Webhooks, which signs with it.
	value, full := "whsec_"+base64.StdEncoding.EncodeToString(sum[:]), prefix+"/"+name
	if service == "secretsmanager" {
		_, err = secretsmanager.NewFromConfig(cfg).CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: &full, SecretString: &value})
	} else {
		_, err = ssm.NewFromConfig(cfg).PutParameter(ctx, &ssm.PutParameterInput{Name: &full, Value: &value, Type: types.ParameterTypeSecureString})
	}
	if err == nil {
		return value, nil
	}
	switch code, _ := codeOf(err); code {
	case "ParameterAlreadyExists", "ResourceExistsException":
		return "", fault.Retryf("the secret %s was made by somebody else just now: %w", full, env.ErrExist)
	case "AccessDeniedException":
		return "", fault.Permanentf("make the secret %s: denied; the role needs ssm:PutParameter or secretsmanager:CreateSecret on it: %w", full, err)
	}
	return "", fault.Retryf("make the secret %s: %w", full, err)
}
