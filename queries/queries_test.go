package queries

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// onlyDuckDB are ways of writing that Trino rejects or reads differently. What
// is in quotes or comments is taken out first.
var onlyDuckDB = regexp.MustCompile(`(?i)::|\bILIKE\b|\bQUALIFY\b|\bEXCLUDE\b|\bREPLACE\s*\(|\bBY NAME\b|\bmedian\b|\bstring_agg\b|\blist\(|\bDISTINCT ON\b|\bstruct_|\barg_m(ax|in)\b|\bUSING SAMPLE\b|\)\s*IN\s*\(SELECT|\bapprox_`)

var quoted = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'`)

// TestEveryFileIsUsed reads every view that is listed and finds no other.
func TestEveryFileIsUsed(t *testing.T) {
	var want []string
	for _, v := range Views() {
		want = append(want, "views/"+v+".sql")
		check(t, v, View(v))
	}
	for _, table := range RowTables() {
		want = append(want, "views/rows/"+table+".sql")
		check(t, "rows/"+table, RowView(table))
	}
	slices.Sort(want)
	var got []string
	err := fs.WalkDir(files, "views", func(p string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			got = append(got, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the folder has %v, the lists have %v", got, want)
	}
}

func check(t *testing.T, name, text string) {
	t.Helper()
	if !strings.HasPrefix(text, "-- ") {
		t.Errorf("%s does not begin with what it is", name)
	}
	plain := quoted.ReplaceAllString(text, "")
	if m := onlyDuckDB.FindString(plain); m != "" {
		t.Errorf("%s: %q is not in the dialect of both engines", name, m)
	}
	if strings.Contains(plain, ";") {
		t.Errorf("%s has a semicolon: it is put behind CREATE VIEW", name)
	}
}

// TestDialectOfMetricsAndChecks holds the other files to the same dialect.
func TestDialectOfMetricsAndChecks(t *testing.T) {
	for _, dir := range []fs.FS{Metrics(), Checks()} {
		names, err := fs.Glob(dir, "*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			b, err := fs.ReadFile(dir, n)
			if err != nil {
				t.Fatal(err)
			}
			if m := onlyDuckDB.FindString(quoted.ReplaceAllString(string(b), "")); m != "" {
				t.Errorf("%s: %q is not in the dialect of both engines", path.Base(n), m)
			}
		}
	}
}

func TestUnknownViewPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a view that does not exist was read")
		}
	}()
	View("nothing")
}
