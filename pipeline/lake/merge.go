package lake

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// merge holds the rows of one day, as the values of their columns: rows are
// moved, never decoded, so nothing is lost on the way.
type merge struct {
	spec                spec
	order, same, prefer []int // leaf columns
	rows                []mergeRow
}

type mergeRow struct {
	row  parquet.Row
	base bool
}

func newMerge(s spec) (*merge, error) {
	m := &merge{spec: s}
	for _, c := range []struct {
		names []string
		to    *[]int
	}{{s.order, &m.order}, {s.same, &m.same}, {s.rank, &m.prefer}} {
		for _, n := range c.names {
			leaf, ok := s.schema.Lookup(n)
			if !ok {
				return nil, fault.Permanentf("no column %s", n)
			}
			*c.to = append(*c.to, leaf.ColumnIndex)
		}
	}
	return m, nil
}

// read adds the rows of a file. Columns that the file lacks are null.
func (m *merge) read(ctx context.Context, s env.Blobs, key string, base bool) error {
	o, err := s.Open(ctx, key)
	if err != nil {
		return fmt.Errorf("open %s: %w", key, err)
	}
	defer func() { _ = o.Close() }()
	f, err := parquet.OpenFile(o, o.Size())
	if err != nil {
		return fault.Permanentf("open %s: the file is damaged: %w", key, err)
	}
	conv, err := parquet.Convert(m.spec.schema, f.Schema())
	if err != nil {
		return fault.Permanentf("read %s: its columns do not fit: %w", key, err)
	}
	for _, g := range f.RowGroups() {
		if err := m.group(parquet.ConvertRowGroup(g, conv), base); err != nil {
			return fault.Permanentf("read %s: the file is damaged: %w", key, err)
		}
	}
	return ctx.Err()
}

func (m *merge) group(g parquet.RowGroup, base bool) (err error) {
	r := g.Rows()
	defer func() { err = errors.Join(err, r.Close()) }()
	buf := make([]parquet.Row, 256)
	for {
		n, err := r.ReadRows(buf)
		for _, row := range buf[:n] {
			m.rows = append(m.rows, mergeRow{row.Clone(), base})
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// unique keeps one row of those that are the same, and puts the rest in the
// order of the file. It reports whether anything differs from what base holds.
func (m *merge) unique() (changed bool) {
	slices.SortStableFunc(m.rows, func(a, b mergeRow) int {
		return cmp.Or(compareColumns(a.row, b.row, m.same), compareColumns(a.row, b.row, m.prefer), preferBase(a, b))
	})
	n := len(m.rows)
	m.rows = slices.CompactFunc(m.rows, func(a, b mergeRow) bool {
		same := compareColumns(a.row, b.row, m.same) == 0
		changed = changed || same && b.base // a better row takes its place
		return same
	})
	clear(m.rows[len(m.rows):n])
	for _, r := range m.rows {
		changed = changed || !r.base
	}
	slices.SortStableFunc(m.rows, func(a, b mergeRow) int {
		return cmp.Or(compareColumns(a.row, b.row, m.order), compareColumns(a.row, b.row, m.prefer))
	})
	return changed
}

func preferBase(a, b mergeRow) int {
	switch {
	case a.base == b.base:
		return 0
	case a.base:
		return -1
	default:
		return 1
	}
}

// write gives the writer of one bucket: the rows whose identity falls into it.
func (m *merge) write(bucket, buckets int) func(io.Writer) error {
	return func(w io.Writer) error {
		pw := parquet.NewWriter(w, append(options(), m.spec.schema)...)
		batch := make([]parquet.Row, 0, writeRows)
		for _, r := range m.rows {
			if buckets > 1 && m.bucket(r.row, buckets) != bucket {
				continue
			}
			if batch = append(batch, r.row); len(batch) == cap(batch) {
				if _, err := pw.WriteRows(batch); err != nil {
					return err
				}
				batch = batch[:0]
			}
		}
		if _, err := pw.WriteRows(batch); err != nil {
			return err
		}
		return pw.Close()
	}
}

func (m *merge) bucket(row parquet.Row, buckets int) int {
	h := fnv.New32a()
	for _, c := range m.same {
		h.Write(column(row, c).Bytes())
	}
	return int(h.Sum32()) % buckets
}

// column finds a column's value in a row; the columns compared are no lists,
// so there is one value. Rows hold their values in the order of columns.
func column(row parquet.Row, c int) parquet.Value {
	i, ok := slices.BinarySearchFunc(row, c, func(v parquet.Value, c int) int { return cmp.Compare(v.Column(), c) })
	if !ok {
		return parquet.Value{}
	}
	return row[i]
}

func compareColumns(a, b parquet.Row, columns []int) int {
	for _, c := range columns {
		if x := compareValues(column(a, c), column(b, c)); x != 0 {
			return x
		}
	}
	return 0
}

// compareValues orders values of one column, null first.
func compareValues(a, b parquet.Value) int {
	if a.IsNull() || b.IsNull() {
		return cmp.Compare(boolInt(!a.IsNull()), boolInt(!b.IsNull()))
	}
	switch a.Kind() {
	case parquet.Boolean:
		return cmp.Compare(boolInt(a.Boolean()), boolInt(b.Boolean()))
	case parquet.Int32:
		return cmp.Compare(a.Int32(), b.Int32())
	case parquet.Int64:
		return cmp.Compare(a.Int64(), b.Int64())
	case parquet.Double:
		return cmp.Compare(a.Double(), b.Double())
	default:
		return bytes.Compare(a.ByteArray(), b.ByteArray())
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
