// Package onaws wires a function: where it stands, its configuration, its
// adapters. A fault at the start is one line in the log and the end of the
// process, which Lambda reports as a failed init.
package onaws

import (
	"context"
	"log/slog"
	"os"
	"time"

	"upshot.dev/upshot/internal/wire"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/source"
)

// Base is what every function has.
type Base struct {
	Place   awsenv.Deployment
	Cloud   awsenv.Config
	Config  *config.Config
	Store   *awsenv.Store
	Metrics *awsenv.Metrics
	Log     *slog.Logger
	Clock   env.Clock
	secrets *awsenv.Secrets
}

// Open reads the environment and upshot.yaml. needs names the variables that
// must be set beside that of the lake's bucket.
func Open(needs ...string) *Base {
	b := &Base{Log: awsenv.NewLog(os.Stderr), Clock: env.ClockFunc(time.Now)}
	var err error
	b.Place, err = awsenv.FromEnvironment(os.LookupEnv)
	b.Check(err)
	b.Check(b.Place.Require(append(needs, "UPSHOT_LAKE_BUCKET")...))
	b.Cloud, err = awsenv.Load(context.Background())
	b.Check(err)
	b.Config, err = config.LoadPacked(b.Place.Config, os.LookupEnv)
	b.Check(err)
	b.Store = awsenv.NewStore(b.Cloud, awsenv.StoreOptions{Bucket: b.Place.LakeBucket, Prefix: b.Place.LakePrefix})
	b.Metrics = awsenv.NewMetrics(os.Stdout, b.Place.MetricsNamespace, b.Place.Stage, b.Clock)
	if b.Place.Secrets != "" {
		b.secrets, err = awsenv.NewSecrets(b.Cloud, awsenv.SecretsOptions{
			Location: b.Place.Secrets, Clock: b.Clock,
			OnStale: func(ctx context.Context, name string, err error) {
				b.Log.WarnContext(ctx, "an expired secret is used", "name", name, "err", err)
			},
		})
		b.Check(err)
	}
	return b
}

// Check ends the process when err is one.
func (b *Base) Check(err error) {
	if err != nil {
		b.Log.Error("the function cannot start", "err", err)
		os.Exit(1)
	}
}

// Queue is the queue of deliveries.
func (b *Base) Queue() *awsenv.Queue {
	return awsenv.NewQueue(b.Cloud, awsenv.QueueOptions{
		URL: b.Place.QueueURL, DeadLetterURL: b.Place.DeadLetterURL, Claims: b.Store, Clock: b.Clock,
	})
}

// Sources are the configured senders, and that of the smoke test.
func (b *Base) Sources() map[string]*source.Source {
	all, err := wire.Sources(b.Config)
	b.Check(err)
	return wire.WithSmoke(all)
}

// Secrets are those that the configuration holds, and those that it does not
// from where UPSHOT_SECRETS says.
func (b *Base) Secrets() env.Secrets {
	if b.secrets == nil {
		return wire.Secrets{Config: b.Config}
	}
	return wire.Secrets{Config: b.Config, Elsewhere: b.secrets}
}

// Emit writes metrics; that they cannot be written is logged and no reason to
// fail what they measure.
func (b *Base) Emit(metrics []awsenv.Metric, by ...awsenv.Dimension) {
	if err := b.Metrics.Emit(metrics, by...); err != nil {
		b.Log.Error("metrics are lost", "err", err)
	}
}

// Querier is Athena over the lake; what each query read is a metric.
func (b *Base) Querier() *awsenv.Querier {
	return awsenv.NewQuerier(b.Cloud, awsenv.QuerierOptions{
		Workgroup: b.Place.Workgroup, Database: b.Place.Database, Catalog: b.Place.Catalog, Clock: b.Clock,
		OnStats: func(s awsenv.QueryStats) {
			b.Emit([]awsenv.Metric{awsenv.Bytes("AthenaBytesScanned", s.BytesScanned), awsenv.Amount("AthenaCost", s.Cost)})
		},
	})
}

// IdentityKey is the key under which people become hashes: the one that the
// configuration holds, or that of the deployment.
func (b *Base) IdentityKey(ctx context.Context) (string, error) {
	return IdentityKey(ctx, b.Config, b.secrets)
}

// IdentityKey is Base.IdentityKey for others than functions. held may be nil.
func IdentityKey(ctx context.Context, c *config.Config, held *awsenv.Secrets) (string, error) {
	if c.IdentityKey != "" {
		return c.IdentityKey, nil
	}
	if held == nil {
		return "", fault.Permanentf("there is no identity key: neither identity_key in the configuration nor UPSHOT_SECRETS")
	}
	return held.Value(ctx, "identity_key")
}

// Slot is the time on the schedule that a job stands for, as local wall-clock
// time written as if it were UTC; the current time for a run by hand.
func (b *Base) Slot(job awsenv.Job) time.Time {
	at := job.Scheduled
	if at.IsZero() {
		at = b.Clock.Now()
	}
	l := at.In(b.Config.Location)
	return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, time.UTC)
}
