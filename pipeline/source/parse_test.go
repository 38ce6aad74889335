package source_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/pipeline/source"
)

func TestCheckJSON(t *testing.T) {
	nest := func(n int, open, end string) string { return strings.Repeat(open, n) + strings.Repeat(end, n) }
	for _, c := range []struct{ body, says string }{
		{`{"a":[1,2,{"b":"]["}]}`, ""},
		{"", ""}, // emptiness is found by whoever reads
		{nest(64, "[", "]"), ""},
		{nest(65, "[", "]"), "deeper than 64 levels at byte 64"},
		{nest(64, `{"a":`, "}"), ""},
		{nest(65, `{"a":`, "}"), "deeper than 64 levels"},
		{nest(10000, "[", "]"), "deeper than 64 levels"},
		{`"` + nest(1000, "[", "]") + `"`, ""},
		{`"\"` + nest(1000, "[", "]") + `"`, ""},
		{`"\\"` + nest(65, "[", "]"), "deeper"},
		{"\"broken line\n" + nest(65, "[", "]"), "deeper"},
		{strings.Repeat("[]", 1000), ""},
		{`"ä€𐍈"`, ""},
		{"\"a\xff\"", "not valid UTF-8 at byte 2"},
		{"\"\xed\xa0\x80\"", "not valid UTF-8 at byte 1"}, // a surrogate
		{`"\u0000"`, ""},
		{strings.Repeat("9", 1000), ""},
		{strings.Repeat("9", 1001), "more than 1000 digits"},
		{`"` + strings.Repeat("9", 5000) + `"`, ""},
	} {
		err := source.CheckJSON([]byte(c.body))
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%.40q: %v, want %q", c.body, err, c.says)
		}
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%.40q: kind %v", c.body, fault.KindOf(err))
		}
	}
}

// FuzzCheckJSON holds it against the standard library: what is valid JSON, and
// neither deep nor of long numbers nor broken UTF-8, passes.
func FuzzCheckJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,"\"[",null]}`, `[[[[`, "\xff", `"\u0000"`, `{"a":"` + "\n" + `["}`, strings.Repeat("[", 70)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := source.CheckJSON(body)
		if !json.Valid(body) {
			return
		}
		depth, deepest := 0, 0
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		long := false
		for {
			tok, err := d.Token()
			if err != nil {
				break
			}
			switch tok := tok.(type) {
			case json.Delim:
				if tok == '{' || tok == '[' {
					depth++
					deepest = max(deepest, depth)
				} else {
					depth--
				}
			case json.Number:
				long = long || len(tok) > 1000
			}
		}
		if deepest > source.MaxDepth && err == nil {
			t.Fatalf("depth %d passes", deepest)
		}
		if deepest <= source.MaxDepth && utf8.Valid(body) && !long && err != nil {
			t.Fatalf("refused: %v", err)
		}
	})
}

// hostile is what every source must survive; each is a reject with a reason.
func TestHostileBodies(t *testing.T) {
	for name, s := range subjects(t) {
		for what, body := range map[string]string{
			"deep arrays":    strings.Repeat("[", 10000) + strings.Repeat("]", 10000),
			"deep objects":   strings.Repeat(`{"batch":`, 10000) + "1" + strings.Repeat("}", 10000),
			"invalid UTF-8":  "{\"type\":\"zen:event-type:ticket.created\",\"event_type\":\"\xff\"}",
			"a NUL byte":     "{\"type\":\"\x00\"}",
			"nothing":        "",
			"white space":    " \n\t",
			"null":           "null",
			"a number":       "1e999999999",
			"long number":    `{"id":` + strings.Repeat("7", 100000) + `}`,
			"text after":     `{} {}x`,
			"single quotes":  `{'a':1}`,
			"a binary":       "\x1f\x8b\x08\x00\x00\x00",
			"a UTF-16 BOM":   "\xff\xfe{\x00}\x00",
			"NaN":            `{"score":NaN}`,
			"unclosed":       `{"a":"`,
			"lone surrogate": `{"type":"\ud800"`,
		} {
			d := source.Delivery{Source: name, Method: "POST", Path: "/v1/batch", Body: []byte(body), ReceivedAt: noon}
			if name == "github" {
				d.Header = http.Header{"X-Github-Event": {"release"}}
			}
			p := source.Parse(s, d)
			if name == "mapping" && (what == "null" || what == "a number") {
				continue // the program decides
			}
			if len(p.Records) > 0 || len(p.Rejects) == 0 {
				t.Errorf("%s: %s: %d records, rejects %+v", name, what, len(p.Records), p.Rejects)
			}
			for _, r := range p.Rejects {
				if r.Reason == "" || r.Reason == "parser failed" || len(r.Reason) > 2000 {
					t.Errorf("%s: %s: reason %.100q", name, what, r.Reason)
				}
			}
		}
	}
}

func TestParseGuardsAndCompletes(t *testing.T) {
	good := record.Record{Table: record.Events, Kind: "page", Name: "a"}
	bad := record.Record{Table: record.Surveys, Kind: "nps"}
	s := &source.Source{Parse: func(d source.Delivery) source.Parsed {
		if len(d.Body) == 0 {
			panic("ann@example.com")
		}
		return source.Parsed{
			Records: []record.Record{good, bad, good}, Items: []int{3, 4, 5},
			Rejects: []source.Reject{{Item: 9, Reason: "own"}},
		}
	}}
	p := source.Parse(s, source.Delivery{})
	if diff := cmp.Diff(source.Parsed{Rejects: []source.Reject{{Reason: "parser failed"}}}, p); diff != "" {
		t.Errorf("a panic: %s", diff)
	}
	p = source.Parse(s, source.Delivery{Source: "x", Body: []byte("1")})
	if len(p.Records) != 2 || p.Records[0].EventID == "" || p.Records[0].EventID != p.Records[1].EventID {
		t.Errorf("repeats must stay and have the same id: %+v", p.Records)
	}
	if diff := cmp.Diff([]int{3, 5}, p.Items); diff != "" {
		t.Error(diff)
	}
	want := []source.Reject{
		{Item: 4, Table: "surveys", Reason: "response_id is required; score is required for nps"},
		{Item: 9, Reason: "own"},
	}
	if diff := cmp.Diff(want, p.Rejects); diff != "" {
		t.Error(diff)
	}
	other := source.Parse(s, source.Delivery{Source: "y", Body: []byte("1")})
	if other.Records[0].EventID == p.Records[0].EventID {
		t.Error("the digest must have the source in it")
	}
}

func TestRegisterRefuses(t *testing.T) {
	ok := func() source.Source {
		return source.Source{
			Type: "zendesk2", Title: "T", Doc: "D", Gives: record.Tables(), Scheme: profile(t, "github"),
			Parse: func(source.Delivery) source.Parsed { return source.Parsed{} },
		}
	}
	for name, spoil := range map[string]func(*source.Source){
		"no type":   func(s *source.Source) { s.Type = "" },
		"no doc":    func(s *source.Source) { s.Doc = "" },
		"no parser": func(s *source.Source) { s.Parse = nil },
		"no scheme": func(s *source.Source) { s.Scheme = source.Scheme{} },
		"twice":     func(s *source.Source) { s.Type = "zendesk" },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: registered", name)
				}
			}()
			s := ok()
			spoil(&s)
			source.Register(&s)
		}()
	}
}

