package envtest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"upshot.dev/upshot/pipeline/env"
)

func ask(t *testing.T, q env.Querier, sql string) array.RecordReader {
	t.Helper()
	r, err := q.Query(t.Context(), sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return r
}

// answer is a result as text: the columns with their types, then the rows.
func answer(t *testing.T, q env.Querier, sql string) string {
	t.Helper()
	got, err := tryAnswer(t.Context(), q, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return got
}

func tryAnswer(ctx context.Context, q env.Querier, sql string) (string, error) {
	r, err := q.Query(ctx, sql)
	if err != nil {
		return "", err
	}
	defer r.Release()
	var b strings.Builder
	for i, f := range r.Schema().Fields() {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s:%s", f.Name, f.Type)
	}
	b.WriteByte('\n')
	for r.Next() {
		batch := r.RecordBatch()
		for i := range int(batch.NumRows()) {
			for j, c := range batch.Columns() {
				if j > 0 {
					b.WriteByte('|')
				}
				b.WriteString(cellText(c, i))
			}
			b.WriteByte('\n')
		}
	}
	return b.String(), r.Err()
}

func cellText(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return "NULL"
	}
	if c, ok := a.(*array.Timestamp); ok {
		return c.Value(i).ToTime(arrow.Microsecond).UTC().Format("2006-01-02T15:04:05.999999")
	}
	return a.ValueStr(i)
}
