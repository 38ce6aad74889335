package athena_test

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"upshot.dev/upshot/internal/standin/athena"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
)

// endpoint is the stand-in over an empty lake with AWS's own client before it.
type endpoint struct {
	*athena.Server
	client *sdk.Client
	url    string
	dir    string
}

func start(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{dir: filepath.Join(t.TempDir(), "lake")}
	engine := athena.OpenLake(e.dir, localenv.QuerierOptions{Threads: 1})
	e.Server = athena.New(athena.Options{
		Engine: engine, Clock: env.ClockFunc(time.Now),
		Workgroups: map[string]athena.Workgroup{"upshot": {Output: "s3://results/", Cutoff: 20e6}, "bare": {}},
	})
	front := httptest.NewServer(e.Server)
	e.url = front.URL
	t.Cleanup(func() { front.Close(); e.Close(); _ = engine.Close() })
	e.client = sdk.NewFromConfig(aws.Config{
		Region: "eu-central-1", BaseEndpoint: &front.URL, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
	return e
}

func (e *endpoint) start(t *testing.T, sql, token string) (string, error) {
	t.Helper()
	in := &sdk.StartQueryExecutionInput{QueryString: &sql, WorkGroup: aws.String("upshot"), QueryExecutionContext: &types.QueryExecutionContext{Database: aws.String("db"), Catalog: aws.String("AwsDataCatalog")}}
	if token != "" {
		in.ClientRequestToken = &token
	}
	out, err := e.client.StartQueryExecution(t.Context(), in)
	if err != nil {
		return "", err
	}
	return aws.ToString(out.QueryExecutionId), nil
}

// end waits for a query's end.
func (e *endpoint) end(t *testing.T, id string) *types.QueryExecution {
	t.Helper()
	for {
		out, err := e.client.GetQueryExecution(t.Context(), &sdk.GetQueryExecutionInput{QueryExecutionId: &id})
		if err != nil {
			t.Fatal(err)
		}
		if s := out.QueryExecution.Status.State; s != types.QueryExecutionStateQueued && s != types.QueryExecutionStateRunning {
			return out.QueryExecution
		}
	}
}

func (e *endpoint) run(t *testing.T, sql string) *types.QueryExecution {
	t.Helper()
	id, err := e.start(t, sql, "")
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return e.end(t, id)
}
