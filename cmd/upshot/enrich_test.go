package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"testing"

	"upshot.dev/upshot/pipeline/enrich"
)

// FuzzEnrichLine holds what enrich makes of any line that it takes: one line,
// one JSON object, every field that came in still there, the text redacted.
func FuzzEnrichLine(f *testing.F) {
	for _, line := range []string{
		`{"text":"It fails","id":1}`, `{"text":null}`, `{}`, `{"text":"a","text":"b"}`, `{"language":{"a":[1,2]},"text":"<&>\u2028"}`,
		`{"id":90071992547409931,"":"\ud800","text":"\u0000"}`, `{"a":1}{"b":2}`, `["text"]`, `{"text":`, "{\"a\":\"\xff\"}", `{"a":[[[[]]]]}`,
	} {
		f.Add([]byte(line))
	}
	result := enrich.Result{Text: "redacted"}
	f.Fuzz(func(t *testing.T, line []byte) {
		object, err := members(line)
		if err != nil {
			return
		}
		if !json.Valid(line) {
			t.Fatalf("took what is no JSON: %q", line)
		}
		var b bytes.Buffer
		w := bufio.NewWriter(&b)
		if err := writeEnriched(w, object, "text", result); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(b.Bytes(), []byte("\n")); n != 1 {
			t.Fatalf("%d lines: %q", n, b.Bytes())
		}
		var before, after map[string]json.RawMessage
		if err := json.Unmarshal(line, &before); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if err := json.Unmarshal(b.Bytes(), &after); err != nil {
			t.Fatalf("%q gave %q: %v", line, b.Bytes(), err)
		}
		for name := range before {
			if _, ok := after[name]; !ok {
				t.Fatalf("%q lost %q: %q", line, name, b.Bytes())
			}
		}
		if _, had := before["text"]; had && string(after["text"]) != `"redacted"` {
			t.Fatalf("the text is not the redacted one: %q", b.Bytes())
		}
	})
}
