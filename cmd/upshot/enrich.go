package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"upshot.dev/upshot/pipeline/enrich"
	"upshot.dev/upshot/pipeline/fault"
)

// maxLine bounds one line of input, in bytes.
const maxLine = 16 << 20

type enrichCmd struct {
	CSV        bool   `name:"csv" help:"The input is CSV with a header line."`
	TextColumn string `placeholder:"C" default:"text" help:"The field or column that holds the text."`
	File       string `arg:"" optional:"" help:"The texts; - or nothing is standard input."`
}

// Help is shown by --help.
func (enrichCmd) Help() string {
	return `JSON lines with a text in, the same objects out with the text redacted and what was
read in it: redactions, language, sentiment (-1..1), sentiment_label, confidence, intent,
themes, keyphrases.

  echo '{"text":"The PDF export fails, call me at +1 202 555 0143"}' | upshot enrich
  upshot enrich --csv --text-column comment answers.csv`
}

// Run enriches line by line, so that any number of texts fits into memory.
func (e *enrichCmd) Run(a *app) error {
	en, err := enrich.New(enrich.Options{Keyphrases: true})
	if err != nil {
		return err
	}
	f, err := a.open(e.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	w := bufio.NewWriter(a.out)
	each := e.jsonLines
	if e.CSV {
		each = e.csvLines
	}
	err = each(f, func(object []field, text string) error {
		return writeEnriched(w, object, e.TextColumn, en.Enrich(enrich.Text{Body: text}))
	})
	return errors.Join(err, w.Flush())
}

// field is one member of an object, in its order.
type field struct {
	name  string
	value json.RawMessage
}

func (e *enrichCmd) jsonLines(r io.Reader, f func([]field, string) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	for n := 1; s.Scan(); n++ {
		line := bytes.TrimSpace(s.Bytes())
		if len(line) == 0 {
			continue
		}
		object, err := members(line)
		if err != nil {
			return fault.Invalidf("line %d: %w", n, err)
		}
		var text string
		for _, m := range object {
			if m.name != e.TextColumn {
				continue
			}
			if string(m.value) != "null" && json.Unmarshal(m.value, &text) != nil {
				return fault.Invalidf("line %d: %s is not a string", n, e.TextColumn)
			}
		}
		if err := f(object, text); err != nil {
			return err
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return fault.Invalidf("a line is longer than %d bytes", maxLine)
	}
	return s.Err()
}

func (e *enrichCmd) csvLines(r io.Reader, f func([]field, string) error) error {
	c := csv.NewReader(r)
	header, err := c.Read()
	if err != nil {
		return fault.Invalidf("read the header line: %w", err)
	}
	header[0] = trimBOM(header[0])
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.New(fault.Invalid, err)
		}
		var object []field
		var text string
		found := false
		for i, name := range header {
			v, err := json.Marshal(row[i])
			if err != nil {
				return fmt.Errorf("column %s: %w", name, err)
			}
			object = append(object, field{name, v})
			if name == e.TextColumn {
				text, found = row[i], true
			}
		}
		if !found {
			return fault.Invalidf("there is no column %q; name it with --text-column", e.TextColumn)
		}
		if err := f(object, text); err != nil {
			return err
		}
	}
}

func trimBOM(s string) string { return string(bytes.TrimPrefix([]byte(s), []byte("\xef\xbb\xbf"))) }

// members splits an object in its order.
func members(line []byte) ([]field, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("is not a JSON object")
	}
	var out []field
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := field{name: t.(string)} // a key is always a string token
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("has text after the object")
	}
	return out, nil
}

// writeEnriched writes the object with what was read in its text. Fields that
// the enrichment gives take the place of those that came in.
func writeEnriched(w *bufio.Writer, object []field, column string, r enrich.Result) error {
	added := []struct {
		name  string
		value any
	}{
		{column, r.Text},
		{"redactions", orEmptyMap(r.Redactions)},
		{"language", orNull(r.Language)},
		{"sentiment", r.Sentiment},
		{"sentiment_label", orNull(r.SentimentLabel)},
		{"confidence", r.Confidence},
		{"intent", orNull(r.Intent)},
		{"themes", orEmpty(r.Themes())},
		{"keyphrases", orEmpty(r.Keyphrases)},
	}
	var out bytes.Buffer
	put := func(name string, value any) error {
		if out.Len() > 0 {
			out.WriteByte(',')
		}
		n, err := marshal(name)
		if err != nil {
			return err
		}
		v, err := marshal(value)
		if err != nil {
			return fmt.Errorf("field %s: %w", name, err)
		}
		out.Write(n)
		out.WriteByte(':')
		out.Write(v)
		return nil
	}
	replaced := map[string]bool{}
	for _, m := range object {
		var value any = m.value
		for _, x := range added {
			if x.name == m.name {
				value = x.value
			}
		}
		if replaced[m.name] {
			continue // a repeated key
		}
		replaced[m.name] = true
		if err := put(m.name, value); err != nil {
			return err
		}
	}
	for _, x := range added {
		if replaced[x.name] || x.name == column {
			continue
		}
		if err := put(x.name, x.value); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "{%s}\n", out.Bytes())
	return err
}

// marshal is json.Marshal that leaves <, > and & as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func orEmptyMap(m map[string]int64) map[string]int64 {
	if m == nil {
		return map[string]int64{}
	}
	return m
}
