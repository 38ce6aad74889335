package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Decode reads one input record from a JSON object, strictly: unknown fields,
// repeated keys, wrong types and values that Validate refuses are all
// reported, each with its field. Fields marked Unknown are the only ones after
// which the record may be used. Numbers given for ids are taken as their exact
// text.
func Decode(raw []byte) (Record, []FieldError) {
	members, errs := objectMembers(raw)
	if members == nil {
		return Record{}, errs
	}
	var r Record
	if t, ok := find(members, "table"); ok {
		var s string
		if json.Unmarshal(t, &s) == nil {
			r.Table = Table(strings.TrimSpace(s))
		}
	}
	if !slices.Contains(Tables(), r.Table) {
		return r, append(errs, FieldError{Pointer: "/table", Detail: "must be one of " + list(tableNames())})
	}
	for _, m := range members {
		if m.key == "table" {
			continue
		}
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == m.key })
		if i < 0 || !fields[i].in(r.Table) {
			errs = append(errs, FieldError{
				Pointer: "/" + escapePointer(m.key), Unknown: true,
				Detail: fmt.Sprintf("unknown field in %s%s", r.Table, didYouMean(m.key, r.Table)),
			})
			continue
		}
		if detail := fields[i].decode(&r, m.value); detail != "" {
			errs = append(errs, FieldError{Pointer: "/" + m.key, Detail: detail})
		}
	}
	for _, e := range r.Validate() {
		// A field that could not be read is reported once, by the reader.
		if !slices.ContainsFunc(errs, func(o FieldError) bool { return o.Pointer == e.Pointer }) {
			errs = append(errs, e)
		}
	}
	return r, errs
}

type member struct {
	key   string
	value json.RawMessage
}

func find(ms []member, key string) (json.RawMessage, bool) {
	for _, m := range ms {
		if m.key == key {
			return m.value, true
		}
	}
	return nil, false
}

// objectMembers splits an object in its order. A repeated key is an error,
// because two readers of the same bytes could take different ones.
func objectMembers(raw []byte) ([]member, []FieldError) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	whole := func(detail string) []FieldError { return []FieldError{{Pointer: "", Detail: detail}} }
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, whole("must be a JSON object")
	}
	ms := []member{}
	var errs []FieldError
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, whole("is not valid JSON: " + err.Error())
		}
		m := member{key: t.(string)} // a key is always a string token
		if err := d.Decode(&m.value); err != nil {
			return nil, whole("is not valid JSON: " + err.Error())
		}
		if _, again := find(ms, m.key); again {
			errs = append(errs, FieldError{Pointer: "/" + escapePointer(m.key), Detail: "stands twice in the object"})
			continue
		}
		ms = append(ms, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, whole("is not valid JSON: " + err.Error())
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, whole("has text after its end")
	}
	return ms, errs
}

// decode puts a JSON value into the record and says what is wrong with it.
func (f field) decode(r *Record, raw json.RawMessage) string {
	if string(raw) == "null" {
		return ""
	}
	switch {
	case f.str != nil:
		s, detail := f.text(raw)
		*f.str(r) = s
		return detail
	case f.num != nil:
		var n float64
		if raw[0] == '"' || json.Unmarshal(raw, &n) != nil {
			return "must be a number"
		}
		*f.num(r) = &n
	case f.at != nil:
		t, err := timeValue(raw)
		if err != nil {
			return err.Error()
		}
		*f.at(r) = t
	case f.raw != nil:
		if raw[0] != '{' {
			return "must be an object"
		}
		*f.raw(r) = slices.Clone(raw)
	case f.typ == "boolean":
		var b bool
		if json.Unmarshal(raw, &b) != nil {
			return "must be true or false"
		}
		r.Public = &b
	case f.typ == "strings":
		return r.setTags(raw)
	}
	return ""
}

// text reads a string, or for an id also a number by its exact text.
func (f field) text(raw json.RawMessage) (string, string) {
	if raw[0] == '"' {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return "", "is not a valid string"
		}
		return clean(s), ""
	}
	if f.typ == "id" && strings.IndexByte("-0123456789", raw[0]) >= 0 {
		return string(raw), ""
	}
	if f.typ == "id" {
		return "", "must be a string or a number"
	}
	return "", "must be a string"
}

func (r *Record) setTags(raw json.RawMessage) string {
	var tags []string
	if json.Unmarshal(raw, &tags) != nil {
		return "must be an array of strings"
	}
	for _, t := range tags {
		if t = clean(t); t != "" {
			r.Tags = append(r.Tags, t)
		}
	}
	return ""
}

// escapePointer encodes a key for a JSON pointer (RFC 6901).
func escapePointer(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

func tableNames() []string {
	var names []string
	for _, t := range Tables() {
		names = append(names, string(t))
	}
	return names
}

func list(words []string) string { return strings.Join(words, ", ") }

// didYouMean names the table's field that differs least from key, if one is
// close: most unknown fields are slips of the pen.
func didYouMean(key string, t Table) string {
	best, dist := "", 3
	for _, f := range fields {
		if d := distance(strings.ToLower(key), f.name); f.in(t) && d < dist {
			best, dist = f.name, d
		}
	}
	if best == "" {
		return ""
	}
	return ", did you mean " + best + "?"
}

// distance is the Levenshtein distance of two short names, at most 40 bytes.
func distance(a, b string) int {
	if len(a) > 40 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
