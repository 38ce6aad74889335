package awsenv_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/fault"
)

// table is an engine with one answer.
type table struct{ batch arrow.RecordBatch }

func (e *table) Query(context.Context, string) (array.RecordReader, error) {
	return array.NewRecordReader(e.batch.Schema(), []arrow.RecordBatch{e.batch})
}

// TestAthenaRoundTrip: any rows of the types that metrics have come back as they
// were, to the bit, in their order.
func TestAthenaRoundTrip(t *testing.T) {
	engine := &table{}
	q, _ := athenaQuerier(t, engine, awsenv.QuerierOptions{Poll: time.Millisecond})
	rapid.Check(t, func(rt *rapid.T) {
		engine.batch = anyBatch(rt)
		defer engine.batch.Release()
		r, err := q.Query(t.Context(), "SELECT 1")
		if err != nil {
			rt.Fatal(err)
		}
		defer r.Release()
		if !r.Schema().Equal(engine.batch.Schema()) {
			rt.Fatalf("columns %v, want %v", r.Schema(), engine.batch.Schema())
		}
		at := int64(0)
		for r.Next() {
			got := r.RecordBatch()
			part := engine.batch.NewSlice(at, at+got.NumRows())
			if !array.RecordEqual(part, got) {
				rt.Fatalf("rows from %d: got %v, want %v", at, got, part)
			}
			part.Release()
			at += got.NumRows()
		}
		if at != engine.batch.NumRows() || r.Err() != nil {
			rt.Fatalf("%d rows of %d, %v", at, engine.batch.NumRows(), r.Err())
		}
	})
}

// anyBatch draws rows, at times more than a page of them.
func anyBatch(rt *rapid.T) arrow.RecordBatch {
	var fields []arrow.Field
	for _, kind := range []arrow.DataType{
		arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64, arrow.FixedWidthTypes.Boolean,
		arrow.FixedWidthTypes.Date32, &arrow.TimestampType{Unit: arrow.Microsecond}, arrow.BinaryTypes.Binary,
	} {
		fields = append(fields, arrow.Field{Name: kind.Name(), Type: kind, Nullable: true})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	rows := rapid.IntRange(0, 30).Draw(rt, "rows")
	repeat := rapid.SampledFrom([]int{1, 1, 1, 70}).Draw(rt, "repeat")
	for range rows {
		draws := make([]func(), len(fields))
		for i := range fields {
			draws[i] = anyCell(rt, b.Field(i))
		}
		for range repeat {
			for _, add := range draws {
				add()
			}
		}
	}
	return b.NewRecordBatch()
}

// anyCell draws a value for a column and gives what appends it.
func anyCell(rt *rapid.T, b array.Builder) func() {
	if rapid.IntRange(0, 4).Draw(rt, "null") == 0 {
		return b.AppendNull
	}
	const days, milliseconds = 2_000_000, 200_000_000_000_000 // to the year 7400
	switch b := b.(type) {
	case *array.StringBuilder:
		v := rapid.String().Draw(rt, "text")
		return func() { b.Append(v) }
	case *array.Int64Builder:
		v := rapid.Int64().Draw(rt, "whole")
		return func() { b.Append(v) }
	case *array.Float64Builder:
		v := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.Inf(1), math.Inf(-1), 1e7, 1e-3, 0, 5e-324})).Draw(rt, "double")
		return func() { b.Append(v) }
	case *array.BooleanBuilder:
		v := rapid.Bool().Draw(rt, "truth")
		return func() { b.Append(v) }
	case *array.Date32Builder:
		v := rapid.Int32Range(-700_000, days).Draw(rt, "day")
		return func() { b.Append(arrow.Date32(v)) }
	case *array.TimestampBuilder:
		v := 1000 * rapid.Int64Range(-60_000_000_000_000, milliseconds).Draw(rt, "at")
		return func() { b.Append(arrow.Timestamp(v)) }
	case *array.BinaryBuilder:
		v := rapid.SliceOf(rapid.Byte()).Draw(rt, "raw")
		return func() { b.Append(v) }
	default:
		rt.Fatalf("a %T", b)
		return nil
	}
}

// TestAthenaStatements: what reads is sent, what may write is not.
func TestAthenaStatements(t *testing.T) {
	const one = `{"ResultSetMetadata":{"ColumnInfo":[{"Name":"c","Type":"varchar"}]},"Rows":[{"Data":[{"VarCharValue":"c"}]}]}`
	q := canned(t, "DML", one)
	for _, sql := range []string{
		"SELECT 1", "((SELECT 1) UNION (SELECT 2))", "with a as (select 1) select * from a", "VALUES 1, 2", "TABLE events", "DESCRIBE events", "SHOW TABLES",
		"EXPLAIN SELECT 1", "explain analyze verbose select 1", "EXPLAIN (TYPE IO, FORMAT JSON) SELECT 1", "EXPLAIN(SELECT 1)", "EXPLAIN -- why\n SELECT 1",
	} {
		r, err := q.Query(t.Context(), sql)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		r.Release()
	}
	for _, sql := range []string{
		"EXPLAIN", "EXPLAIN ANALYZE INSERT INTO x SELECT 1", "EXPLAIN (FORMAT JSON) DROP TABLE x", "UNLOAD (SELECT 1) TO 's3://x'", "MSCK REPAIR TABLE x",
		"SELECTED 1", "EXECUTE x", "PREPARE x FROM SELECT 1", "-- SELECT\nDROP TABLE x", "/* SELECT */", ")", "USE x", "OPTIMIZE x REWRITE DATA USING BIN_PACK",
	} {
		if _, err := q.Query(t.Context(), sql); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", sql, err)
		}
	}
}
