package process

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/record"
)

// canaries are one of each kind of personal data, as people write them; what
// must not be found anywhere is the part in leaks.
const canaries = "mail anna.leak@canary.example or phone +49 151 87654329, card 4111 1111 1111 1111, " +
	"IBAN DE89 3704 0044 0532 0130 00, from 203.0.113.77, " +
	"see https://x.example/reset?token=leakysecret77&lang=de and https://bob:hunter2pw@x.example/"

var leaks = []string{
	"anna.leak", "canary.example", "87654329", "4111 1111", "4111111111111111", "0532 0130", "203.0.113.77",
	"leakysecret77", "hunter2pw",
}

// TestNoCanaryReachesTheLake puts the canaries into every text of every payload
// of every source's fixtures, one at a time, and into every key, and looks for
// them in all that is written, the archive excepted.
func TestNoCanaryReachesTheLake(t *testing.T) {
	store := memenv.NewStore(memenv.NewClock(noon))
	p := newProcessor(t, store)
	var msgs []env.Message
	perSource := map[string]int{}
	for _, f := range fixtures(t) {
		var v any
		d := json.NewDecoder(strings.NewReader(f.body))
		d.UseNumber()
		if d.Decode(&v) != nil {
			continue
		}
		for _, body := range poisoned(t, v) {
			msgs = append(msgs, f.message(t, fmt.Sprintf("d%05d", len(msgs)), body))
			perSource[f.source]++
		}
	}
	for _, src := range []string{"api", "delighted", "github", "mapping", "segment", "zendesk"} {
		if perSource[src] < 20 {
			t.Errorf("only %d deliveries of %s", perSource[src], src)
		}
	}
	for batch := range slices.Chunk(msgs, 400) {
		if res, err := p.Process(t.Context(), batch); err != nil || len(res.Poison) > 0 {
			t.Fatal(res.Poison, err)
		}
	}
	written := 0
	for info, err := range store.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(info.Key, "archive/") {
			continue
		}
		b := content(t, store, info.Key)
		check(t, info.Key, string(b))
		for _, l := range rowsOf(t, b) {
			for _, column := range slices.Sorted(maps.Keys(l)) {
				check(t, info.Key+" "+column, l[column])
			}
			written++
		}
	}
	if written < len(msgs) {
		t.Errorf("%d deliveries gave %d rows", len(msgs), written)
	}
}

func check(t *testing.T, where, s string) {
	t.Helper()
	for _, leak := range leaks {
		if strings.Contains(s, leak) {
			t.Errorf("%s holds %q: %s", where, leak, s[:min(len(s), 300)])
			return
		}
	}
}

// poisoned gives copies of a document, each with canaries in one place: in
// place of a text, after it, and in a key.
func poisoned(t *testing.T, doc any) (out []string) {
	var visit func(v any, put func(any))
	emit := func() {
		b, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	visit = func(v any, put func(any)) {
		switch v := v.(type) {
		case string:
			for _, s := range []string{canaries, v + " " + canaries, "anna.leak@canary.example", v + " of the client which had the address 203.0.113.77"} {
				put(s)
				emit()
			}
			put(v)
		case []any:
			for i := range v {
				visit(v[i], func(x any) { v[i] = x })
			}
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				visit(v[k], func(x any) { v[k] = x })
			}
			v[canaries] = "value"
			emit()
			delete(v, canaries)
			v["anna.leak@canary.example"] = true
			emit()
			delete(v, "anna.leak@canary.example")
		}
	}
	visit(doc, func(x any) { doc = x })
	return out
}

