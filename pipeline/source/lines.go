package source

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxLine bounds one line of CSV, NDJSON or form fields, and maxValue one JSON
// value: more than any sender's body.
const (
	maxLine  = 1 << 20
	maxValue = 16 << 20
)

// inputs splits what a format holds into items, each as JSON.
func inputs(format string, r io.Reader) iter.Seq2[json.RawMessage, error] {
	switch format {
	case formatCSV:
		return csvLines(r)
	case formatNDJSON:
		return textLines(r, func(line []byte) (json.RawMessage, error) { return line, nil })
	case formatForm:
		return textLines(r, formFields)
	default:
		return jsonValues(r)
	}
}

// budget is a reader that refuses to read more than is left. Resetting left
// between items bounds each of them, whatever reads on top.
type budget struct {
	r    io.Reader
	left int
}

var errTooLong = errors.New("an item is too long")

// Read never hands out more than is left, so that a reader on top with a large
// buffer cannot run ahead of the bound by more than one item.
func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// skipBOM drops the mark before UTF-8 text.
func skipBOM(r io.Reader) *bufio.Reader {
	b := bufio.NewReaderSize(r, 4096)
	if mark, err := b.Peek(len(bom)); err == nil && bytes.Equal(mark, bom) {
		_, _ = b.Discard(len(bom))
	}
	return b
}

// csvLines reads a header line and gives each further line as an object of
// strings by the header's names. A line with too few or too many fields is an
// error of its own. An unclosed quote is an error that ends the file.
func csvLines(r io.Reader) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		text := skipBOM(r)
		limited := &budget{r: text, left: 2 * maxLine}
		c := csv.NewReader(limited)
		c.Comma = delimiter(text)
		head, err := c.Read()
		if err == io.EOF { //nolint:errorlint // the reader returns it bare
			return
		}
		if err == nil {
			err = checkHead(head)
		}
		if err != nil {
			yield(nil, fmt.Errorf("header line: %w", err))
			return
		}
		head = slices.Clone(head)
		c.ReuseRecord = true
		for {
			limited.left = 2 * maxLine // the reader below reads ahead
			fields, err := c.Read()
			if err == io.EOF { //nolint:errorlint // the reader returns it bare
				return
			}
			var raw json.RawMessage
			var syntax *csv.ParseError
			switch {
			case err == nil:
				raw, err = csvObject(head, fields)
			case errors.As(err, &syntax):
				err = fmt.Errorf("line %d: %w", syntax.StartLine, syntax.Err)
			default:
				yield(nil, fmt.Errorf("read CSV: %w", err))
				return
			}
			if !yield(raw, err) {
				return
			}
		}
	}
}

// delimiter is the one of comma, semicolon and tab that stands most often in
// the header line: exports differ by the language of the program.
func delimiter(r *bufio.Reader) rune {
	head, _ := r.Peek(4096) // an error only means that there is less
	head, _, _ = bytes.Cut(head, []byte("\n"))
	best, most := ',', 0
	for _, d := range ",;\t" {
		if n := bytes.Count(head, []byte(string(d))); n > most {
			best, most = d, n
		}
	}
	return best
}

// checkHead holds the header line against what names must be.
func checkHead(head []string) error {
	seen := map[string]bool{}
	for i := range head {
		head[i] = strings.TrimSpace(head[i])
		switch {
		case !utf8.ValidString(head[i]):
			return errors.New("text is not valid UTF-8")
		case head[i] == "":
			return fmt.Errorf("column %d has no name", i+1)
		case seen[head[i]]:
			return fmt.Errorf("column %d has a name that stands there already", i+1)
		}
		seen[head[i]] = true
	}
	return nil
}

// csvObject names the fields of one line. The reader has checked that there are
// as many as names.
func csvObject(head, fields []string) (json.RawMessage, error) {
	object := make(map[string]any, len(head))
	for i, name := range head {
		if !utf8.ValidString(fields[i]) {
			return nil, fmt.Errorf("column %s is not valid UTF-8", name)
		}
		object[name] = strings.ReplaceAll(fields[i], "\x00", "")
	}
	return value{object}.encode(), nil
}

// textLines gives each line that is not blank, as convert makes it.
func textLines(r io.Reader, convert func([]byte) (json.RawMessage, error)) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		s := bufio.NewScanner(skipBOM(r))
		s.Buffer(make([]byte, 0, 64<<10), maxLine)
		for s.Scan() {
			line := bytes.TrimSpace(s.Bytes())
			if len(line) == 0 {
				continue
			}
			raw, err := convert(bytes.Clone(line))
			if err == nil {
				err = checkLine(raw)
			}
			if err != nil {
				raw = nil
			}
			if !yield(raw, err) {
				return
			}
		}
		if err := s.Err(); err != nil {
			if errors.Is(err, bufio.ErrTooLong) {
				err = fmt.Errorf("a line is longer than %d bytes", maxLine)
			}
			yield(nil, err)
		}
	}
}

// checkLine is the whole check of one line, so that a broken line is an error
// where it stands and not in the program that would read it.
func checkLine(line []byte) error {
	if err := CheckJSON(line); err != nil {
		return err
	}
	if !json.Valid(line) {
		return errors.New("the line is not valid JSON")
	}
	return nil
}

// formFields reads fields as browsers post them. A field that stands there
// once is a string, one that is repeated an array of strings.
func formFields(body []byte) (json.RawMessage, error) {
	fields, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("not valid form fields")
	}
	object := make(map[string]any, len(fields))
	for name, values := range fields {
		// Percent encoding can hold any bytes.
		if !utf8.ValidString(name + strings.Join(values, "")) {
			return nil, errors.New("text is not valid UTF-8")
		}
		if len(values) == 1 {
			object[name] = values[0]
			continue
		}
		list := make([]any, len(values))
		for i := range values {
			list[i] = values[i]
		}
		object[name] = list
	}
	return value{object}.encode(), nil
}

// jsonValues gives each top-level value. After a syntax error nothing more can
// be read.
func jsonValues(r io.Reader) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		limited := &budget{r: skipBOM(r), left: 2 * maxValue}
		d := json.NewDecoder(limited)
		for n := 0; ; n++ {
			limited.left = 2 * maxValue
			var raw json.RawMessage
			err := d.Decode(&raw)
			switch {
			case err == io.EOF && n > 0:
				return
			case err == io.EOF:
				yield(nil, errors.New("the body is empty"))
				return
			case errors.Is(err, errTooLong):
				yield(nil, fmt.Errorf("a JSON value is longer than %d bytes", maxValue))
				return
			case err != nil:
				yield(nil, notJSON(err, 2*maxValue-limited.left))
				return
			}
			if !yield(raw, CheckJSON(raw)) {
				return
			}
		}
	}
}
