package record_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"upshot.dev/upshot/pipeline/record"
)

var update = flag.Bool("update", false, "rewrite generated files")

// noLoader refuses every reference that is not built in: schemas fetch nothing.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) { return nil, errors.New("not loaded: " + url) }

func compile(t *testing.T, table record.Table) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(record.Schema(table)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	if err := c.AddResource("record.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("record.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaFilesAreUpToDate(t *testing.T) {
	for _, table := range record.Tables() {
		file := filepath.Join("..", "..", "schemas", "record."+string(table)+".json")
		want := record.Schema(table)
		if *update {
			if err := os.WriteFile(file, want, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s differs; run make docs (-want +got):\n%s", file, diff)
		}
	}
}

// TestSchemaAgreesWithDecode holds the two descriptions of the shape against
// each other: whatever one accepts the other accepts.
func TestSchemaAgreesWithDecode(t *testing.T) {
	schemas := map[record.Table]*jsonschema.Schema{}
	for _, table := range record.Tables() {
		schemas[table] = compile(t, table)
	}
	lines, err := os.ReadFile("testdata/records.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(lines)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "//") {
			continue
		}
		var c struct {
			Record json.RawMessage `json:"record"`
			Errors []string        `json:"errors"`
			// Beyond marks what no schema can say: comparisons, repeated keys.
			Beyond bool `json:"beyond_schema"`
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		n++
		rec, errs := record.Decode(c.Record)
		var got []string
		for _, e := range errs {
			got = append(got, e.Pointer)
		}
		if diff := cmp.Diff(c.Errors, got); diff != "" {
			t.Errorf("%s\nfields with errors (-want +got):\n%s%v", c.Record, diff, errs)
		}
		s, ok := schemas[rec.Table]
		if !ok || c.Beyond {
			continue
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(c.Record))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); (err == nil) != (len(errs) == 0) {
			t.Errorf("%s\nschema says %v, Decode says %v", c.Record, err, errs)
		}
	}
	if n < 30 {
		t.Errorf("only %d cases were read", n)
	}
}