// TestEveryColumnIsRedacted fills every text field of the input record of
// every table by hand: fixtures do not use all of them.
func TestEveryColumnIsRedacted(t *testing.T) {
	store := memenv.NewStore(memenv.NewClock(noon))
	p := newProcessor(t, store)
	required := map[record.Table]string{
		record.Tickets:  `"ticket_id":"1","change":"created"`,
		record.Surveys:  `"response_id":"1","kind":"text"`,
		record.Events:   `"kind":"track","name":"n"`,
		record.Releases: `"kind":"deploy"`,
	}
	fields := map[record.Table][]string{
		record.Tickets:  {"ticket_id", "subject", "text", "team", "assignee"},
		record.Surveys:  {"response_id", "survey_id", "question_id", "choice", "text", "ticket_id"},
		record.Events:   {"name", "session_id", "currency"},
		record.Releases: {"ref", "version", "environment", "service", "title", "url", "severity"},
	}
	common := []string{
		"event_id", "user_id", "anonymous_id", "email", "account_id",
		"plan", "locale", "country", "platform", "app_version", "product",
	}
	var msgs []env.Message
	for _, table := range record.Tables() {
		for _, field := range append(slices.Clone(common), fields[table]...) {
			r := map[string]any{}
			if err := json.Unmarshal([]byte("{"+required[table]+"}"), &r); err != nil {
				t.Fatal(err)
			}
			r["table"], r["event_id"] = table, fmt.Sprint("e", len(msgs))
			r[field] = canaries
			body, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			msgs = append(msgs, delivery(t, fmt.Sprintf("d%03d", len(msgs)), "api", noon, "/v1/records", string(body)))
		}
	}
	msgs = append(msgs, delivery(t, "tags", "api", noon, "/v1/records",
		`{"table":"tickets","ticket_id":"1","change":"tagged","tags":["ok",`+string(quoted(canaries))+`]}`))
	res, err := p.Process(t.Context(), msgs)
	if err != nil || res.Records != len(msgs) || res.Rejected != 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	for _, table := range record.Tables() {
		for _, l := range lines(t, store, table) {
			for column, value := range l {
				check(t, string(table)+" "+column, value)
			}
		}
	}
}

func lines(t *testing.T, s env.Blobs, name record.Table) []line { return table(t, s, string(name)) }

func quoted(s string) []byte {
	b, _ := json.Marshal(s)
	return b
}

func TestIDs(t *testing.T) {
	p := newProcessor(t, memenv.NewStore(memenv.NewClock(noon)))
	for _, same := range []string{
		"", "7", "cbe4028c-7239-495d-b020-f22348516046", "4111111111111111", "01HVPZ8Q6N4N4J7VG9C0V0W2KM",
		"ajs-next-1761991200000-cbe4028c-7239-495d", "release:5", "satisfaction:csat", "order-1234567890", "v1.2.3",
	} {
		if got := p.id(same); got != same {
			t.Errorf("id %q became %q", same, got)
		}
	}
	seen := map[string]bool{}
	for _, hashed := range []string{
		"anna@example.org", "signup-anna@example.org", "+49 151 23456789", "203.0.113.77", "DE89370400440532013000",
		"https://x.example/?token=abc123def",
	} {
		got := p.id(hashed)
		if len(got) != 32 || !isOpaque(got) || seen[got] || got == p.o.Keys.Key(hashed) {
			t.Errorf("id %q became %q", hashed, got)
		}
		seen[got] = true
	}
}

