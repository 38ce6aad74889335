package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"upshot.dev/upshot/internal/runbook"
	"upshot.dev/upshot/testdata/company"
)

// TestRunbooksOnOneMachine runs every command of docs/operations that is for
// one machine, as it is written, in a folder with a deployment in it.
func TestRunbooksOnOneMachine(t *testing.T) {
	blocks, err := runbook.Read("../docs/operations")
	if err != nil {
		t.Fatal(err)
	}
	ran, at := 0, map[string]string{}
	for _, b := range blocks {
		if b.Where != runbook.Local {
			continue
		}
		ran++
		if at[b.Page] == "" {
			at[b.Page] = t.TempDir()
			deployment(t, at[b.Page])
		}
		out, err := shell(t, at[b.Page], b.Script)
		if err != nil {
			t.Errorf("docs/operations/%s:%d: %v\n%s%s", b.Page, b.Line, err, b.Script, out)
		}
		if strings.Contains(b.Script, "doctor --cost") && !strings.Contains(out, "List prices of") {
			t.Errorf("docs/operations/%s:%d prints\n%s", b.Page, b.Line, out)
		}
	}
	if ran < 5 {
		t.Errorf("only %d blocks were run", ran)
	}
}

// shell runs commands with the binary on the path, and stops at the first that
// fails.
func shell(t *testing.T, dir, script string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary())+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// deployment makes a folder with a configuration and a lake that was served.
func deployment(t *testing.T, dir string) {
	t.Helper()
	for name, content := range map[string]string{
		"upshot.yaml":  string(company.Config("./lake")),
		"records.yaml": "name: records\nformat: ndjson\nrecords: .\n",
		"one.ndjson":   `{"table":"events","event_id":"e1","occurred_at":"2026-10-19T10:00:00Z","user_id":"u1","kind":"track","name":"Opened"}` + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := shell(t, dir, `upshot --quiet import --map records.yaml one.ndjson
coproc upshot serve --listen 127.0.0.1:0
read -r line <&"${COPROC[0]}"
kill -TERM "$COPROC_PID"
wait "$COPROC_PID"`)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
