package localenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// tmpDir holds the files being written. Its name starts with a dot, so no key
// can name it, and it lies inside the store, so a rename stays on one disk.
const tmpDir = ".tmp"

// Store is env.Store on a folder: the key is the path below it. An object is
// written to a temporary file, flushed to the disk, and renamed into place.
// Several processes may use one folder at the same time. Symbolic links that
// lead out of the folder are not followed.
type Store struct {
	dir   string
	root  *os.Root
	tmp   string // this process's own folder below tmpDir, relative to dir
	alive *os.File
}

var _ env.Store = (*Store)(nil)

// OpenStore opens the store in dir and makes the folder when it is missing.
// What crashed processes left half written is removed. A folder that cannot be
// written is a fault of kind Permanent that says so.
func OpenStore(dir string) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	s := &Store{dir: abs}
	if err := os.MkdirAll(abs, 0o750); err != nil {
		return nil, s.explain("make the folder", err)
	}
	if s.root, err = os.OpenRoot(abs); err != nil {
		return nil, s.explain("open the folder", err)
	}
	if err := s.claimTmp(); err != nil {
		_ = s.root.Close()
		return nil, s.explain("write into the folder", err)
	}
	return s, nil
}

// Close gives the store's handles back. Objects that are open stay readable.
func (s *Store) Close() error {
	return errors.Join(s.root.RemoveAll(s.tmp), s.alive.Close(), s.root.Close())
}

// Dir is the absolute path of the folder.
func (s *Store) Dir() string { return s.dir }

// Temp is a folder for temporary files of whoever works on the store: on its own
// disk, where /tmp may be memory, and removed with the store's or after a crash.
func (s *Store) Temp() string { return filepath.Join(s.dir, s.tmp) }

// Open opens key for reading.
func (s *Store) Open(_ context.Context, key string) (env.Object, error) {
	if err := env.CheckKey(key); err != nil {
		return nil, err
	}
	f, err := s.root.Open(key)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, fmt.Errorf("open %s in %s: %w", key, s.dir, env.ErrNotExist)
	}
	if err != nil {
		return nil, s.explain("open "+key, err)
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = env.ErrNotExist
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("open %s in %s: %w", key, s.dir, err)
	}
	return &object{File: f, size: st.Size()}, nil
}

// Put writes body under key.
func (s *Store) Put(ctx context.Context, key string, body io.Reader) error {
	return s.write(ctx, key, body, func(tmp string) error { return s.root.Rename(tmp, key) })
}

// Create writes body under key unless there is something.
func (s *Store) Create(ctx context.Context, key string, body io.Reader) error {
	// A link fails where a rename would replace, and is as atomic.
	return s.write(ctx, key, body, func(tmp string) error {
		err := s.root.Link(tmp, key)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("create %s in %s: %w", key, s.dir, env.ErrExist)
		}
		return err
	})
}

// Replace writes body under key if what is there has this version. Those who
// replace keep each other out by a lock; a Put beside them does not ask for it.
func (s *Store) Replace(ctx context.Context, key, was string, body io.Reader) error {
	return s.write(ctx, key, body, func(tmp string) (err error) {
		lock, err := s.root.Open(tmpDir)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, lock.Close()) }() // which ends the lock
		if err := syscall.Flock(fd(lock), syscall.LOCK_EX); err != nil {
			return fmt.Errorf("lock %s: %w", tmpDir, err)
		}
		st, err := s.root.Lstat(key)
		if errors.Is(err, fs.ErrNotExist) || err == nil && version(st) != was {
			return fmt.Errorf("replace %s in %s: %w", key, s.dir, env.ErrChanged)
		}
		if err != nil {
			return err
		}
		return s.root.Rename(tmp, key)
	})
}

// version names the content of a file: files are never changed, only replaced.
func version(st fs.FileInfo) string {
	var inode uint64
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		inode = sys.Ino
	}
	return fmt.Sprintf("%d-%d-%d", inode, st.Size(), st.ModTime().UnixNano())
}

// Remove deletes key. Folders that become empty stay.
func (s *Store) Remove(_ context.Context, key string) error {
	if err := env.CheckKey(key); err != nil {
		return err
	}
	st, err := s.root.Lstat(key)
	if err == nil && st.IsDir() {
		return nil // a folder is no object
	}
	if err == nil {
		err = s.root.Remove(key)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err == nil {
		err = s.syncDir(path.Dir(key))
	}
	return s.explain("remove "+key, err)
}

// write makes a durable temporary file of body and has place move it to key.
func (s *Store) write(ctx context.Context, key string, body io.Reader, place func(tmp string) error) error {
	if err := env.CheckKey(key); err != nil {
		return err
	}
	tmp, err := s.writeTmp(ctx, body)
	if err != nil {
		return s.explain("write "+key, err)
	}
	err = s.makeDirs(path.Dir(key))
	if err == nil {
		err = place(tmp)
	}
	if err == nil {
		err = s.syncDir(path.Dir(key))
	}
	// After a rename there is nothing left to remove.
	if rmErr := s.root.Remove(tmp); rmErr != nil && !errors.Is(rmErr, fs.ErrNotExist) {
		err = errors.Join(err, rmErr)
	}
	return s.explain("write "+key, err)
}

// makeDirs makes the folders of a key, each durable in its parent before a file
// is put into it.
func (s *Store) makeDirs(dir string) error {
	if dir == "." {
		return nil
	}
	if st, err := s.root.Stat(dir); err == nil && st.IsDir() {
		return nil
	}
	if err := s.makeDirs(path.Dir(dir)); err != nil {
		return err
	}
	if err := s.root.Mkdir(dir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return s.syncDir(path.Dir(dir))
}

// syncDir makes the entries of a folder durable.
func (s *Store) syncDir(dir string) error {
	d, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// explain turns an error of the file system into one that says which folder
// is concerned, what to do, and whether trying again helps. nil stays nil.
func (s *Store) explain(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, env.ErrExist), errors.Is(err, env.ErrChanged), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Retryf("%s: the disk of folder %s is full, free some space there: %w", doing, s.dir, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fault.Permanentf("%s: folder %s cannot be written by this user, give it the right or choose another folder: %w", doing, s.dir, err)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		return fault.Permanentf("%s in %s: a file stands where a folder is needed, or the other way round: %w", doing, s.dir, err)
	}
	return fmt.Errorf("%s in %s: %w", doing, s.dir, err)
}

// object is an opened file with the size it had when it was opened. The file
// behind it never changes: keys are replaced by rename.
type object struct {
	*os.File
	size int64
}

// Size is the number of bytes.
func (o *object) Size() int64 { return o.size }
