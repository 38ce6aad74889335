package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const goldenDir = "../../testdata/golden/report"

// envelope is that of the golden mail.
var envelope = Envelope{From: "Upshot <upshot@example.com>", To: []string{"pm@example.com"}}

// golden compares with a golden file, or rewrites it under -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join(goldenDir, name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s differs (-want +got), run with -update and read the diff:\n%s", name, cmp.Diff(string(want), string(got)))
	}
}

// renderings draws r in all forms.
func renderings(t *testing.T, r *Report) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, f := range []struct {
		name string
		draw func() ([]byte, error)
	}{
		{"report.json", r.JSON},
		{"report.html", r.HTML},
		{"report.md", r.Markdown},
		{"report.eml", func() ([]byte, error) { return r.Mail(envelope) }},
		{"mail.html", r.MailHTML},
	} {
		text, err := f.draw()
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		out[f.name] = text
	}
	return out
}

func TestGolden(t *testing.T) {
	out := renderings(t, sample())
	for _, name := range []string{"report.json", "report.html", "report.md", "report.eml", "mail.html"} {
		golden(t, name, out[name])
	}
}

// Everything is drawn from report.json: what was read back from it gives the
// same bytes, and so does drawing twice.
func TestDeterministicFromJSON(t *testing.T) {
	first := renderings(t, sample())
	back, err := Read(first["report.json"])
	if err != nil {
		t.Fatal(err)
	}
	second := renderings(t, back)
	for name, text := range first {
		if !bytes.Equal(text, second[name]) {
			t.Errorf("%s differs after a round trip:\n%s", name, cmp.Diff(string(text), string(second[name])))
		}
	}
}

func TestReadRefusesOtherSchemas(t *testing.T) {
	for _, text := range []string{`{"schema":"upshot.report/999"}`, `{}`, `[]`, `{"schema":`} {
		if _, err := Read([]byte(text)); err == nil {
			t.Errorf("Read(%q) has no error", text)
		}
	}
}
