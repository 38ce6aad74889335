package metric

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite what the metrics of the golden files answer")

// golden is where each metric has its file.
const golden = "../../testdata/golden/metrics"

// TestGolden holds, for each metric, the statement that it sends and what it
// answers by week and, cut by a dimension, by month over one small lake.
func TestGolden(t *testing.T) {
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	c := catalog(t)
	files, err := filepath.Glob(golden + "/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(c.Names()) && !*update {
		t.Errorf("%d golden files for %d metrics", len(files), len(c.Names()))
	}
	q := newWorld(1, loc).write(t)
	for _, name := range c.Names() {
		m, err := c.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		cut := cuts(m)[1]
		text, err := c.SQL(name, product, Params{From: "2026-10-24", To: "2026-10-26", TZ: "Europe/Berlin", Grain: "day", By: cut})
		if err != nil {
			t.Fatal(err)
		}
		a := &txtar.Archive{Files: []txtar.File{{Name: "statement.sql", Data: []byte(strings.TrimSpace(text) + "\n")}}}
		for _, p := range []Params{
			{From: "2026-09-30", To: "2026-11-09", TZ: "Europe/Berlin", Grain: "week"},
			{From: "2026-10-01", To: "2026-12-01", TZ: "Europe/Berlin", Grain: "month", By: cut},
		} {
			res, err := c.Run(t.Context(), q, name, product, p)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := res.Write(&b, "json", false); err != nil {
				t.Fatal(err)
			}
			if !json.Valid(b.Bytes()) {
				t.Errorf("%s: no JSON:\n%s", name, b.String())
			}
			a.Files = append(a.Files, txtar.File{Name: p.Grain + ".json", Data: b.Bytes()})
		}
		compareGolden(t, filepath.Join(golden, name+".txtar"), txtar.Format(a))
	}
}

func compareGolden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
