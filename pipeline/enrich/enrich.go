package enrich

import (
	"strings"
	"sync"

	"upshot.dev/upshot/pipeline/fault"
)

// rulesVersion changes with every change of the rules that can change a
// result.
const rulesVersion = "1"

// Options configure an Enricher. The zero value is ready for use.
type Options struct {
	Taxonomy   []byte   // the YAML that LoadTaxonomy reads; nil: the default for software products
	Languages  []string // ISO 639-1 codes of the languages to expect; nil: about thirty
	Regions    []string // ISO 3166 codes of the numbering plans of local telephone numbers; nil: US GB DE FR
	Keyphrases bool     // noun phrases take longer than all else together
}

// Text is what a person wrote. Body may be HTML or plain text.
type Text struct{ Subject, Body string }

// Mention is one theme in a text, with the first sentence that speaks of it.
type Mention struct {
	Theme     string   // a Theme.ID
	Sentence  string   // cleaned and redacted, at most about 1,000 bytes
	Sentiment *float64 // of the sentence, -1 to 1; nil when not scored
	Intent    string   // of the sentence
}

// Result is what the chain knows about a text.
type Result struct {
	Subject string // cleaned and redacted, one line
	Text    string // the body, cleaned and redacted

	Redactions     map[string]int64 // kind -> count, nil when there are none
	Language       string           // ISO 639-1, or "und"; empty for an empty text
	Sentiment      *float64         // -1 to 1; nil when not scored
	SentimentLabel string           // Negative, Neutral, Positive, or empty when not scored
	Confidence     *float64         // of the label, 0.5 to 1; nil when not scored
	Intent         string           // bug, request, question, praise, complaint, other; empty for an empty text
	Mentions       []Mention        // one for each theme, in order of first appearance
	Keyphrases     []string         // at most 8, in lower case, the most frequent first
	Version        string           // of the rules and the taxonomy
}

// Themes are the ids of the mentions, in their order; never nil.
func (r Result) Themes() []string {
	ids := make([]string, len(r.Mentions))
	for i, m := range r.Mentions {
		ids[i] = m.Theme
	}
	return ids
}

// Enricher runs the chain. It is safe for concurrent use.
type Enricher struct {
	taxonomy   Taxonomy
	version    string
	phones     *phoneChecker
	languages  languages
	sentiments sentiments
	stems      *stemmer
	themeTrie  *phraseTrie // values are places in taxonomy
	cueTrie    *phraseTrie // values are places in cues
	cues       []cue
	keyphrases bool
	scratch    sync.Pool
}

// New builds an Enricher, which takes some 10 ms; do it once. An
// error is Invalid and names the option.
func New(o Options) (*Enricher, error) {
	data := o.Taxonomy
	if data == nil {
		data = defaultTaxonomy
	}
	taxonomy, err := LoadTaxonomy(data)
	if err != nil {
		return nil, err
	}
	langs, err := newLanguages(o.Languages)
	if err != nil {
		return nil, err
	}
	regions := o.Regions
	if len(regions) == 0 {
		regions = []string{"US", "GB", "DE", "FR"}
	}
	for _, r := range regions {
		if !knownRegion(r) {
			return nil, fault.Invalidf("enrich: phone region %q is not known: use ISO 3166 codes like US or DE", r)
		}
	}
	e := &Enricher{
		taxonomy:   taxonomy,
		version:    rulesVersion + "-" + taxonomy.digest(),
		phones:     newPhoneChecker(regions),
		languages:  langs,
		sentiments: newSentiments(),
		stems:      newStemmer(),
		themeTrie:  newPhraseTrie(),
		cueTrie:    newPhraseTrie(),
		keyphrases: o.Keyphrases,
	}
	e.scratch.New = func() any { return new(scratch) }
	for i, theme := range taxonomy {
		for _, p := range theme.Phrases {
			e.addPhrase(e.themeTrie, p, i)
		}
	}
	e.addCues()
	return e, nil
}

// addPhrase puts a phrase into a trie.
func (e *Enricher) addPhrase(t *phraseTrie, p string, value int) {
	stems := e.stems.phrase(p)
	numbers := make([]int32, len(stems))
	for i, s := range stems {
		numbers[i] = e.stems.number(s)
	}
	t.add(numbers, int32(value)) //#nosec G115 -- bounded by maxThemes
}

// Taxonomy gives a copy of the themes in use.
func (e *Enricher) Taxonomy() Taxonomy { return append(Taxonomy(nil), e.taxonomy...) }

// Version is the Version of every Result.
func (e *Enricher) Version() string { return e.version }

// maxScratch is the words of a text whose working memory is kept for the next.
const maxScratch = 4096

// scratch is the working memory of one call.
type scratch struct {
	words  []token
	ids    []int32
	scores []float64
}

// Enrich runs the chain over one text. It never fails: what cannot be told is
// empty or nil. Subject and body are redacted apart and then read as one.
func (e *Enricher) Enrich(t Text) Result {
	r := Result{Version: e.version}
	var more map[string]int64
	r.Subject, r.Redactions = e.Redact(cleanSubject(t.Subject))
	r.Text, more = e.Redact(cleanText(t.Body))
	r.Redactions = mergeCounts(r.Redactions, more)
	full := strings.TrimSpace(r.Subject + "\n" + r.Text)
	if full == "" {
		return r
	}
	w, _ := e.scratch.Get().(*scratch)
	e.read(&r, full, w)
	if cap(w.words) <= maxScratch {
		clear(w.words[:cap(w.words)]) // they hold on to the text
		e.scratch.Put(w)
	}
	return r
}

// read fills in all that follows redaction.
func (e *Enricher) read(r *Result, full string, w *scratch) {
	sentences := splitSentences(full)
	w.words = tokens(w.words[:0], full)
	w.ids = e.stems.ids(w.ids[:0], w.words)
	r.Language = e.languages.detect(full, w.words, w.ids)
	english := r.Language == "en"
	var tally intentTally
	seen := make(map[string]bool, 8)
	w.scores = w.scores[:0]
	for _, s := range sentences {
		var score *float64
		if english {
			x := e.sentiments.sentence(s)
			w.scores = append(w.scores, x)
			score = &x
		}
		w.words = tokens(w.words[:0], s)
		w.ids = e.stems.ids(w.ids[:0], w.words)
		cues := e.cuesOf(s, w.words, w.ids, score, english)
		tally.add(cues)
		e.themeTrie.each(w.ids, func(v int32) {
			if int(v) >= len(e.taxonomy) || seen[e.taxonomy[v].ID] {
				return
			}
			seen[e.taxonomy[v].ID] = true
			r.Mentions = append(r.Mentions, Mention{e.taxonomy[v].ID, s, score, cues.intent()})
		})
	}
	if english && len(w.scores) > 0 {
		score := documentScore(w.scores)
		confidence := sentimentConfidence(score, w.scores)
		r.Sentiment, r.Confidence, r.SentimentLabel = &score, &confidence, sentimentLabel(score)
	}
	r.Intent = tally.intent()
	if english && e.keyphrases {
		r.Keyphrases = keyphrasesOf(sentences)
	}
}
