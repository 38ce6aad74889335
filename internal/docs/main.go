// Command docs writes the pages under docs/ that list things, from the things
// themselves: the sources from their registry, the metrics from their files,
// the themes from the taxonomy. With -check it changes nothing and fails when
// a page is out of date.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	check := flag.Bool("check", false, "change nothing; fail when a page is out of date")
	root := flag.String("root", ".", "the project's folder")
	flag.Parse()
	stale, err := run(*root, *check)
	if err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
	for _, f := range stale {
		fmt.Fprintln(os.Stderr, "docs: out of date, run make docs:", f)
	}
	if len(stale) > 0 {
		os.Exit(1)
	}
}

// run writes the pages, or names those that differ.
func run(root string, check bool) (stale []string, err error) {
	for _, p := range pages() {
		want, err := p.render()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.file, err)
		}
		file := filepath.Join(root, p.file)
		if !check {
			if err := os.WriteFile(file, want, 0o644); err != nil { //nolint:gosec // a page for everybody
				return nil, err
			}
			continue
		}
		got, err := os.ReadFile(file) //nolint:gosec // our own page
		if err != nil || !bytes.Equal(got, want) {
			stale = append(stale, p.file)
		}
	}
	return stale, nil
}
