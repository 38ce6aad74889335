package lake

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
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

// mergeRow is a row with its columns of interest encoded as texts that sort as
// the values do: comparing values one by one took most of the time.
type mergeRow struct {
	row                 parquet.Row
	base                bool
	order, same, prefer string
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
		return unreadable("open", key, err)
	}
	conv, err := parquet.Convert(m.spec.schema, f.Schema())
	if err != nil {
		return fault.Permanentf("read %s: its columns do not fit: %w", key, err)
	}
	for _, g := range f.RowGroups() {
		if err := m.group(parquet.ConvertRowGroup(g, conv), base); err != nil {
			return unreadable("read", key, err)
		}
	}
	return ctx.Err()
}

// unreadable says that a file is damaged, unless it is the store that could not
// be read: that passes, and the file is as good as before.
func unreadable(doing, key string, err error) error {
	if fault.Says(err, fault.Retry) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s %s: %w", doing, key, err)
	}
	return fault.Permanentf("%s %s: the file is damaged: %w", doing, key, err)
}

func (m *merge) group(g parquet.RowGroup, base bool) (err error) {
	r := g.Rows()
	defer func() { err = errors.Join(err, r.Close()) }()
	buf := make([]parquet.Row, 256)
	for {
		n, err := r.ReadRows(buf)
		for _, row := range buf[:n] {
			m.rows = append(m.rows, mergeRow{
				row.Clone(), base, sortKey(row, m.order), sortKey(row, m.same), sortKey(row, m.prefer),
			})
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
	slices.SortFunc(m.rows, func(a, b mergeRow) int {
		return cmp.Or(cmp.Compare(a.same, b.same), cmp.Compare(a.prefer, b.prefer), preferBase(a, b))
	})
	n := len(m.rows)
	m.rows = slices.CompactFunc(m.rows, func(later, kept mergeRow) bool {
		same := later.same == kept.same
		changed = changed || same && later.base // a better row takes its place
		return same
	})
	clear(m.rows[len(m.rows):n])
	for _, r := range m.rows {
		changed = changed || !r.base
	}
	slices.SortFunc(m.rows, func(a, b mergeRow) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.same, b.same), cmp.Compare(a.prefer, b.prefer))
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
			if buckets > 1 && bucketOf(r.same, buckets) != bucket {
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

// bucketOf is the bucket of a row with this identity.
func bucketOf(same string, buckets int) int {
	h := fnv.New32a()
	h.Write([]byte(same))
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

// sortKey encodes the columns so that the keys of two rows compare as their
// values do, one column after the other, null first.
func sortKey(row parquet.Row, columns []int) string {
	key := make([]byte, 0, 64)
	for _, c := range columns {
		key = appendKey(key, column(row, c))
	}
	return string(key)
}

func appendKey(key []byte, v parquet.Value) []byte {
	if v.IsNull() {
		return append(key, 0)
	}
	key = append(key, 1)
	switch v.Kind() {
	case parquet.Boolean:
		if v.Boolean() {
			return append(key, 1)
		}
		return append(key, 0)
	case parquet.Int32:
		return binary.BigEndian.AppendUint32(key, uint32(v.Int32())^1<<31) //nolint:gosec // the sign bit is turned over on purpose
	case parquet.Int64:
		return binary.BigEndian.AppendUint64(key, uint64(v.Int64())^1<<63) //nolint:gosec // the same
	default:
		// A zero byte inside is marked, and two of them end the text, so that a
		// text sorts before those it begins.
		for _, b := range v.ByteArray() {
			if key = append(key, b); b == 0 {
				key = append(key, 0xff)
			}
		}
		return append(key, 0, 0)
	}
}

// compareValues orders values of one column, null first.
func compareValues(a, b parquet.Value) int {
	return bytes.Compare(appendKey(nil, a), appendKey(nil, b))
}
