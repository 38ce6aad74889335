package localenv

import (
	"context"
	"database/sql/driver"
	_ "embed" // the prelude
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/duckdb/duckdb-go/v2"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/lake"
)

//go:embed prelude.sql
var prelude string

// defaultMemory is what the engine may use unless it is told otherwise; more
// goes to temporary files.
const defaultMemory = "2GB"

// QuerierOptions say what the engine may use.
type QuerierOptions struct {
	Memory  string // like "2GB", the default
	Threads int    // 0 is one per core
	TempDir string // for what does not fit into memory; "" is the system's folder
}

// Querier answers SQL over a lake in a folder by DuckDB, in the process. The
// views show what was in the folder when it was opened or refreshed last; a
// query that a compaction gets in the way of is asked again over what is there
// then. It is safe for concurrent use.
type Querier struct {
	dir       string
	tmp       string
	connector *duckdb.Connector

	// mu is held for reading while a statement is bound to the views, and for
	// writing while they change hands.
	mu    sync.RWMutex
	files *lakeFiles
	refs  sync.WaitGroup // open readers

	admin sync.Mutex   // one refresh at a time
	conn  *duckdb.Conn // for what Query may not do
	facts map[string]fileFacts
}

var _ env.Querier = (*Querier)(nil)

// OpenQuerier opens the views over the lake in dir. Tables without files are
// empty. Afterwards nothing can be written, no file but those of the tables
// can be read and no setting changed through it.
func OpenQuerier(ctx context.Context, dir string, opts QuerierOptions) (*Querier, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open the lake %s: %w", dir, err)
	}
	if st, err := os.Stat(abs); err != nil || !st.IsDir() {
		return nil, fault.Permanentf("open the lake: %s is no folder", dir)
	}
	q := &Querier{dir: abs, facts: map[string]fileFacts{}}
	if err := q.start(ctx, opts); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	return q, nil
}

// Close ends the engine, after the readers that are still open were released.
func (q *Querier) Close() error {
	q.admin.Lock()
	defer q.admin.Unlock()
	q.mu.Lock()
	connector, conn := q.connector, q.conn
	q.connector, q.conn, q.files = nil, nil, nil
	q.mu.Unlock()
	q.refs.Wait()
	var errs []error
	if conn != nil {
		errs = append(errs, conn.Close())
	}
	if connector != nil {
		errs = append(errs, connector.Close(), os.RemoveAll(q.tmp))
	}
	return errors.Join(errs...)
}

// start makes the engine, teaches it the dialect, creates the views, and locks
// everything else away.
func (q *Querier) start(ctx context.Context, opts QuerierOptions) (err error) {
	if q.tmp, err = os.MkdirTemp(opts.TempDir, "upshot-query-"); err != nil {
		return fmt.Errorf("make a folder for temporary files: %w", err)
	}
	if q.connector, err = duckdb.NewConnector("", nil); err != nil {
		return fmt.Errorf("start the engine: %w", err)
	}
	if q.conn, err = q.connect(ctx); err != nil {
		return err
	}
	for _, step := range []struct{ what, sql string }{
		{"set up the engine", settings(opts, q.tmp)},
		{"teach the engine the dialect", prelude},
		{"lock the engine", q.lock()},
	} {
		if err := q.exec(ctx, step.sql); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return q.Refresh(ctx)
}

// settings are global, so that they hold for later connections, too.
func settings(o QuerierOptions, tmp string) string {
	memory := o.Memory
	if memory == "" {
		memory = defaultMemory
	}
	s := []string{
		"autoinstall_known_extensions=false", "autoload_known_extensions=false",
		"TimeZone='UTC'", "integer_division=true", "parquet_metadata_cache=true",
		"memory_limit=" + literal(memory), "temp_directory=" + literal(tmp),
	}
	if o.Threads > 0 {
		s = append(s, fmt.Sprintf("threads=%d", o.Threads))
	}
	return "SET GLOBAL " + strings.Join(s, "; SET GLOBAL ") + ";"
}

// lock leaves only the folders of the tables readable: what else lies in the
// lake, raw deliveries and keys among it, stays out of reach.
func (q *Querier) lock() string {
	var dirs []string
	for _, t := range lake.Tables() {
		dirs = append(dirs, literal(filepath.Join(q.dir, t)+string(filepath.Separator)))
	}
	return fmt.Sprintf("SET GLOBAL allowed_directories=[%s]; SET GLOBAL enable_external_access=false; SET GLOBAL lock_configuration=true;",
		strings.Join(dirs, ", "))
}

func (q *Querier) connect(ctx context.Context) (*duckdb.Conn, error) {
	c, err := q.connector.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the engine: %w", err)
	}
	conn, ok := c.(*duckdb.Conn)
	if !ok {
		return nil, errors.Join(fault.Permanentf("the engine gave a %T", c), c.Close())
	}
	return conn, nil
}

// exec runs statements on the connection that may write.
func (q *Querier) exec(ctx context.Context, sql string) error {
	_, err := q.conn.ExecContext(ctx, sql, nil)
	return err
}

// each calls f with every row of a query on that connection.
func (q *Querier) each(ctx context.Context, sql string, f func(row []driver.Value) error) (err error) {
	rows, err := q.conn.QueryContext(ctx, sql, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	return eachRow(rows, f)
}

// literal is a text as SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// identifier is a name as SQL.
func identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
