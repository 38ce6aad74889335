package metric

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"upshot.dev/upshot/pipeline/config"
)

// cell is one value of a row: a text, a whole number, a number, numbers, or
// nothing.
type cell struct {
	kind arrow.Type // STRING, INT64, FLOAT64, LIST; NULL for nothing
	text string
	num  float64
	list []float64
}

// line is one row as the SQL gave it, by column.
type line struct {
	period time.Time
	cells  map[string]cell
}

// number is a statistic's value; a null is NaN.
func (l line) number(name string) float64 {
	c, ok := l.cells[name]
	if !ok || c.kind == arrow.NULL {
		return math.NaN()
	}
	return c.num
}

// read takes the engine's batches apart and checks that every column is there.
// types are the engine's, by column: a result's columns have the same types
// whatever rows there are.
func read(m *Metric, by []string, r array.RecordReader) (out []line, types map[string]arrow.DataType, err error) {
	names := slices.Concat(by, m.Statistics, m.Hidden, []string{"n"})
	at := map[string]int{}
	types = map[string]arrow.DataType{}
	for i, f := range r.Schema().Fields() {
		at[f.Name], types[f.Name] = i, f.Type
	}
	for _, n := range append([]string{"period"}, names...) {
		if _, ok := at[n]; !ok {
			return nil, nil, fmt.Errorf("the SQL returns no column %s", n)
		}
		switch types[n].ID() {
		case arrow.DATE32, arrow.STRING, arrow.INT64, arrow.FLOAT64:
		case arrow.LIST:
			return nil, nil, fmt.Errorf("column %s: not every engine gives a list back unchanged; return text, array_join(%s, ' ')", n, n)
		default:
			return nil, nil, fmt.Errorf("column %s: a %s is neither text nor number", n, types[n])
		}
	}
	for r.Next() {
		rec := r.RecordBatch()
		periods, ok := rec.Column(at["period"]).(*array.Date32)
		if !ok {
			return nil, nil, fmt.Errorf("period is a %s, not a date", rec.Column(at["period"]).DataType())
		}
		for i := range int(rec.NumRows()) {
			l := line{period: periods.Value(i).ToTime(), cells: map[string]cell{}}
			for _, n := range names {
				c, err := readCell(rec.Column(at[n]), i)
				if err == nil && c.kind == arrow.STRING && slices.Contains(m.Hidden, n) {
					c, err = readList(c.text)
				}
				if err != nil {
					return nil, nil, fmt.Errorf("column %s: %w", n, err)
				}
				l.cells[n] = c
			}
			out = append(out, l)
		}
	}
	return out, types, r.Err()
}

func readCell(a arrow.Array, i int) (cell, error) {
	if a.IsNull(i) {
		return cell{kind: arrow.NULL}, nil
	}
	switch a := a.(type) {
	case *array.String:
		return cell{kind: arrow.STRING, text: a.Value(i)}, nil
	case *array.Int64:
		return cell{kind: arrow.INT64, num: float64(a.Value(i)), text: a.ValueStr(i)}, nil
	case *array.Float64:
		return cell{kind: arrow.FLOAT64, num: a.Value(i)}, nil
	default:
		return cell{}, fmt.Errorf("a %s is neither text nor number", a.DataType())
	}
}

// readList reads numbers with spaces between them. An engine may write them its
// own way (1.5E0, 1.5): read back they are the same.
func readList(text string) (cell, error) {
	c := cell{kind: arrow.LIST}
	for word := range strings.FieldsSeq(text) {
		v, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return cell{}, fmt.Errorf("%q is no number", word)
		}
		c.list = append(c.list, v)
	}
	return c, nil
}

// fill adds the rows of periods in which nothing happened: one per period, or
// one per period and configured feature where the metric has features.
func fill(m *Metric, c *calendar, p config.Product, rows []line) []line {
	if len(m.Fill) == 0 {
		return rows
	}
	labels := []string{""}
	featured := slices.Contains(m.Labels, "feature")
	if featured {
		labels = slices.Sorted(maps.Keys(p.Features))
	}
	type key struct {
		period time.Time
		label  string
	}
	have := map[key]bool{}
	for _, r := range rows {
		have[key{r.period, r.cells["feature"].text}] = true
	}
	for _, per := range c.periods {
		for _, label := range labels {
			if have[key{per.first, label}] {
				continue
			}
			rows = append(rows, m.empty(per, label, featured))
		}
	}
	return rows
}

// empty is the row of a period in which nothing happened.
func (m *Metric) empty(p period, label string, featured bool) line {
	l := line{period: p.first, cells: map[string]cell{"n": {kind: arrow.INT64, text: "0"}}}
	for _, s := range m.Fill {
		l.cells[s] = cell{kind: arrow.INT64, text: "0"}
	}
	if slices.Contains(m.Fill, "days") {
		l.cells["days"] = cell{kind: arrow.INT64, num: float64(p.length), text: fmt.Sprint(p.length)}
	}
	if featured {
		l.cells["feature"] = cell{kind: arrow.STRING, text: label}
	}
	return l
}

// sortLines orders rows by period, then dimensions and labels; nothing comes
// last, numbers by their size.
func sortLines(rows []line, keys []string) {
	slices.SortStableFunc(rows, func(a, b line) int {
		if c := a.period.Compare(b.period); c != 0 {
			return c
		}
		for _, k := range keys {
			x, y := a.cells[k], b.cells[k]
			xNull, yNull := absent(x), absent(y)
			if xNull || yNull {
				if xNull != yNull {
					if xNull {
						return 1
					}
					return -1
				}
				continue
			}
			c := cmp.Compare(x.text, y.text)
			if x.kind == arrow.INT64 {
				c = cmp.Compare(x.num, y.num)
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
}

func absent(c cell) bool { return c.kind == arrow.NULL }
