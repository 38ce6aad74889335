package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTempSpace: with too little room for temporary files the function fails and
// says what to do; no file of the day is touched. With enough room it goes on.
func TestTempSpace(t *testing.T) {
	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("NOT checked: a function with little ephemeral storage (%v)", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(small, syscall.MNT_DETACH) })
	f := newFunction(t, 128) // so that 60,000 rows do not fit
	const files, each = 12, 5000
	for i := range files {
		if err := writeEvents(f, fmt.Sprint("hot-", i), each, i*each); err != nil {
			t.Fatal(err)
		}
	}
	full := f.Function
	full.Env = append(append([]string{}, full.Env...), "TMPDIR="+small)
	f.host.Add(full)
	_, err := f.run()
	for _, want := range []string{"is full", small, start.Format(time.DateOnly)} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the function says %v, want %q in it", err, want)
		}
	}
	if n := f.files("events/tier=hot/"); n != files || f.files("events/tier=base/") != 0 {
		t.Errorf("%d hot files are left of %d, %d base files", n, files, f.files("events/tier=base/"))
	}
	f.host.Add(f.Function)
	answer, err := f.run()
	if err != nil || answer["files"] != float64(files) || answer["left"] != 0.0 || f.files("events/tier=base/") != 1 {
		t.Errorf("with room: %v, %v", answer, err)
	}
}
