package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/record"
)

// RunTests runs the tests that a mapping file holds: each payload must give
// exactly the records that stand beside it. The error, of kind Invalid, lists
// every test that does not, with the line of the file and both sides. A source
// that is built in has none.
func RunTests(s *Source) error {
	if s.mapping == nil {
		return nil
	}
	var faults []string
	for i, t := range s.mapping.tests {
		name := t.Name
		if name == "" {
			name = fmt.Sprintf("number %d", i+1)
		}
		if err := s.runTest(t); err != nil {
			faults = append(faults, fmt.Sprintf("%s:%d: test %s: %v", s.mapping.file, s.mapping.lines[i], name, err))
		}
	}
	if len(faults) > 0 {
		return fault.Invalidf("%s", strings.Join(faults, "\n"))
	}
	return nil
}

// runTest runs one case. The clock is fixed, so that a case gives the same
// today and next year.
func (s *Source) runTest(t mappingTest) error {
	body, err := payload(&t.Payload)
	if err != nil {
		return err
	}
	d := Delivery{
		Source: s.Type, Method: http.MethodPost, Path: "/hooks/" + s.Type, Header: http.Header{}, Body: body,
		ReceivedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	for k, v := range t.Headers {
		d.Header.Set(k, v)
	}
	want, err := expected(&t.Records)
	if err != nil {
		return err
	}
	p := Parse(s, d)
	if len(p.Warnings) > 0 {
		return errors.New(strings.Join(p.Warnings, "; "))
	}
	if len(p.Rejects) != t.Rejects {
		reasons := make([]string, 0, len(p.Rejects))
		for _, r := range p.Rejects {
			reasons = append(reasons, r.Reason)
		}
		return fmt.Errorf("%d rejects, want %d: %s", len(p.Rejects), t.Rejects, strings.Join(reasons, "; "))
	}
	return compare(want, p.Records)
}

// compare holds records against each other in their written form.
func compare(want, got []record.Record) error {
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(got):
			return fmt.Errorf("%d records, want %d: missing %s", len(got), len(want), written(want[i]))
		case i >= len(want):
			return fmt.Errorf("%d records, want %d: too many: %s", len(got), len(want), written(got[i]))
		}
		g := got[i]
		if want[i].EventID == "" {
			g.EventID = ""
		}
		if a, b := written(want[i]), written(g); a != b {
			return fmt.Errorf("record %d\nwant %s\ngot  %s", i, a, b)
		}
	}
	return nil
}

// written is a record's canonical form: two records are the same when it is.
func written(r record.Record) string {
	raw, err := r.MarshalJSON()
	if err == nil {
		raw, err = record.Canonical(raw)
	}
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// payload is the body that a test stands for: a text as it is, anything else
// as JSON.
func payload(n *yaml.Node) ([]byte, error) {
	if n.Kind == 0 {
		return nil, errors.New("payload is missing")
	}
	if n.Kind == yaml.ScalarNode {
		return []byte(n.Value), nil
	}
	return nodeJSON(n)
}

// expected reads the records of a case as strictly as the first-party API, so
// that a slip in the expectation does not look like one in the program.
func expected(n *yaml.Node) ([]record.Record, error) {
	if n.Kind == 0 {
		return nil, nil
	}
	if n.Kind != yaml.SequenceNode {
		return nil, errors.New("records must be a list")
	}
	var out []record.Record
	for i, item := range n.Content {
		raw, err := nodeJSON(item)
		if err != nil {
			return nil, err
		}
		r, faults := record.Decode(raw)
		if len(faults) > 0 {
			return nil, fmt.Errorf("expected record %d: %s", i, explain(faults))
		}
		out = append(out, r)
	}
	return out, nil
}

// nodeJSON writes YAML as JSON. Numbers keep their text, and what YAML would
// read as a date stays text.
func nodeJSON(n *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			v, err := nodeJSON(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&b, "%s:%s", value{n.Content[i].Value}.encode(), v)
		}
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, c := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			v, err := nodeJSON(c)
			if err != nil {
				return nil, err
			}
			b.Write(v)
		}
		b.WriteByte(']')
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!null":
			return []byte("null"), nil
		case "!!int", "!!float", "!!bool":
			if json.Valid([]byte(n.Value)) {
				return []byte(n.Value), nil
			}
		}
		return value{n.Value}.encode(), nil
	default:
		return nil, fmt.Errorf("line %d: aliases are not available here", n.Line)
	}
	return b.Bytes(), nil
}
