package pipeline_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "upshot.dev/upshot"

// allowed says which packages of the project a package may import. Imports go
// one way: main, one adapter, stages, source, record; a package that is not
// listed fails the test, so a new one is a decision.
var allowed = map[string][]string{
	"pipeline/record":       {},
	"pipeline/fault":        {},
	"pipeline/stats":        {},
	"pipeline/enrich":       {"fault"},
	"pipeline/env":          {"fault"},
	"pipeline/config":       {"fault", "record"},
	"pipeline/source":       {"fault", "record"},
	"pipeline/env/memenv":   {"env", "fault"},
	"pipeline/env/envtest":  {"env", "fault"},
	"pipeline/env/awsenv":   {"env", "fault"},
	"pipeline/env/localenv": {"env", "fault", "lake", "record", "queries"},
	"pipeline/lake":         {"env", "fault", "record"},
	"pipeline/ledger":       {"env", "fault"},
	"pipeline/outbox":       {"env", "fault"},
	"pipeline/ingest":       {"env", "fault", "record", "source"},
	"pipeline/process":      {"enrich", "env", "fault", "lake", "record", "source"},
	"pipeline/alert":        {"env", "fault", "metric", "outbox", "stats"},
	"pipeline/metric":       {"config", "env", "fault", "stats"},
	"pipeline/roadmap":      {"env", "fault", "metric", "stats"},
	"pipeline/report":       {"env", "fault", "ledger", "metric", "roadmap", "stats"},
}

// onlyIn says where a library may appear at all, apart from the stand-ins of
// the tests, which no function and no command links.
var onlyIn = map[string]string{
	"github.com/duckdb/":               "pipeline/env/localenv",
	"github.com/mattn/go-sqlite3":      "pipeline/env/localenv",
	"github.com/aws/aws-sdk-go-v2":     "pipeline/env/awsenv",
	"github.com/aws/aws-lambda-go":     "pipeline/env/awsenv",
	"github.com/alecthomas/kong":       "cmd/upshot",
	"github.com/itchyny/gojq":          "pipeline/source",
	"github.com/wneessen/go-mail":      "pipeline/",
	"github.com/parquet-go/parquet-go": "pipeline/lake",
	"github.com/go-analyze/charts":     "pipeline/report",
}

type pkg struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

// TestImportLaw reads what the packages really import, tests left out.
func TestImportLaw(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,Standard", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(out)))
	seen := 0
	for {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		seen++
		check(t, p)
	}
	if seen < 10 {
		t.Fatalf("only %d packages were listed", seen)
	}
}

func check(t *testing.T, p pkg) {
	name := strings.TrimPrefix(p.ImportPath, module+"/")
	may, stage := allowed[name]
	if !stage && strings.HasPrefix(name, "pipeline/") {
		t.Errorf("%s is in no rule: add it to the import law, deliberately", name)
	}
	for _, i := range p.Imports {
		if rest, ours := strings.CutPrefix(i, module+"/"); ours {
			if stage && !slices.Contains(may, strings.TrimPrefix(rest, "pipeline/")) {
				t.Errorf("%s imports %s", name, rest)
			}
			continue
		}
		if name == "pipeline/record" && strings.Contains(i, ".") {
			t.Errorf("%s imports %s: record is standard library only", name, i)
		}
		for lib, home := range onlyIn {
			if strings.HasPrefix(i, lib) && !strings.HasPrefix(name, home) && !strings.HasPrefix(name, "internal/standin") {
				t.Errorf("%s imports %s, which belongs to %s", name, i, home)
			}
		}
	}
}
