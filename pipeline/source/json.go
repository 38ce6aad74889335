package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/record"
)

// MaxDepth is how deep arrays and objects may nest in what senders post. Real
// payloads stay below 20.
const MaxDepth = 64

// maxDigits bounds a row of digits in a number. Ids have 40 at most; arithmetic
// on a number takes time that grows with the square of its length.
const maxDigits = 1000

// CheckJSON is the cheap look at a JSON body before anything parses it: valid
// UTF-8, brackets nested at most MaxDepth deep, and no number of more than a
// thousand digits in a row. It does not check the syntax. NUL characters written as an escape in a string are allowed: they
// are removed on reading. Errors are fault.Invalid.
func CheckJSON(body []byte) error {
	depth, digits := 0, 0
	inString, escaped, ascii := false, false, true
	for i, c := range body {
		if c >= utf8.RuneSelf {
			ascii = false
			continue
		}
		if inString {
			switch {
			case escaped:
				escaped = false
			case c == '\\':
				escaped = true
			case c == '"', c == '\n': // a raw line break ends no valid string, but a broken line of NDJSON
				inString = false
			}
			continue
		}
		if '0' <= c && c <= '9' {
			if digits++; digits > maxDigits {
				return fault.Invalidf("a number has more than %d digits at byte %d", maxDigits, i)
			}
			continue
		}
		digits = 0
		switch c {
		case '"':
			inString, escaped = true, false
		case '{', '[':
			if depth++; depth > MaxDepth {
				return fault.Invalidf("JSON is nested deeper than %d levels at byte %d", MaxDepth, i)
			}
		case '}', ']':
			depth--
		}
	}
	if !ascii && !utf8.Valid(body) {
		return fault.Invalidf("text is not valid UTF-8 at byte %d", invalidAt(body))
	}
	return nil
}

// invalidAt finds the first byte that is no part of a character. It runs only
// once the fast check has failed.
func invalidAt(body []byte) int {
	for i := 0; i < len(body); {
		r, n := utf8.DecodeRune(body[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(body)
}

// bom is the mark that some editors and exports write before UTF-8 text.
var bom = []byte("\xef\xbb\xbf")

// decodeJSON reads one JSON text with numbers kept as their text. Of repeated
// keys the last one counts. Errors are fault.Invalid and quote nothing.
func decodeJSON(body []byte) (value, error) {
	body = bytes.TrimPrefix(body, bom)
	if err := CheckJSON(body); err != nil {
		return value{}, err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return value{}, fault.Invalidf("the body is empty")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return value{}, notJSON(err, len(body))
	}
	if _, err := d.Token(); err != io.EOF {
		return value{}, fault.Invalidf("there is text after the JSON value, at byte %d", d.InputOffset())
	}
	if bytes.Contains(body, []byte(`\u0000`)) {
		v = withoutNUL(v)
	}
	return value{v}, nil
}

// notJSON words a syntax error of a text of size bytes. The decoder's own words
// quote single characters at most.
func notJSON(err error, size int) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fault.Invalidf("the JSON is cut off after %d bytes", size)
	case errors.As(err, &syntax):
		return fault.Invalidf("not valid JSON at byte %d: %w", syntax.Offset, err)
	}
	return fault.Invalidf("not valid JSON: %w", err)
}

// withoutNUL removes NUL characters from all strings and keys.
func withoutNUL(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "\x00", "")
	case []any:
		for i := range v {
			v[i] = withoutNUL(v[i])
		}
	case map[string]any:
		clean := make(map[string]any, len(v))
		// In sorted order, so that of keys that become equal the same one stays.
		for _, k := range slices.Sorted(maps.Keys(v)) {
			clean[strings.ReplaceAll(k, "\x00", "")] = withoutNUL(v[k])
		}
		return clean
	}
	return v
}

// value is a decoded JSON value that may be read tolerantly: whatever is not
// there or of another type is absent.
type value struct{ v any }

// at follows keys through objects.
func (x value) at(path ...string) value {
	for _, k := range path {
		m, _ := x.v.(map[string]any)
		x = value{m[k]}
	}
	return x
}

// first is the first of the candidates that is there with some text.
func first(candidates ...value) string {
	for _, c := range candidates {
		if s := c.text(); s != "" {
			return s
		}
	}
	return ""
}

// text is a string, or a number by its exact text; blank is absent.
func (x value) text() string {
	switch v := x.v.(type) {
	case string:
		if strings.TrimSpace(v) != "" {
			return v
		}
	case json.Number:
		return v.String()
	}
	return ""
}

// word is text in lower case without space around it: for enumerations.
func (x value) word() string { return strings.ToLower(strings.TrimSpace(x.text())) }

// number is a number, or a text that is one; nil when it is neither or not
// finite.
func (x value) number() *float64 {
	f, err := strconv.ParseFloat(strings.TrimSpace(x.text()), 64)
	if err != nil || f-f != 0 {
		return nil
	}
	return &f
}

// time reads the times that senders write, zero when there is none that can be
// read.
func (x value) time() time.Time {
	s := x.text()
	if s == "" {
		return time.Time{}
	}
	t, err := record.ParseTime(s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// yes is true for true and its spellings as text.
func (x value) yes() bool {
	if b, ok := x.v.(bool); ok {
		return b
	}
	return x.word() == "true"
}

// boolean is nil when there is no truth value.
func (x value) boolean() *bool {
	b, ok := x.v.(bool)
	if !ok {
		return nil
	}
	return &b
}

// list is the array's values, none when it is no array.
func (x value) list() []value {
	l, _ := x.v.([]any)
	out := make([]value, len(l))
	for i := range l {
		out[i] = value{l[i]}
	}
	return out
}

// isObject tells an object, be it empty, from everything else.
func (x value) isObject() bool { _, ok := x.v.(map[string]any); return ok }

// missing is true for an absent value and for null: senders use both for the
// same.
func (x value) missing() bool { return x.v == nil }

// object writes an object with sorted keys and numbers as they came; nil when
// it is none or empty.
func (x value) object() json.RawMessage {
	if m, ok := x.v.(map[string]any); !ok || len(m) == 0 {
		return nil
	}
	return x.encode()
}

// encode writes any value in that form.
func (x value) encode() json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(x.v); err != nil {
		return nil // not for what a decoder made
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
