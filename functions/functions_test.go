package functions_test

import (
	"bytes"
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// all are the functions that there are.
func all(t *testing.T) []string {
	t.Helper()
	mains, err := filepath.Glob("*/main.go")
	if err != nil || len(mains) < 5 {
		t.Fatalf("functions: %v, %v", mains, err)
	}
	var names []string
	for _, m := range mains {
		names = append(names, filepath.Dir(m))
	}
	return names
}

// TestMainsAreWiring holds that a function's own code is wiring.
func TestMainsAreWiring(t *testing.T) {
	for _, name := range all(t) {
		b, err := os.ReadFile(filepath.Join(name, "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		_, code, _ := strings.Cut(string(b), "\n)\n") // after the imports
		lines := 0
		for line := range strings.Lines(code) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
				lines++
			}
		}
		if lines >= 40 {
			t.Errorf("%s has %d lines", name, lines)
		}
	}
}

// TestNothingTooMuch looks into the dependencies: no function needs cgo or
// holds DuckDB, and the one that senders wait for holds nothing of enrichment,
// Parquet or Arrow's readers.
func TestNothingTooMuch(t *testing.T) {
	for _, name := range all(t) {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", "lambda.norpc", "./"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		deps := strings.Fields(string(out))
		never := []string{"github.com/duckdb/", "github.com/mattn/go-sqlite3", "upshot.dev/upshot/pipeline/env/localenv", "net/rpc"}
		if name == "ingest" {
			never = append(never, "upshot.dev/upshot/pipeline/enrich", "github.com/jdkato/prose", "github.com/jonreiter/govader", "upshot.dev/upshot/pipeline/lake", "github.com/parquet-go/")
		}
		for _, d := range deps {
			if i := slices.IndexFunc(never, func(n string) bool { return strings.HasPrefix(d, n) }); i >= 0 {
				t.Errorf("%s holds %s", name, d)
			}
		}
	}
}

// maxIngest is what the design allows of the function that starts most often.
const maxIngest = 8_000_000

// TestIngestArchive builds and packs ingest twice, from two folders of output:
// the same bytes both times, and no more than the design allows.
func TestIngestArchive(t *testing.T) {
	var first []byte
	for i := range 2 {
		dir := t.TempDir()
		build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w -buildid=",
			"-o", filepath.Join(dir, "ingest", "bootstrap"), "./ingest")
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		info, err := buildinfo.ReadFile(filepath.Join(dir, "ingest", "bootstrap"))
		if err != nil || info.Main.Path != "upshot.dev/upshot" {
			t.Errorf("build info %+v, %v", info, err)
		}
		out := filepath.Join(dir, "ingest.zip")
		pack := exec.CommandContext(t.Context(), "go", "run", "../internal/zipfn", "-config", "upshot.yaml", "-out", out, filepath.Join(dir, "ingest"))
		if out, err := pack.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > maxIngest {
			t.Errorf("ingest.zip has %d bytes, at most %d are allowed", len(b), maxIngest)
		}
		if i == 0 {
			first = b
		} else if !bytes.Equal(first, b) {
			t.Error("two builds differ")
		}
	}
}
