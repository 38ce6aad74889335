package enrich

import (
	"unicode/utf8"

	"github.com/abadojack/whatlanggo"

	"upshot.dev/upshot/pipeline/fault"
)

// undetermined is the ISO 639-2 code for a language that cannot be told.
const undetermined = "und"

// defaultLanguages are expected when the options name none. A short list is
// what makes trigrams reliable: with all 84 languages a short English sentence
// is Scots or Danish half of the time.
var defaultLanguages = []string{
	"en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "nb", "fi", "cs", "hu", "ro", "tr", "id", "vi",
	"ru", "uk", "bg", "ja", "zh", "ko", "ar", "he", "hi", "el", "th",
}

// minTrigramLetters is how many letters a text needs for the trigrams to say
// something; shorter ones are English by their words or undetermined.
const minTrigramLetters = 24

// languages tells the language of a text.
type languages struct {
	expected map[whatlanggo.Lang]bool
	codes    map[whatlanggo.Lang]string // ISO 639-1; the library builds its map on every call
}

// newLanguages checks the codes; none stands for defaultLanguages.
func newLanguages(codes []string) (languages, error) {
	if len(codes) == 0 {
		codes = defaultLanguages
	}
	byCode := make(map[string]whatlanggo.Lang, len(whatlanggo.Langs))
	l := languages{expected: make(map[whatlanggo.Lang]bool, len(codes)), codes: make(map[whatlanggo.Lang]string, len(whatlanggo.Langs))}
	for lang := range whatlanggo.Langs {
		if code := lang.Iso6391(); code != "" {
			byCode[code], l.codes[lang] = lang, code
		}
	}
	for _, code := range codes {
		lang, ok := byCode[code]
		if !ok {
			return l, fault.Invalidf("enrich: language %q is not known: use ISO 639-1 codes like en or de", code)
		}
		l.expected[lang] = true
	}
	return l, nil
}

// detect gives an ISO 639-1 code or "und". English is decided first: by its
// commonest words, or because at least half of the words are those that themes
// and cues are made of ("export broken"). That tells short texts, too, and
// costs little. The commonest words of some other languages come next, and last
// the trigrams, which take twenty times as long. Those alone never make a text
// English, because a text of a language that is not expected has to end up
// somewhere. English is told even where the options do not name it.
func (l languages) detect(s string, words []token, stems []int32) string {
	w := weigh(s, words, stems)
	if w.words == 0 {
		return undetermined
	}
	english := w.common > 0 && w.ascii*10 >= w.words*9
	switch {
	case english && w.common*6 >= w.words && w.common > w.foreign,
		w.ascii == w.words && w.foreign == 0 && w.known*2 >= w.words,
		w.letters < minTrigramLetters && english && w.common > w.foreign:
		return "en"
	}
	if code, ok := w.winner(); ok && l.expects(code) {
		return code
	}
	if w.letters < minTrigramLetters && w.ascii == w.words {
		return undetermined
	}
	info := whatlanggo.DetectWithOptions(truncate(s, 2000), whatlanggo.Options{Whitelist: l.expected})
	code := l.codes[info.Lang]
	latin := info.Script != nil && whatlanggo.Scripts[info.Script] == "Latin"
	switch {
	case info.Lang < 0 || code == "":
		return undetermined
	case code == "en":
		if w.common > w.foreign && (w.common*12 >= w.words || w.known*4 >= w.words) {
			return "en"
		}
		return undetermined
	case latin && (w.letters < minTrigramLetters || info.Confidence < 0.3):
		return undetermined
	case info.Confidence < 0.8 && w.common*8 >= w.words && w.common > w.foreign:
		return "en"
	}
	return code
}

// expects tells whether the options name the language.
func (l languages) expects(code string) bool {
	for lang := range l.expected {
		if l.codes[lang] == code {
			return true
		}
	}
	return false
}

// weights are what the words of a text say about its language.
type weights struct {
	words   int // without numbers
	letters int
	ascii   int    // words of ASCII letters
	common  int    // words that are common in English and nowhere else
	foreign int    // words that are common elsewhere
	known   int    // words that are common in English or have the stem of a phrase
	votes   [6]int // by place in functionWords: its words
}

// weigh looks at each word once.
func weigh(s string, words []token, stems []int32) weights {
	var w weights
	for i, word := range words {
		if isDigit(word.lower[0]) {
			continue
		}
		n := utf8.RuneCountInString(word.lower)
		w.words++
		w.letters += n
		if n == len(word.lower) {
			w.ascii++
		}
		if word.lower == "i" && s[word.start] == 'i' {
			continue // "and" in half of the Slavic languages, "in" in the Nordic ones
		}
		votes := commonWords[word.lower]
		switch {
		case votes.english:
			w.common++
			w.known++
		case votes.foreign:
			w.foreign++
		case stems[i] != unknownStem:
			w.known++
		}
		for k := range w.votes {
			w.votes[k] += int(votes.languages >> k & 1)
		}
	}
	return w
}

// winner is the language that the function words speak for: at least two of
// them and every sixth word, and clearly more than for any other.
func (w *weights) winner() (code string, ok bool) {
	best, second := 0, -1
	for k := 1; k < len(w.votes); k++ {
		switch {
		case w.votes[k] > w.votes[best]:
			best, second = k, best
		case second < 0 || w.votes[k] > w.votes[second]:
			second = k
		}
	}
	n, next := w.votes[best], w.votes[second]
	return functionWords[best].code, n >= 2 && n*6 >= w.words && n >= next+2 && n*2 >= next*3 && (w.common == 0 || n > w.common+1)
}
