package metric_test

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"upshot.dev/upshot/pipeline/metric"
)

// TestNestedValues: maps and structs are objects in JSON and JSON text in CSV.
func TestNestedValues(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "redactions", Type: arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64), Nullable: true},
		{Name: "point", Type: arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true}), Nullable: true},
	}, nil)
	for format, want := range map[string]string{
		"json": "[\n  {\"redactions\":{\"card\":1,\"email\":2},\"point\":{\"x\":1.5}},\n  {\"redactions\":null,\"point\":null}\n]\n",
		"csv":  "redactions,point\n\"{\"\"card\"\":1,\"\"email\"\":2}\",\"{\"\"x\"\":1.5}\"\n,\n",
	} {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		m := b.Field(0).(*array.MapBuilder)
		m.Append(true)
		for k, v := range map[string]int64{"email": 2, "card": 1} {
			m.KeyBuilder().(*array.StringBuilder).Append(k)
			m.ItemBuilder().(*array.Int64Builder).Append(v)
		}
		m.AppendNull()
		s := b.Field(1).(*array.StructBuilder)
		s.Append(true)
		s.FieldBuilder(0).(*array.Float64Builder).Append(1.5)
		s.AppendNull()
		r, err := array.NewRecordReader(schema, []arrow.RecordBatch{b.NewRecordBatch()})
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := metric.WriteRecords(&out, r, format, false); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("%s:\n%s\nwant\n%s", format, out.String(), want)
		}
	}
}
