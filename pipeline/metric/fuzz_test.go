package metric

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/queries"
)

// FuzzParse: whatever the text, reading it ends with a metric or with a fault
// that names the file; what was read can be rendered, and its tokens are its
// text.
func FuzzParse(f *testing.F) {
	a, err := txtar.ParseFile("testdata/front.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, x := range a.Files {
		f.Add(string(x.Data))
	}
	files, err := fs.Glob(queries.Metrics(), "*.sql")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := fs.ReadFile(queries.Metrics(), name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parse("m.sql", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "m.sql:") || fault.KindOf(err) != fault.Permanent {
				t.Fatalf("%v", err)
			}
			return
		}
		ts, err := tokens(m.SQL)
		if err != nil {
			t.Fatal(err)
		}
		whole := ""
		for _, x := range ts {
			whole += x.text
		}
		if whole != m.SQL {
			t.Fatalf("%q was taken apart into %q", m.SQL, whole)
		}
		p := Params{From: "2026-11-01", To: "2026-11-08", TZ: "Europe/Berlin", Grain: m.Grains[0], By: m.By}
		if _, _, _, err := m.statement(product, p); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzConfiguration: names and values of the configuration change only what is
// in quotes: the statement has the same shape as with plain ones.
func FuzzConfiguration(f *testing.F) {
	for _, s := range []string{"x", "it's", `a"b`, "');--", "'; DROP TABLE events; --", "/*by:e*/", ":from", `\'`, "''", "a\nb", `$["a"]`, "'||'", "ä%_", "*/"} {
		f.Add(s, "x", "y")
		f.Add("f", s, "y")
		f.Add("f", "x", s)
	}
	c, err := Load(queries.Metrics())
	if err != nil {
		f.Fatal(err)
	}
	with := func(feature, key, value string) config.Product {
		return config.Product{
			ActiveEvents: []string{value},
			Features:     map[string]config.Matcher{feature: {Events: []string{value}, Where: map[string]any{key: value}}},
		}
	}
	shape := func(t *testing.T, p config.Product) []string {
		sql, err := c.SQL("adoption", p, Params{From: "2026-11-01", To: "2026-11-08", TZ: "Europe/Berlin", Grain: "week"})
		if err != nil {
			t.Fatal(err)
		}
		ts, err := tokens(sql)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, x := range ts {
			if x.kind == text {
				x.text = "'..'"
				if len(out) > 0 && out[len(out)-1] == x.text {
					continue // the second half of a doubled quote
				}
			}
			out = append(out, x.text)
		}
		return out
	}
	f.Fuzz(func(t *testing.T, feature, key, value string) {
		want := shape(t, with("f", "x", "y"))
		got := shape(t, with(feature, key, value))
		if !slices.Equal(want, got) {
			t.Fatal(cmp.Diff(want, got))
		}
	})
}
