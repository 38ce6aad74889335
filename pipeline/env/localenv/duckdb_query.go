package localenv

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/duckdb/duckdb-go/v2"

	"upshot.dev/upshot/pipeline/fault"
)

// attempts is how often a query is asked over a lake that changes under it.
const attempts = 4

// Query implements env.Querier: one statement that reads. A lake that a
// compaction changes while the statement runs is listed again and asked again;
// when that happens every time, the fault is of kind Retry.
func (q *Querier) Query(ctx context.Context, text string) (array.RecordReader, error) {
	for range attempts {
		s, files, err := q.run(ctx, text)
		if files == nil || !files.changed() {
			if err != nil {
				return nil, classify(err)
			}
			return s.reader()
		}
		if err == nil {
			s.close()
		}
		if err := q.Refresh(ctx); err != nil {
			return nil, err
		}
	}
	return nil, fault.Retryf("query: the lake changed while it was read, %d times; ask again", attempts)
}

// session is a statement that has run. The engine holds its whole result, so
// reading it touches no file.
type session struct {
	conn *duckdb.Conn
	stmt *duckdb.Stmt
	rows driver.Rows
	done func()
}

// run runs a statement in a transaction that cannot write, and says over which
// files; none when it did not come that far.
func (q *Querier) run(ctx context.Context, text string) (_ *session, _ *lakeFiles, err error) {
	q.mu.RLock()
	if q.connector == nil {
		q.mu.RUnlock()
		return nil, nil, fault.Permanentf("the querier is closed")
	}
	files := q.files
	q.refs.Add(1)
	s := &session{done: sync.OnceFunc(q.refs.Done)}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.conn, err = q.connect(ctx); err == nil {
		err = s.prepare(ctx, text)
	}
	q.mu.RUnlock()
	if err != nil {
		return nil, files, err
	}
	if s.rows, err = s.stmt.QueryContext(ctx, nil); err != nil {
		return nil, files, err
	}
	return s, files, nil
}

// prepare binds the statement to the views as they are now.
func (s *session) prepare(ctx context.Context, text string) error {
	if _, err := s.conn.ExecContext(ctx, "BEGIN TRANSACTION READ ONLY", nil); err != nil {
		return err
	}
	stmt, err := prepareReading(s.conn, text)
	if err != nil {
		return err
	}
	s.stmt = stmt
	return nil
}

// close gives everything back; it may be called on what is half made.
func (s *session) close() {
	if s.rows != nil {
		_ = s.rows.Close()
	}
	if s.stmt != nil {
		_ = s.stmt.Close()
	}
	if s.conn != nil {
		_ = s.conn.Close() // ends the transaction
	}
	s.rows, s.stmt, s.conn = nil, nil, nil
	s.done()
}

// reader hands the result over as Arrow; its release closes the session.
func (s *session) reader() (array.RecordReader, error) {
	r, err := newArrowReader(s)
	if err != nil {
		s.close()
		return nil, err
	}
	return r, nil
}

// eachRow calls f with every row of a result.
func eachRow(rows driver.Rows, f func(row []driver.Value) error) error {
	row := make([]driver.Value, len(rows.Columns()))
	for {
		if err := rows.Next(row); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := f(row); err != nil {
			return err
		}
	}
}

// classify says whose fault a failed statement is.
func classify(err error) error {
	d, ok := errors.AsType[*duckdb.Error](err)
	if !ok {
		return err
	}
	switch d.Type {
	case duckdb.ErrorTypeIO, duckdb.ErrorTypeInterrupt:
		return fault.Retryf("query: %w", err)
	case duckdb.ErrorTypeOutOfMemory:
		return fault.Permanentf("query: the engine may use no more memory; narrow dt or group more: %w", err)
	case duckdb.ErrorTypeInternal, duckdb.ErrorTypeFatal:
		return fault.Permanentf("query: %w", err)
	default:
		return fault.Invalidf("query: %w", err)
	}
}

// failed says what a step of opening the views was about.
func failed(what string, err error) error { return fmt.Errorf("%s: %w", what, err) }
