package main

import "testing"

// TestPagesAreUpToDate fails when something was added and make docs not run.
func TestPagesAreUpToDate(t *testing.T) {
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
