package metric

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/jedib0t/go-pretty/v6/table"

	"upshot.dev/upshot/pipeline/fault"
)

// Write prints the result as table, csv, json or arrow (an IPC stream). colour
// is for tables on a terminal. JSON is the one object of the contract; the
// others have the columns of Record.
func (r *Result) Write(w io.Writer, format string, colour bool) error {
	if format == "json" {
		return r.writeJSON(w)
	}
	reader, err := array.NewRecordReader(r.Record.Schema(), []arrow.RecordBatch{r.Record})
	if err != nil {
		return err
	}
	defer reader.Release()
	return WriteRecords(w, reader, format, colour)
}

// writeJSON writes the contract's object with its rows one a line.
func (r *Result) writeJSON(w io.Writer) error {
	by := r.By
	if by == nil {
		by = []string{}
	}
	head := []struct {
		name  string
		value any
	}{
		{"metric", r.Metric},
		{"title", r.Title},
		{"unit", r.Unit},
		{"from", r.From},
		{"to", r.To},
		{"tz", r.TZ},
		{"grain", r.Grain},
		{"by", by},
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for _, h := range head {
		v, err := marshal(h.value)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%q:%s,", h.name, v)
	}
	b.WriteString(`"rows":[`)
	for i := range int(r.Record.NumRows()) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n  ")
		if err := jsonRow(&b, r.Record, i); err != nil {
			return err
		}
	}
	b.WriteString("\n]}\n")
	_, err := w.Write(b.Bytes())
	return err
}

// WriteRecords prints any query's answer as table, csv, json (an array of
// objects) or arrow.
func WriteRecords(w io.Writer, r array.RecordReader, format string, colour bool) error {
	switch format {
	case "json":
		return writeObjects(w, r)
	case "csv":
		return writeCSV(w, r)
	case "arrow":
		return writeArrow(w, r)
	case "table", "":
		return writeTable(w, r, colour)
	default:
		return fault.Invalidf("format %q is none of table, csv, json, arrow", format)
	}
}

func writeObjects(w io.Writer, r array.RecordReader) error {
	sep := "["
	for r.Next() {
		rec := r.RecordBatch()
		for i := range int(rec.NumRows()) {
			b := bytes.NewBufferString(sep + "\n  ")
			if err := jsonRow(b, rec, i); err != nil {
				return err
			}
			if _, err := w.Write(b.Bytes()); err != nil {
				return err
			}
			sep = ","
		}
	}
	if sep == "[" {
		_, err := io.WriteString(w, "[]\n")
		return errors.Join(r.Err(), err)
	}
	_, err := io.WriteString(w, "\n]\n")
	return errors.Join(r.Err(), err)
}

func jsonRow(b *bytes.Buffer, rec arrow.RecordBatch, i int) error {
	b.WriteByte('{')
	for c, f := range rec.Schema().Fields() {
		if c > 0 {
			b.WriteByte(',')
		}
		name, err := marshal(f.Name)
		if err != nil {
			return err
		}
		v, err := marshal(jsonValue(rec.Column(c), i))
		if err != nil {
			return fmt.Errorf("column %s: %w", f.Name, err)
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(v)
	}
	b.WriteByte('}')
	return nil
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// jsonValue is a cell as JSON has it: dates as YYYY-MM-DD, times in RFC 3339,
// what is no number (NaN, infinity) as null.
func jsonValue(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(i)
	case *array.Int64:
		return a.Value(i)
	case *array.Float64:
		if v := a.Value(i); !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v
		}
		return nil
	case *array.List:
		start, end := a.ValueOffsets(i)
		list := []any{}
		for j := start; j < end; j++ {
			list = append(list, jsonValue(a.ListValues(), int(j)))
		}
		return list
	case *array.Map:
		start, end := a.ValueOffsets(i)
		object := map[string]any{} // written with sorted keys
		for j := int(start); j < int(end); j++ {
			object[cellText(a.Keys(), j)] = jsonValue(a.Items(), j)
		}
		return object
	case *array.Struct:
		object := map[string]any{}
		for f := range a.NumField() {
			object[a.DataType().(*arrow.StructType).Field(f).Name] = jsonValue(a.Field(f), i)
		}
		return object
	default:
		return cellText(a, i)
	}
}

// cellText is a cell as text; what is no number is empty, like null.
func cellText(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return ""
	}
	switch a := a.(type) {
	case *array.Date32:
		return a.Value(i).FormattedString()
	case *array.Timestamp:
		return a.Value(i).ToTime(arrow.Microsecond).UTC().Format("2006-01-02T15:04:05.000Z")
	case *array.Float64:
		if v := a.Value(i); !math.IsNaN(v) && !math.IsInf(v, 0) {
			return strconv.FormatFloat(v, 'g', -1, 64)
		}
		return ""
	case *array.List, *array.Map, *array.Struct:
		b, err := marshal(jsonValue(a, i))
		if err != nil {
			return a.ValueStr(i)
		}
		return string(b)
	default:
		return a.ValueStr(i)
	}
}

func writeCSV(w io.Writer, r array.RecordReader) error {
	c := csv.NewWriter(w)
	var head []string
	for _, f := range r.Schema().Fields() {
		head = append(head, harmless(f.Name))
	}
	if err := c.Write(head); err != nil {
		return err
	}
	for r.Next() {
		rec := r.RecordBatch()
		for i := range int(rec.NumRows()) {
			row := make([]string, rec.NumCols())
			for j, a := range rec.Columns() {
				row[j] = cellText(a, i)
				if _, isText := a.(*array.String); isText {
					row[j] = harmless(row[j])
				}
			}
			if err := c.Write(row); err != nil {
				return err
			}
		}
	}
	c.Flush()
	return errors.Join(r.Err(), c.Error())
}

// harmless keeps a text from being run as a formula by a spreadsheet.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func writeArrow(w io.Writer, r array.RecordReader) error {
	iw := ipc.NewWriter(w, ipc.WithSchema(r.Schema()))
	for r.Next() {
		if err := iw.Write(r.RecordBatch()); err != nil {
			return err
		}
	}
	return errors.Join(r.Err(), iw.Close())
}

func writeTable(w io.Writer, r array.RecordReader, colour bool) error {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	style := table.StyleLight
	if colour {
		style = table.StyleColoredDark
	}
	t.SetStyle(style)
	t.Style().Options.DrawBorder = false
	t.Style().Format.Header = 0
	head := table.Row{}
	for _, f := range r.Schema().Fields() {
		head = append(head, f.Name)
	}
	t.AppendHeader(head)
	for r.Next() {
		rec := r.RecordBatch()
		for i := range int(rec.NumRows()) {
			row := table.Row{}
			for _, a := range rec.Columns() {
				row = append(row, tableCell(a, i))
			}
			t.AppendRow(row)
		}
	}
	if err := r.Err(); err != nil {
		return err
	}
	t.Render()
	return nil
}

// tableCell is a cell for people: numbers with four significant digits or all
// before the point, control characters left out.
func tableCell(a arrow.Array, i int) any {
	if f, ok := a.(*array.Float64); ok && !f.IsNull(i) {
		v := f.Value(i)
		if math.Abs(v) >= 1000 {
			return strconv.FormatFloat(v, 'f', 0, 64)
		}
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	if n, ok := a.(*array.Int64); ok && !n.IsNull(i) {
		return n.Value(i)
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, cellText(a, i))
}
