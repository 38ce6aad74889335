package enrich

import (
	"strings"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/sentences"
)

// The bounds of what is scored: a text with more sentences is read to here.
const (
	maxSentences     = 200
	maxSentenceBytes = 1000
)

// splitSentences parts a cleaned text into sentences by UAX 29, mended where
// that splits behind an abbreviation; a line end always ends a sentence. A
// sentence over maxSentenceBytes is cut at a space, because sentences are
// stored with every mention. At most maxSentences come back.
func splitSentences(s string) []string {
	var out []string
	open := false // the last of out goes on
	start, pos := 0, 0
	it := sentences.FromString(s)
	for it.Next() {
		segment := it.Value()
		if !open {
			start = pos
		}
		pos += len(segment)
		text := strings.TrimSpace(s[start:pos])
		open = !strings.HasSuffix(segment, "\n") && pos < len(s) && endsInAbbreviation(text)
		if open {
			continue
		}
		if out = appendSentence(out, text); len(out) >= maxSentences {
			return out[:maxSentences]
		}
	}
	return out
}

// appendSentence cuts what is too long and leaves out what has no word.
func appendSentence(out []string, text string) []string {
	for len(text) > maxSentenceBytes {
		cut := strings.LastIndexByte(text[:maxSentenceBytes], ' ')
		if cut <= 0 {
			cut = maxSentenceBytes
			for cut > 0 && !utf8.RuneStart(text[cut]) {
				cut--
			}
		}
		out = append(out, text[:cut])
		text = strings.TrimLeft(text[cut:], " ")
	}
	if strings.Trim(text, " .!?-*•\n") != "" {
		out = append(out, text)
	}
	return out
}

// abbreviations end with a period that seldom ends a sentence. "No." and
// "etc." are not among them: they do as often as not.
var abbreviations = map[string]bool{
	"dr": true, "mr": true, "mrs": true, "ms": true, "prof": true, "st": true, "sr": true, "jr": true, "e.g": true,
	"i.e": true, "eg": true, "ie": true, "vs": true, "approx": true, "nr": true, "fig": true, "dept": true,
	"est": true, "incl": true, "excl": true, "resp": true, "z.b": true, "d.h": true, "bzw": true, "ca": true,
	"hr": true, "fr": true, "mme": true, "jan": true, "feb": true, "apr": true, "aug": true, "sept": true,
	"sep": true, "oct": true, "nov": true, "dec": true, "ver": true, "tel": true, "ext": true, "max": true, "min": true,
	"misc": true, "esp": true, "u.s": true, "u.k": true, "a.k.a": true,
}

// endsInAbbreviation tells whether the period at the end of s belongs to its
// last word: one of the list, or an initial behind a capital ("J.").
func endsInAbbreviation(s string) bool {
	if !strings.HasSuffix(s, ".") {
		return false
	}
	s = s[:len(s)-1]
	word := s[strings.LastIndexAny(s, " \n(\"'")+1:]
	if len(word) == 1 && word[0] >= 'A' && word[0] <= 'Z' && word != "I" {
		return true // "Vitamin C." at the end is rarer than "J. Smith"
	}
	return abbreviations[strings.ToLower(word)]
}
