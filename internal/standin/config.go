package standin

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Made-up credentials: versitygw checks signatures with them, the other
// servers take any.
const (
	accessKey = "AKIAUPSHOTSTANDIN000"
	secretKey = "made-up-secret-key-of-the-stand-ins"
	region    = "us-east-1"
)

// Endpoint is where a service is answered.
type Endpoint struct {
	Service string // the SDK's name: "S3", "SQS", "SESv2", "Athena"; empty for all others
	URL     string
}

// Config is an SDK configuration that asks the given endpoints, with the
// stand-ins' credentials, and never AWS: a service without an endpoint is
// refused at a closed port.
func Config(t testing.TB, at ...Endpoint) aws.Config {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	t.Cleanup(transport.CloseIdleConnections)
	e := endpoints{"": "http://127.0.0.1:1"}
	for _, a := range at {
		e[a.Service] = a.URL
	}
	return aws.Config{
		Region:        region,
		Credentials:   credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
		HTTPClient:    &http.Client{Transport: transport, Timeout: 2 * time.Minute},
		ConfigSources: []any{e},
	}
}

// Environ is the same as environment variables of a process, as NAME=value.
func Environ(at ...Endpoint) []string {
	out := []string{
		"AWS_REGION=" + region, "AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
	}
	for _, a := range at {
		name := "AWS_ENDPOINT_URL"
		if a.Service != "" {
			name += "_" + strings.ToUpper(strings.ReplaceAll(a.Service, " ", "_"))
		}
		out = append(out, name+"="+a.URL)
	}
	return out
}

// endpoints answers the SDK's question for a service's endpoint the way the
// environment variables AWS_ENDPOINT_URL_<SERVICE> do.
type endpoints map[string]string

// GetServiceBaseEndpoint is called by the SDK when a client is made.
func (e endpoints) GetServiceBaseEndpoint(_ context.Context, sdkID string) (string, bool, error) {
	if u, ok := e[sdkID]; ok {
		return u, true, nil
	}
	return e[""], true, nil
}
