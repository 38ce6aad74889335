// Package ledger reads the account of everything that came in. For every
// source, table and hour of reception: received = stored + duplicate +
// rejected + ignored, in input records. It is derived from the receipts that
// processing writes beside the rows, never from the rows themselves, so that
// the lake can be held against it.
package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"upshot.dev/upshot/pipeline/env"
)

// Row is one line of the account.
type Row struct {
	Source    string `json:"source"`
	Table     string `json:"table"` // "" where no record came of a delivery
	Hour      string `json:"hour"`  // RFC 3339, UTC
	Received  int64  `json:"received"`
	Stored    int64  `json:"stored"`
	Duplicate int64  `json:"duplicate"`
	Rejected  int64  `json:"rejected"`
	Ignored   int64  `json:"ignored"`
}

// Balanced reports whether the line adds up.
func (r Row) Balanced() bool {
	return r.Received == r.Stored+r.Duplicate+r.Rejected+r.Ignored
}

// Add sums the counts of two lines.
func (r Row) Add(o Row) Row {
	r.Received += o.Received
	r.Stored += o.Stored
	r.Duplicate += o.Duplicate
	r.Rejected += o.Rejected
	r.Ignored += o.Ignored
	return r
}

// Book is the account as `upshot ledger --format json` prints it.
type Book struct {
	Rows []Row `json:"rows"`
}

// Total sums the whole book.
func (b Book) Total() Row {
	var t Row
	for _, r := range b.Rows {
		t = t.Add(r)
	}
	return t
}

// BySource sums the book per source, in order of name.
func (b Book) BySource() []Row {
	var out []Row
	for _, r := range b.Rows {
		if n := len(out); n > 0 && out[n-1].Source == r.Source {
			out[n-1] = out[n-1].Add(r)
			continue
		}
		out = append(out, Row{Source: r.Source}.Add(r))
	}
	return out
}

// Read gives the whole account, ordered by source, table (none first) and hour.
func Read(ctx context.Context, q env.Querier) (Book, error) {
	book := Book{Rows: []Row{}}
	err := each(ctx, q, `SELECT source, table_name, hour, received, stored, duplicate, rejected, ignored
FROM ledger ORDER BY source, coalesce(table_name, ''), hour`, func(rec arrow.RecordBatch, i int) error {
		hour, ok := rec.Column(2).(*array.Timestamp)
		if !ok {
			return fmt.Errorf("hour is a %s, not a timestamp", rec.Column(2).DataType())
		}
		row := Row{
			Source: rec.Column(0).ValueStr(i),
			Hour:   hour.Value(i).ToTime(unit(hour)).UTC().Format(time.RFC3339),
		}
		if !rec.Column(1).IsNull(i) {
			row.Table = rec.Column(1).ValueStr(i)
		}
		for c, p := range []*int64{&row.Received, &row.Stored, &row.Duplicate, &row.Rejected, &row.Ignored} {
			n, ok := rec.Column(3 + c).(*array.Int64)
			if !ok {
				return fmt.Errorf("%s is a %s, not a bigint", rec.ColumnName(3+c), rec.Column(3+c).DataType())
			}
			*p = n.Value(i)
		}
		book.Rows = append(book.Rows, row)
		return nil
	})
	return book, err
}

// unit is that of a column of times: engines differ in it.
func unit(c *array.Timestamp) arrow.TimeUnit {
	if t, ok := c.DataType().(*arrow.TimestampType); ok {
		return t.Unit
	}
	return arrow.Microsecond
}

// Gap is a table whose rows in the lake are not as many as the ledger says.
type Gap struct {
	Source string `json:"source"`
	Table  string `json:"table"`
	Ledger int64  `json:"ledger"` // rows that should be there
	Lake   int64  `json:"lake"`   // rows that are
}

// Gaps holds the lake against the ledger: for every source and table the
// number of stored records in the one and of rows in the other. It is empty
// when nothing was lost and nothing doubled.
func Gaps(ctx context.Context, q env.Querier) ([]Gap, error) {
	var gaps []Gap
	err := each(ctx, q, gapSQL, func(rec arrow.RecordBatch, i int) error {
		g := Gap{Source: rec.Column(0).ValueStr(i), Table: rec.Column(1).ValueStr(i)}
		for c, p := range []*int64{&g.Ledger, &g.Lake} {
			n, ok := rec.Column(2 + c).(*array.Int64)
			if !ok {
				return fmt.Errorf("%s is a %s, not a bigint", rec.ColumnName(2+c), rec.Column(2+c).DataType())
			}
			*p = n.Value(i)
		}
		gaps = append(gaps, g)
		return nil
	})
	return gaps, err
}

const gapSQL = `SELECT source, table_name, CAST(sum(booked) AS bigint) AS booked, CAST(sum(present) AS bigint) AS present
FROM (
  SELECT source, table_name, stored AS booked, 0 AS present FROM ledger WHERE table_name IS NOT NULL
  UNION ALL SELECT source, 'tickets', 0, 1 FROM tickets
  UNION ALL SELECT source, 'surveys', 0, 1 FROM surveys
  UNION ALL SELECT source, 'events', 0, 1 FROM events
  UNION ALL SELECT source, 'releases', 0, 1 FROM releases
) AS x
GROUP BY source, table_name
HAVING sum(booked) <> sum(present)
ORDER BY source, table_name`

// each runs a query and calls f for every row.
func each(ctx context.Context, q env.Querier, sql string, f func(arrow.RecordBatch, int) error) error {
	r, err := q.Query(ctx, sql)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	defer r.Release()
	for r.Next() {
		rec := r.RecordBatch()
		for i := range int(rec.NumRows()) {
			if err := f(rec, i); err != nil {
				return fmt.Errorf("ledger: %w", err)
			}
		}
	}
	if err := r.Err(); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}
