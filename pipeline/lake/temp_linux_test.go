package lake

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
)

// disk mounts a small file system, where the test may.
func disk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("NOT checked: a full disk for temporary files (%v)", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// TestTempFolder: a day that needs temporary files where none can be kept says so,
// loses nothing, and keeps no other day from being merged. With enough room the
// same day is merged.
func TestTempFolder(t *testing.T) {
	for _, c := range []struct {
		name string
		dir  func(*testing.T) string
		kind fault.Kind
		is   error
		says string
	}{
		{"full", func(t *testing.T) string { return disk(t, "256k") }, fault.Retry, syscall.ENOSPC, "is full"},
		{"missing", func(t *testing.T) string { return filepath.Join(t.TempDir(), "none") }, fault.Permanent, os.ErrNotExist, "name a folder"},
		{"read-only", func(*testing.T) string { return "/proc" }, fault.Permanent, nil, "name a folder"},
		{"a file", func(t *testing.T) string {
			f := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(f, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return f
		}, fault.Permanent, syscall.ENOTDIR, "name a folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			const files, small = 20, "2026-11-02"
			clock := memenv.NewClock(noon)
			s := memenv.NewStore(clock)
			for i := range files {
				if err := WriteHot(t.Context(), s, "events", testDay, fmt.Sprint("hot-", i), usage(500, i*500)); err != nil {
					t.Fatal(err)
				}
			}
			if err := WriteHot(t.Context(), s, "events", small, "hot", usage(5, 0)); err != nil {
				t.Fatal(err)
			}
			dir := c.dir(t)
			o := CompactOptions{Clock: clock, Memory: 1 << 20, Temp: dir}
			rep, err := Compact(t.Context(), s, o)
			if !fault.Is(err, c.kind) || !errors.Is(err, c.is) && c.is != nil || !strings.Contains(err.Error(), c.says) ||
				!strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), testDay) {
				t.Fatalf("%v", err)
			}
			if hotFiles(t, s, testDay) != files || hotFiles(t, s, small) != 0 || len(contents(t, s, "events")) != 1 {
				t.Errorf("%d and %d hot files are left, %d of base", hotFiles(t, s, testDay), hotFiles(t, s, small), len(contents(t, s, "events")))
			}
			if r := rep.Tables[2]; r.Days != 1 || r.FilesBefore != files+1 || r.FilesAfter != files+1 {
				t.Errorf("the report says %+v", r)
			}
			if left, err := os.ReadDir(dir); err == nil && c.name == "full" && len(left) > 0 {
				t.Errorf("temporary files are left: %v", left)
			}
			o.Temp = t.TempDir()
			if rep, err = Compact(t.Context(), s, o); err != nil || rep.Tables[2].RowsOut != files*500 || hotFiles(t, s, testDay) != 0 {
				t.Errorf("with room: %+v, %v", rep.Tables[2], err)
			}
		})
	}
}
