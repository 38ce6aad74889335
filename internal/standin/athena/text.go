package athena

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// result is a query's answer as text.
type result struct {
	columns []columnInfo
	rows    []row
	scanned int64
}

type columnInfo struct {
	CatalogName   string
	SchemaName    string
	TableName     string
	Name          string
	Label         string
	Type          string
	Precision     int
	Scale         int
	Nullable      string
	CaseSensitive bool
}

// header is the row of names that a SELECT's result begins with.
func (r *result) header() row {
	var h row
	for _, c := range r.columns {
		h.Data = append(h.Data, datum{&c.Name})
	}
	return h
}

// collect reads all batches.
func collect(ctx context.Context, r array.RecordReader) (*result, error) {
	out := &result{columns: []columnInfo{}, rows: []row{}}
	for _, f := range r.Schema().Fields() {
		out.columns = append(out.columns, column(f))
	}
	for r.Next() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		batch := r.RecordBatch()
		for i := range int(batch.NumRows()) {
			line := row{Data: make([]datum, batch.NumCols())}
			for j, c := range batch.Columns() {
				if !c.IsNull(i) {
					s := text(c, i)
					line.Data[j].VarCharValue = &s
				}
			}
			out.rows = append(out.rows, line)
		}
	}
	if s, ok := r.(interface{ BytesScanned() int64 }); ok {
		out.scanned = s.BytesScanned()
	}
	return out, r.Err()
}

// column is a column's type by Athena's name, with its precision.
func column(f arrow.Field) columnInfo {
	c := columnInfo{CatalogName: "hive", Name: f.Name, Label: f.Name, Nullable: "UNKNOWN"}
	switch t := f.Type.(type) {
	case *arrow.Int64Type:
		c.Type, c.Precision = "bigint", 19
	case *arrow.Int32Type:
		c.Type, c.Precision = "integer", 10
	case *arrow.Float64Type:
		c.Type, c.Precision = "double", 17
	case *arrow.Float32Type:
		c.Type, c.Precision = "float", 17
	case *arrow.Decimal128Type:
		c.Type, c.Precision, c.Scale = "decimal", int(t.Precision), int(t.Scale)
	case *arrow.BooleanType:
		c.Type = "boolean"
	case *arrow.Date32Type:
		c.Type = "date"
	case *arrow.TimestampType:
		c.Type, c.Precision = "timestamp", 3
		if t.TimeZone != "" {
			c.Type = "timestamp with time zone"
		}
	case *arrow.BinaryType:
		c.Type, c.Precision = "varbinary", 1<<30
	case *arrow.ListType:
		c.Type = "array"
	case *arrow.MapType:
		c.Type = "map"
	case *arrow.StructType:
		c.Type = "row"
	default:
		c.Type, c.Precision, c.CaseSensitive = "varchar", math.MaxInt32, true
	}
	return c
}

// text is a value that is not null as Athena writes it.
func text(a arrow.Array, i int) string {
	switch a := a.(type) {
	case *array.String:
		return a.Value(i)
	case *array.Float64:
		return double(a.Value(i), 64)
	case *array.Float32:
		return double(float64(a.Value(i)), 32)
	case *array.Date32:
		return a.Value(i).ToTime().Format(time.DateOnly)
	case *array.Timestamp:
		return timestamp(a, i)
	case *array.Binary:
		return strings.TrimSpace(fmt.Sprintf("% x", a.Value(i)))
	case *array.Map: // before List, which it is built on
		return mapText(a, i)
	case *array.List:
		start, end := a.ValueOffsets(i)
		parts := make([]string, 0, end-start)
		for j := start; j < end; j++ {
			parts = append(parts, nested(a.ListValues(), int(j)))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case *array.Struct:
		return structText(a, i)
	default:
		return a.ValueStr(i)
	}
}

// nested is a value inside of another.
func nested(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return "null"
	}
	return text(a, i)
}

func mapText(a *array.Map, i int) string {
	start, end := a.ValueOffsets(i)
	parts := make([]string, 0, end-start)
	for j := start; j < end; j++ {
		parts = append(parts, nested(a.Keys(), int(j))+"="+nested(a.Items(), int(j)))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func structText(a *array.Struct, i int) string {
	fields := a.DataType().(*arrow.StructType).Fields() //nolint:forcetypeassert // a struct's type
	parts := make([]string, len(fields))
	for k, f := range fields {
		parts[k] = f.Name + "=" + nested(a.Field(k), i)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// timestamp has three decimals, whatever the column's precision: the engine
// rounds.
func timestamp(a *array.Timestamp, i int) string {
	t, _ := a.DataType().(*arrow.TimestampType)
	s := a.Value(i).ToTime(t.Unit).UTC().Round(time.Millisecond).Format("2006-01-02 15:04:05.000")
	if t.TimeZone != "" {
		s += " UTC"
	}
	return s
}

// double writes a number as Java does.
func double(v float64, bits int) string {
	switch size := math.Abs(v); {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 0):
		return strings.Replace(fmt.Sprint(v), "Inf", "Infinity", 1)[b2i(v > 0):]
	case size != 0 && (size < 1e-3 || size >= 1e7):
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, bits), "e")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, _ := strconv.Atoi(exponent)
		return mantissa + "E" + strconv.Itoa(n)
	default:
		s := strconv.FormatFloat(v, 'f', -1, bits)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
}

// b2i is 1 for true: how many signs of "+Infinity" Java leaves out.
func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
