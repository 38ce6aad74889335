package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPagesAreUpToDate fails when something was added and make docs not run.
func TestPagesAreUpToDate(t *testing.T) {
	// go test keeps a result while the files that a test opened stay as they
	// are; the command is built by another process, so its files are opened here.
	files, err := filepath.Glob("../../cmd/upshot/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("the command's files are not found", err)
	}
	for _, f := range files {
		if _, err := os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	stale, err := run("../..", true)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range stale {
		t.Errorf("%s is out of date: run make docs", f)
	}
	if n := len(pages()); n < 3 {
		t.Errorf("only %d pages are written", n)
	}
}
