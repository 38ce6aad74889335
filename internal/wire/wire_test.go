package wire_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"upshot.dev/upshot/internal/wire"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
)

const (
	shop  = "name: shop\nformat: json\nverify: bearer\nrecords: |\n  {table: \"events\", event_id: .id, occurred_at: .at, kind: \"track\", name: \"Order\", user_id: .who}\n"
	right = "tests:\n  - name: an order\n    payload: '{\"id\": \"1\", \"at\": \"2026-11-01T08:00:00Z\", \"who\": \"u\"}'\n    records:\n" +
		"      - {table: events, event_id: \"1\", occurred_at: \"2026-11-01T08:00:00.000Z\", kind: track, name: Order, user_id: u}\n"
)

// packed loads a configuration that lies beside mapping files.
func packed(t *testing.T, conf string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"upshot.yaml": conf, "right.yaml": shop + right, "wrong.yaml": shop + strings.Replace(right, "name: Order, user", "name: Sale, user", 1), "broken.yaml": "name: [\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.LoadPacked(filepath.Join(dir, "upshot.yaml"), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSources: a name is the configuration's; what it stands for comes from the
// registry or from a mapping.
func TestSources(t *testing.T) {
	got, err := wire.Sources(packed(t, "timezone: UTC\nsources:\n  app: {type: segment}\n  web: {type: segment}\n  shop: {mapping: right.yaml}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got["app"] == nil || got["app"] != got["web"] || got["app"].Type != "segment" || got["shop"] == nil || got["shop"].Type == "segment" {
		t.Errorf("%v", got)
	}
	if !slices.Contains(wire.Types(), "segment") || !slices.IsSorted(wire.Types()) {
		t.Errorf("the types are %q", wire.Types())
	}
}

// TestSourcesFaults: every fault is told at once, with its line.
func TestSourcesFaults(t *testing.T) {
	_, err := wire.Sources(packed(t, `timezone: UTC
sources:
  a: {type: zendisk}
  b: {mapping: missing.yaml}
  c: {mapping: broken.yaml}
  d: {mapping: wrong.yaml}
  e: {type: zendesk}
`))
	if !fault.Is(err, fault.Invalid) {
		t.Fatalf("%v", err)
	}
	for _, says := range []string{
		"upshot.yaml:3: sources.a.type", `"zendisk" is unknown; known are `, "zendesk",
		"upshot.yaml:4: sources.b.mapping", "missing.yaml",
		"upshot.yaml:5: sources.c.mapping",
		"upshot.yaml:6: sources.d.mapping", "an order",
	} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%v\nwant %q in it", err, says)
		}
	}
	if strings.Contains(err.Error(), "sources.e") {
		t.Errorf("%v", err)
	}
}

// failing is a place for secrets that cannot be read.
type failing struct{ err error }

func (f failing) Secrets(context.Context, string) ([]string, error) { return nil, f.err }

// TestSecrets: what the configuration holds stands, for all else somebody else
// is asked, and none at all is none.
func TestSecrets(t *testing.T) {
	down := errors.New("the store of secrets is down")
	c := packed(t, "timezone: UTC\nsources:\n  held: {type: api, secrets: [one-that-is-held, and-the-next]}\n  bare: {type: api}\n")
	for _, f := range []struct {
		name, source string
		elsewhere    env.Secrets
		want         []string
		err          error
	}{
		{"held", "held", failing{down}, []string{"one-that-is-held", "and-the-next"}, nil},
		{"held here alone", "held", nil, []string{"one-that-is-held", "and-the-next"}, nil},
		{"elsewhere", "bare", memenv.Secrets{"bare": {"from-elsewhere"}}, []string{"from-elsewhere"}, nil},
		{"a source that is not configured", "smoke", memenv.Secrets{"smoke": {"from-elsewhere"}}, []string{"from-elsewhere"}, nil},
		{"nowhere", "bare", nil, nil, nil},
		{"missing elsewhere", "bare", memenv.Secrets{}, nil, nil},
		{"elsewhere is down", "bare", failing{down}, nil, down},
	} {
		got, err := wire.Secrets{Config: c, Elsewhere: f.elsewhere}.Secrets(t.Context(), f.source)
		if !slices.Equal(got, f.want) || !errors.Is(err, f.err) {
			t.Errorf("%s: %q, %v", f.name, got, err)
		}
	}
}
