package localenv

import (
	"context"
	"database/sql"
	"database/sql/driver"
	_ "embed" // the prelude
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/duckdb/duckdb-go/v2"

	"upshot.dev/upshot/pipeline/fault"
)

//go:embed prelude.sql
var prelude string

// QuerierOptions say what the engine may use.
type QuerierOptions struct {
	Memory  string // like "2GB"; "" is 2GB
	Threads int    // 0 is one per core
}

// Querier answers SQL over a lake in a folder by DuckDB. The views show what
// was in the folder when it was opened or refreshed. It is safe for concurrent
// use.
type Querier struct {
	dir  string
	opts QuerierOptions

	mu      sync.RWMutex
	db      *sql.DB
	listing string // of the files that the views name
}

// OpenQuerier opens the views over the lake in dir. Tables without files are
// empty. After that nothing can be written, no other file can be read and no
// setting changed through it.
func OpenQuerier(ctx context.Context, dir string, opts QuerierOptions) (*Querier, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open the lake %s: %w", dir, err)
	}
	if st, err := os.Stat(abs); err != nil || !st.IsDir() {
		return nil, fault.Permanentf("open the lake: %s is no folder", dir)
	}
	q := &Querier{dir: abs, opts: opts}
	if err := q.Refresh(ctx); err != nil {
		return nil, err
	}
	return q, nil
}

// Close ends the engine.
func (q *Querier) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.db == nil {
		return nil
	}
	db := q.db
	q.db = nil
	return db.Close()
}

// Refresh shows what is in the folder now. It costs a listing when nothing has
// changed.
func (q *Querier) Refresh(ctx context.Context) error {
	files, err := listLake(q.dir)
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if sig := files.signature(); q.db == nil || sig != q.listing {
		db, err := q.start(ctx, files)
		if err != nil {
			return err
		}
		if q.db != nil {
			_ = q.db.Close()
		}
		q.db, q.listing = db, sig
	}
	return nil
}

// start makes an engine with its views and locks it.
func (q *Querier) start(ctx context.Context, files lakeFiles) (_ *sql.DB, err error) {
	connector, err := duckdb.NewConnector("", func(c driver.ExecerContext) error { return q.configure(ctx, c) })
	if err != nil {
		return nil, fmt.Errorf("start the engine: %w", err)
	}
	db := sql.OpenDB(connector)
	defer func() {
		if err != nil {
			_ = db.Close()
		}
	}()
	if _, err := db.ExecContext(ctx, prelude); err != nil {
		return nil, fmt.Errorf("teach the engine the dialect: %w", err)
	}
	if err := createViews(ctx, db, files); err != nil {
		return nil, err
	}
	return db, q.lock(ctx, db)
}

// configure runs on every new connection, before anything else.
func (q *Querier) configure(ctx context.Context, c driver.ExecerContext) error {
	memory, threads := q.opts.Memory, ""
	if memory == "" {
		memory = "2GB"
	}
	if q.opts.Threads > 0 {
		threads = fmt.Sprintf("SET threads=%d;", q.opts.Threads)
	}
	_, err := c.ExecContext(ctx, "SET TimeZone='UTC'; SET integer_division=true;", nil)
	if err != nil {
		return err
	}
	// Global settings: once the engine is locked they stand, and setting them
	// again on a later connection is refused.
	_, err = c.ExecContext(ctx, fmt.Sprintf(`SET autoinstall_known_extensions=false; SET autoload_known_extensions=false;
SET memory_limit=%s; %s SET preserve_insertion_order=false; SET enable_object_cache=true;`, literal(memory), threads), nil)
	if err != nil && strings.Contains(err.Error(), "locked") {
		return nil
	}
	return err
}

// lock takes away everything but reading the lake.
func (q *Querier) lock(ctx context.Context, db *sql.DB) error {
	_, err := db.ExecContext(ctx, fmt.Sprintf(`SET allowed_directories=[%s]; SET enable_external_access=false; SET lock_configuration=true;`,
		literal(q.dir+string(filepath.Separator))))
	if err != nil {
		return fmt.Errorf("lock the engine: %w", err)
	}
	return nil
}

// Query implements env.Querier. Only a single statement that reads is run.
func (q *Querier) Query(ctx context.Context, text string) (array.RecordReader, error) {
	if err := checkStatement(text); err != nil {
		return nil, err
	}
	r, err := q.query(ctx, text)
	// Compaction may have removed a file that the views name.
	if err != nil && strings.Contains(err.Error(), "No files found") || isMissingFile(err) {
		if refreshErr := q.forceRefresh(ctx); refreshErr != nil {
			return nil, errors.Join(err, refreshErr)
		}
		r, err = q.query(ctx, text)
	}
	if err != nil {
		return nil, classify(err)
	}
	return r, nil
}

func isMissingFile(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "No such file") || strings.Contains(err.Error(), "Cannot open file"))
}

func (q *Querier) forceRefresh(ctx context.Context) error {
	q.mu.Lock()
	q.listing = ""
	q.mu.Unlock()
	return q.Refresh(ctx)
}

func (q *Querier) query(ctx context.Context, text string) (array.RecordReader, error) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.db == nil {
		return nil, fault.Permanentf("the querier is closed")
	}
	rows, err := q.db.QueryContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return readArrow(rows)
}

// classify says whose fault a failed statement is.
func classify(err error) error {
	d, ok := errors.AsType[*duckdb.Error](err)
	if !ok {
		return fmt.Errorf("query: %w", err)
	}
	switch d.Type {
	case duckdb.ErrorTypeIO, duckdb.ErrorTypeOutOfMemory, duckdb.ErrorTypeInternal, duckdb.ErrorTypeFatal, duckdb.ErrorTypeInterrupt:
		return fmt.Errorf("query: %w", err)
	default:
		return fault.Invalidf("query: %w", err)
	}
}

// literal is a text as SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// identifier is a name as SQL.
func identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
