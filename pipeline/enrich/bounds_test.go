package enrich

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/jdkato/prose/v2"

	"upshot.dev/upshot/pipeline/fault"
)

func TestDefaultTaxonomy(t *testing.T) {
	taxonomy := shared().Taxonomy()
	if len(taxonomy) < 40 {
		t.Errorf("%d themes, want at least 40", len(taxonomy))
	}
	for _, theme := range taxonomy {
		if n := len(theme.Phrases); n < 5 || n > 15 {
			t.Errorf("%s has %d phrases, want 5 to 15", theme.ID, n)
		}
		if len(theme.Examples) == 0 {
			t.Errorf("%s has no example", theme.ID)
		}
		for _, x := range theme.Examples {
			if got := shared().Enrich(Text{Body: x}).Themes(); !slices.Contains(got, theme.ID) {
				t.Errorf("%s: its example %q has only %v", theme.ID, x, got)
			}
		}
		for _, p := range theme.Phrases {
			if got := shared().Enrich(Text{Body: p}).Themes(); len(got) != 1 || got[0] != theme.ID {
				t.Errorf("%s: its phrase %q gives %v", theme.ID, p, got)
			}
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]Options{
		"language": {Languages: []string{"en", "xx"}},
		"region":   {Regions: []string{"US", "ZZ"}},
		"taxonomy": {Taxonomy: []byte("themes: []")},
		"empty":    {Taxonomy: []byte("")},
	} {
		if _, err := New(o); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestVersion changes with what a taxonomy holds, not with its layout.
func TestVersion(t *testing.T) {
	version := func(yaml string) string {
		e, err := New(Options{Taxonomy: []byte(yaml)})
		if err != nil {
			t.Fatal(err)
		}
		return e.Version()
	}
	a := version("themes:\n- {id: a, name: A, phrases: [x]}\n")
	b := version("# laid out otherwise\nthemes:\n  - id: a\n    name: A\n    phrases:\n      - x\n")
	c := version("themes:\n- {id: a, name: A, phrases: [y]}\n")
	if a != b || a == c {
		t.Errorf("versions %s, %s, %s", a, b, c)
	}
}

func TestDeterministicAndConcurrent(t *testing.T) {
	texts := []Text{
		{"Export broken", "Since the update the CSV export crashes. Call +1 415 555 2671! I love the rest, though."},
		{"", "Bitte helfen Sie mir, ich kann mich nicht mehr anmelden und der Export geht auch nicht."},
		{"Question", "How do I reset my password? The reset link expires before it comes, which is really annoying."},
	}
	want := make([]Result, len(texts))
	for i, x := range texts {
		want[i] = shared().Enrich(x)
	}
	other, err := New(Options{Keyphrases: true})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				for i, x := range texts {
					if diff := cmp.Diff(want[i], other.Enrich(x)); diff != "" {
						t.Errorf("differs: %s", diff)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

// TestBounds holds the limits from both sides.
func TestBounds(t *testing.T) {
	under := strings.Repeat("a ", maxText/2-1) + "b"
	if got := cleanText(under); got != under {
		t.Errorf("text below the limit was changed: %d of %d bytes", len(got), len(under))
	}
	over := cleanText(strings.Repeat("ä", maxText))
	if len(over) > maxText || len(over) < maxText-4 || !utf8.ValidString(over) {
		t.Errorf("text over the limit: %d bytes, valid %v", len(over), utf8.ValidString(over))
	}
	if n := len(splitSentences(strings.Repeat("Go. ", maxSentences-1))); n != maxSentences-1 {
		t.Errorf("%d sentences below the limit", n)
	}
	if n := len(splitSentences(strings.Repeat("Go. ", 5*maxSentences))); n != maxSentences {
		t.Errorf("%d sentences over the limit", n)
	}
	for _, s := range splitSentences(strings.Repeat("ä", 5000)) {
		if len(s) > maxSentenceBytes || !utf8.ValidString(s) {
			t.Errorf("a sentence of %d bytes", len(s))
		}
	}
	if !strings.Contains(cleanText("<p>"+strings.Repeat("<div>", 100_000)+"deep"), "deep") {
		t.Error("text in 100,000 open elements is lost")
	}
	if big := "themes:\n" + strings.Repeat("#", maxTaxonomyBytes); true {
		if _, err := LoadTaxonomy([]byte(big)); err == nil || !strings.Contains(err.Error(), "at most") {
			t.Errorf("a taxonomy over the limit: %v", err)
		}
	}
}

// TestHostileInputIsQuick: nothing in here is quadratic in 100 kB.
func TestHostileInputIsQuick(t *testing.T) {
	for name, s := range map[string]string{
		"open tags": "<a ", "at signs": "a@b", "escapes": "a%40", "colons": "1:", "digits": "1 ", "phones": "555-123-4567 ",
		"addresses": "1.2.3.4,", "urls": "://a:b@", "queries": "?key=1&", "ibans": "DE12 ", "brackets": "[", "long": "1",
		"marks": "!?", "pem": "-----BEGIN ", "quotes": "\n>", "on": "\nOn 1", "abbreviations": "e.g. ", "combining": "e\u0301",
		"mails": "a@b.co ", "entities": "&lt;", "end tags": "</p", "words": "crash ",
	} {
		start := time.Now()
		shared().Enrich(Text{Body: strings.Repeat(s, maxText/len(s))})
		d := time.Since(start)
		t.Logf("%s: %v for 100 kB", name, d)
		if d > 5*time.Second {
			t.Errorf("%s: %v for 100 kB", name, d)
		}
	}
}

// TestTaggerAgreesWithProse compares with prose's own loop over the same
// weights. That breaks near ties by chance, so a few tags may differ.
func TestTaggerAgreesWithProse(t *testing.T) {
	text := `The quick export of large reports fails when our customers open the new dashboard on a mobile phone. We have been
	using your product for three years and love the automatic reminders, but billing still sends wrong invoices to former members.`
	doc, err := prose.NewDocument(text, prose.WithExtraction(false), prose.WithSegmentation(false))
	if err != nil {
		t.Fatal(err)
	}
	words := doc.Tokens()
	same := 0
	for i, tag := range posTagger().tag(words) {
		if tag == words[i].Tag {
			same++
		}
	}
	if share := float64(same) / float64(len(words)); share < 0.97 {
		t.Errorf("%d of %d tags are prose's", same, len(words))
	}
}

func TestKeyphrasesAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range 50 {
		fmt.Fprintf(&b, "The %c%c export button broke. ", 'a'+i%26, 'a'+i/26)
	}
	if got := shared().Enrich(Text{Body: b.String()}).Keyphrases; len(got) > maxKeyphrases || len(got) == 0 {
		t.Errorf("%d keyphrases", len(got))
	}
	quiet, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := quiet.Enrich(Text{Body: "The export button broke."}).Keyphrases; got != nil {
		t.Errorf("keyphrases %v, though not asked for", got)
	}
}

func TestEmpty(t *testing.T) {
	for _, x := range []Text{{}, {" ", "\n\t\u200b"}, {"", "<p> </p><script>x</script>"}} {
		r := shared().Enrich(x)
		if diff := cmp.Diff(Result{Version: shared().Version()}, r); diff != "" {
			t.Errorf("%q: %s", x, diff)
		}
		if r.Themes() == nil {
			t.Error("themes are nil")
		}
	}
}
