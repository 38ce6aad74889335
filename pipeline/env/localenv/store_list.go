package localenv

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
	"syscall"

	"upshot.dev/upshot/pipeline/env"
)

// List yields the objects under prefix, sorted by key. Folders are read one at
// a time; what vanishes meanwhile is left out. Files and folders whose names
// start with a dot are not objects.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[env.Info, error] {
	return func(yield func(env.Info, error) bool) {
		dir := "."
		if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
			dir = prefix[:i]
		}
		// A prefix that no key can start with has no objects.
		if dir != "." && env.CheckKey(dir) != nil {
			return
		}
		s.walk(ctx, dir, prefix, yield)
	}
}

// walk yields what lies below dir and reports whether to go on.
func (s *Store) walk(ctx context.Context, dir, prefix string, yield func(env.Info, error) bool) bool {
	if err := ctx.Err(); err != nil {
		yield(env.Info{}, err)
		return false
	}
	entries, err := s.entries(dir)
	if err != nil {
		yield(env.Info{}, s.explain("list "+prefix, err))
		return false
	}
	for _, e := range entries {
		key := path.Join(dir, e.Name())
		if e.IsDir() {
			// Below "a/b/" are keys that start with it; they can match when
			// one of folder and prefix starts with the other.
			sub := key + "/"
			if !strings.HasPrefix(sub, prefix) && !strings.HasPrefix(prefix, sub) {
				continue
			}
			if !s.walk(ctx, key, prefix, yield) {
				return false
			}
			continue
		}
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		st, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			yield(env.Info{}, s.explain("list "+prefix, err))
			return false
		}
		if !st.Mode().IsRegular() {
			continue
		}
		if !yield(env.Info{Key: key, Size: st.Size(), Modified: st.ModTime(), Version: version(st)}, nil) {
			return false
		}
	}
	return true
}

// entries reads a folder in the order of the keys below it: a folder counts as
// its name with a slash, since that is how its keys go on.
func (s *Store) entries(dir string) ([]fs.DirEntry, error) {
	d, err := s.root.Open(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entries, err := d.ReadDir(-1)
	if err = errors.Join(err, d.Close()); err != nil {
		if errors.Is(err, syscall.ENOTDIR) {
			return nil, nil // a file: nothing lies below it
		}
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name()[0] == '.' })
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(sortName(a), sortName(b)) })
	return entries, nil
}

func sortName(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}
