package enrich

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jdkato/prose/v2"
)

// The bounds of keyphrases.
const (
	maxKeyphrases     = 8
	maxKeyphraseWords = 4
	maxTagged         = 60 // sentences that are tagged
)

// keyphrasesOf finds noun phrases, (adjective | noun)* noun, and orders them by
// how often they come, then by length in words, then by place. A phrase within
// a longer one that comes as often is left out. Placeholders, numbers and
// words of no meaning ("thing", "lot") make no phrase.
func keyphrasesOf(sentences []string) []string {
	tagger := posTagger()
	found := map[string]*phrase{}
	order := make([]*phrase, 0, 16)
	for _, s := range sentences[:min(len(sentences), maxTagged)] {
		doc, err := prose.NewDocument(s, prose.WithTagging(false), prose.WithExtraction(false), prose.WithSegmentation(false))
		if err != nil {
			continue // it never fails without a model
		}
		words := doc.Tokens()
		tags := tagger.tag(words)
		for i := 0; i < len(words); {
			n := nounPhrase(words[i:], tags[i:])
			if n == 0 {
				i++
				continue
			}
			text := phraseText(words[i : i+n])
			if p := found[text]; p != nil {
				p.count++
			} else if text != "" {
				p = &phrase{text: text, count: 1, words: strings.Count(text, " ") + 1, place: len(order)}
				found[text] = p
				order = append(order, p)
			}
			i += n
		}
	}
	return bestPhrases(order)
}

// phrase is a noun phrase found: in lower case, how often it came, of how many
// words it is and as which it came first.
type phrase struct {
	text                string
	count, words, place int
}

// bestPhrases orders and cuts. The order is total, because no two phrases share
// a place; so it does not depend on the sort.
func bestPhrases(all []*phrase) []string {
	slices.SortFunc(all, func(a, b *phrase) int {
		switch {
		case a.count != b.count:
			return b.count - a.count
		case a.words != b.words:
			return b.words - a.words
		}
		return a.place - b.place
	})
	out := make([]string, 0, maxKeyphrases)
	for _, p := range all {
		within := slices.ContainsFunc(out, func(s string) bool {
			return strings.Contains(" "+s+" ", " "+p.text+" ") && p.words == 1
		})
		if !within {
			out = append(out, p.text)
		}
		if len(out) == maxKeyphrases {
			break
		}
	}
	return out
}

// nounPhrase is the number of words of the noun phrase at the start, 0 when
// there is none.
func nounPhrase(words []prose.Token, tags []string) int {
	n := 0
	for i := 0; i < len(tags) && i < maxKeyphraseWords; i++ {
		if !phraseWord(words[i].Text) {
			break
		}
		switch tags[i] {
		case "NN", "NNS", "NNP", "NNPS":
			n = i + 1
		case "JJ":
		default:
			return n
		}
	}
	return n
}

// phraseWord tells words that may stand in a phrase: letters, at least two of
// them, hyphens and digits inside.
func phraseWord(w string) bool {
	if len(w) > 40 || utf8.RuneCountInString(w) < 2 || !wordByte(w[0]) || isDigit(w[0]) {
		return false
	}
	for i := range len(w) {
		if c := w[i]; !wordByte(c) && c != '-' {
			return false
		}
	}
	lower := strings.ToLower(w)
	_, placeholder := placeholders[lower]
	return !placeholder && !emptyNouns[lower]
}

// emptyNouns say nothing alone or with others.
var emptyNouns = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`thing things lot lots way ways bit kind sort hi hello hey dear regards thanks thank
		please day days today yesterday tomorrow week weeks time times someone anyone everyone something anything nothing
		everything one ones fact example guys guy people team same other such own many more most few several lol etc
		i im ive dont cant doesnt wont isnt didnt ok okay yes no not`) {
		m[w] = true
	}
	return m
}()

// phraseText joins the words as they are stored.
func phraseText(words []prose.Token) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strings.ToLower(w.Text))
	}
	return b.String()
}
