package source_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/source"
)

// TestMappingFiles reads the files of testdata/mapping: each has a mapping and
// what is to be said about it, the faults on reading it or of its tests.
func TestMappingFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/mapping/*.txtar")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f := fixture{file, a}
			data, _ := f.part("map.yaml")
			s, err := source.FromMapping("map.yaml", data)
			if err == nil {
				err = source.RunTests(s)
			}
			said := ""
			if err != nil {
				if !fault.Is(err, fault.Invalid) {
					t.Errorf("kind is %v", fault.KindOf(err))
				}
				said = err.Error() + "\n"
			}
			want, _ := f.part("errors")
			if *update {
				f.set("errors", []byte(said))
				if err := os.WriteFile(file, txtar.Format(a), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(want), said); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestExampleMapping(t *testing.T) {
	s := acme(t)
	if err := source.RunTests(s); err != nil {
		t.Error(err)
	}
	if err := source.RunTests(mustLookup(t, "zendesk")); err != nil {
		t.Errorf("a source without a mapping has no tests: %v", err)
	}
	r := newRequest(`{}`)
	if err := source.Sign(s.Scheme, "k", &r, noon); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(r, nil, []string{"k"}, noon); err != nil {
		t.Error(err)
	}
	refused(t, s.Verify(r, nil, []string{"k"}, noon.Add(time.Hour)), "stale")
}

func mustLookup(t testing.TB, typ string) *source.Source {
	t.Helper()
	s, ok := source.Lookup(typ)
	if !ok {
		t.Fatalf("no source %s", typ)
	}
	return s
}

// mapTo makes a mapping of a format and a program, without verification.
func mapTo(t testing.TB, format, records string) *source.Source {
	t.Helper()
	s, err := source.FromMapping("m.yaml", fmt.Appendf(nil, "name: m\nformat: %s\nrecords: %q\n", format, records))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parse(s *source.Source, body string) source.Parsed {
	return source.Parse(s, source.Delivery{Source: "m", Method: "POST", Path: "/hooks/m", Body: []byte(body), ReceivedAt: noon})
}

// TestImportOnly: a mapping without verify is for imports, and no hook.
func TestImportOnly(t *testing.T) {
	s := mapTo(t, "json", "empty")
	refused(t, s.Verify(newRequest("{}"), nil, []string{"k"}, noon), "no way to authenticate")
}

func TestProgramsAreBounded(t *testing.T) {
	for _, c := range []struct{ name, records, says string }{
		{"endless recursion", "def f: f; f", "longer than"},
		{"endless outputs", "repeat(1) | empty", "longer than"},
		{"large list", "[range(1e9)] | length", "longer than"},
		{"many outputs", "range(10001) | {table: \"events\", kind: \"page\", event_id: \"\\(.)\"}", "more than 10000"},
		{"clock", "{at: now}", "now is not available"},
		{"local time", "0 | localtime", "localtime is not available"},
		{"input", "input", "input is not available"},
		{"halt", "halt", "halt is not available"},
		{"halt with a value", "halt_error", "halt_error is not available"},
		{"long number", ".n | tonumber", "failed on this input"},
		{"own words", "error(\"no customer in the case\")", "no customer in the case"},
		{"jq's words quote", ".name | keys", "failed on this input"},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			p := parse(mapTo(t, "json", c.records), fmt.Sprintf(`{"name":"ann@example.com","n":"%s"}`, strings.Repeat("7", 900000)))
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
			if len(p.Records) != 0 || len(p.Rejects) != 1 || !strings.Contains(p.Rejects[0].Reason, c.says) {
				t.Fatalf("%+v", p)
			}
			if strings.Contains(p.Rejects[0].Reason, "ann@") {
				t.Error("the reason quotes the payload")
			}
		})
	}
	p := parse(mapTo(t, "json", `range(10000) | {table: "events", kind: "page", event_id: "\(.)"}`), `{}`)
	if len(p.Records) != 10000 {
		t.Errorf("%d records at the limit: %+v", len(p.Records), p.Rejects)
	}
	if p := parse(mapTo(t, "json", `$ENV, env | .HOME // empty | error`), `{}`); len(p.Rejects)+len(p.Records) != 0 {
		t.Errorf("the environment shows: %+v", p)
	}
}

func TestProgramOutputs(t *testing.T) {
	s := mapTo(t, "json", `.[]`)
	p := parse(s, `[null, 7, {"table":"events","kind":"page","colour":"red"}, {"table":"events","kind":"page","revenue":"x"}]`)
	if len(p.Records) != 1 || len(p.Rejects) != 2 || len(p.Warnings) != 1 {
		t.Fatalf("%+v", p)
	}
	if !strings.Contains(p.Warnings[0], "/colour") {
		t.Errorf("warning: %v", p.Warnings)
	}
}

// TestFormats reads one mapping's format each, as a delivery and as a file.
func TestFormats(t *testing.T) {
	const program = `{table: "events", kind: "track", name: .event, user_id: (.user | tostring), event_id: .id}`
	for _, c := range []struct {
		format, body string
		names        string // of the records
		rejects      int
	}{
		{"json", `{"id":"1","event":"A","user":12345678901234567890}`, "A", 0},
		{"json", "{\"id\":\"1\",\"event\":\"A\"}\n{\"id\":\"2\",\"event\":\"B\"}", "A B", 0},
		{"json", ``, "", 1},
		{"json", `{"id":"1"`, "", 1},
		{"ndjson", "{\"id\":\"1\",\"event\":\"A\"}\n\n{broken\n{\"id\":\"2\",\"event\":\"B\"}\n", "A B", 1},
		{"ndjson", "", "", 0},
		{"csv", "\ufeffid,event,user\r\n1,A,u\r\n2,\"B, \"\"C\"\"\nD\",v\r\n", "A B, \"C\"\nD", 0},
		{"csv", "id,event,user\n1,A,u\n2,too,many,fields\n3,C,w\n4\n", "A C", 2},
		{"csv", "id,event,user\n1,\xff,u\n2,B,v\n", "B", 1},
		{"csv", "id,event,user\n1,A,u\n2,\"open\n3,C,w\n", "A", 1},
		{"csv", "id;event;user\n1;\"A;B\";u\n", "A;B", 0},
		{"csv", "id\tevent\tuser\n1\tA, B\tu\n", "A, B", 0},
		{"csv", "id,id\n1,2\n", "", 1},
		{"csv", "id,,x\n1,2,3\n", "", 1},
		{"csv", "", "", 0},
		{"csv", "id,event,user\n", "", 0},
		{"form", "id=1&event=A+%C3%A9&user=u", "A é", 0},
		{"form", "id=1&event=%ff", "", 1},
		{"form", "id=%zz", "", 1},
	} {
		s := mapTo(t, c.format, program)
		p := parse(s, c.body)
		var names []string
		for _, r := range p.Records {
			names = append(names, r.Name)
		}
		if strings.Join(names, " ") != c.names || len(p.Rejects) != c.rejects {
			t.Errorf("%s %q: names %q, rejects %+v", c.format, c.body, names, p.Rejects)
		}
		// The same as a file: its lines are posted as NDJSON.
		var lines bytes.Buffer
		faults := 0
		for line, err := range s.Lines(iotest.OneByteReader(strings.NewReader(c.body))) {
			if err != nil {
				faults++
				continue
			}
			lines.Write(bytes.TrimSpace(line))
			lines.WriteByte('\n')
		}
		again := source.Parse(s, source.Delivery{
			Source: "m", Header: http.Header{"Content-Type": {"application/x-ndjson; charset=utf-8"}},
			Body: lines.Bytes(), ReceivedAt: noon,
		})
		if diff := cmp.Diff(p.Records, again.Records); diff != "" {
			t.Errorf("%s %q as a file:\n%s", c.format, c.body, diff)
		}
		if faults != c.rejects {
			t.Errorf("%s %q as a file: %d faults, want %d", c.format, c.body, faults, c.rejects)
		}
	}
}

func TestFormRepeats(t *testing.T) {
	s := mapTo(t, "form", `{table: "tickets", ticket_id: .id, change: "created", tags: .tag}`)
	p := parse(s, "id=1&tag=a&tag=b")
	if len(p.Records) != 1 || len(p.Records[0].Tags) != 2 {
		t.Errorf("%+v", p)
	}
}

// TestLinesAreBounded reads items just below and just above the limits from
// readers that would go on for ever.
func TestLinesAreBounded(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		format, head, fill, tail string
		size                     int
		ok                       bool
	}{
		{"ndjson", `{"a":"`, "x", `"}`, mib - 100, true},
		{"ndjson", `{"a":"`, "x", `"}`, mib + 100, false},
		{"csv", "a\n\"", "x", `"`, mib, true},
		{"csv", "a\n\"", "x\n", "", 64 * mib, false}, // an unclosed quote
		{"json", `{"a":"`, "x", `"}`, 15 * mib, true},
		{"json", `{"a":"`, "x", `"}`, 64 * mib, false},
	} {
		read := 0
		r := io.MultiReader(strings.NewReader(c.head), &filler{text: c.fill, left: c.size, read: &read}, strings.NewReader(c.tail))
		var failed error
		for _, err := range mapTo(t, c.format, "empty").Lines(r) {
			if err != nil {
				failed = err
			}
		}
		if (failed == nil) != c.ok {
			t.Errorf("%s of %d bytes: %v", c.format, c.size, failed)
		}
		if read > 40*mib {
			t.Errorf("%s: %d bytes were read", c.format, read)
		}
	}
}

// filler repeats a text.
type filler struct {
	text string
	left int
	read *int
}

func (f *filler) Read(p []byte) (int, error) {
	if f.left <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n+len(f.text) <= len(p) && n < f.left {
		n += copy(p[n:], f.text)
	}
	f.left -= n
	*f.read += n
	return n, nil
}

func TestLinesOfASourceWithoutMapping(t *testing.T) {
	n := 0
	for _, err := range mustLookup(t, "zendesk").Lines(strings.NewReader("x")) {
		if n++; err == nil {
			t.Error("lines of a hook")
		}
	}
	if n != 1 {
		t.Errorf("%d lines", n)
	}
}

// FuzzMapping runs arbitrary programs over arbitrary payloads: bounded in time
// and, whatever comes out, valid.
func FuzzMapping(f *testing.F) {
	f.Add(`{table: "events", kind: "page"}`, []byte(`{"a":1}`))
	f.Add(`.. | numbers | tostring | error`, []byte(`[1e400, -0, 12345678901234567890]`))
	f.Add(`[.[] as [$a, $b] | {a: $a, b: $b}] | sort_by(.a) | .[]`, []byte(`[[1,2],[3,4]]`))
	f.Add(`def f: def g: 3; g | f; f`, []byte(`null`))
	f.Add(`[limit(3; repeat("x"))] | join("") * 5`, []byte(`"\u0000"`))
	f.Add(`try error("x") catch ., ($headers | keys), input_line_number, ltrimstr(1), @base64d, (splits("a*")?)`, []byte(`"aGk="`))
	f.Fuzz(func(t *testing.T, records string, body []byte) {
		if strings.Contains(records, "*") || len(records) > 400 {
			t.Skip() // a text times a large number is memory, not time; see withheld
		}
		s, err := source.FromMapping("m.yaml", fmt.Appendf(nil, "name: m\nformat: json\nrecords: %s\n", quoted(records)))
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatal(err)
			}
			return
		}
		began := time.Now()
		p := parse(s, string(body))
		if took := time.Since(began); took > 20*time.Second {
			t.Fatalf("took %s", took)
		}
		for _, r := range p.Records {
			if len(r.Validate()) > 0 || r.EventID == "" {
				t.Fatalf("%+v", r)
			}
		}
		for _, r := range p.Rejects {
			if r.Reason == "parser failed" {
				t.Fatalf("%+v", r)
			}
		}
	})
}

// quoted writes a text as a YAML scalar.
func quoted(s string) []byte {
	b, err := json.Marshal(strings.ToValidUTF8(s, ""))
	if err != nil {
		panic(err)
	}
	return b
}

func BenchmarkMapping(b *testing.B) {
	s := acme(b)
	body := []byte(`{"event":"case.opened","id":"ev_1","at":"2026-11-02T10:00:00Z","case":{"number":7,"title":"t","body":"b","state":"open","origin":"widget","labels":[{"name":"export"}],"customer":{"email":"ann@example.com","login":"ann","plan":"business"}}}`)
	b.ReportAllocs()
	for b.Loop() {
		if p := source.Parse(s, source.Delivery{Source: "acme", Body: body, ReceivedAt: noon}); len(p.Records) != 1 {
			b.Fatal(p.Rejects)
		}
	}
}
