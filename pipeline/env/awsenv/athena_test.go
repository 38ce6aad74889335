package awsenv_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"upshot.dev/upshot/internal/standin/athena"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/env/envtest"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
)

// TestQuerier: Athena's answers, by way of its protocol, are those that the
// engine gives directly.
func TestQuerier(t *testing.T) {
	envtest.Querier(t, func(t *testing.T, events []envtest.QuerierEvent) env.Querier {
		dir := t.TempDir()
		s, err := localenv.OpenStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		days := map[string][]record.EventRow{}
		for _, e := range events {
			at, dt := e.At.UnixMicro(), e.At.Format(time.DateOnly)
			days[dt] = append(days[dt], record.EventRow{
				Row:  record.Row{EventID: e.ID, Source: "app", OccurredAt: at, ReceivedAt: at, DeliveryID: "d"},
				Kind: "track", Name: e.Name, Properties: e.Properties,
			})
		}
		for dt, rows := range days {
			if err := lake.WriteHot(t.Context(), s, "events", dt, "batch", rows); err != nil {
				t.Fatal(err)
			}
		}
		engine := athena.OpenLake(dir, localenv.QuerierOptions{Threads: 2})
		t.Cleanup(func() { _ = engine.Close() })
		q, _ := athenaQuerier(t, engine, awsenv.QuerierOptions{Poll: time.Millisecond})
		return q
	})
}

// athenaQuerier is a querier before an endpoint of its own.
func athenaQuerier(t *testing.T, engine athena.Engine, o awsenv.QuerierOptions) (*awsenv.Querier, *athena.Server) {
	t.Helper()
	clock := o.Clock
	if clock == nil {
		clock = env.ClockFunc(time.Now)
	}
	s := athena.New(athena.Options{
		Engine: engine, Clock: clock,
		Workgroups: map[string]athena.Workgroup{"upshot": {Output: "s3://results/athena/", Cutoff: 10e9}, "bare": {}},
	})
	front := httptest.NewServer(s)
	t.Cleanup(func() { front.Close(); s.Close() })
	if o.Workgroup == "" {
		o.Workgroup = "upshot"
	}
	o.Database = "upshot"
	return awsenv.NewQuerier(athenaConfig(front.URL), o), s
}

// athenaConfig never repeats a call by itself: what is repeated is the
// querier's decision.
func athenaConfig(url string) aws.Config {
	return aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String(url),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}
