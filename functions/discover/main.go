// Discover keeps, once a day, what people write about and no theme covers, and
// holds the lake against the ledger.
package main

import (
	"context"
	"errors"
	"fmt"

	"upshot.dev/upshot/internal/discover"
	"upshot.dev/upshot/internal/jobs"
	"upshot.dev/upshot/internal/onaws"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/ledger"
)

func main() {
	b := onaws.Open("UPSHOT_ATHENA_WORKGROUP", "UPSHOT_ATHENA_DATABASE")
	q := b.Querier()
	awsenv.StartJob(func(ctx context.Context, _ awsenv.Job) (any, error) {
		var p discover.Proposal
		err := jobs.Run(ctx, b.Store, b.Clock, "discover", func(ctx context.Context) (err error) {
			if p, err = discover.Find(ctx, q, b.Clock.Now()); err != nil {
				return err
			}
			return p.Keep(ctx, b.Store)
		})
		gaps, gapErr := ledger.Gaps(ctx, q)
		if gapErr == nil {
			b.Emit([]awsenv.Metric{awsenv.Count("LedgerGap", len(gaps))})
		} else {
			err = errors.Join(err, fmt.Errorf("hold the lake against the ledger: %w", gapErr))
		}
		return map[string]any{"key": p.Key(), "phrases": len(p.Phrases), "gaps": len(gaps)}, err
	}, b.Log)
}
