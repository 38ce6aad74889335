package localenv_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/envtest"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/fault"
)

func openStore(t *testing.T, dir string) *localenv.Store {
	t.Helper()
	s, err := localenv.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestStore(t *testing.T) {
	envtest.Store(t, func(t *testing.T) env.Store {
		return openStore(t, filepath.Join(t.TempDir(), "new", "lake"))
	})
}

func TestStoreObjectsArePlainFiles(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	if err := s.Put(t.Context(), "a/b.txt", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "a", "b.txt"))
	if err != nil || string(b) != "x" {
		t.Errorf("the file holds %q, %v", b, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".tmp", "*", "*")); len(left) != 0 {
		t.Errorf("temporary files are left: %q", left)
	}
}

// A crash leaves a temporary folder that nobody holds. Opening removes it, but
// never that of a store which is in use.
func TestStoreSweepsAfterCrashes(t *testing.T) {
	dir := t.TempDir()
	live := openStore(t, dir)
	crashed := filepath.Join(dir, ".tmp", "CRASHED", "half")
	if err := os.MkdirAll(filepath.Dir(crashed), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(crashed, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	for info, err := range live.List(t.Context(), "") {
		t.Errorf("a half-written file is listed: %v %v", info, err)
	}
	openStore(t, dir)
	if _, err := os.Stat(crashed); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the crashed write is still there: %v", err)
	}
	if err := live.Put(t.Context(), "k", strings.NewReader("x")); err != nil {
		t.Errorf("the first store lost its temporary folder: %v", err)
	}
}

func TestStoreDoesNotLeaveItsFolder(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir)
	if _, err := s.Open(t.Context(), "link/secret"); err == nil {
		t.Error("a link out of the folder was followed for reading")
	}
	if err := s.Put(t.Context(), "link/secret", strings.NewReader("x")); err == nil {
		t.Error("a link out of the folder was followed for writing")
	}
}

func TestStoreFolderThatCannotBeWritten(t *testing.T) {
	parent := t.TempDir()
	file := filepath.Join(parent, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := localenv.OpenStore(file)
	if !fault.Is(err, fault.Permanent) || !strings.Contains(err.Error(), file) {
		t.Errorf("a file in place of the folder: %v", err)
	}
	locked := filepath.Join(parent, "locked")
	if err := os.Mkdir(locked, 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		locked = "/proc/upshot" // root may write anywhere else
	}
	_, err = localenv.OpenStore(locked)
	if err == nil || !strings.Contains(err.Error(), locked) {
		t.Errorf("an unwritable folder: %v", err)
	}
}

// A full disk is somebody's to mend, and until then nothing that was there is
// lost.
func TestStoreOnAFullDisk(t *testing.T) {
	dir := tinyDisk(t, "1m")
	s := openStore(t, dir)
	if err := s.Put(t.Context(), "k", strings.NewReader("old")); err != nil {
		t.Fatal(err)
	}
	err := s.Put(t.Context(), "k", strings.NewReader(strings.Repeat("new", 1<<20)))
	if !fault.Is(err, fault.Retry) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("put on a full disk: %v", err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "k"))
	if err != nil || string(b) != "old" {
		t.Errorf("the old content is %.20q, %v", b, err)
	}
	if err := s.Put(t.Context(), "k", strings.NewReader("new")); err != nil {
		t.Errorf("a smaller put after the failure: %v", err)
	}
}

// tinyDisk mounts a file system of the given size, where the test may.
func tinyDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := mount(dir, size); err != nil {
		t.Skipf("a tiny disk needs the right to mount: %v", err)
	}
	t.Cleanup(func() { _ = unmount(dir) })
	return dir
}
