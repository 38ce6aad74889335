package trino

import (
	"context"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"upshot.dev/upshot/pipeline/fault"
)

// rows turns the pages of an answer into Arrow batches, a page a batch.
type rows struct {
	refs    atomic.Int64
	ctx     context.Context //nolint:containedctx // of the query, which goes on while it is read
	st      *statement
	schema  *arrow.Schema
	add     []appender
	builder *array.RecordBuilder
	batch   arrow.RecordBatch
	err     error
	scanned int64
}

var _ array.RecordReader = (*rows)(nil)

// newRows takes the statement over.
func newRows(ctx context.Context, st *statement) (*rows, error) {
	r := &rows{ctx: ctx, st: st}
	fields := make([]arrow.Field, len(st.page.Columns))
	for i, c := range st.page.Columns {
		t, add, err := arrowType(c.TypeSignature)
		if err != nil {
			st.end()
			return nil, fault.Permanentf("query: column %s: %w", c.Name, err)
		}
		fields[i] = arrow.Field{Name: c.Name, Type: t, Nullable: true}
		r.add = append(r.add, add)
	}
	r.schema = arrow.NewSchema(fields, nil)
	r.builder = array.NewRecordBuilder(memory.DefaultAllocator, r.schema)
	r.refs.Store(1)
	return r, nil
}

// Retain implements array.RecordReader.
func (r *rows) Retain() { r.refs.Add(1) }

// Release implements array.RecordReader; the last one ends the statement.
func (r *rows) Release() {
	if r.refs.Add(-1) != 0 {
		return
	}
	r.drop()
	r.builder.Release()
	r.st.end()
}

func (r *rows) drop() {
	if r.batch != nil {
		r.batch.Release()
		r.batch = nil
	}
}

// Schema implements array.RecordReader.
func (r *rows) Schema() *arrow.Schema { return r.schema }

// RecordBatch implements array.RecordReader.
func (r *rows) RecordBatch() arrow.RecordBatch { return r.batch }

// Record implements array.RecordReader.
//
// Deprecated: use RecordBatch.
func (r *rows) Record() arrow.RecordBatch { return r.batch }

// Err implements array.RecordReader.
func (r *rows) Err() error { return r.err }

// BytesScanned is what the server has read of files so far.
func (r *rows) BytesScanned() int64 { return r.scanned }

// Next implements array.RecordReader.
func (r *rows) Next() bool {
	r.drop()
	for r.err == nil {
		r.scanned = max(r.scanned, r.st.page.Stats.PhysicalInputBytes)
		data := r.st.page.Data
		r.st.page.Data = nil
		if len(data) > 0 {
			r.err = r.fill(data)
			return r.err == nil
		}
		var more bool
		if more, r.err = r.st.next(r.ctx); !more {
			return false
		}
	}
	return false
}

func (r *rows) fill(data [][]any) error {
	for _, row := range data {
		for i, v := range row {
			if err := appendOrNull(r.builder.Field(i), r.add[i], v); err != nil {
				return fault.Permanentf("query: column %s: %w", r.schema.Field(i).Name, err)
			}
		}
	}
	r.batch = r.builder.NewRecordBatch()
	return nil
}
