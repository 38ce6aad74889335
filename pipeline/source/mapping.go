package source

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/record"
)

// maxMapping bounds a mapping file, in bytes.
const maxMapping = 1 << 20

// mappingFile is the file as people write it.
type mappingFile struct {
	Name    string        `yaml:"name"`
	Doc     string        `yaml:"doc"`
	Format  string        `yaml:"format"`
	Verify  yaml.Node     `yaml:"verify"`
	Headers []string      `yaml:"headers"`
	Records string        `yaml:"records"`
	Tests   []mappingTest `yaml:"tests"`
}

// mappingTest is one case: what comes in, and the records that must come out.
// An event_id that is not expected is not compared, because it is a digest.
type mappingTest struct {
	Name    string            `yaml:"name"`
	Headers map[string]string `yaml:"headers"`
	Payload yaml.Node         `yaml:"payload"`
	Records yaml.Node         `yaml:"records"`
	Rejects int               `yaml:"rejects"`
}

// mapping is a mapping file made ready.
type mapping struct {
	file   string
	format string
	prog   *program
	tests  []mappingTest
	lines  []int // of the tests
}

// Formats of what a mapping reads.
const (
	formatJSON   = "json"
	formatNDJSON = "ndjson"
	formatCSV    = "csv"
	formatForm   = "form"
)

// ndjsonType is the content type of one JSON text a line. A delivery of this
// type is read line by line whatever the mapping's format is: that is how an
// import queues the lines of a file, be it CSV or JSON.
const ndjsonType = "application/x-ndjson"

var mappingName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// FromMapping makes a source of a mapping file: a sender described by how it
// signs and a jq program that turns what it sends into input records. file is
// for messages only. The file is read strictly; every fault is reported with
// its line, in one error of kind Invalid. The tests in it are not run: see
// RunTests.
func FromMapping(file string, data []byte) (*Source, error) {
	if len(data) > maxMapping {
		return nil, fault.Invalidf("%s is larger than %d bytes", file, maxMapping)
	}
	var doc yaml.Node
	r := mappingReader{file: file, doc: &doc}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fault.Invalidf("%s is empty", file)
	}
	if err := yaml.Load(data, &doc); err != nil {
		r.yaml(err, 1)
		return nil, r.err()
	}
	var f mappingFile
	if err := doc.Load(&f, yaml.WithKnownFields()); err != nil {
		r.yaml(err, 0)
	}
	scheme := r.scheme(&f.Verify)
	m := &mapping{file: file, format: f.Format, tests: f.Tests}
	_, list := r.find("tests")
	for _, item := range list.Content {
		m.lines = append(m.lines, item.Line)
	}
	if !mappingName.MatchString(f.Name) {
		r.bad("name", "must be of a-z, 0-9, - and _, not %q", f.Name)
	}
	if !slices.Contains([]string{formatJSON, formatNDJSON, formatCSV, formatForm}, f.Format) {
		r.bad("format", "must be json, ndjson, csv or form, not %q", f.Format)
	}
	prog, err := compile(f.Records)
	if err != nil {
		r.program(err, f.Records)
	}
	m.prog = prog
	if err := r.err(); err != nil {
		return nil, err
	}
	s := &Source{
		Type: f.Name, Title: f.Name, Gives: record.Tables(), Scheme: scheme,
		Doc:     first(value{f.Doc}, value{"Described by the mapping file " + file + "."}),
		Keep:    append([]string{"Content-Type"}, f.Headers...),
		mapping: m,
	}
	s.Parse = m.parse
	if name := r.profile; name != "" {
		s.Handshake = profiles[name].handshake
	}
	return s, nil
}

// mappingReader gathers what is wrong with a file.
type mappingReader struct {
	file    string
	doc     *yaml.Node
	profile string // the named profile, if verify is a name
	faults  []lineFault
}

type lineFault struct {
	line int
	text string
}

// add notes a fault at a line of the file.
func (r *mappingReader) add(line int, format string, args ...any) {
	r.faults = append(r.faults, lineFault{line, fmt.Sprintf(format, args...)})
}

// err has every fault in the order of the file.
func (r *mappingReader) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(r.faults, func(a, b lineFault) int { return a.line - b.line })
	lines := make([]string, 0, len(r.faults))
	for _, f := range r.faults {
		lines = append(lines, fmt.Sprintf("%s:%d: %s", r.file, f.line, f.text))
	}
	return fault.Invalidf("%s", strings.Join(lines, "\n"))
}

// bad reports a fault of a top-level key, at the key's line.
func (r *mappingReader) bad(key, format string, args ...any) {
	line, _ := r.find(key)
	r.add(line, key+": "+format, args...)
}

// find gives a top-level key's line, 1 when it is not there, and its value.
func (r *mappingReader) find(name string) (line int, of *yaml.Node) {
	root := r.doc
	if root.Kind == yaml.DocumentNode && len(root.Content) > 0 {
		root = root.Content[0]
	}
	for i := 0; root.Kind == yaml.MappingNode && i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == name {
			return root.Content[i].Line, root.Content[i+1]
		}
	}
	return 1, &yaml.Node{}
}

// notFound is the decoder's message, which speaks of Go types.
var notFound = regexp.MustCompile(`field (\S+) not found in type \S+`)

// yaml takes over the decoder's errors with their lines.
func (r *mappingReader) yaml(err error, line int) {
	var many *yaml.LoadErrors
	var one *yaml.LoadError
	switch {
	case errors.As(err, &many):
		for _, e := range many.Errors {
			r.add(max(e.Mark.Line, 1), "%s", notFound.ReplaceAllString(e.Message, "unknown key $1"))
		}
	case errors.As(err, &one):
		r.add(max(one.Mark.Line, 1), "%s", notFound.ReplaceAllString(one.Message, "unknown key $1"))
	default:
		r.add(max(line, 1), "%s", notFound.ReplaceAllString(err.Error(), "unknown key $1"))
	}
}

// scheme reads verify: a profile's name, or knobs. Without it the source takes
// no hooks and serves imports only.
func (r *mappingReader) scheme(n *yaml.Node) Scheme {
	if n.Kind == 0 {
		return Scheme{}
	}
	if n.Kind == yaml.ScalarNode {
		s, err := Profile(n.Value)
		if err != nil {
			r.add(n.Line, "%s", err)
			return Scheme{}
		}
		r.profile = n.Value
		return s
	}
	var s Scheme
	if err := n.Load(&s, yaml.WithKnownFields()); err != nil {
		r.yaml(err, n.Line)
		return Scheme{}
	}
	if err := s.Check(); err != nil {
		r.add(n.Line, "%s", err)
	}
	return s
}

// program reports a fault of the jq program, at the line inside it where the
// parser can tell.
func (r *mappingReader) program(err error, text string) {
	line, _ := r.find("records")
	if at, ok := errors.AsType[*syntaxError](err); ok {
		// A block scalar begins on the line after its key.
		line += 1 + strings.Count(text[:min(at.offset, len(text))], "\n")
	}
	r.add(line, "records: %s", err)
}
