package enrich

import (
	"bytes"
	"encoding/json"
	"strings"
	"unsafe"
)

// RedactJSON redacts every string value of a JSON document and leaves all else
// as it is, byte for byte: keys, numbers, order and white space. A value's key
// counts as the words before it, so that {"phone": "5551234"} is found and
// {"version": "10.0.0.1"} stays. Without a finding the input itself comes back
// and the map is nil.
//
// Input with a finding that is not valid JSON comes back as one JSON string
// with the redacted text: nothing slips through for being malformed.
func (e *Enricher) RedactJSON(doc json.RawMessage) (json.RawMessage, map[string]int64) {
	if len(doc) == 0 {
		return doc, nil
	}
	var (
		out    []byte
		counts map[string]int64
		last   int    // doc[:last] is in out
		key    string // the key of the value that comes next
	)
	for i := 0; i < len(doc); i++ {
		if doc[i] != '"' {
			continue
		}
		end, escaped := stringEnd(doc, i)
		if end < 0 {
			return e.redactMalformed(doc)
		}
		if isKey(doc, end) {
			key = view(doc[i+1 : end-1])
			i = end - 1
			continue
		}
		replaced, found, ok := e.redactValue(doc[i:end], key, escaped)
		if !ok {
			return e.redactMalformed(doc)
		}
		if len(found) > 0 {
			out = append(append(out, doc[last:i]...), replaced...)
			last = end
			counts = mergeCounts(counts, found)
		}
		i = end - 1
	}
	switch {
	case counts != nil && !json.Valid(doc):
		return e.redactMalformed(doc)
	case counts == nil:
		return doc, nil
	}
	return append(out, doc[last:]...), counts
}

// redactValue redacts one quoted string and gives its new quoted form where
// something was found. It is not ok when the string is no JSON.
func (e *Enricher) redactValue(quoted []byte, key string, escaped bool) (out []byte, found map[string]int64, ok bool) {
	if len(quoted) < 8 { // the shortest finding is an address like a@b.co
		return nil, nil, true
	}
	s := view(quoted[1 : len(quoted)-1])
	if escaped {
		s = ""
		if json.Unmarshal(quoted, &s) != nil {
			return nil, nil, false
		}
	}
	redacted, found := e.redact(s, keyWords(key))
	if len(found) == 0 {
		return nil, nil, true
	}
	return quote(redacted), found, true
}

// redactMalformed treats the document as plain text.
func (e *Enricher) redactMalformed(doc json.RawMessage) (json.RawMessage, map[string]int64) {
	redacted, found := e.redact(string(doc), "")
	if len(found) == 0 {
		return doc, nil
	}
	return quote(redacted), found
}

// quote encodes s without the escapes for HTML: the text goes into a column,
// not into a page.
func quote(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return []byte(`""`) // a string always encodes
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// stringEnd is the index behind the closing quote of the string at doc[i], -1
// when there is none.
func stringEnd(doc []byte, i int) (end int, escaped bool) {
	for j := i + 1; j < len(doc); j++ {
		switch doc[j] {
		case '\\':
			escaped = true
			j++
		case '"':
			return j + 1, escaped
		}
	}
	return -1, escaped
}

// isKey tells whether the string that ends before doc[i] is a key.
func isKey(doc []byte, i int) bool {
	for i < len(doc) {
		switch doc[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return doc[i] == ':'
		}
	}
	return false
}

// keyWords parts a key into words: "phoneNumber" and "phone_number" both end
// in "phone number". Keys without a capital come back as they are.
func keyWords(key string) string {
	upper := strings.IndexFunc(key, func(r rune) bool { return r >= 'A' && r <= 'Z' })
	if upper <= 0 {
		return key
	}
	var b strings.Builder
	for i := range len(key) {
		c := key[i]
		if i > 0 && c >= 'A' && c <= 'Z' && (key[i-1] < 'A' || key[i-1] > 'Z') {
			b.WriteByte(' ')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// view reads bytes as a string without copying them. The string lives no
// longer than the call that made it, and nobody writes to the bytes meanwhile.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) } //#nosec G103 -- see above
