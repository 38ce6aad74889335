package metric

import (
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Result is a metric's answer. Record has the columns period (date32), the
// dimensions (utf8), the statistics (int64, float64 or utf8), n (int64),
// value, low, high (float64, null where there is none), partial (bool) and
// note (utf8, null). Its rows are ordered by period, dimensions and labels.
type Result struct {
	Metric, Title, Unit, Better string
	From, To, TZ, Grain         string
	By                          []string
	Target                      *float64
	Record                      arrow.RecordBatch

	rows []Row
}

// Row is one row of a Result for Go code.
type Row struct {
	Period string // local first date, YYYY-MM-DD
	// Dims are the dimensions and labels by name; absent ones are missing.
	Dims map[string]string
	// Stats are the numeric statistics by name; absent ones are missing.
	Stats            map[string]float64
	N                int64
	Value, Low, High *float64
	Partial          bool
	Note             string
}

// Rows gives the rows in the order of Record.
func (r *Result) Rows() []Row { return r.rows }

// newResult computes the values and builds the record.
func newResult(m *Metric, c *calendar, p Params, by []string, lines []line, types map[string]arrow.DataType) *Result {
	sortLines(lines, slices.Concat(by, m.Labels))
	partial := map[string]bool{}
	for _, per := range c.periods {
		partial[per.first.Format(dateForm)] = per.partial
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, m.schema(by, types))
	defer b.Release()
	res := &Result{
		Metric: m.Name, Title: m.Title, Unit: m.Unit, Better: m.Better, Target: m.Target,
		From: p.From, To: p.To, TZ: c.loc.String(), Grain: p.Grain,
	}
	for _, l := range lines {
		row := m.row(l, by)
		row.Partial = partial[row.Period]
		res.rows = append(res.rows, row)
		appendRow(b, m, by, l, row)
	}
	res.Record = b.NewRecordBatch()
	return res
}

const dateForm = "2006-01-02"

func (m *Metric) row(l line, by []string) Row {
	e := m.compute(l)
	row := Row{
		Period: l.period.Format(dateForm), Dims: map[string]string{}, Stats: map[string]float64{},
		N: int64(zeroNaN(l.number("n"))), Value: e.value, Low: e.low, High: e.high, Note: e.note,
	}
	for _, d := range slices.Concat(by, m.Labels) {
		if c := l.cells[d]; !absent(c) {
			row.Dims[d] = c.text
		}
	}
	for _, s := range m.Statistics {
		c, ok := l.cells[s]
		if ok && (c.kind == arrow.INT64 || c.kind == arrow.FLOAT64) {
			row.Stats[s] = c.num
		}
	}
	return row
}

func zeroNaN(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

// schema has the columns of a result. A statistic is text, a float or a whole
// number, as the engine gave it.
func (m *Metric) schema(by []string, types map[string]arrow.DataType) *arrow.Schema {
	fields := []arrow.Field{{Name: "period", Type: arrow.FixedWidthTypes.Date32}}
	for _, d := range by {
		fields = append(fields, arrow.Field{Name: d, Type: arrow.BinaryTypes.String, Nullable: true})
	}
	for _, s := range m.Statistics {
		if s != "n" {
			fields = append(fields, arrow.Field{Name: s, Type: types[s], Nullable: true})
		}
	}
	float := arrow.PrimitiveTypes.Float64
	return arrow.NewSchema(append(fields,
		arrow.Field{Name: "n", Type: arrow.PrimitiveTypes.Int64},
		arrow.Field{Name: "value", Type: float, Nullable: true},
		arrow.Field{Name: "low", Type: float, Nullable: true},
		arrow.Field{Name: "high", Type: float, Nullable: true},
		arrow.Field{Name: "partial", Type: arrow.FixedWidthTypes.Boolean},
		arrow.Field{Name: "note", Type: arrow.BinaryTypes.String, Nullable: true},
	), nil)
}

func appendRow(b *array.RecordBuilder, m *Metric, by []string, l line, row Row) {
	i := 0
	next := func() array.Builder { i++; return b.Field(i - 1) }
	next().(*array.Date32Builder).Append(arrow.Date32FromTime(l.period))
	for _, name := range slices.Concat(by, m.Statistics) {
		if name != "n" {
			appendCell(next(), l.cells[name])
		}
	}
	next().(*array.Int64Builder).Append(row.N)
	for _, v := range []*float64{row.Value, row.Low, row.High} {
		f := next().(*array.Float64Builder)
		if v == nil {
			f.AppendNull()
		} else {
			f.Append(*v)
		}
	}
	next().(*array.BooleanBuilder).Append(row.Partial)
	note := next().(*array.StringBuilder)
	if row.Note == "" {
		note.AppendNull()
	} else {
		note.Append(row.Note)
	}
}

func appendCell(b array.Builder, c cell) {
	if c.kind == arrow.NULL || c.kind == 0 {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.StringBuilder:
		b.Append(c.text)
	case *array.Int64Builder:
		b.Append(int64(c.num))
	case *array.Float64Builder:
		b.Append(c.num)
	default:
		b.AppendNull()
	}
}
