// Report makes a configured report by Athena, keeps it in the lake's bucket,
// and mails it once, however often its schedule fires.
package main

import (
	"context"

	"upshot.dev/upshot/internal/jobs"
	"upshot.dev/upshot/internal/onaws"
	"upshot.dev/upshot/internal/reporting"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
)

func main() {
	b := onaws.Open("UPSHOT_ATHENA_WORKGROUP", "UPSHOT_ATHENA_DATABASE")
	mailer := awsenv.NewMailer(b.Cloud, awsenv.MailerOptions{ConfigurationSet: b.Place.ConfigurationSet})
	reporter := reporting.Reporter{Config: b.Config, Query: b.Querier()}
	sender := reporting.Sender{Store: b.Store, Clock: b.Clock, Mailer: func() (env.Mailer, error) { return mailer, nil }}
	awsenv.StartJob(func(ctx context.Context, job awsenv.Job) (any, error) {
		var from string
		var sent bool
		err := jobs.Run(ctx, b.Store, b.Clock, "report-"+job.Name, func(ctx context.Context) (err error) {
			from, sent, err = reporter.Scheduled(ctx, sender, job.Name, b.Slot(job))
			return err
		})
		if sent {
			b.Emit([]awsenv.Metric{awsenv.Count("MailsSent", 1)})
		}
		return map[string]any{"report": job.Name, "from": from, "mailed": sent}, err
	}, b.Log)
}
