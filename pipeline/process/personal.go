package process

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// What of a record may reach a row, column by column:
//   - who it was: keyed hashes only;
//   - texts, names, titles, tags: redacted (text); dimensions likewise, bare
//     numbers apart (label);
//   - versions: redacted, but four numbers with dots are a version (version);
//   - ids: as they are, unless there is personal data in them: then their
//     keyed hash, which still tells them apart (id);
//   - properties and traits: values redacted, and what stands under a key that
//     announces personal data replaced by null (object);
//   - reasons of rejects: redacted, quotations left out (reason).
//
// A person's name in the middle of a text is beyond all of this.

// text is a short text as a column may hold it.
func (p *Processor) text(s string) string {
	if s == "" {
		return ""
	}
	out, _ := p.o.Enricher.Redact(readable(s))
	return out
}

// label is text for the names of groups, which some senders number: a bare
// number is one of those, though it may pass for a card's.
func (p *Processor) label(s string) string {
	if isOpaque(s) {
		return s
	}
	return p.text(s)
}

// version is text that leaves versions like 10.0.0.1 alone.
func (p *Processor) version(s string) string {
	if isVersion(s) {
		return s
	}
	return p.text(s)
}

// ref is an id that may also be a version: the tag of a release.
func (p *Processor) ref(s string) string {
	if isVersion(s) {
		return s
	}
	return p.id(s)
}

// id is an identifier as a column may hold it. One with an address, a number
// written like a telephone's or the like in it becomes a keyed hash. A bare
// number stays: nearly all are counters, and some of them pass for telephones
// or cards.
func (p *Processor) id(s string) string {
	if isOpaque(s) {
		return s
	}
	s = readable(s)
	out, found := p.o.Enricher.Redact(s)
	if out == s || isWord(s) && found["phone"]+found["card"] == total(found) {
		return s
	}
	// A prefix keeps the hash apart from those of people.
	return p.o.Keys.Key("id\x00" + s)
}

func total(found map[string]int64) (n int64) {
	for _, c := range found {
		n += c
	}
	return n
}

// isOpaque knows the ids that cannot say anything: UUIDs, digests, numbers. In
// capitals the same letters begin the account numbers of Germany and Belgium.
func isOpaque(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c < 'a' || c > 'f') && c != '-' {
			return false
		}
	}
	return true
}

// isWord reports whether s is letters, digits, _ and - only.
func isWord(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) && !isLetter(s[i]) && s[i] != '_' && s[i] != '-' {
			return false
		}
	}
	return true
}

// isVersion knows versions: up to five numbers of at most six digits with dots
// between them, perhaps a v before and a word like -rc.1 behind them.
func isVersion(s string) bool {
	s = strings.TrimLeft(s, "vV")
	i, groups := 0, 0
	for groups < 5 {
		start := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		if i == start || i-start > 6 {
			return false
		}
		groups++
		if i+1 >= len(s) || s[i] != '.' || !isDigit(s[i+1]) {
			break
		}
		i++
	}
	rest := s[i:]
	if rest == "" {
		return true
	}
	if strings.IndexByte("-+_.", rest[0]) >= 0 {
		rest = rest[1:]
	}
	return rest != "" && isLetter(rest[0]) && len(rest) <= 64 && isWord(strings.NewReplacer(".", "", "+", "").Replace(rest))
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// readable makes a text valid UTF-8 without NUL: a Parquet file with anything
// else in a text column is refused by readers as a whole.
func readable(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return s
}

// maxReason bounds a reject's reason, in bytes.
const maxReason = 1000

// reason is why something was rejected. Parsers may quote a value that is not
// one of those allowed; such a quotation stays when it is a single word, which
// is what helps to mend a sender.
func (p *Processor) reason(s string) string {
	var b strings.Builder
	for {
		before, rest, quoted := strings.Cut(s, `"`)
		b.WriteString(before)
		if !quoted {
			break
		}
		value, after, _ := strings.Cut(strings.ReplaceAll(rest, `\"`, "."), `"`)
		if !isWord(value) || strings.ContainsAny(value, "0123456789") {
			value = "..."
		}
		b.WriteString(`"` + value + `"`)
		s = after
	}
	out := p.text(b.String())
	if len(out) > maxReason {
		out = strings.ToValidUTF8(out[:maxReason], "") + "..."
	}
	return out
}

// object is a JSON object as a column may hold it, "" for an empty one.
func (p *Processor) object(raw json.RawMessage, traits bool) string {
	if len(raw) <= len("{}") {
		return ""
	}
	s := scrubber{redact: p.text, in: withoutNUL(raw)}
	out, _ := p.o.Enricher.RedactJSON(s.run(traits))
	return readable(string(out))
}
