package trino

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/table"

	"upshot.dev/upshot/internal/catalog"
)

// sameDefinitions puts the views' definitions as the template has them into the
// metastore, in the place of those that the server wrote itself, and asks views
// that stand on all others.
func (p pair) sameDefinitions(t *testing.T, s *Server) {
	columns, err := catalog.Describe(t.Context(), p.duck)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range catalog.Views() {
		text, err := catalog.Definition(v, columns[v.Name], catalogName, p.trino.Schema(), precision)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(s.dir, "meta", p.trino.Schema(), v.Name, ".trinoSchema")
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var entry map[string]any
		if err := json.Unmarshal(raw, &entry); err != nil {
			t.Fatal(err)
		}
		was := entry["viewOriginalText"]
		entry["viewOriginalText"] = "/* Presto View: " + base64.StdEncoding.EncodeToString([]byte(text)) + " */"
		if was == nil || was == entry["viewOriginalText"] {
			t.Fatalf("the metastore's entry of %s is %s", v.Name, raw)
		}
		if raw, err = json.Marshal(entry); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, lines, err := answer(t.Context(), p.trino, "SELECT view_definition FROM information_schema.views WHERE table_schema = '"+p.trino.Schema()+"' AND table_name = 'mentions'")
	if err != nil || len(lines) != 1 || !strings.Contains(lines[0], "-- One row per theme") { // the server's own text has no comments
		t.Fatalf("the server did not take the definitions: %v, %v", lines, err)
	}
	p.same(t, table.Row{"view, as the template defines it"}, []question{
		{table.Row{"mentions"}, "SELECT * FROM mentions"},
		{table.Row{"ledger"}, "SELECT * FROM ledger"},
		{table.Row{"rejects"}, "SELECT * FROM rejects"},
		{table.Row{"events and releases"}, "SELECT e.event_id, r.started_at FROM events AS e JOIN releases AS r ON r.person_key = e.person_key"},
	})
}
