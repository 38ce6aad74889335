package localenv

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/duckdb/duckdb-go/v2"

	"upshot.dev/upshot/pipeline/fault"
)

// batchRows is how many rows an Arrow batch holds at most.
const batchRows = 8192

// arrowReader turns the engine's rows into Arrow batches as they are asked
// for. (The driver's own Arrow interface would need a build tag on every build
// of the program, and C memory in every consumer's hands.)
type arrowReader struct {
	refs    atomic.Int64
	session *session
	schema  *arrow.Schema
	columns []appender
	builder *array.RecordBuilder
	row     []driver.Value
	batch   arrow.RecordBatch
	err     error
}

var _ array.RecordReader = (*arrowReader)(nil)

// newArrowReader takes the session over.
func newArrowReader(s *session) (*arrowReader, error) {
	names := s.rows.Columns()
	r := &arrowReader{session: s, row: make([]driver.Value, len(names))}
	fields := make([]arrow.Field, len(names))
	for i, name := range names {
		info, err := s.stmt.ColumnTypeInfo(i)
		if err != nil {
			return nil, fault.Invalidf("query: column %s: %w", name, err)
		}
		t, add := arrowType(info)
		fields[i] = arrow.Field{Name: name, Type: t, Nullable: true}
		r.columns = append(r.columns, add)
	}
	r.schema = arrow.NewSchema(fields, nil)
	r.builder = array.NewRecordBuilder(memory.DefaultAllocator, r.schema)
	r.refs.Store(1)
	return r, nil
}

// Retain implements array.RecordReader.
func (r *arrowReader) Retain() { r.refs.Add(1) }

// Release implements array.RecordReader; the last one closes the session.
func (r *arrowReader) Release() {
	if r.refs.Add(-1) != 0 {
		return
	}
	r.drop()
	r.builder.Release()
	r.session.close()
}

func (r *arrowReader) drop() {
	if r.batch != nil {
		r.batch.Release()
		r.batch = nil
	}
}

// Schema implements array.RecordReader.
func (r *arrowReader) Schema() *arrow.Schema { return r.schema }

// RecordBatch implements array.RecordReader.
func (r *arrowReader) RecordBatch() arrow.RecordBatch { return r.batch }

// Record implements array.RecordReader.
//
// Deprecated: use RecordBatch.
func (r *arrowReader) Record() arrow.RecordBatch { return r.batch }

// Err implements array.RecordReader.
func (r *arrowReader) Err() error { return r.err }

// Next implements array.RecordReader.
func (r *arrowReader) Next() bool {
	r.drop()
	if r.err != nil {
		return false
	}
	n, err := r.fill()
	if err != nil {
		r.err = err
		return false
	}
	if n == 0 {
		return false
	}
	r.batch = r.builder.NewRecordBatch()
	return true
}

func (r *arrowReader) fill() (n int, err error) {
	for ; n < batchRows; n++ {
		if err := r.session.rows.Next(r.row); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, classify(err)
		}
		for i, v := range r.row {
			if err := appendOrNull(r.builder.Field(i), r.columns[i], v); err != nil {
				return n, fault.Invalidf("query: column %s: %w", r.schema.Field(i).Name, err)
			}
		}
	}
	return n, nil
}

// appender appends a value that is not null to its builder.
type appender func(b array.Builder, v any) error

func appendOrNull(b array.Builder, add appender, v any) error {
	if v == nil {
		b.AppendNull()
		return nil
	}
	return add(b, v)
}

// arrowType is the Arrow type of an engine's type, and how its values are
// appended. Whole numbers of every width become bigints and decimals doubles,
// so that a sum has the type that it has in Athena after a cast; what has no
// counterpart (intervals, times of day, JSON, unions) becomes text.
func arrowType(t duckdb.TypeInfo) (arrow.DataType, appender) {
	if t.Alias() == "JSON" {
		return arrow.BinaryTypes.String, appendJSON
	}
	switch t.InternalType() {
	case duckdb.TYPE_BOOLEAN:
		return arrow.FixedWidthTypes.Boolean, appendBool
	case duckdb.TYPE_TINYINT, duckdb.TYPE_SMALLINT, duckdb.TYPE_INTEGER, duckdb.TYPE_BIGINT, duckdb.TYPE_HUGEINT,
		duckdb.TYPE_UTINYINT, duckdb.TYPE_USMALLINT, duckdb.TYPE_UINTEGER, duckdb.TYPE_UBIGINT, duckdb.TYPE_UHUGEINT:
		return arrow.PrimitiveTypes.Int64, appendWhole
	case duckdb.TYPE_FLOAT, duckdb.TYPE_DOUBLE, duckdb.TYPE_DECIMAL:
		return arrow.PrimitiveTypes.Float64, appendDouble
	case duckdb.TYPE_DATE:
		return arrow.FixedWidthTypes.Date32, appendDate
	case duckdb.TYPE_TIMESTAMP, duckdb.TYPE_TIMESTAMP_S, duckdb.TYPE_TIMESTAMP_MS, duckdb.TYPE_TIMESTAMP_NS:
		return &arrow.TimestampType{Unit: arrow.Microsecond}, appendTimestamp
	case duckdb.TYPE_TIMESTAMP_TZ:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, appendTimestamp
	case duckdb.TYPE_BLOB:
		return arrow.BinaryTypes.Binary, appendBytes
	}
	switch d := t.Details().(type) {
	case *duckdb.ListDetails:
		item, add := arrowType(d.Child)
		return arrow.ListOf(item), appendList(add)
	case *duckdb.ArrayDetails:
		item, add := arrowType(d.Child)
		return arrow.ListOf(item), appendList(add)
	case *duckdb.MapDetails:
		return mapType(d)
	case *duckdb.StructDetails:
		return structType(d)
	default:
		return arrow.BinaryTypes.String, appendText
	}
}

func mapType(d *duckdb.MapDetails) (arrow.DataType, appender) {
	key, addKey := arrowType(d.Key)
	value, addValue := arrowType(d.Value)
	return arrow.MapOf(key, value), appendMap(addKey, addValue)
}

func structType(d *duckdb.StructDetails) (arrow.DataType, appender) {
	fields := make([]arrow.Field, len(d.Entries))
	adds := make([]appender, len(d.Entries))
	names := make([]string, len(d.Entries))
	for i, e := range d.Entries {
		var t arrow.DataType
		t, adds[i] = arrowType(e.Info())
		names[i] = e.Name()
		fields[i] = arrow.Field{Name: e.Name(), Type: t, Nullable: true}
	}
	return arrow.StructOf(fields...), appendStruct(names, adds)
}

func mismatch(v any) error { return fmt.Errorf("the engine gave an unexpected %T", v) }
