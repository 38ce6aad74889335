package awsenv

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"

	"upshot.dev/upshot/pipeline/fault"
)

// Retries of one call. With a back-off of at most 5 s they bridge about 30 s
// of SlowDown or ThrottlingException, which a caller with less time ends by
// its context.
const (
	maxAttempts = 10
	maxBackoff  = 5 * time.Second
)

// Config is the SDK's configuration: callers pass it on and need not know what
// it is.
type Config = aws.Config

// Load is the SDK's configuration from the environment of a function (or of a
// person at a terminal): region, credentials, endpoints, with this project's
// retries and timeouts. It asks no service. A region that is not set is a
// fault of kind Permanent.
func Load(ctx context.Context) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRetryer(newRetryer),
		config.WithHTTPClient(httpClient()),
	)
	if err != nil {
		return aws.Config{}, fault.New(fault.Permanent, fmt.Errorf("load the AWS configuration: %w", err))
	}
	if cfg.Region == "" {
		return aws.Config{}, fault.Permanentf("no AWS region: set AWS_REGION")
	}
	return cfg, nil
}

// newRetryer repeats what AWS says may be repeated: throttling, faults of the
// service, broken connections. It is the standard mode, not the adaptive one:
// that one delays calls by a rate measured over all keys and tables of a
// client, and one hot S3 prefix would slow every other.
func newRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = maxAttempts
		o.MaxBackoff = maxBackoff
		// The SDK's bucket of retry tokens would end the retries of a busy
		// client early; the context of the caller is the limit here.
		o.RateLimiter = unlimited{}
	})
}

// unlimited is a retry.RateLimiter that always lets a retry pass.
type unlimited struct{}

func (unlimited) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}

func (unlimited) AddTokens(uint) error { return nil }

// httpClient has limits for everything but the body, whose length is unknown:
// a server that does not answer is an error after 30 s, not the end of the
// function's time.
func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = 3 * time.Second }).
		WithTransportOptions(func(t *http.Transport) {
			t.TLSHandshakeTimeout = 3 * time.Second
			t.ResponseHeaderTimeout = 30 * time.Second
			t.MaxIdleConnsPerHost = 32
		})
}

// retryable says whether AWS means that the same call may succeed later:
// throttling, faults of the service, broken connections. Some services tell
// it with a status of 400, so the code decides and not the status.
func retryable(err error) bool {
	return retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary ||
		retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary
}
