package lake

import (
	"bytes"
	"context"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// rowGroupRows bounds the rows of a row group: enough to compress well, few
// enough that time and person prune inside a file.
const rowGroupRows = 128 << 10

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

// options are those of every file: zstd, dictionaries where the row types ask
// for them, statistics of columns and pages.
func options() []parquet.WriterOption {
	return []parquet.WriterOption{
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}),
		parquet.MaxRowsPerRowGroup(rowGroupRows),
		parquet.DataPageStatistics(true),
		parquet.CreatedBy("upshot", "1", "0"),
	}
}

// encode writes rows in their order.
func encode[T any](w io.Writer, rows []T) error {
	pw := parquet.NewGenericWriter[T](w, options()...)
	for chunk := range slices.Chunk(rows, writeRows) {
		if _, err := pw.Write(chunk); err != nil {
			return err
		}
	}
	return pw.Close()
}
