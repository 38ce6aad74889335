package enrich

import (
	"encoding/csv"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what the code gives into the cases")

// shared is one Enricher for all tests, with keyphrases.
var shared = sync.OnceValue(func() *Enricher {
	e, err := New(Options{Keyphrases: true})
	if err != nil {
		panic(err)
	}
	return e
})

// cases runs one test for each archive of a folder, with its files by name.
// got gives the want file anew; with -update it is written.
func cases(t *testing.T, folder string, got func(t *testing.T, in map[string]string) string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases in testdata/%s (%v)", folder, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			in := map[string]string{}
			want := -1
			for i, f := range archive.Files {
				in[f.Name] = strings.TrimSuffix(string(f.Data), "\n")
				if f.Name == "want" {
					want = i
				}
			}
			out := got(t, in)
			if *update {
				if want < 0 {
					archive.Files = append(archive.Files, txtar.File{Name: "want"})
					want = len(archive.Files) - 1
				}
				archive.Files[want].Data = []byte(out + "\n")
				if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(in["want"], out); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		})
	}
}

// table reads a CSV of cases: the rows as maps, with \n and \u escapes
// resolved where a cell is written as a quoted Go string.
func table(t *testing.T, file string) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comment = '#'
	all, err := r.ReadAll()
	if err != nil || len(all) < 2 {
		t.Fatalf("%s: %d rows, %v", file, len(all), err)
	}
	var rows []map[string]string
	for _, record := range all[1:] {
		row := map[string]string{}
		for i, name := range all[0] {
			cell := record[i]
			if strings.HasPrefix(cell, "`") {
				if cell, err = strconv.Unquote(`"` + strings.Trim(cell, "`") + `"`); err != nil {
					t.Fatalf("%s: %q: %v", file, record[i], err)
				}
			}
			row[name] = cell
		}
		rows = append(rows, row)
	}
	return rows
}

func TestClean(t *testing.T) {
	cases(t, "clean", func(_ *testing.T, in map[string]string) string { return cleanText(in["in"]) })
}

// TestEnrich holds whole results as JSON: what the columns of a row get.
func TestEnrich(t *testing.T) {
	cases(t, "enrich", func(t *testing.T, in map[string]string) string {
		r := shared().Enrich(Text{in["subject"], in["body"]})
		if r.Version != shared().Version() || !strings.HasPrefix(r.Version, rulesVersion+"-") {
			t.Errorf("version %q", r.Version)
		}
		r.Version = "" // changes with the taxonomy
		out, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	})
}

func TestLoadTaxonomyFaults(t *testing.T) {
	cases(t, "taxonomy", func(t *testing.T, in map[string]string) string {
		_, err := LoadTaxonomy([]byte(in["in"]))
		if err == nil {
			return "loaded"
		}
		return err.Error()
	})
}

func TestSubject(t *testing.T) {
	for _, c := range table(t, "subject.csv") {
		if got := cleanSubject(c["in"]); got != c["want"] {
			t.Errorf("%q: got %q, want %q", c["in"], got, c["want"])
		}
	}
}

func TestSentences(t *testing.T) {
	for _, c := range table(t, "sentences.csv") {
		if got := strings.Join(splitSentences(c["in"]), "|"); got != c["want"] {
			t.Errorf("%q\n got %q\nwant %q", c["in"], got, c["want"])
		}
	}
}

func TestLanguage(t *testing.T) {
	for _, c := range table(t, "language.csv") {
		r := shared().Enrich(Text{Body: c["in"]})
		if r.Language != c["want"] {
			t.Errorf("%q: got %q, want %q", c["in"], r.Language, c["want"])
		}
		if scored := r.Sentiment != nil; scored != (r.Language == "en") || scored != (r.SentimentLabel != "") || scored != (r.Confidence != nil) {
			t.Errorf("%q: language %s, but scored %v, label %q", c["in"], r.Language, scored, r.SentimentLabel)
		}
	}
}

func TestIntent(t *testing.T) {
	for _, c := range table(t, "intent.csv") {
		if got := shared().Enrich(Text{Body: c["in"]}).Intent; got != c["want"] {
			t.Errorf("%q: got %s, want %s", c["in"], got, c["want"])
		}
	}
}

func TestSentimentLabel(t *testing.T) {
	for _, c := range table(t, "sentiment.csv") {
		r := shared().Enrich(Text{Body: c["in"]})
		if r.SentimentLabel != c["want"] {
			t.Errorf("%q: got %s (%v), want %s", c["in"], r.SentimentLabel, r.Sentiment, c["want"])
		}
	}
}
