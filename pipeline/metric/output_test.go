package metric_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/metric"
)

// TestJSONShape holds the keys of the object and of its rows, their order and
// types, against the contract, for every metric.
func TestJSONShape(t *testing.T) {
	c := loadMetrics(t)
	q := openQuerier(t, newWorld(4).lake(t))
	for _, name := range c.Names() {
		m, err := c.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		p := metric.Params{From: "2026-10-12", To: "2026-11-04", TZ: "Europe/Berlin", Grain: "week", By: m.By[:1]}
		r, err := c.Run(t.Context(), q, name, product, p)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := r.Write(&b, "json", false); err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Metric, Title, Unit, From, To, TZ, Grain string
			By                                       []string
			Rows                                     []map[string]any
		}
		strict := json.NewDecoder(bytes.NewReader(b.Bytes()))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&doc); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, b.Bytes())
		}
		head := []string{doc.Metric, doc.Title, doc.Unit, doc.From, doc.To, doc.TZ, doc.Grain, strings.Join(doc.By, ",")}
		if diff := cmp.Diff([]string{name, m.Title, m.Unit, p.From, p.To, p.TZ, p.Grain, p.By[0]}, head); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if len(doc.Rows) != len(r.Rows()) || len(doc.Rows) == 0 {
			t.Fatalf("%s: %d rows, want %d", name, len(doc.Rows), len(r.Rows()))
		}
		want := slices.Concat([]string{"period"}, p.By, m.Statistics, []string{"n", "value", "low", "high", "partial", "note"})
		for _, line := range strings.Split(b.String(), "\n")[1 : 1+len(doc.Rows)] {
			if diff := cmp.Diff(want, keys(t, line)); diff != "" {
				t.Fatalf("%s: keys of a row (-want +got):\n%s", name, diff)
			}
		}
		for _, row := range doc.Rows {
			checkCells(t, name, row)
		}
	}
}

