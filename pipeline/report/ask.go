package report

import (
	"context"
	"fmt"
	"slices"
	"time"

	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/pipeline/roadmap"
)

type (
	row = metric.Row
	// Run computes one metric, as metric.Catalog does for a lake and a product.
	Run = roadmap.Run
)

// ask is one question to a metric: local dates, half-open.
type ask struct {
	metric   string
	from, to time.Time
	grain    string
	by       []string
}

// ask runs a metric.
func (b *builder) ask(ctx context.Context, a ask) (meta, []row, error) {
	b.say(a.metric)
	result, err := b.answer(ctx, a.metric, metric.Params{From: iso(a.from), To: iso(a.to), TZ: b.cal.loc.String(), Grain: a.grain, By: a.by})
	if err != nil {
		return meta{}, nil, fmt.Errorf("report: metric %s from %s to %s: %w", a.metric, iso(a.from), iso(a.to), err)
	}
	m := meta{metric: a.metric, title: result.Title, unit: result.Unit, better: result.Better, target: result.Target}
	return m, result.Rows, nil
}

// table runs a metric and arranges its rows by period and by the values of dim
// ("" for none).
func (b *builder) table(ctx context.Context, a ask, dim string) (table, error) {
	info, rows, err := b.ask(ctx, a)
	if err != nil {
		return table{}, err
	}
	t := table{info: info, rows: map[string]map[string]row{}}
	for _, r := range rows {
		value := ""
		if dim != "" {
			value = r.Dims[dim]
		}
		if t.rows[r.Period] == nil {
			t.rows[r.Period] = map[string]row{}
		}
		t.rows[r.Period][value] = r
		// The empty value of a label stands for a period without anything.
		if (value != "" || dim == "" || len(a.by) > 0) && !slices.Contains(t.dims, value) {
			t.dims = append(t.dims, value)
		}
	}
	slices.Sort(t.dims)
	return t, nil
}
