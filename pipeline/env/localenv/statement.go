package localenv

import (
	"errors"
	"regexp"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"upshot.dev/upshot/pipeline/fault"
)

// explains is the head of a statement that shows a plan; what follows is the
// statement whose plan it is, which ANALYZE runs.
var explains = regexp.MustCompile(`(?is)^\s*EXPLAIN(?:\s+ANALYZE)?(?:\s*\([^)]*\))?\s+`)

// prepareReading prepares one statement that only reads: SELECT, WITH, VALUES,
// DESCRIBE, SHOW, or EXPLAIN of one of these. The engine's own parser says
// what a statement is, so no way of writing it gets around. Anything else is a
// fault of kind Invalid.
func prepareReading(conn *duckdb.Conn, text string) (*duckdb.Stmt, error) {
	if strings.Contains(text, "\x00") {
		return nil, fault.Invalidf("query: the statement contains a NUL byte")
	}
	text = strings.TrimRight(text, "; \t\r\n")
	stmt, kind, err := prepareAny(conn, text)
	if err != nil {
		return nil, err
	}
	if kind == duckdb.STATEMENT_TYPE_EXPLAIN {
		head := explains.FindString(text)
		if head == "" {
			return nil, errors.Join(fault.Invalidf("query: EXPLAIN has to come first, without a comment before it"), stmt.Close())
		}
		inner, innerKind, err := prepareAny(conn, text[len(head):])
		if err != nil {
			return nil, errors.Join(err, stmt.Close())
		}
		if err := inner.Close(); err != nil {
			return nil, errors.Join(err, stmt.Close())
		}
		kind = innerKind
	}
	if kind != duckdb.STATEMENT_TYPE_SELECT {
		return nil, errors.Join(fault.Invalidf("query: only statements that read are run: SELECT, WITH, VALUES, EXPLAIN, DESCRIBE, SHOW"), stmt.Close())
	}
	if n := stmt.NumInput(); n > 0 {
		return nil, errors.Join(fault.Invalidf("query: the statement has %d parameters; write the values as literals", n), stmt.Close())
	}
	return stmt, nil
}

func prepareAny(conn *duckdb.Conn, text string) (*duckdb.Stmt, duckdb.StmtType, error) {
	prepared, err := conn.Prepare(text)
	if err != nil {
		if _, ok := errors.AsType[*duckdb.Error](err); !ok {
			// Without an engine's error there was no statement, or several.
			err = fault.Invalidf("query: exactly one statement is run: %w", err)
		}
		return nil, 0, err
	}
	stmt, ok := prepared.(*duckdb.Stmt)
	if !ok {
		return nil, 0, errors.Join(fault.Permanentf("query: the engine gave a %T", prepared), prepared.Close())
	}
	kind, err := stmt.StatementType()
	if err != nil {
		return nil, 0, errors.Join(err, stmt.Close())
	}
	return stmt, kind, nil
}
