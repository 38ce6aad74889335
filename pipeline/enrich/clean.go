package enrich

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The bounds of what is read. Longer input is cut at the start of a rune:
// nobody reads the rest, and a column has to stay a column.
const (
	maxText = 100_000   // bytes of text that are kept
	maxHTML = 1_000_000 // bytes of HTML that are read to get at the text
)

// cleanText turns what a sender sent, HTML or plain text, into what a person
// wrote: valid UTF-8 in NFC without control and invisible characters, without
// quoted mails, signatures and forwarded headers. Lines are trimmed, at most
// one empty line stands between paragraphs. When nothing is left without the
// quoted parts, they stay.
func cleanText(s string) string {
	if s == "" {
		return ""
	}
	if isHTML(s) {
		body := truncate(s, maxHTML)
		out := dropQuoted(normalise(truncate(htmlText(body, true), maxText)))
		if out != "" {
			return out
		}
		return normalise(truncate(htmlText(body, false), maxText))
	}
	plain := normalise(unescapeEntities(truncate(s, maxText)))
	if out := dropQuoted(plain); out != "" {
		return out
	}
	return plain
}

// cleanSubject is one line without the prefixes of replies and forwards.
func cleanSubject(s string) string {
	s = strings.Join(strings.Fields(normalise(unescapeEntities(truncate(s, maxText)))), " ")
	for {
		head, rest, ok := strings.Cut(s, ":")
		if !ok || !replyPrefixes[strings.ToLower(strings.TrimSpace(head))] {
			return s
		}
		s = strings.TrimSpace(rest)
	}
}

// replyPrefixes stand before the subject of an answer or a forwarded mail, in
// the languages of the common mail programs.
var replyPrefixes = map[string]bool{
	"re": true, "fw": true, "fwd": true, "aw": true, "wg": true, "sv": true, "vs": true, "antw": true,
	"tr": true, "rv": true, "res": true, "enc": true, "odp": true, "r": true,
}

// truncate cuts s to at most n bytes before the start of a rune.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// normalise gives valid UTF-8 in NFC with newline as the only control
// character and single spaces as the only other white space.
func normalise(s string) string {
	if !tidy(s) {
		s = norm.NFC.String(stripInvisible(s))
	}
	return layout(s)
}

// tidy tells printable ASCII with newlines, which needs no further look.
func tidy(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x7f || c < ' ' && c != '\n' {
			return false
		}
	}
	return true
}

// stripInvisible drops invalid bytes, control characters and what has no width
// and only hides or reorders text, and makes every space a plain one. A joiner
// stays between emoji, where it is part of the sign.
func stripInvisible(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	var last rune
	for i, r := range s {
		switch {
		case r == utf8.RuneError:
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				continue // an invalid byte
			}
			b.WriteRune(r)
		case r == '\r':
			if at(s, i+1) != '\n' {
				b.WriteByte('\n')
			}
		case r == '\u2028' || r == '\u2029' || r == '\u0085' || r == '\v' || r == '\f':
			b.WriteByte('\n')
		case r == '\n':
			b.WriteByte('\n')
		case r == '\t' || unicode.Is(unicode.Zs, r):
			b.WriteByte(' ')
		case r == '\u200d' && (last >= 0x1F000 || last == '\ufe0f' || last >= 0x2600 && last < 0x2800):
			b.WriteRune(r)
		case unicode.IsControl(r) || invisible(r):
			continue
		default:
			b.WriteRune(r)
		}
		last = r
	}
	return b.String()
}

// invisible tells format characters (Unicode Cf, which holds the zero-width
// and direction marks and the tag characters) and fillers without a glyph.
func invisible(r rune) bool {
	return unicode.Is(unicode.Cf, r) || r == '\u034f' || r == '\u115f' || r == '\u1160' || r == '\u3164' ||
		r == '\uffa0' || r == '\u2800' || r >= 0xfff9 && r <= 0xfffc || unicode.Is(unicode.Co, r) ||
		r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef
}

// layout trims lines, makes runs of spaces one and of empty lines one.
func layout(s string) string {
	if !strings.Contains(s, "  ") && !strings.Contains(s, "\n") {
		return strings.Trim(s, " ")
	}
	var b strings.Builder
	b.Grow(len(s))
	empty := 0
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.Trim(line, " ")
		if line == "" {
			empty++
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
			if empty > 0 {
				b.WriteByte('\n')
			}
		}
		empty = 0
		space := false
		for i := range len(line) {
			if c := line[i]; c != ' ' || !space {
				b.WriteByte(c)
				space = c == ' '
			}
		}
	}
	return b.String()
}

// entities are what senders leave escaped in plain text. Only entities with a semicolon and an unmistakable name are: "&copy=1" in a link
// is none.
var entities = strings.NewReplacer(
	"&nbsp;", " ", "&#160;", " ", "&lt;", "<", "&#60;", "<", "&gt;", ">", "&#62;", ">", "&quot;", `"`, "&#34;", `"`,
	"&apos;", "'", "&#39;", "'", "&#039;", "'", "&#x27;", "'", "&#x2F;", "/", "&rsquo;", "’", "&lsquo;", "‘",
	"&ldquo;", "“", "&rdquo;", "”", "&hellip;", "…", "&ndash;", "–", "&mdash;", "—", "&amp;", "&", "&#38;", "&",
)

// unescapeEntities resolves entities once, so that text about HTML ("&amp;lt;")
// keeps the level that its writer meant.
func unescapeEntities(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	return entities.Replace(s)
}
