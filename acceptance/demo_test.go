package acceptance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reportForms are the files of a report.
var reportForms = []string{"report.html", "report.eml", "report.md", "report.json"}

// TestSecondDemoRunChangesNoNumber runs the demo into the folder in which it
// ran before: all its deliveries come once more, and everything it says and
// writes stays as it was, to the byte.
func TestSecondDemoRunChangesNoNumber(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "demo")
	var said [2]string
	var files [2]map[string]string
	for i := range said {
		said[i] = string(upshot(t, "demo", "--scale", "0.1", "--dir", dir))
		files[i] = map[string]string{}
		for _, name := range reportForms {
			b, err := os.ReadFile(filepath.Join(dir, "report", name))
			if err != nil {
				t.Fatal(err)
			}
			files[i][name] = string(b)
		}
	}
	if d := cmp.Diff(said[0], said[1]); d != "" {
		t.Errorf("the demo prints something else the second time:\n%s", d)
	}
	for _, name := range reportForms {
		if files[0][name] == "" || files[0][name] != files[1][name] {
			t.Errorf("%s is not the same the second time: %.2000s", name, cmp.Diff(files[0][name], files[1][name]))
		}
	}
	if n := strings.Count(said[0], "\n"); n < 10 || n > 25 {
		t.Errorf("the demo prints %d lines:\n%s", n, said[0])
	}
	if !strings.Contains(said[0], "duplicate") || !strings.Contains(said[0], filepath.Join(dir, "report", "report.html")) {
		t.Errorf("the demo prints:\n%s", said[0])
	}
	upshot(t, "--config", filepath.Join(dir, "upshot.yaml"), "ledger")
}

// TestDemoCountsWhatTheCompanySent holds the ledger of the full demo against
// the generator's own account.
func TestDemoCountsWhatTheCompanySent(t *testing.T) {
	t.Parallel()
	sums := tallies(books(t, filepath.Join(demo(t), "upshot.yaml")))
	if d := cmp.Diff(fullCompany().Ledger, sums); d != "" {
		t.Errorf("(- company, + ledger)\n%s", d)
	}
}
