package localenv

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mattn/go-sqlite3"

	"upshot.dev/upshot/pipeline/fault"
)

// queueVersion is the layout of the file, kept in its user_version.
const queueVersion = 1

// AUTOINCREMENT matters: without it a table that runs empty starts numbering
// again, and a late delete of an old number would take a new message. Leases
// are a table of their own so that a claim does not rewrite the bodies.
const queueSchema = `
CREATE TABLE messages(
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	id TEXT NOT NULL UNIQUE,
	sent_at INTEGER NOT NULL, -- Unix nanoseconds, like all times here
	body BLOB NOT NULL
) STRICT;
CREATE TABLE leases(
	seq INTEGER PRIMARY KEY,
	until INTEGER NOT NULL,
	attempts INTEGER NOT NULL
) STRICT;
CREATE TABLE dead(
	seq INTEGER PRIMARY KEY,
	id TEXT NOT NULL UNIQUE,
	sent_at INTEGER NOT NULL,
	set_aside_at INTEGER NOT NULL,
	reason TEXT NOT NULL,
	body BLOB NOT NULL
) STRICT;
`

// queueDB is the queue file as the writer goroutine sees it. It uses the
// driver without database/sql: one connection, prepared statements, no locks.
type queueDB struct {
	path string
	conn *sqlite3.SQLiteConn
	stmt map[string]*sqlite3.SQLiteStmt

	messages, bytes int64               // stored in the table messages
	held            map[string]heldItem // what was claimed, by id: saves look-ups
}

type heldItem struct{ seq, size int64 }

// openQueueDB opens the file, takes its lock for as long as it is open, and
// makes what a dead owner had claimed visible again.
func openQueueDB(path string) (*queueDB, error) {
	const doing = "open the queue"
	abs, err := filepath.Abs(path)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(abs), 0o750)
	}
	if err != nil {
		return nil, explainQueue(path, doing, err)
	}
	// Characters that mean something in a URI are parts of the name here.
	name := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(abs)
	db := &queueDB{path: path, stmt: map[string]*sqlite3.SQLiteStmt{}, held: map[string]heldItem{}}
	conn, err := (&sqlite3.SQLiteDriver{}).Open("file:" + name + "?_busy_timeout=0")
	if err != nil {
		return nil, explainQueue(path, doing, err)
	}
	db.conn = conn.(*sqlite3.SQLiteConn) // the driver's only type
	if err := db.prepare(); err != nil {
		_ = conn.Close()
		return nil, explainQueue(path, doing, err)
	}
	return db, nil
}

