package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"

	"upshot.dev/upshot/internal/doctor"
	"upshot.dev/upshot/internal/onaws"
	"upshot.dev/upshot/internal/wire"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env/awsenv"
)

// cloudDeps are the parts of a deployment on AWS, found by its stack's name.
func (a *app) cloudDeps(ctx context.Context, stack string) (doctor.Deps, error) {
	cfg, err := awsenv.Load(ctx)
	if err != nil {
		return doctor.Deps{}, err
	}
	place, err := awsenv.FromStack(ctx, cfg, stack)
	if err != nil {
		return doctor.Deps{}, err
	}
	c, err := a.packedConfig()
	if err != nil {
		return doctor.Deps{}, err
	}
	held, err := awsenv.NewSecrets(cfg, awsenv.SecretsOptions{Location: place.Secrets, Clock: a.now})
	if err != nil {
		return doctor.Deps{}, err
	}
	s := awsenv.NewStore(cfg, awsenv.StoreOptions{Bucket: place.LakeBucket, Prefix: place.LakePrefix})
	d := doctor.Deps{
		Clock: a.now, Random: rand.Reader, Store: s,
		Sources: slices.Collect(maps.Keys(c.Sources)), Secrets: wire.Secrets{Config: c, Elsewhere: held},
		Identity: func(ctx context.Context) (string, error) { return onaws.IdentityKey(ctx, c, held) },
		Queue:    awsenv.NewQueue(cfg, awsenv.QueueOptions{URL: place.QueueURL, DeadLetterURL: place.DeadLetterURL, Claims: s, Clock: a.now}),
		Querier: awsenv.NewQuerier(cfg, awsenv.QuerierOptions{
			Workgroup: place.Workgroup, Database: place.Database, Catalog: place.Catalog, Clock: a.now,
			OnStats: func(q awsenv.QueryStats) {
				a.talk("Athena read %.1f MB, %.5f USD", float64(q.BytesScanned)/1e6, q.Cost)
			},
		}),
		Why: map[string]string{"mail": "no report is mailed to anybody"},
	}
	d.More = append(d.More, doctor.Days(s, place.FirstDay))
	if d.Schedules, err = a.dueOnAWS(c); err != nil {
		return doctor.Deps{}, err
	}
	if mailed(c) {
		d.Mail = func(ctx context.Context) (string, error) { return awsenv.CheckSender(ctx, cfg, c.Mail.From) }
	}
	return d, nil
}

// packedConfig is the configuration as it is packed with the functions.
func (a *app) packedConfig() (*config.Config, error) {
	file := a.cli.Config
	if file == "" {
		file = defaultConfig
	}
	c, err := config.LoadPacked(file, a.lookup)
	if err != nil {
		return nil, fmt.Errorf("the configuration that the functions are packed with: %w", err)
	}
	return c, nil
}
