package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"mime"
	"strings"
)

// parse runs the program over a delivery. One that has no lines is one item;
// of one that has, each line is an item of its own.
func (m *mapping) parse(d Delivery) Parsed {
	headers := map[string]any{}
	for k := range d.Header {
		headers[strings.ToLower(k)] = header(d.Header, k)
	}
	format := m.format
	if kind, _, err := mime.ParseMediaType(header(d.Header, "Content-Type")); err == nil && kind == ndjsonType {
		format = formatNDJSON
	}
	var p Parsed
	item := 0
	for line, err := range inputs(format, bytes.NewReader(d.Body)) {
		if err != nil {
			p.Rejects = append(p.Rejects, Reject{Item: item, Reason: err.Error()})
		} else {
			m.item(&p, item, line, headers)
		}
		item++
	}
	return p
}

// item runs the program over one input.
func (m *mapping) item(p *Parsed, item int, input json.RawMessage, headers map[string]any) {
	outputs, err := m.prog.run(input, headers)
	if err != nil {
		p.Rejects = append(p.Rejects, Reject{Item: item, Reason: err.Error()})
		return
	}
	for _, out := range outputs {
		p.decode(item, out)
	}
}

// Lines reads a file for import: each value is what the mapping's program has
// as its input for one item (a line of CSV as an object of strings, a line of
// NDJSON, a JSON value, a line of form fields as an object). An error stands for
// one line that cannot be read; reading goes on after it where that is
// possible. Compression is the caller's business. To have the lines parsed,
// post them as the lines of a delivery of Content-Type application/x-ndjson.
// For a source without a mapping there are none.
func (s *Source) Lines(r io.Reader) iter.Seq2[json.RawMessage, error] {
	if s.mapping == nil {
		return func(yield func(json.RawMessage, error) bool) {
			yield(nil, fmt.Errorf("source type %s has no mapping to import by", s.Type))
		}
	}
	return inputs(s.mapping.format, r)
}
