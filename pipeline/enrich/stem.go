package enrich

import (
	"strings"
	"sync"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/english"
)

// ownStems keep apart what the stemmer makes one: for it "important" is
// "import", "customer" is "custom", and "documents" are "documentation".
var ownStems = map[string]string{
	"important": "important", "importantly": "important", "importance": "important",
	"customer": "customer", "customers": "customer", "customer's": "customer",
	"customize": "customiz", "customized": "customiz", "customizing": "customiz", "customizable": "customiz",
	"customization": "customiz", "customizations": "customiz", "customise": "customiz", "customised": "customiz",
	"customising": "customiz", "customisable": "customiz", "customisation": "customiz", "customisations": "customiz",
	"personalize": "personaliz", "personalized": "personaliz", "personalization": "personaliz",
	"personalise": "personaliz", "personalised": "personaliz", "personalisation": "personaliz",
	"accessible": "accessibl", "accessibility": "accessibl", "inaccessible": "accessibl",
	"localization": "localiz", "localisation": "localiz", "localized": "localiz", "localised": "localiz",
	"documentation": "documentation", "preference": "preference", "preferences": "preference",
	"cancellation": "cancellation", "cancellations": "cancellation", "synchronous": "synchronous", "integrity": "integrity",
	"expense": "expense", "expenses": "expense", "automatic": "automatic", "automatically": "automatic",
	"costly": "costly", "past": "past-time",
}

// stem is the Snowball English stem of a lower-cased word, but for ownStems.
// Words with other than ASCII letters, and very long ones, stay as they are.
func stem(word string) string {
	if own, ok := ownStems[word]; ok {
		return own
	}
	if len(word) < 3 || len(word) > 40 {
		return word
	}
	for i := range len(word) {
		if c := word[i]; (c < 'a' || c > 'z') && c != '\'' {
			return word
		}
	}
	env := snowballstem.NewEnv(word)
	english.Stem(env)
	return env.Current()
}

// maxStems bounds the words that a stemmer remembers. Languages follow Zipf's
// law: the first fifty thousand words are nearly all that is ever asked.
const maxStems = 50_000

// unknownStem is the number of words whose stem is in no phrase.
const unknownStem = -1

// stemmer numbers the stems that phrases use. It is built by phrase, then read
// by ids; remembering which word has which stem is three times as fast as
// stemming, and changes no result.
type stemmer struct {
	numbers map[string]int32 // stem -> number

	mu   sync.RWMutex
	seen map[string]int32 // word -> number of its stem, or unknownStem
}

// newStemmer gives a stemmer that knows no phrase yet.
func newStemmer() *stemmer {
	return &stemmer{numbers: map[string]int32{}, seen: map[string]int32{}}
}

// phrase gives the stems of a phrase's words.
func (m *stemmer) phrase(p string) []string {
	var out []string
	for _, w := range tokens(nil, p) {
		out = append(out, stem(w.lower))
	}
	return out
}

// number gives a stem its number. Only for building.
func (m *stemmer) number(s string) int32 {
	n, ok := m.numbers[s]
	if !ok {
		n = int32(len(m.numbers)) //#nosec G115 -- bounded by maxThemes * maxPhrases * words
		m.numbers[s] = n
	}
	return n
}

// ids appends the numbers of the words' stems to dst. Safe for concurrent use
// once everything is built.
func (m *stemmer) ids(dst []int32, words []token) []int32 {
	missing := false
	m.mu.RLock()
	for _, w := range words {
		n, ok := m.seen[w.lower]
		if !ok {
			n, missing = unknownStem-1, true
		}
		dst = append(dst, n)
	}
	m.mu.RUnlock()
	if !missing {
		return dst
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	first := len(dst) - len(words)
	for i, w := range words {
		if dst[first+i] >= unknownStem {
			continue
		}
		n, ok := m.numbers[stem(w.lower)]
		if !ok {
			n = unknownStem
		}
		dst[first+i] = n
		if len(m.seen) < maxStems && len(w.lower) <= 40 {
			m.seen[strings.Clone(w.lower)] = n
		}
	}
	return dst
}
