package enrich

import (
	"strings"
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
// costs little. Trigrams alone never make a text English, because a text of a
// language that is not expected has to end up somewhere.
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
	case w.letters < minTrigramLetters && w.ascii == w.words:
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

// weights are what the words of a text say about its language.
type weights struct {
	words   int // without numbers
	letters int
	ascii   int // words of ASCII letters
	common  int // words that are common in English and nowhere else
	foreign int // words that are common elsewhere
	known   int // words that are common in English or have the stem of a phrase
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
		switch englishWords[word.lower] {
		case 1:
			w.common++
			w.known++
		case -1:
			w.foreign++
		default:
			if stems[i] != unknownStem {
				w.known++
			}
		}
	}
	return w
}

// englishWords: 1 for words that are common in English and nowhere else, -1
// for words of other languages that are spelled in ASCII and common there.
var englishWords = func() map[string]int8 {
	m := map[string]int8{}
	for w := range strings.FieldsSeq(`the and is of to you that it's it with for this my not have are we
		can't cannot but when please our your they there what how why where which who i'm i've i'd don't doesn't
		didn't isn't won't wasn't couldn't would could should be been being has had does did do from at by it
		about after all also always am any anyone because before can even every get getting give go good great
		had help here if into its just keep know like love make me more most much need never new no nothing now
		on one only or other out over really since so some something still than thank thanks them then these
		thing think those through time today too try trying up use used using very want was way well were while
		will with without work working works wrong year yes yet bad best better easy again i us his her she he
		show shows see says said let us first last since until during both each such own same back down
		off between against under there's that's what's let's you're we're they're haven't hasn't aren't`) {
		m[w] = 1
	}
	// Spelled the same elsewhere, and frequent there.
	for _, w := range []string{"me", "no", "on", "so", "was", "all", "or", "up", "he", "her", "over", "us", "am", "at", "do", "has", "will", "time", "her", "go", "its", "get", "by", "own", "like", "an", "best", "first", "want", "men", "were", "if", "see", "had"} {
		delete(m, w)
	}
	for w := range strings.FieldsSeq(`der die das und ist nicht ich sie mit ein eine zu von auf den dem im wir
		es kann bitte le la les des une est pas je nous vous et que qui dans pour avec sur du au ce el los las
		una por para con del se como pero muy mi il di che non per sono un gli della nel anche o os uma não com
		em na do da het een van niet op voor dat ik je maar och att det som inte jag og ikke jeg er til på
		nie jest się na ze ja ve bir bu için de que dat yang di dan ini itu tidak untuk`) {
		if _, ok := m[w]; !ok {
			m[w] = -1
		}
	}
	return m
}()
