package roadmap

import (
	"context"

	"upshot.dev/upshot/pipeline/metric"
)

// Run computes one metric, as metric.Catalog does for a lake and a product.
type Run func(ctx context.Context, name string, p metric.Params) (*metric.Result, error)

// Answer is what roadmap and report read of a metric's result.
type Answer struct {
	Title, Unit, Better string
	Target              *float64
	Rows                []metric.Row
}

// Ask is Run reduced to what is read.
type Ask func(ctx context.Context, name string, p metric.Params) (Answer, error)

// Asking turns Run into Ask.
func Asking(run Run) Ask {
	return func(ctx context.Context, name string, p metric.Params) (Answer, error) {
		r, err := run(ctx, name, p)
		if err != nil {
			return Answer{}, err
		}
		if r.Record != nil {
			defer r.Record.Release() // the rows are Go values of their own
		}
		return Answer{Title: r.Title, Unit: r.Unit, Better: r.Better, Target: r.Target, Rows: r.Rows()}, nil
	}
}
