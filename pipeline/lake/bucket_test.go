package lake

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/parquet-go/parquet-go"

	"upshot.dev/upshot/pipeline/record"
)

// TestRowGroupsAreBounded: in bytes too, as the writer holds a row group until it
// is whole, and a row may have a text of any length.
func TestRowGroupsAreBounded(t *testing.T) {
	const rows, size = 9000, 16 << 10
	l, err := newLayout(specs["tickets"])
	if err != nil {
		t.Fatal(err)
	}
	text := make([]byte, size/2)
	_, _ = rand.Read(text)
	row := record.TicketRow{Row: record.Row{EventID: "e", Source: "s"}, Feedback: record.Feedback{Text: fmt.Sprintf("%x", text)}}
	p, _ := l.pack(nil, l.schema.Deconstruct(nil, &row), origin{tier: fromHot})
	s := &sortedRows{memory: make([]packed, rows)}
	for i := range s.memory {
		s.memory[i] = p
	}
	var b bytes.Buffer
	steps := 0
	if err := s.write(&b, l, func() error { steps++; return nil }); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	for _, g := range f.Metadata().RowGroups {
		if n += g.NumRows; g.TotalByteSize > rowGroupBytes+8<<20 {
			t.Errorf("a row group of %d rows and %d MiB", g.NumRows, g.TotalByteSize>>20)
		}
	}
	if n != rows || len(f.RowGroups()) != 3 {
		t.Errorf("%d rows in %d groups", n, len(f.RowGroups()))
	}
	if steps < rows*size/(2<<20) {
		t.Errorf("%d steps for %d MiB", steps, rows*size>>20)
	}
}
