package athena

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/array"

	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/lake"
)

// Lake is an Engine over the lake in a folder, by DuckDB. Every query sees what
// is in the folder when it is asked; a folder that is not there yet is an empty
// lake.
type Lake struct {
	dir  string
	opts localenv.QuerierOptions

	mu sync.Mutex
	q  *localenv.Querier
}

// OpenLake makes the engine; it reads nothing before the first query.
func OpenLake(dir string, opts localenv.QuerierOptions) *Lake {
	return &Lake{dir: dir, opts: opts}
}

// Close ends the engine.
func (l *Lake) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.q == nil {
		return nil
	}
	q := l.q
	l.q = nil
	return q.Close()
}

// Query implements Engine. The bytes it says it scanned are the size of all
// files of the lake's tables: an upper bound.
func (l *Lake) Query(ctx context.Context, sql string) (array.RecordReader, error) {
	if _, err := os.Stat(l.dir); errors.Is(err, fs.ErrNotExist) {
		return l.empty(ctx, sql)
	}
	q, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	size, err := l.size()
	if err != nil {
		return nil, err
	}
	r, err := q.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	return scanned{r, size}, nil
}

// open gives the querier, with what is in the folder now.
func (l *Lake) open(ctx context.Context) (*localenv.Querier, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.q != nil {
		return l.q, l.q.Refresh(ctx)
	}
	var err error
	l.q, err = localenv.OpenQuerier(ctx, l.dir, l.opts)
	return l.q, err
}

// empty answers over a lake without files.
func (l *Lake) empty(ctx context.Context, sql string) (_ array.RecordReader, err error) {
	dir, err := os.MkdirTemp("", "upshot-empty-lake-")
	if err != nil {
		return nil, fmt.Errorf("make an empty lake: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	q, err := localenv.OpenQuerier(ctx, dir, l.opts)
	if err != nil {
		return nil, err
	}
	r, err := q.Query(ctx, sql)
	if err != nil {
		return nil, errors.Join(err, q.Close())
	}
	return closing{r, q}, nil
}

// closing closes a querier behind its only reader.
type closing struct {
	array.RecordReader
	q *localenv.Querier
}

// Release implements array.RecordReader.
func (c closing) Release() {
	c.RecordReader.Release()
	_ = c.q.Close()
}

// scanned is a reader that says how much was read.
type scanned struct {
	array.RecordReader
	bytes int64
}

// BytesScanned is the number of bytes read.
func (s scanned) BytesScanned() int64 { return s.bytes }

// size is the bytes of all files of the tables.
func (l *Lake) size() (total int64, err error) {
	for _, table := range lake.Tables() {
		err := filepath.WalkDir(filepath.Join(l.dir, table), func(_ string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return vanished(err)
			}
			info, err := d.Info()
			if err == nil {
				total += info.Size()
			}
			return vanished(err)
		})
		if err := vanished(err); err != nil {
			return 0, fmt.Errorf("measure the lake: %w", err)
		}
	}
	return total, nil
}

// vanished leaves out files that a compaction removed meanwhile.
func vanished(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
