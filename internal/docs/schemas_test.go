package main

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"upshot.dev/upshot/pipeline/record"
)

// compile reads a schema as a validator does.
func compile(t *testing.T, raw []byte, err error) *jsonschema.Schema {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestConfigSchema holds the schema against the bundled company's file, and
// against a key that nobody reads.
func TestConfigSchema(t *testing.T) {
	raw, err := configSchema()
	s := compile(t, raw, err)
	text, err := os.ReadFile("testdata/upshot.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(doc); err != nil {
		t.Errorf("a good file is refused: %v", err)
	}
	doc["timezones"] = "UTC"
	if s.Validate(doc) == nil {
		t.Error("an unknown key is taken")
	}
}

// TestEnvelopeSchema holds the schema against an envelope as it is written.
func TestEnvelopeSchema(t *testing.T) {
	raw, err := envelopeSchema()
	s := compile(t, raw, err)
	text, err := json.Marshal(record.Envelope{
		Version: 1, ID: "d1", Source: "support", Method: "POST", Path: "/hooks/support",
		ReceivedAt: time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC),
		Header:     map[string]string{"X-Event": "a"}, Body: []byte("{}"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(doc); err != nil {
		t.Errorf("a good envelope is refused: %v", err)
	}
	delete(doc, "body")
	if s.Validate(doc) == nil {
		t.Error("an envelope without a body is taken")
	}
}
