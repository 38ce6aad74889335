// Package alerting checks the rules of the bundled metrics and tells about
// them, the same way on one machine and on AWS.
package alerting

import (
	"context"
	"time"

	"upshot.dev/upshot/pipeline/alert"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/pipeline/outbox"
	"upshot.dev/upshot/queries"
)

// Watch checks rules over one lake.
type Watch struct {
	Config *config.Config
	Query  env.Querier
}

// Result is what a run did: names and counts only, fit for a log.
type Result struct {
	Rules  int          `json:"rules"`
	Firing []string     `json:"firing"`
	NoData []string     `json:"no_data"`
	Told   []alert.Told `json:"told"`
}

// Check gives the state of every rule at the time now, by metric. States stand
// beside an error, which is about the other rules.
func (w Watch) Check(ctx context.Context, now time.Time) ([]alert.State, error) {
	catalog, err := metric.Load(queries.Metrics())
	if err != nil {
		return nil, err
	}
	var metrics []*metric.Metric
	for _, name := range catalog.Names() {
		m, err := catalog.Get(name)
		if err != nil {
			return nil, err
		}
		metrics = append(metrics, m)
	}
	ask := alert.Asking(func(ctx context.Context, name string, p metric.Params) (*metric.Result, error) {
		return catalog.Run(ctx, w.Query, name, w.Config.Product, p)
	})
	return alert.Check(ctx, metrics, ask, w.Config.Timezone, now)
}

// Tell sends, through box and its notifier, what the states say and nobody was
// told yet. The result stands beside an error, too.
func Tell(ctx context.Context, box *outbox.Outbox, states []alert.State) (Result, error) {
	r := Result{Rules: len(states), Firing: []string{}, NoData: []string{}, Told: []alert.Told{}}
	for _, s := range states {
		switch s.Status {
		case alert.Firing:
			r.Firing = append(r.Firing, s.Metric.Name)
		case alert.NoData:
			r.NoData = append(r.NoData, s.Metric.Name)
		}
	}
	told, err := alert.Tell(ctx, box, states)
	r.Told = append(r.Told, told...)
	return r, err
}
