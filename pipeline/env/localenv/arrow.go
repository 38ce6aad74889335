package localenv

import (
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/duckdb/duckdb-go/v2"
)

// batchRows is how many rows an Arrow batch holds at most.
const batchRows = 4096

// readArrow turns the engine's rows into Arrow batches as they are read. The
// driver's own Arrow interface would need a build tag on every build of the
// program; results are small, so a copy is cheap.
func readArrow(rows *sql.Rows) (array.RecordReader, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	fields := make([]arrow.Field, len(types))
	for i, t := range types {
		fields[i] = arrow.Field{Name: t.Name(), Type: arrowType(t.DatabaseTypeName()), Nullable: true}
	}
	schema := arrow.NewSchema(fields, nil)
	// The first batch is read at once, so that an error of the statement is
	// this call's error.
	first, more, err := readBatch(rows, schema)
	if err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	return array.ReaderFromIter(schema, batches(rows, schema, first, more)), nil
}

func batches(rows *sql.Rows, schema *arrow.Schema, first arrow.RecordBatch, more bool) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		defer func() { _ = rows.Close() }()
		rec := first
		for {
			if !yield(rec, nil) || !more {
				return
			}
			var err error
			if rec, more, err = readBatch(rows, schema); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// readBatch reads up to batchRows rows; more is false at the end.
func readBatch(rows *sql.Rows, schema *arrow.Schema) (rec arrow.RecordBatch, more bool, err error) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	values := make([]any, schema.NumFields())
	targets := make([]any, len(values))
	for i := range values {
		targets[i] = &values[i]
	}
	n := 0
	for n < batchRows && rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return nil, false, err
		}
		for i, v := range values {
			if err := appendValue(b.Field(i), v); err != nil {
				return nil, false, fmt.Errorf("column %s: %w", schema.Field(i).Name, err)
			}
		}
		n++
	}
	if err := rows.Err(); err != nil {
		return nil, false, err
	}
	return b.NewRecordBatch(), n == batchRows, nil
}

// arrowType is the Arrow type of a DuckDB type's name. Whole numbers become
// bigints, since sums of them are wider in DuckDB; what has no counterpart
// becomes text.
func arrowType(name string) arrow.DataType {
	if in, ok := strings.CutSuffix(name, "[]"); ok {
		return arrow.ListOf(arrowType(in))
	}
	switch {
	case name == "BOOLEAN":
		return arrow.FixedWidthTypes.Boolean
	case name == "TINYINT", name == "SMALLINT", name == "INTEGER", name == "BIGINT", name == "HUGEINT",
		name == "UTINYINT", name == "USMALLINT", name == "UINTEGER", name == "UBIGINT", name == "UHUGEINT":
		return arrow.PrimitiveTypes.Int64
	case name == "FLOAT", name == "DOUBLE", strings.HasPrefix(name, "DECIMAL"):
		return arrow.PrimitiveTypes.Float64
	case name == "DATE":
		return arrow.FixedWidthTypes.Date32
	case strings.HasPrefix(name, "TIMESTAMP"):
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	case name == "BLOB":
		return arrow.BinaryTypes.Binary
	default:
		return arrow.BinaryTypes.String
	}
}

func appendValue(b array.Builder, v any) error {
	if v == nil {
		b.AppendNull()
		return nil
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		x, ok := v.(bool)
		return appendIf(ok, v, func() { b.Append(x) })
	case *array.Int64Builder:
		x, ok := whole(v)
		return appendIf(ok, v, func() { b.Append(x) })
	case *array.Float64Builder:
		x, ok := float(v)
		return appendIf(ok, v, func() { b.Append(x) })
	case *array.Date32Builder:
		x, ok := v.(time.Time)
		return appendIf(ok, v, func() { b.Append(arrow.Date32FromTime(x)) })
	case *array.TimestampBuilder:
		x, ok := v.(time.Time)
		return appendIf(ok, v, func() { b.Append(arrow.Timestamp(x.UnixMicro())) })
	case *array.BinaryBuilder:
		x, ok := v.([]byte)
		return appendIf(ok, v, func() { b.Append(x) })
	case *array.ListBuilder:
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("a %T is no list", v)
		}
		b.Append(true)
		for _, x := range list {
			if err := appendValue(b.ValueBuilder(), x); err != nil {
				return err
			}
		}
		return nil
	case *array.StringBuilder:
		b.Append(text(v))
		return nil
	default:
		return fmt.Errorf("no Arrow form for a %T", v)
	}
}

func appendIf(ok bool, v any, do func()) error {
	if !ok {
		return fmt.Errorf("the engine gave an unexpected %T", v)
	}
	do()
	return nil
}

func whole(v any) (int64, bool) {
	switch x := v.(type) {
	case int8:
		return int64(x), true
	case int16:
		return int64(x), true
	case int32:
		return int64(x), true
	case int64:
		return x, true
	case uint8:
		return int64(x), true
	case uint16:
		return int64(x), true
	case uint32:
		return int64(x), true
	case uint64:
		return int64(x), x <= math.MaxInt64 //nolint:gosec // ok says whether it fits
	case *big.Int:
		return x.Int64(), x.IsInt64()
	default:
		return 0, false
	}
}

func float(v any) (float64, bool) {
	switch x := v.(type) {
	case float32:
		return float64(x), true
	case float64:
		return x, true
	case duckdb.Decimal:
		return x.Float64(), true
	default:
		return 0, false
	}
}

// text writes what has no Arrow form of its own, the same way every time.
func text(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case []byte:
		return string(x)
	case bool:
		return strconv.FormatBool(x)
	case time.Time:
		return x.UTC().Format("15:04:05.999999")
	default:
		return jsonText(v)
	}
}
