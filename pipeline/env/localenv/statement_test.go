package localenv

import (
	"os"
	"strings"
	"testing"

	"github.com/duckdb/duckdb-go/v2"
)

// FuzzStatement prepares any text: what is let through reads, and preparing
// leaves no trace in the lake.
func FuzzStatement(f *testing.F) {
	b, err := os.ReadFile("testdata/forbidden.sql")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		f.Add(strings.TrimSpace(line))
	}
	for _, s := range []string{"SELECT 1", "/**/select 1", "(SELECT 1)", "-- x\nVALUES (1)", "EXPLAIN ANALYZE SELECT 1", "SHOW TABLES", "WITH a AS (SELECT 1) FROM a"} {
		f.Add(s)
	}
	dir := f.TempDir()
	q, err := OpenQuerier(f.Context(), dir, QuerierOptions{Threads: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = q.Close() })
	f.Fuzz(func(t *testing.T, text string) {
		s := &session{done: func() {}}
		defer s.close()
		var err error
		if s.conn, err = q.connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := tree(t, dir)
		text = strings.ReplaceAll(text, "$LAKE", dir)
		if err := s.prepare(t.Context(), text); err == nil {
			kind, err := s.stmt.StatementType()
			if err != nil || kind != duckdb.STATEMENT_TYPE_SELECT && kind != duckdb.STATEMENT_TYPE_EXPLAIN {
				t.Errorf("let through: %q, %v, %v", text, kind, err)
			}
		}
		if after := tree(t, dir); after != before {
			t.Errorf("%q left %s", text, after)
		}
	})
}
