package lake

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"upshot.dev/upshot/pipeline/env"
)

// folder is a plain env.Store on a disk, for days that must not count as
// memory. (The store of one machine would bring its SQL engine along.)
type folder struct {
	dir  string
	open atomic.Int64
	most atomic.Int64 // files open at once
}

func (f *folder) path(key string) string { return filepath.Join(f.dir, filepath.FromSlash(key)) }

type folderObject struct {
	*os.File
	size int64
	f    *folder
}

func (o *folderObject) Size() int64  { return o.size }
func (o *folderObject) Close() error { o.f.open.Add(-1); return o.File.Close() }

func (f *folder) Open(_ context.Context, key string) (env.Object, error) {
	file, err := os.Open(f.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, env.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	st, err := file.Stat()
	if err != nil {
		return nil, err
	}
	n := f.open.Add(1)
	for old := f.most.Load(); n > old && !f.most.CompareAndSwap(old, n); old = f.most.Load() {
	}
	return &folderObject{file, st.Size(), f}, nil
}

func (f *folder) Put(ctx context.Context, key string, r io.Reader) error {
	return f.write(ctx, key, r, os.Rename)
}

func (f *folder) Create(ctx context.Context, key string, r io.Reader) error {
	return f.write(ctx, key, r, func(from, to string) error {
		if err := os.Link(from, to); errors.Is(err, fs.ErrExist) {
			return env.ErrExist
		}
		return os.Remove(from)
	})
}

func (f *folder) Replace(ctx context.Context, key, version string, r io.Reader) error {
	return f.write(ctx, key, r, func(from, to string) error {
		if st, err := os.Stat(to); err != nil || version != st.ModTime().String() {
			return env.ErrChanged
		}
		return os.Rename(from, to)
	})
}

func (f *folder) write(ctx context.Context, key string, r io.Reader, place func(from, to string) error) error {
	tmp := filepath.Join(f.dir, ".tmp-"+strings.ReplaceAll(key, "/", "-"))
	w, err := os.Create(tmp)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	if err = errors.Join(err, w.Close(), ctx.Err()); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.path(key)), 0o755); err != nil {
		return err
	}
	return place(tmp, f.path(key))
}

func (f *folder) Remove(_ context.Context, key string) error {
	if err := os.Remove(f.path(key)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (f *folder) List(_ context.Context, prefix string) iter.Seq2[env.Info, error] {
	return func(yield func(env.Info, error) bool) {
		err := filepath.WalkDir(f.dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			key, err := filepath.Rel(f.dir, path)
			if err != nil || !strings.HasPrefix(filepath.ToSlash(key), prefix) {
				return err
			}
			st, err := d.Info()
			if err == nil && !yield(env.Info{Key: filepath.ToSlash(key), Size: st.Size(), Modified: st.ModTime(), Version: st.ModTime().String()}, nil) {
				return fs.SkipAll
			}
			return err
		})
		if err != nil {
			yield(env.Info{}, err)
		}
	}
}
