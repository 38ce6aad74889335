package awsenv

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"upshot.dev/upshot/pipeline/fault"
)

// pageReader turns the pages of a result into Arrow batches, one at a time.
type pageReader struct {
	refs    atomic.Int64
	ctx     context.Context //nolint:containedctx // of the query that the pages belong to, as in sql.Rows
	q       *Querier
	id      string
	schema  *arrow.Schema
	columns []cellParser
	builder *array.RecordBuilder
	rows    []types.Row // fetched, not read yet
	next    *string     // the page after them; nil is none
	batch   arrow.RecordBatch
	err     error
}

var _ array.RecordReader = (*pageReader)(nil)

// open fetches the first page of a query that succeeded.
func (q *Querier) open(ctx context.Context, e *types.QueryExecution) (array.RecordReader, error) {
	r := &pageReader{ctx: ctx, q: q, id: aws.ToString(e.QueryExecutionId)}
	set, err := r.fetch()
	if err != nil {
		return nil, err
	}
	var info []types.ColumnInfo
	if set.ResultSetMetadata != nil {
		info = set.ResultSetMetadata.ColumnInfo
	}
	if r.schema, r.columns, err = arrowColumns(info); err != nil {
		return nil, err
	}
	if len(r.rows) > 0 && headed(e.StatementType, info, r.rows[0]) {
		r.rows = r.rows[1:]
	}
	r.builder = array.NewRecordBuilder(memory.DefaultAllocator, r.schema)
	r.refs.Store(1)
	return r, nil
}

// headed reports whether a result begins with the names of its columns: that of
// a SELECT always does, others may.
func headed(kind types.StatementType, info []types.ColumnInfo, first types.Row) bool {
	if kind == types.StatementTypeDml {
		return true
	}
	return slices.EqualFunc(info, first.Data, func(c types.ColumnInfo, d types.Datum) bool {
		return d.VarCharValue != nil && *d.VarCharValue == aws.ToString(c.Name)
	})
}

// fetch gets the next page.
func (r *pageReader) fetch() (*types.ResultSet, error) {
	out, err := patiently(r.ctx, r.q, func() (*athena.GetQueryResultsOutput, error) {
		return r.q.api.GetQueryResults(r.ctx, &athena.GetQueryResultsInput{QueryExecutionId: &r.id, NextToken: r.next})
	})
	if err != nil {
		return nil, callFault("results of query "+r.id, err)
	}
	if out.ResultSet == nil {
		return nil, fault.Retryf("results of query %s: Athena's answer has none", r.id)
	}
	r.rows, r.next = out.ResultSet.Rows, out.NextToken
	return out.ResultSet, nil
}

// Retain implements array.RecordReader.
func (r *pageReader) Retain() { r.refs.Add(1) }

// Release implements array.RecordReader.
func (r *pageReader) Release() {
	if r.refs.Add(-1) == 0 {
		r.drop()
		r.builder.Release()
		r.rows, r.next = nil, nil
	}
}

func (r *pageReader) drop() {
	if r.batch != nil {
		r.batch.Release()
		r.batch = nil
	}
}

// Schema implements array.RecordReader.
func (r *pageReader) Schema() *arrow.Schema { return r.schema }

// RecordBatch implements array.RecordReader.
func (r *pageReader) RecordBatch() arrow.RecordBatch { return r.batch }

// Record implements array.RecordReader.
//
// Deprecated: use RecordBatch.
func (r *pageReader) Record() arrow.RecordBatch { return r.batch }

// Err implements array.RecordReader.
func (r *pageReader) Err() error { return r.err }

// Next implements array.RecordReader: one page is one batch.
func (r *pageReader) Next() bool {
	r.drop()
	for r.err == nil && len(r.rows) == 0 && r.next != nil {
		_, r.err = r.fetch()
	}
	if r.err != nil || len(r.rows) == 0 {
		return false
	}
	for _, row := range r.rows {
		if r.err = r.append(row); r.err != nil {
			return false
		}
	}
	r.rows = nil
	r.batch = r.builder.NewRecordBatch()
	return true
}

// append adds a row to the batch in the making.
func (r *pageReader) append(row types.Row) error {
	if len(row.Data) != len(r.columns) {
		return fault.Permanentf("results of query %s: a row has %d values for %d columns", r.id, len(row.Data), len(r.columns))
	}
	for i, d := range row.Data {
		if d.VarCharValue == nil {
			r.builder.Field(i).AppendNull()
			continue
		}
		if err := r.columns[i](r.builder.Field(i), *d.VarCharValue); err != nil {
			return fault.Permanentf("results of query %s: column %s: %w", r.id, r.schema.Field(i).Name, err)
		}
	}
	return nil
}
