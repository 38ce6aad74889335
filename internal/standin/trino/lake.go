package trino

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow/array"

	"upshot.dev/upshot/internal/catalog"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/lake"
)

// Lake answers SQL over the lake in one folder. Every query sees the files
// that are there when it is asked. It is safe for concurrent use.
type Lake struct {
	s      *Server
	schema string
}

var _ env.Querier = (*Lake)(nil)

// Days are the first and the last day that a lake is looked through for, like
// 2026-01-01; the last is tomorrow when it is empty.
type Days struct{ First, Last string }

// OpenLake creates the tables over the folder dir, which need not be there
// yet, and all views, by the texts that Athena is given.
func (s *Server) OpenLake(ctx context.Context, dir string, days Days) (*Lake, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open the lake %s: %w", dir, err)
	}
	l := &Lake{s: s, schema: fmt.Sprintf("lake%d", s.lakes.Add(1))}
	place := catalog.Place{
		Location: "local://" + filepath.ToSlash(abs) + "/",
		First:    days.First, Last: days.Last,
	}
	texts := []string{"CREATE SCHEMA " + l.schema}
	for _, t := range lake.Tables() {
		texts = append(texts, catalog.TrinoTable(t, place, precision))
	}
	for _, v := range catalog.Views() {
		texts = append(texts, v.Create())
	}
	for _, sql := range texts {
		if err := s.exec(ctx, l.schema, sql); err != nil {
			return nil, fmt.Errorf("open the lake %s: %w", dir, err)
		}
	}
	return l, nil
}

// precision is how many decimals of a second are read, as configured.
const precision = 3

// Schema is the name of the lake's database.
func (l *Lake) Schema() string { return l.schema }

// Query implements env.Querier; what comes back can say the bytes that were
// scanned, too. It waits for the first rows, so that a statement which fails
// fails here.
func (l *Lake) Query(ctx context.Context, sql string) (array.RecordReader, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.Retryf("query: %w", err)
	}
	st, err := l.s.submit(ctx, reader, l.schema, sql)
	for more := true; err == nil && more && len(st.page.Data) == 0; {
		more, err = st.next(ctx)
	}
	if err != nil {
		return nil, err
	}
	return newRows(ctx, st)
}
