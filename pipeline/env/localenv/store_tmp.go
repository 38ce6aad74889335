package localenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// claimTmp makes this store's own temporary folder and removes those whose
// owner is gone. A process holds a lock on its folder for as long as it lives;
// the kernel drops the lock however the process ends. While one process looks
// and makes its own, a lock on the parent keeps the others away.
func (s *Store) claimTmp() (err error) {
	if err := s.root.Mkdir(tmpDir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	parent, err := s.root.Open(tmpDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, parent.Close()) }()
	if err := syscall.Flock(fd(parent), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", tmpDir, err)
	}
	names, err := parent.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.sweep(path.Join(tmpDir, name)); err != nil {
			return err
		}
	}
	s.tmp = path.Join(tmpDir, rand.Text())
	if err := s.root.Mkdir(s.tmp, 0o750); err != nil {
		return err
	}
	if s.alive, err = s.root.Open(s.tmp); err != nil {
		return err
	}
	return syscall.Flock(fd(s.alive), syscall.LOCK_EX)
}

// sweep removes a temporary folder unless somebody holds its lock.
func (s *Store) sweep(dir string) error {
	d, err := s.root.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := syscall.Flock(fd(d), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return d.Close() // in use
	}
	return errors.Join(s.root.RemoveAll(dir), d.Close())
}

// writeTmp copies body into a new temporary file, flushes it to the disk and
// returns its path. After an error nothing is left behind.
func (s *Store) writeTmp(ctx context.Context, body io.Reader) (name string, err error) {
	name = path.Join(s.tmp, rand.Text())
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, &ctxReader{ctx, body})
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err != nil {
		err = errors.Join(err, s.root.Remove(name))
	}
	return name, err
}

// fd is the descriptor of an open file, for flock.
func fd(f *os.File) int { return int(f.Fd()) }

// ctxReader ends a copy when its context ends.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
