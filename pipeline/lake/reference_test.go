package lake

import (
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

// reference merges a day in memory, in the plainest way: what the streaming merge
// is compared with. It holds the rows of one day, as the values of their columns: rows are
// moved, never decoded, so nothing is lost on the way.
type reference struct {
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
	tie                 string // of rows that rank the same the smallest stands
}

func newReference(s spec) (*reference, error) {
	m := &reference{spec: s}
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
func (m *reference) read(ctx context.Context, s env.Blobs, key string, base bool) error {
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

func (m *reference) group(g parquet.RowGroup, base bool) (err error) {
	r := g.Rows()
	defer func() { err = errors.Join(err, r.Close()) }()
	buf := make([]parquet.Row, 256)
	for {
		n, err := r.ReadRows(buf)
		for _, row := range buf[:n] {
			m.rows = append(m.rows, mergeRow{
				row.Clone(), base, sortKey(row, m.order), sortKey(row, m.same), sortKey(row, m.prefer), m.tie(row),
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
func (m *reference) unique() (changed bool) {
	slices.SortFunc(m.rows, func(a, b mergeRow) int {
		return cmp.Or(cmp.Compare(a.same, b.same), cmp.Compare(a.prefer, b.prefer), preferBase(a, b), cmp.Compare(a.tie, b.tie))
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

func (m *reference) tie(row parquet.Row) string {
	var l layout
	l.order, l.same, l.prefer = m.order, m.same, m.prefer
	p, _ := l.pack(nil, row, origin{tier: fromHot})
	return string(p.rec)
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
func (m *reference) write(bucket, buckets int) func(io.Writer) error {
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

// sortKey encodes the columns so that keys compare as the values do.
func sortKey(row parquet.Row, columns []int) string { return string(appendKeys(nil, row, columns)) }
