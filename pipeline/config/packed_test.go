package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upshot.dev/upshot/pipeline/config"
)

const both = `
identity_key: ${UPSHOT_IDENTITY_KEY}
timezone: Europe/Berlin
sources:
  zendesk: {type: zendesk, secrets: ["${ZENDESK_SECRET}"]}
  api: {type: api, secrets: [a-written-secret]}
  plain: {type: segment}
mail: {from: upshot@example.com, smtp: "smtp://u:${SMTP_PASSWORD}@host:587"}
`

// One file serves a machine, which has the variables, and AWS, which has not.
func TestLoadPacked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "upshot.yaml")
	if err := os.WriteFile(file, []byte(both), 0o600); err != nil {
		t.Fatal(err)
	}
	none := func(string) (string, bool) { return "", false }
	if _, err := config.Load(file, none); err == nil || !strings.Contains(err.Error(), "UPSHOT_IDENTITY_KEY") || !strings.Contains(err.Error(), "sources.plain: needs secrets") {
		t.Errorf("on a machine: %v", err)
	}
	c, err := config.LoadPacked(file, none)
	if err != nil {
		t.Fatal(err)
	}
	if c.IdentityKey != "" || len(c.Sources["zendesk"].Secrets) != 0 || c.Mail.SMTP != "" || c.Mail.From != "upshot@example.com" {
		t.Errorf("%+v", c)
	}
	if got := c.Sources["api"].Secrets; len(got) != 1 || got[0] != "a-written-secret" {
		t.Errorf("what is written stands: %q", got)
	}
	for _, wrong := range []string{"timezone: ${ZONE}", "sources: {a: {type: api, mapping: x.yaml}}", "sources: {smoke: {type: api}}", "sources: [1]", "mail: 3", "nonsense: 1", "", "timezone: UTC"} {
		if err := os.WriteFile(file, []byte(wrong), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.LoadPacked(file, none); (err == nil) != (wrong == "timezone: UTC") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if _, err := config.LoadPacked(file+".missing", none); err == nil {
		t.Error("a missing file loads")
	}
}
