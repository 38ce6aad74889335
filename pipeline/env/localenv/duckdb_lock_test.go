package localenv

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upshot.dev/upshot/pipeline/fault"
)

// TestNothingButTheViewsIsReached runs testdata/forbidden.sql, one statement a
// line: each has to fail, and none may leave a trace.
func TestNothingButTheViewsIsReached(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "identity.key")
	outside := filepath.Join(t.TempDir(), "outside.csv")
	for _, f := range []string{secret, outside} {
		if err := os.WriteFile(f, []byte("a,b\n1,the secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writeBatch(t, dir, "b", `{"in":"events","event_id":"1","occurred_at":"2026-11-01T10:00:00Z","name":"x"}`)
	q, err := OpenQuerier(t.Context(), dir, QuerierOptions{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	before := tree(t, dir)

	f, err := os.Open("testdata/forbidden.sql")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		sql := lines.Text()
		if sql == "" || strings.HasPrefix(sql, "--") {
			continue
		}
		sql = strings.NewReplacer("$LAKE", dir, "$OUTSIDE", outside, `\0`, "\x00").Replace(sql)
		r, err := q.Query(t.Context(), sql)
		if err == nil {
			r.Release()
			t.Errorf("was run: %s", sql)
			continue
		}
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: a %v fault, want invalid: %v", sql, fault.KindOf(err), err)
		}
		if strings.Contains(err.Error(), "the secret") {
			t.Errorf("%s: the message shows the file: %v", sql, err)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if after := tree(t, dir); after != before {
		t.Errorf("the lake changed from\n%sto\n%s", before, after)
	}
	if got := queryText(t, q, "SELECT count(*) FROM events"); got != "1\n" {
		t.Errorf("afterwards %q", got)
	}
}

// tree lists all below a folder.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
		b.WriteString(p + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestStatementsThatRead: what is allowed runs.
func TestStatementsThatRead(t *testing.T) {
	q, err := OpenQuerier(t.Context(), t.TempDir(), QuerierOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	for _, sql := range []string{
		"SELECT 1", "select count(*) from events;", "WITH x AS (SELECT 1 AS a) SELECT a FROM x", "VALUES (1, 'a')",
		"(SELECT 1) UNION (SELECT 2)", "-- a comment\nSELECT 1 ;\n", "/* one */ SELECT ';' -- two ;",
		"DESCRIBE events", "SHOW TABLES", "EXPLAIN SELECT * FROM feedback", "explain analyze select 1",
		"EXPLAIN (FORMAT json) SELECT 1", `SELECT "$path", tier FROM events_all`,
	} {
		r, err := q.Query(t.Context(), sql)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		for r.Next() {
		}
		if r.Err() != nil {
			t.Errorf("%s: %v", sql, r.Err())
		}
		r.Release()
	}
}
