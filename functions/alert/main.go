// Alert checks the rules of the metrics by Athena, and tells whoever is on call
// once when one is broken and once when it is well again, however often its
// schedule fires.
package main

import (
	"context"
	"errors"

	"upshot.dev/upshot/internal/alerting"
	"upshot.dev/upshot/internal/jobs"
	"upshot.dev/upshot/internal/onaws"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/outbox"
)

func main() {
	b := onaws.Open("UPSHOT_ATHENA_WORKGROUP", "UPSHOT_ATHENA_DATABASE", "UPSHOT_ALERT_TOPIC")
	watch := alerting.Watch{Config: b.Config, Query: b.Querier()}
	box := &outbox.Outbox{Store: b.Store, Clock: b.Clock, Notifier: awsenv.NewNotifier(b.Cloud, b.Place.AlertTopic)}
	// The time is now, also for a run that comes late: an old state must not be
	// told after a newer one.
	awsenv.StartJob(func(ctx context.Context, _ awsenv.Job) (any, error) {
		var r alerting.Result
		err := jobs.Run(ctx, b.Store, b.Clock, "alert", func(ctx context.Context) error {
			states, failed := watch.Check(ctx, b.Clock.Now())
			var err error
			r, err = alerting.Tell(ctx, box, states)
			return errors.Join(failed, err)
		})
		return r, err
	}, b.Log)
}
