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
		cmd.Env = lambdaEnv()
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

// TestBuilds builds every function as make functions does, here and from a copy
// of the module in another folder: the same bytes, which do not know where they
// were built. The archive of ingest, which starts most often, is no larger than
// the design allows; that archives of the same bytes are the same, zipfn's own
// tests show.
func TestBuilds(t *testing.T) {
	here, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	there := t.TempDir()
	move(t, here, there)
	first, second := build(t, here), build(t, there)
	for _, name := range all(t) {
		one, err := os.ReadFile(filepath.Join(first, name))
		if err != nil {
			t.Fatal(err)
		}
		other, err := os.ReadFile(filepath.Join(second, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one, other) {
			t.Errorf("%s: a build in %s and one in %s differ", name, here, there)
		}
		if bytes.Contains(one, []byte(here)) {
			t.Errorf("%s knows that it was built in %s", name, here)
		}
		info, err := buildinfo.ReadFile(filepath.Join(first, name))
		if err != nil || info.Main.Path != "upshot.dev/upshot" {
			t.Errorf("%s: build info %+v, %v", name, info, err)
		}
	}
	dir := t.TempDir()
	if err := os.Rename(filepath.Join(first, "ingest"), filepath.Join(dir, "bootstrap")); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "ingest.zip")
	pack := exec.CommandContext(t.Context(), "go", "run", "../internal/zipfn", "-config", "upshot.yaml", "-out", out, dir)
	if out, err := pack.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(out)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxIngest {
		t.Errorf("ingest.zip has %d bytes, at most %d are allowed", info.Size(), maxIngest)
	}
}

// move copies what the functions are built of into another folder.
func move(t *testing.T, module, to string) {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", "lambda.norpc", "-f",
		"{{if not .Standard}}{{if eq .Module.Main true}}{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}\n{{end}}{{range .EmbedFiles}}{{$d}}/{{.}}\n{{end}}{{end}}{{end}}", "./...")
	list.Env = lambdaEnv()
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := append(strings.Fields(string(out)), filepath.Join(module, "go.mod"), filepath.Join(module, "go.sum"))
	for _, file := range files {
		rel, err := filepath.Rel(module, file)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, rel)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, rel), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// flags are those of make functions.
func flags(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":="); ok && strings.TrimSpace(name) == "FLAGS" {
			return strings.TrimSpace(value)
		}
	}
	t.Fatal("the Makefile has no FLAGS")
	return ""
}

func lambdaEnv() []string {
	return append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
}

// build builds all functions of a module, each under its name in the folder.
func build(t *testing.T, module string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "go build "+flags(t)+" -o "+dir+"/ ./functions/...")
	cmd.Dir, cmd.Env = module, lambdaEnv()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}
