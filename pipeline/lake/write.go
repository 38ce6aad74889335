package lake

import (
	"bytes"
	"context"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// rowGroupRows bounds the rows of a row group: enough to compress well, few
// enough that time and person prune inside a file.
const rowGroupRows = 128 << 10

// rowGroupBytes bounds the bytes of a row group of a base file, as rows are held
// here: the encoder keeps it in memory until it is whole. Rows of usage events
// come to rowGroupRows before.
const rowGroupBytes = 64 << 20

// writeRows is how many rows are handed to the encoder at once.
const writeRows = 1024

// WriteHot writes the rows of one table and UTC day as one hot file of the
// batch. The rows are sorted first, so the same rows give the same bytes in
// whatever order they come.
func WriteHot[T any](ctx context.Context, b env.Blobs, table, dt, batch string, rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	var buf bytes.Buffer
	if err := encode(&buf, sorted(rows)); err != nil {
		return fault.Permanentf("encode %d rows of %s: %w", len(rows), table, err)
	}
	return b.Put(ctx, HotKey(table, dt, batch), &buf)
}

// sorted gives the rows in the order in which files keep them.
func sorted[T any](rows []T) []T {
	order := make([]described, len(rows))
	for i := range rows {
		order[i] = describe(&rows[i])
		order[i].place = i
	}
	slices.SortStableFunc(order, described.compare)
	out := make([]T, len(rows))
	for i, d := range order {
		out[i] = rows[d.place]
	}
	return out
}

// codec is shared by all files: it keeps its encoders, which are costly to make.
var codec = &zstd.Codec{Level: zstd.SpeedDefault}

// options are those of every file: zstd, dictionaries where the row types ask
// for them, statistics of columns and pages.
func options() []parquet.WriterOption {
	return []parquet.WriterOption{
		parquet.Compression(codec),
		parquet.MaxRowsPerRowGroup(rowGroupRows),
		parquet.DataPageStatistics(true),
		parquet.CreatedBy("upshot", "1", "0"),
	}
}

// encode writes rows in their order. Rows are taken apart into the values of
// their columns first: handed over as structs, the library writes some absent
// optional texts as empty ones (an absent one after a present one at the end
// of a run), which the round-trip test found.
func encode[T any](w io.Writer, rows []T) error {
	schema := parquet.SchemaOf(new(T))
	kinds := mapColumns(schema)
	pointers := pointerColumns[T](schema)
	var held []*float64
	pw := parquet.NewWriter(w, append(options(), schema)...)
	batch := make([]parquet.Row, 0, writeRows)
	for chunk := range slices.Chunk(rows, writeRows) {
		for i := range chunk {
			// The memory of the last batch's rows is used again.
			var row parquet.Row
			if i < cap(batch) {
				row = batch[:i+1][i]
			}
			held = heldBy(held[:0], &chunk[i], pointers)
			row = schema.Deconstruct(row[:0], &chunk[i])
			sortMaps(row, kinds)
			keepZeros(row, held, pointers)
			batch = append(batch[:i], row)
		}
		if _, err := pw.WriteRows(batch); err != nil {
			return err
		}
	}
	return pw.Close()
}

// pointerColumn is an optional number that a row holds by pointer.
type pointerColumn struct {
	index  []int // of the field
	column int
}

// pointerColumns finds the fields that need keepZeros: pointers to numbers in
// embedded structs.
func pointerColumns[T any](schema *parquet.Schema) (out []pointerColumn) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if len(f.Index) < 2 || f.Type != reflect.TypeFor[*float64]() {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("parquet"), ",")
		if leaf, ok := schema.Lookup(name); ok {
			out = append(out, pointerColumn{f.Index, leaf.ColumnIndex})
		}
	}
	return out
}

// heldBy gives what the pointers hold. It must be asked before the row is taken
// apart: the library then fills empty pointers in embedded structs.
func heldBy[T any](out []*float64, from *T, pointers []pointerColumn) []*float64 {
	for _, p := range pointers {
		v, _ := reflect.TypeAssert[*float64](reflect.ValueOf(from).Elem().FieldByIndex(p.index))
		out = append(out, v)
	}
	return out
}

// keepZeros mends what the library does to a pointer in an embedded struct: it
// writes a pointer to zero as null. A sentiment of 0 is a sentiment.
func keepZeros(row parquet.Row, held []*float64, pointers []pointerColumn) {
	for n, p := range pointers {
		if held[n] == nil {
			continue
		}
		i := slices.IndexFunc(row, func(v parquet.Value) bool { return v.Column() == p.column })
		if row[i].IsNull() {
			row[i] = parquet.DoubleValue(*held[n]).Level(0, 1, p.column)
		}
	}
}

// mapColumns lists the columns of keys of the schema's maps; their values stand
// in the column after.
func mapColumns(schema *parquet.Schema) (keys []int) {
	for _, path := range schema.Columns() {
		if path[len(path)-1] == "key" {
			leaf, _ := schema.Lookup(path...)
			keys = append(keys, leaf.ColumnIndex)
		}
	}
	return keys
}

// sortMaps puts the entries of maps in the order of their keys: Go gives them
// in any order, and the same row must give the same bytes.
func sortMaps(row parquet.Row, keys []int) {
	for _, c := range keys {
		first := slices.IndexFunc(row, func(v parquet.Value) bool { return v.Column() == c })
		n := 0
		for first+n < len(row) && row[first+n].Column() == c {
			n++
		}
		if n < 2 {
			continue
		}
		k, v := row[first:first+n], row[first+n:first+2*n]
		// Insertion sort over pairs, of which there are a handful. The
		// repetition level belongs to the place, not to the entry.
		for i := 1; i < n; i++ {
			for j := i; j > 0 && compareValues(k[j], k[j-1]) < 0; j-- {
				swapValues(k, j)
				swapValues(v, j)
			}
		}
	}
}

func swapValues(vs []parquet.Value, j int) {
	a, b := vs[j-1], vs[j]
	vs[j-1] = b.Level(a.RepetitionLevel(), b.DefinitionLevel(), b.Column())
	vs[j] = a.Level(b.RepetitionLevel(), a.DefinitionLevel(), a.Column())
}
