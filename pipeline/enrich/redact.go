package enrich

import (
	"slices"
	"strings"
)

// The kinds of redaction. A kind is the key in Result.Redactions and, in
// brackets, what stands in the text instead of the data: "[email]".
const (
	kindURL    = "url"    // user and password, or a secret query value, of a URL
	kindSecret = "secret" // bearer tokens, API keys with a known prefix, private keys
	kindEmail  = "email"
	kindIBAN   = "iban"
	kindCard   = "card"
	kindIP     = "ip"
	kindPhone  = "phone"
)

// placeholders maps every kind to what replaces it.
var placeholders = map[string]string{
	kindURL: "[url]", kindSecret: "[secret]", kindEmail: "[email]", kindIBAN: "[iban]",
	kindCard: "[card]", kindIP: "[ip]", kindPhone: "[phone]",
}

// maxRounds bounds the rounds that bring a text to where redacting changes
// nothing: a replacement may bring a new match into the open ("1555...a@b.co").
// Two are nearly always enough.
const maxRounds = 10

// span is a found piece of personal data: s[start:end].
type span struct {
	start, end int
	kind       string
}

// finder is one text being searched. Passes run in the order of their
// certainty and never claim a byte that an earlier pass claimed.
type finder struct {
	s       string
	context string // what stands before s outside of it: a JSON key
	spans   []span
	phones  *phoneChecker
}

// Traits of a text that decide which passes are worth running.
const (
	hasDigits = 1 << iota // at least four, the least that an address of four numbers has
	hasAt
	hasEquals
	hasColon
	hasLong // a run of 10 token characters
)

// byteTraits is the trait of each byte; 0 for most.
var byteTraits = [256]uint8{'@': hasAt, '=': hasEquals, ':': hasColon}

// tokenByte tells the characters that keys and tokens are made of.
var tokenByte = func() (t [256]bool) {
	for b := range 256 {
		c := byte(b)
		t[b] = isAlnum(c) || c == '_' || c == '-' || c == '.' || c == '+' || c == '/'
	}
	return t
}()

// traits looks at each byte once.
func traits(s string) uint8 {
	var all uint8
	run, digits := 0, 0
	for i := range len(s) {
		all |= byteTraits[s[i]]
		if isDigit(s[i]) {
			digits++
		}
		if tokenByte[s[i]] {
			run++
			if run == 10 {
				all |= hasLong
			}
		} else {
			run = 0
		}
	}
	if digits >= 4 {
		all |= hasDigits
	}
	return all
}

// Redact replaces personal data and secrets in s by placeholders and counts
// them by kind. The map is nil when nothing was found. Redacting twice changes
// nothing. It works on any text, cleaned or not, and is safe for concurrent
// use.
func (e *Enricher) Redact(s string) (string, map[string]int64) {
	return e.redact(s, "")
}

// redact is Redact with the context that stands before s.
func (e *Enricher) redact(s, context string) (string, map[string]int64) {
	var counts map[string]int64
	for range maxRounds {
		spans := e.find(s, context)
		if len(spans) == 0 {
			break
		}
		if counts == nil {
			counts = make(map[string]int64, 2)
		}
		s = replaceSpans(s, spans, counts)
	}
	return s, counts
}

// find gives the spans of s in order, without overlap.
func (e *Enricher) find(s, context string) []span {
	has := traits(s)
	if has == 0 && !strings.Contains(s, "%40") {
		return nil
	}
	f := finder{s: s, context: context, phones: e.phones}
	if has&(hasEquals|hasColon) != 0 {
		f.urlSecrets()
	}
	if has&hasLong != 0 {
		f.secrets()
	}
	if has&hasAt != 0 || strings.Contains(s, "%40") {
		f.emails()
	}
	if has&hasDigits != 0 {
		f.ibans()
		f.cards()
		f.ipv4()
	}
	if has&hasColon != 0 {
		f.ipv6()
	}
	if has&hasDigits != 0 {
		f.phoneNumbers()
	}
	return f.spans
}

// add claims s[start:end] unless part of it is claimed already.
func (f *finder) add(start, end int, kind string) {
	if i, free := f.place(start, end); free && start < end {
		f.spans = slices.Insert(f.spans, i, span{start, end, kind})
	}
}

// claimed tells whether a pass before has taken a byte of s[start:end].
func (f *finder) claimed(start, end int) bool {
	_, free := f.place(start, end)
	return !free
}

// place is where s[start:end] belongs among the spans, which are in order, and
// whether it is free of them.
func (f *finder) place(start, end int) (i int, free bool) {
	i, _ = slices.BinarySearchFunc(f.spans, start, func(p span, at int) int {
		if p.end <= at {
			return -1
		}
		return 1
	})
	return i, i == len(f.spans) || end <= f.spans[i].start
}

// replaceSpans puts placeholders in place of the spans, which are in order, and
// counts them.
func replaceSpans(s string, spans []span, counts map[string]int64) string {
	var b strings.Builder
	b.Grow(len(s) + 4*len(spans))
	last := 0
	for _, p := range spans {
		b.WriteString(s[last:p.start])
		b.WriteString(placeholders[p.kind])
		counts[p.kind]++
		last = p.end
	}
	b.WriteString(s[last:])
	return b.String()
}

// mergeCounts adds b to a and gives a, or b when a is nil.
func mergeCounts(a, b map[string]int64) map[string]int64 {
	if a == nil {
		return b
	}
	for k, n := range b {
		a[k] += n
	}
	return a
}

// The classes of ASCII bytes. Text is scanned by bytes: all that personal data
// is written with is ASCII, but for letters in addresses.
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isAlnum(c byte) bool { return isDigit(c) || isLetter(c) }

func isHex(c byte) bool { return isDigit(c) || (c|0x20 >= 'a' && c|0x20 <= 'f') }

// wordByte tells ASCII letters, digits and every byte of a non-ASCII rune, so
// that "é1" counts as one word.
func wordByte(c byte) bool { return isAlnum(c) || c >= 0x80 }

// at is s[i], or 0 outside of s.
func at(s string, i int) byte {
	if i < 0 || i >= len(s) {
		return 0
	}
	return s[i]
}