func TestLabels(t *testing.T) {
	p := newProcessor(t, memenv.NewStore(memenv.NewClock(noon)))
	for in, want := range map[string]string{
		"": "", "pro": "pro", "4111111111111111": "4111111111111111", "8447320466430": "8447320466430",
		"4111 1111 1111 1111": "[card]", "support@acme.example": "[email]",
	} {
		if got := p.label(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestVersions(t *testing.T) {
	p := newProcessor(t, memenv.NewStore(memenv.NewClock(noon)))
	for _, same := range []string{"", "1.2", "v10.0.0.1", "120.0.6099.109", "2026.11.02-rc.1", "1.2.3+build.5", "7b", "1.0-beta_2"} {
		if got := p.version(same); got != same {
			t.Errorf("version %q became %q", same, got)
		}
	}
	for _, other := range []string{"555-123-4567 call me", "+4915123456789", "anna@example.org", "1.2-anna@example.org"} {
		if isVersion(other) {
			t.Errorf("%q counts as a version", other)
		}
	}
	if got := p.ref("anna@example.org"); len(got) != 32 {
		t.Errorf("ref became %q", got)
	}
	if got := p.ref("10.0.0.1"); got != "10.0.0.1" {
		t.Errorf("ref became %q", got)
	}
}

func TestReasons(t *testing.T) {
	p := newProcessor(t, memenv.NewStore(memenv.NewClock(noon)))
	for in, want := range map[string]string{
		"score is required for nps":                                  "score is required for nps",
		`change must be one of a, b, not "reopened"; kind must be x`: `change must be one of a, b, not "reopened"; kind must be x`,
		`change must be one of a, not "Anna Schmidt of Berl..."; x`:  `change must be one of a, not "..."; x`,
		`not "quoted \"twice\" anna@ex..."`:                          `not "..."`,
		`not "4111"`:                                                 `not "..."`,
		`open "end anna`:                                             `open "..."`,
		"anna@example.org unknown field":                             "[email] unknown field",
		"bad \x00\xff byte":                                          "bad \uFFFD byte",
	} {
		if got := p.reason(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	long := p.reason(strings.Repeat("ä", 3*maxReason))
	if len(long) > maxReason+3 || !utf8.ValidString(long) {
		t.Errorf("a long reason has %d bytes", len(long))
	}
}

func TestObjects(t *testing.T) {
	p := newProcessor(t, memenv.NewStore(memenv.NewClock(noon)))
	for _, c := range []struct {
		name, in, want string
		traits         bool
	}{
		{"empty", `{}`, ``, false},
		{"nothing personal", `{"b":1, "a":[true,null,"x"],"n":12345678901234567890.123}`, `{"b":1, "a":[true,null,"x"],"n":12345678901234567890.123}`, false},
		{"names of things stay", `{"name":"Pricing","title":"T","product":{"name":"P"}}`, `{"name":"Pricing","title":"T","product":{"name":"P"}}`, false},
		{"names in traits go", `{"name":"Anna","First_Name":"A","plan":"pro","company":{"name":"Acme","email":"x"}}`, `{"name":null,"First_Name":null,"plan":"pro","company":{"name":"Acme","email":null}}`, true},
		{"people inside properties", `{"user":{"name":"Anna","role":"admin","address":{"street":"x"}},"author" : "Anna","members":["Anna",{"name":"Bob","n":1},[ "C" ],7]}`, `{"user":{"name":null,"role":"admin","address":null},"author" : null,"members":[null,{"name":null,"n":1},[ null ],7]}`, false},
		{"keys in other spellings", `{"$email":"a","E-Mail Address":"a","Phone_Number":491512345678,"userId":"u1"}`, `{"$email":null,"E-Mail Address":null,"Phone_Number":null,"userId":null}`, false},
		{"values of any form", `{"password": {"a":["}",1]} ,"token":[1,[2],"]"],"secret":-1.5e3,"cookie":"a\"b","email":true,"phone":null,"x":1}`, `{"password": null ,"token":null,"secret":null,"cookie":null,"email":true,"phone":null,"x":1}`, false},
		{"keys that are data", `{"anna@example.org":1,"a\"b":2}`, `{"[email]":1,"a\"b":2}`, false},
		{"urls", `{"url":"https://x.example/r?token=abc123&e=anna%40example.org"}`, `{"url":"https://x.example/r?token=[url]&e=[email]"}`, false},
		{"NUL", `{"a":"x\u0000y","b":"\\u0000"}`, `{"a":"xy","b":"\\u0000"}`, false},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", "{\"a\":\"\uFFFD\"}", false},
	} {
		if got := p.object(json.RawMessage(c.in), c.traits); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// FuzzScrub: valid JSON stays valid, nothing under a personal key stays, and a
// second time changes nothing.
func FuzzScrub(f *testing.F) {
	for _, seed := range []string{`{}`, `{"email":"a","b":[{"user":{"name":"x"}}]}`, `{"a":"\u0000","user":["x",{"phone":[1]}]}`, `{"email"`, `]}`, `"email":`} {
		f.Add([]byte(seed), true)
	}
	same := func(s string) string { return s }
	f.Fuzz(func(t *testing.T, in []byte, traits bool) {
		before := bytes.Clone(in)
		s := scrubber{redact: same, in: withoutNUL(in)}
		out := bytes.Clone(s.run(traits))
		if !bytes.Equal(before, in) {
			t.Fatal("the input was changed")
		}
		if !json.Valid(in) {
			return
		}
		if !json.Valid(out) {
			t.Fatalf("%q became %q", in, out)
		}
		var v any
		if err := json.Unmarshal(out, &v); err != nil {
			t.Fatal(err)
		}
		if _, root := v.(map[string]any); root {
			findPersonal(t, v)
		}
		again := scrubber{redact: same, in: out}
		if second := again.run(traits); !bytes.Equal(second, out) {
			t.Fatalf("%q became %q", out, second)
		}
	})
}

func findPersonal(t *testing.T, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			key, err := json.Marshal(k)
			if err != nil {
				t.Fatal(err)
			}
			if _, flag := x.(bool); personal[fold(key[1:len(key)-1])] && x != nil && !flag {
				t.Fatalf("%s still has %v", k, x)
			}
			findPersonal(t, x)
		}
	case []any:
		for _, x := range v {
			findPersonal(t, x)
		}
	}
}