// prepare sets how the file is used, takes its lock, and brings it up to date.
func (db *queueDB) prepare() error {
	for _, s := range []string{
		"PRAGMA page_size=8192",
		// Before anything is read: so the lock is for the whole file and for
		// good, and the index of the log lies in memory.
		"PRAGMA locking_mode=EXCLUSIVE",
		"PRAGMA journal_mode=WAL",
		// Every commit is flushed: NORMAL would lose the last ones with the
		// power, and they are acknowledged.
		"PRAGMA synchronous=FULL",
		"PRAGMA wal_autocheckpoint=2000",
		"PRAGMA journal_size_limit=67108864",
		"PRAGMA cache_size=-32768",
		"PRAGMA temp_store=MEMORY",
		"BEGIN EXCLUSIVE",
	} {
		if err := db.exec(s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	err := db.migrate()
	if err != nil {
		return errors.Join(err, db.exec("ROLLBACK"))
	}
	if err := db.exec("COMMIT"); err != nil {
		return err
	}
	return nil
}

// migrate brings the file to queueVersion and reads its counts.
func (db *queueDB) migrate() error {
	version, err := db.number("PRAGMA user_version")
	if err != nil {
		return err
	}
	tables, err := db.number("SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return err
	}
	switch {
	case version == 0 && tables == 0:
		if err := db.exec(queueSchema + fmt.Sprintf("PRAGMA user_version=%d", queueVersion)); err != nil {
			return err
		}
	case version != queueVersion:
		return fmt.Errorf("%w: it has version %d and %d tables, known is version %d", errForeign, version, tables, queueVersion)
	}
	if err := db.exec("UPDATE leases SET until=0"); err != nil {
		return err
	}
	if db.messages, err = db.number("SELECT count(*) FROM messages"); err != nil {
		return err
	}
	db.bytes, err = db.number("SELECT coalesce(sum(length(body)),0) FROM messages")
	return err
}

// close checkpoints the log into the file and gives the lock back.
func (db *queueDB) close() error {
	for _, s := range db.stmt {
		_ = s.Close()
	}
	if err := db.conn.Close(); err != nil {
		return explainQueue(db.path, "close the queue", err)
	}
	return nil
}

// transact runs ops in one transaction. After an error nothing has changed.
func (db *queueDB) transact(ops []*op) error {
	messages, bytes := db.messages, db.bytes
	_, err := db.run("BEGIN IMMEDIATE")
	for i := 0; i < len(ops) && err == nil; i++ {
		err = ops[i].run(db)
	}
	if err == nil {
		_, err = db.run("COMMIT")
	}
	if err == nil {
		return nil
	}
	// Some errors have rolled back already; then this one finds nothing to do.
	if !db.conn.AutoCommit() {
		err = errors.Join(err, db.exec("ROLLBACK"))
	}
	db.messages, db.bytes = messages, bytes
	clear(db.held)
	return explainQueue(db.path, "write the queue", err)
}

// exec runs statements that take no arguments and are not used again.
func (db *queueDB) exec(sql string) error {
	_, err := db.conn.ExecContext(context.Background(), sql, nil)
	return err
}

// number runs a query that gives one number; none is 0.
func (db *queueDB) number(sql string, args ...driver.Value) (int64, error) {
	var n int64
	err := db.query(sql, 1, func(row []driver.Value) bool {
		n, _ = row[0].(int64)
		return false
	}, args...)
	return n, err
}

// run executes one statement, prepared at its first use, and returns how many
// rows it changed.
func (db *queueDB) run(sql string, args ...driver.Value) (int64, error) {
	s, err := db.prepared(sql)
	if err != nil {
		return 0, err
	}
	res, err := s.Exec(args)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// query calls each for every row until it returns false.
func (db *queueDB) query(sql string, columns int, each func([]driver.Value) bool, args ...driver.Value) (err error) {
	s, err := db.prepared(sql)
	if err != nil {
		return err
	}
	rows, err := s.Query(args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	row := make([]driver.Value, columns)
	for {
		switch err := rows.Next(row); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if !each(row) {
			return nil
		}
	}
}

func (db *queueDB) prepared(sql string) (*sqlite3.SQLiteStmt, error) {
	if s := db.stmt[sql]; s != nil {
		return s, nil
	}
	s, err := db.conn.Prepare(sql)
	if err != nil {
		return nil, err
	}
	db.stmt[sql] = s.(*sqlite3.SQLiteStmt) // the driver's only type
	return db.stmt[sql], nil
}

// diagnose says what may be done about an error and what to tell people.
func diagnose(err error) (fault.Kind, string) {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		e.SystemErrno, _ = errors.AsType[syscall.Errno](err)
	}
	switch {
	case e.Code == sqlite3.ErrFull, e.SystemErrno == syscall.ENOSPC, e.SystemErrno == syscall.EDQUOT:
		return fault.Retry, "its disk is full, free some space there"
	case e.Code == sqlite3.ErrBusy, e.Code == sqlite3.ErrLocked:
		return fault.Permanent, "another process is using it, end that one or choose another folder"
	case e.Code == sqlite3.ErrReadonly, e.Code == sqlite3.ErrPerm, e.Code == sqlite3.ErrCantOpen, errors.Is(err, fs.ErrPermission):
		return fault.Permanent, "it cannot be written by this user, give it the right or choose another folder"
	case e.Code == sqlite3.ErrCorrupt, e.Code == sqlite3.ErrNotADB, errors.Is(err, errForeign):
		return fault.Permanent, "the file is damaged or no queue, move it away and keep it"
	}
	return fault.Retry, ""
}
