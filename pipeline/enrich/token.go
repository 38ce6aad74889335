package enrich

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is one word of a text, lower-cased: s[start:end] of it. The placeholder
// of a redaction is no word.
type token struct {
	start, end int
	lower      string
}

// tokens appends the words of s to dst: runs of letters and digits, with single
// apostrophes inside ("doesn't"; a curly one is made straight). The parts of a
// URL and the name behind an "@" are no words: what stands in an address says
// nothing about what a person thinks.
func tokens(dst []token, s string) []token {
	for i := 0; i < len(s); {
		c := s[i]
		if c == '[' {
			i += max(1, placeholderAt(s[i:]))
			continue
		}
		if c < utf8.RuneSelf && !isAlnum(c) {
			i++
			if c == '@' {
				for i < len(s) && (isAlnum(s[i]) || s[i] == '_') {
					i++
				}
			}
			continue
		}
		if n := urlAt(s[i:]); n > 0 {
			i += n
			continue
		}
		end, plain := wordEnd(s, i)
		if end == i {
			_, n := utf8.DecodeRuneInString(s[i:])
			i += n
			continue
		}
		lower := s[i:end]
		if !plain {
			lower = strings.ReplaceAll(strings.ToLower(lower), "’", "'")
		}
		dst = append(dst, token{i, end, lower})
		i = end
	}
	return dst
}

// wordEnd is where the word that begins at s[i] ends, i when none does. It is
// plain when it is ASCII in lower case already.
func wordEnd(s string, i int) (end int, plain bool) {
	start := i
	plain = true
	for i < len(s) {
		c := s[i]
		if c < utf8.RuneSelf {
			if isAlnum(c) {
				plain = plain && (c < 'A' || c > 'Z')
			} else if c != '\'' || i == start || !wordByte(at(s, i+1)) || !wordByte(s[i-1]) {
				break
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == '’' {
			if i == start || !wordByte(at(s, i+n)) {
				break
			}
		} else if !unicode.IsLetter(r) && !unicode.IsDigit(r) && (i == start || !unicode.Is(unicode.M, r)) {
			break
		}
		plain = false
		i += n
	}
	return i, plain
}

// urlAt is the length of the URL that s begins with, or 0.
func urlAt(s string) int {
	if s[0]|0x20 != 'h' && s[0]|0x20 != 'w' {
		return 0
	}
	head := s[:min(len(s), 8)]
	if !hasPrefixFold(head, "http://") && !hasPrefixFold(head, "https://") && !hasPrefixFold(head, "www.") {
		return 0
	}
	if end := strings.IndexAny(s, " \t\n\"<>"); end >= 0 {
		return end
	}
	return len(s)
}

// hasPrefixFold is strings.HasPrefix without regard to case, for ASCII.
func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// placeholderAt is the length of the placeholder that s begins with, or 0.
func placeholderAt(s string) int {
	end := strings.IndexByte(s[:min(len(s), 10)], ']')
	if end < 0 {
		return 0
	}
	if _, ok := placeholders[s[1:end]]; !ok {
		return 0
	}
	return end + 1
}