func TestRecords(t *testing.T) {
	const good = `{"table":"events","kind":"page"}`
	many := "[" + strings.Repeat(`{"table":"events"},`, 200) + good + "]"
	for _, c := range []struct {
		body     string
		n        int
		pointers string
	}{
		{good, 1, ""},
		{"[" + good + "," + good + "]", 2, ""},
		{good + "\n\n" + good + "\r\n", 2, ""},
		{"\ufeff" + good, 1, ""},
		{"[]", 0, ""},
		{`{"table":"surveys","response_id":"r","kind":"nps","score":11}`, 0, "/score"},
		{`[{"table":"surveys","response_id":"r","kind":"nps","score":"x"}]`, 0, "/0/score"},
		{good + "\n" + `{"table":"tickets","ticket_id":"1","change":"x"}`, 0, "/1/change"},
		{`{"table":"events","kind":"page","a/b~c":1}`, 0, "/a~1b~0c"},
		{`[7]`, 0, "/0"},
		{`7`, 0, ""},
		{"", 0, ""},
		{"{", 0, ""},
		{good + "\n{", 0, "/1"},
		{"[" + good + "]x", 0, ""},
		{strings.Repeat("[", 65), 0, ""},
		{"{\"table\":\"\xff\"}", 0, ""},
		{many, 0, strings.TrimSpace(strings.Repeat("* ", 100))},
		{`{"table":"events","kind":"page","` + strings.Repeat("k", 5000) + `":1}`, 0, "/" + strings.Repeat("k", 199) + "..."},
	} {
		rs, faults := source.Records([]byte(c.body))
		var pointers []string
		for _, f := range faults {
			if strings.HasPrefix(c.pointers, "*") {
				f.Pointer = "*"
			}
			pointers = append(pointers, f.Pointer)
			if f.Detail == "" {
				t.Errorf("%.50q: no detail", c.body)
			}
		}
		if len(rs) != c.n || strings.Join(pointers, " ") != c.pointers {
			t.Errorf("%.50q: %d records, faults at %q; want %d, %q", c.body, len(rs), pointers, c.n, c.pointers)
		}
		if c.n == 0 && c.body != "[]" && len(faults) == 0 {
			t.Errorf("%.50q: no fault", c.body)
		}
	}
}

