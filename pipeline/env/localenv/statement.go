package localenv

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"upshot.dev/upshot/pipeline/fault"
)

var (
	// leading is what may stand before a statement.
	leading = regexp.MustCompile(`^(?:\s+|--[^\n]*(?:\n|$)|/\*(?s:.*?)\*/|\()+`)
	// firstWord is a statement's first word.
	firstWord = regexp.MustCompile(`^[A-Za-z]+`)
	// explain is the head of a statement that shows the plan of the one behind
	// it, which ANALYZE runs.
	explain = regexp.MustCompile(`(?i)^EXPLAIN(?:\s+ANALYZE)?(?:\s*\([^)]*\))?`)
	// reading are the first words of statements that read.
	reading = []string{"SELECT", "WITH", "VALUES", "FROM", "TABLE", "DESCRIBE", "DESC", "SHOW", "SUMMARIZE"}
)

var errReading = fault.Invalidf("query: exactly one statement that reads is run: SELECT, WITH, VALUES, EXPLAIN, DESCRIBE, SHOW")

// prepareReading prepares one statement that only reads. Two checks stand
// behind each other: the first word, since some statements have effects while
// they are prepared (EXPORT makes a folder), and the engine's own parser, which
// no way of writing gets around. What fails is a fault of kind Invalid.
func prepareReading(conn *duckdb.Conn, text string) (*duckdb.Stmt, error) {
	if strings.Contains(text, "\x00") {
		return nil, fault.Invalidf("query: the statement contains a NUL byte")
	}
	text = strings.TrimRight(text, "; \t\r\n")
	if head := explain.FindString(body(text)); head != "" {
		explained := body(text)[len(head):]
		inner, err := prepareKind(conn, explained, duckdb.STATEMENT_TYPE_SELECT)
		if err != nil {
			return nil, err
		}
		if err := inner.Close(); err != nil {
			return nil, err
		}
		return prepareAny(conn, text, duckdb.STATEMENT_TYPE_EXPLAIN)
	}
	return prepareKind(conn, text, duckdb.STATEMENT_TYPE_SELECT)
}

// body is a statement without what stands before its first word.
func body(text string) string { return text[len(leading.FindString(text)):] }

func prepareKind(conn *duckdb.Conn, text string, want duckdb.StmtType) (*duckdb.Stmt, error) {
	if !slices.Contains(reading, strings.ToUpper(firstWord.FindString(body(text)))) {
		return nil, errReading
	}
	return prepareAny(conn, text, want)
}

func prepareAny(conn *duckdb.Conn, text string, want duckdb.StmtType) (*duckdb.Stmt, error) {
	prepared, err := conn.Prepare(text)
	if err != nil {
		if _, ok := errors.AsType[*duckdb.Error](err); !ok {
			return nil, errReading // there was no statement, or several
		}
		return nil, err
	}
	stmt, ok := prepared.(*duckdb.Stmt)
	if !ok {
		return nil, errors.Join(fault.Permanentf("query: the engine gave a %T", prepared), prepared.Close())
	}
	kind, err := stmt.StatementType()
	switch {
	case err != nil:
	case kind != want:
		err = errReading
	case stmt.NumInput() > 0:
		err = fault.Invalidf("query: the statement has %d parameters; write the values as literals", stmt.NumInput())
	}
	if err != nil {
		return nil, errors.Join(err, stmt.Close())
	}
	return stmt, nil
}
