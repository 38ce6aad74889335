package runbook

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const page = "# T\n\nfirst\n\nsecond\nthird\n\n```sh\nupshot doctor\n```\n\n```yaml\na: 1\n```\n\nIt is not run, because.\n\n```sh not-run\nsam deploy\n```\n"

func TestParse(t *testing.T) {
	got, err := parse("p.md", []byte(page))
	if err != nil {
		t.Fatal(err)
	}
	want := []Block{
		{Page: "p.md", Line: 8, Where: Local, Script: "upshot doctor\n", Before: "second third "},
		{Page: "p.md", Line: 18, Where: NotRun, Script: "sam deploy\n", Before: "It is not run, because. "},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for name, text := range map[string]string{"no mark": "```\nls\n```\n", "no end": "```sh\nls\n", "unknown": "```bash\nls\n```\n"} {
		if _, err := parse("p.md", []byte(text)); err == nil || !strings.Contains(err.Error(), "p.md") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEveryCommandSaysWhereItRuns reads the real pages; the tests of acceptance
// and e2e run what they hold.
func TestEveryCommandSaysWhereItRuns(t *testing.T) {
	blocks, err := Read("../../docs/operations")
	if err != nil {
		t.Fatal(err)
	}
	if len(blocks) < 5 {
		t.Fatalf("only %d blocks were found", len(blocks))
	}
	for _, b := range blocks {
		if b.Where == NotRun && !strings.Contains(b.Before, "ot run") {
			t.Errorf("%s:%d: no reason why it is not run", b.Page, b.Line)
		}
	}
}