// FuzzRecords: what the API has accepted is never lost later.
func FuzzRecords(f *testing.F) {
	for _, x := range fixtures(f, "api") {
		d := x.delivery(f, mustLookup(f, "api"))
		f.Add(d.Body)
	}
	api := mustLookup(f, "api")
	f.Fuzz(func(t *testing.T, body []byte) {
		rs, faults := source.Records(body)
		p := source.Parse(api, source.Delivery{Source: "api", Body: body, ReceivedAt: noon})
		if len(faults) > 0 {
			if rs != nil || len(p.Rejects)+len(p.Warnings) == 0 {
				t.Fatalf("%d records with faults %v, rejects %v", len(rs), faults, p.Rejects)
			}
			return
		}
		if len(p.Records) != len(rs) || len(p.Rejects) > 0 {
			t.Fatalf("%d accepted, %d parsed, %v", len(rs), len(p.Records), p.Rejects)
		}
	})
}

func TestSegmentKey(t *testing.T) {
	s := mustLookup(t, "segment")
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, c := range []struct{ name, auth, body, key string }{
		{"with the colon", basic("wk:"), "", "wk"},
		{"without the colon", basic("wk"), "", "wk"},
		{"a password is not looked at", basic("wk:x"), "", "wk"},
		{"in the body", "", `{"writeKey":"wk"}`, "wk"},
		{"the header goes first", basic("head:"), `{"writeKey":"body"}`, "head"},
		{"an empty user", basic(":"), `{"writeKey":"body"}`, "body"},
		{"Bearer and body", "Bearer token", `{"writeKey":"body"}`, "body"},
		{"malformed Basic", "Basic %%%", `{"writeKey":"body"}`, ""},
		{"no key", "", `{"batch":[]}`, ""},
		{"not JSON", "", `{"writeKey":`, ""},
		{"a key that is a number", "", `{"writeKey":12}`, "12"},
		{"a key that is an object", "", `{"writeKey":{}}`, ""},
		{"nothing", "", "", ""},
	} {
		r := newRequest("")
		if c.auth != "" {
			r.Header.Set("Authorization", c.auth)
		}
		if got := s.Key(r, []byte(c.body)); got != c.key {
			t.Errorf("%s: %q, want %q", c.name, got, c.key)
		}
		err := s.Verify(r, []byte(c.body), []string{"other", c.key}, noon)
		if (err == nil) != (c.key != "") {
			t.Errorf("%s: %v", c.name, err)
		}
		refused(t, s.Verify(r, []byte(c.body), nil, noon), "")
		refused(t, s.Verify(r, []byte(c.body), []string{""}, noon), "")
	}
	if source.MatchSecret("", []string{""}) || source.MatchSecret("a", []string{"ab"}) || !source.MatchSecret("a", []string{"b", "a"}) {
		t.Error("MatchSecret")
	}
}

// TestGzipIsUnpackedBeforeTheKey is the order for an SDK that compresses and
// has its key in the body only: the wire body has no key to be found.
func TestGzipIsUnpackedBeforeTheKey(t *testing.T) {
	s := mustLookup(t, "segment")
	plain := []byte(`{"writeKey":"wk","batch":[{"type":"track","event":"E","messageId":"1"}]}`)
	var wire bytes.Buffer
	z := gzip.NewWriter(&wire)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	r := newRequest(wire.String())
	refused(t, s.Verify(r, wire.Bytes(), []string{"wk"}, noon), "missing")
	if err := s.Verify(r, plain, []string{"wk"}, noon); err != nil {
		t.Error(err)
	}
}

func TestSegmentSourceAnswers(t *testing.T) {
	s := mustLookup(t, "segment")
	want := []string{"/v1/batch", "/v1/track", "/v1/page", "/v1/screen", "/v1/identify", "/v1/group", "/v1/alias"}
	if diff := cmp.Diff(want, s.Endpoints); diff != "" {
		t.Error(diff)
	}
	if s.Status != 200 || s.Body != `{"success":true}` {
		t.Errorf("%d %s", s.Status, s.Body)
	}
}

func BenchmarkParse(b *testing.B) {
	for _, name := range []string{"zendesk", "segment", "delighted", "github", "api"} {
		s := mustLookup(b, name)
		for _, f := range fixtures(b, name) {
			base := strings.TrimSuffix(f.file[strings.LastIndex(f.file, "/")+1:], ".txtar")
			if base != "created" && base != "node_batch" && base != "published" && base != "one" {
				continue
			}
			d := f.delivery(b, s)
			b.Run(fmt.Sprintf("%s/%s", name, base), func(b *testing.B) {
				b.SetBytes(int64(len(d.Body)))
				b.ReportAllocs()
				for b.Loop() {
					if p := source.Parse(s, d); len(p.Records) == 0 {
						b.Fatal(p.Rejects)
					}
				}
			})
		}
	}
}