func keys(t *testing.T, line string) (out []string) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(strings.TrimSuffix(line, ",")))
	for {
		tok, err := d.Token()
		if err != nil {
			return out
		}
		if k, ok := tok.(string); ok {
			out = append(out, k)
			var v any
			if err := d.Decode(&v); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func checkCells(t *testing.T, name string, row map[string]any) {
	t.Helper()
	for k, v := range row {
		ok := false
		switch v := v.(type) {
		case nil:
			ok = !slices.Contains([]string{"period", "n", "partial"}, k)
		case string:
			ok = k == "period" && len(v) == len("2026-10-20") || slices.Contains([]string{"note", "theme", "feature", "plan", "feedback", "source"}, k)
		case bool:
			ok = k == "partial"
		case float64:
			ok = !math.IsNaN(v)
		}
		if !ok {
			t.Errorf("%s: %s is %v (%T)", name, k, v, v)
		}
	}
}

// odd is a batch with what the outputs must not stumble over.
func odd(t *testing.T) array.RecordReader {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "day", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
		{Name: "=text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "yes", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "at", Type: &arrow.TimestampType{Unit: arrow.Microsecond}, Nullable: true},
		{Name: "list", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	texts := []string{"=1+1", "+1", "-1", "@x", "\tx", "\rx", "plain", "a,\"b\"\nc", "", "ü=1", "\x1b[31m<b>"}
	floats := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, -2.5, 1e-9, 12345.678, 0.1, 1, 2, 1e300}
	for i, s := range texts {
		b.Field(0).(*array.Date32Builder).Append(arrow.Date32(20755 + i)) // from 2026-10-29
		b.Field(1).(*array.StringBuilder).Append(s)
		b.Field(2).(*array.Float64Builder).Append(floats[i])
		b.Field(3).(*array.Int64Builder).Append(int64(i) - 1<<53 - 1)
		b.Field(4).(*array.BooleanBuilder).Append(i%2 == 0)
		b.Field(5).(*array.TimestampBuilder).Append(arrow.Timestamp(1793232000123000))
		l := b.Field(6).(*array.ListBuilder)
		l.Append(true)
		l.ValueBuilder().(*array.StringBuilder).Append(s)
	}
	for _, f := range b.Fields() {
		f.AppendNull()
	}
	rec := b.NewRecordBatch()
	r, err := array.NewRecordReader(schema, []arrow.RecordBatch{rec})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func write(t *testing.T, format string) string {
	t.Helper()
	var b bytes.Buffer
	if err := metric.WriteRecords(&b, odd(t), format, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestCSVIsNoFormula: a spreadsheet runs no cell of text, numbers stay numbers.
func TestCSVIsNoFormula(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(write(t, "csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var texts, floats []string
	for _, row := range rows {
		texts, floats = append(texts, row[1]), append(floats, row[2])
	}
	want := []string{"'=text", "'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\rx", "plain", "a,\"b\"\nc", "", "ü=1", "\x1b[31m<b>", ""}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"x", "", "", "", "0", "-2.5", "1e-09", "12345.678", "0.1", "1", "2", "1e+300", ""}, floats); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"2026-10-29", "'=1+1", "", "-9007199254740993", "true", "2026-10-29T00:00:00.123Z", `["=1+1"]`}, rows[1]); diff != "" {
		t.Errorf("a row (-want +got):\n%s", diff)
	}
}

func TestJSONOfAnyQuery(t *testing.T) {
	out := write(t, "json")
	var rows []map[string]any
	if err := json.Unmarshal([]byte(out), &rows); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for i := range 3 {
		if rows[i]["x"] != nil {
			t.Errorf("what is no number is %v, want null", rows[i]["x"])
		}
	}
	for k, v := range rows[len(rows)-1] {
		if v != nil {
			t.Errorf("a null %s is %v", k, v)
		}
	}
	if !strings.Contains(out, `"n":-9007199254740993`) || !strings.Contains(out, `"day":"2026-10-29"`) {
		t.Error("a whole number lost digits, or a date its form:", out)
	}
	if last := rows[len(rows)-2]; last["=text"] != "\x1b[31m<b>" {
		t.Errorf("text is %q", last["=text"])
	}
}

func TestArrowReadsBack(t *testing.T) {
	r, err := ipc.NewReader(strings.NewReader(write(t, "arrow")))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	want := odd(t)
	if !want.Next() || !r.Next() {
		t.Fatal("no batch", r.Err())
	}
	if !r.Schema().Equal(want.Schema()) || !array.RecordApproxEqual(want.RecordBatch(), r.RecordBatch(), array.WithNaNsEqual(true)) {
		t.Errorf("read back:\n%v\nwant:\n%v", r.RecordBatch(), want.RecordBatch())
	}
	if r.Next() || r.Err() != nil {
		t.Error("more than one batch", r.Err())
	}
}

// TestTable: a table is for a terminal, so no text may send it commands.
func TestTable(t *testing.T) {
	out := write(t, "table")
	for _, r := range out {
		if r < ' ' && r != '\n' || r == 0x7f {
			t.Fatalf("control character %q in\n%s", r, out)
		}
	}
	if lines := strings.Count(out, "\n"); lines != 2+12 {
		t.Errorf("%d lines, want 14:\n%s", lines, out)
	}
	for _, want := range []string{"=text", "2026-10-29", "12346", "-9007199254740993", "true"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestEmptyAndUnknownFormats(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	for format, want := range map[string]string{"json": "[]\n", "csv": "n\n"} {
		r, err := array.NewRecordReader(schema, nil)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := metric.WriteRecords(&b, r, format, false); err != nil || b.String() != want {
			t.Errorf("%s of no rows: %q, %v", format, b.String(), err)
		}
	}
	if err := metric.WriteRecords(&bytes.Buffer{}, odd(t), "xml", false); fault.KindOf(err) != fault.Invalid {
		t.Errorf("format xml: %v", err)
	}
}
