package source_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"upshot.dev/upshot/pipeline/source"
)

var update = flag.Bool("update", false, "rewrite what the fixtures expect")

// fixtureRoot has one folder per source.
var fixtureRoot = filepath.Join("..", "..", "testdata", "sources")

// fixture is one .txtar file: a request and its body, and what it must give.
//
//	-- request --   the request line and headers; Received-At is the clock
//	-- body --
//	-- again --     optional: the body of a redelivery, which must give the same ids
//	-- records --   the records as JSON lines
//	-- items --     the place of each record, and the sender's clock
//	-- rejects --   place, table, reason
type fixture struct {
	file    string
	archive *txtar.Archive
}

func (f fixture) part(name string) ([]byte, bool) {
	for _, p := range f.archive.Files {
		if p.Name == name {
			return p.Data, true
		}
	}
	return nil, false
}

func (f fixture) set(name string, data []byte) {
	for i := range f.archive.Files {
		if f.archive.Files[i].Name == name {
			f.archive.Files[i].Data = data
			return
		}
	}
	f.archive.Files = append(f.archive.Files, txtar.File{Name: name, Data: data})
}

// request gives the call as it came over the wire, and its time.
func (f fixture) request(t testing.TB) (source.Request, time.Time) {
	t.Helper()
	head, _ := f.part("request")
	body, _ := f.part("body")
	// txtar ends every part with a line break, which the wire does not have.
	req := source.Request{Header: http.Header{}, Body: bytes.TrimSuffix(body, []byte("\n"))}
	var at time.Time
	for i, line := range strings.Split(strings.TrimSpace(string(head)), "\n") {
		if i == 0 {
			method, target, _ := strings.Cut(strings.TrimSpace(line), " ")
			u, err := url.Parse("https://upshot.example" + target)
			if err != nil {
				t.Fatalf("%s: %v", f.file, err)
			}
			req.Method, req.URL = method, u
			continue
		}
		k, v, _ := strings.Cut(line, ": ")
		if k == "Received-At" {
			var err error
			if at, err = time.Parse(time.RFC3339Nano, v); err != nil {
				t.Fatalf("%s: %v", f.file, err)
			}
			continue
		}
		req.Header.Set(k, strings.TrimSpace(v))
	}
	if at.IsZero() {
		t.Fatalf("%s: no Received-At", f.file)
	}
	return req, at
}

// delivery is what reaches the parser: only the headers that the source keeps.
func (f fixture) delivery(t testing.TB, s *source.Source) source.Delivery {
	t.Helper()
	req, at := f.request(t)
	d := source.Delivery{
		Source: s.Type, Method: req.Method, Path: req.URL.Path, Body: req.Body, Header: http.Header{}, ReceivedAt: at,
	}
	for _, k := range s.Keep {
		if v := req.Header.Get(k); v != "" {
			d.Header.Set(k, v)
		}
	}
	return d
}

// fixtures reads a folder.
func fixtures(t testing.TB, folder string) []fixture {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(fixtureRoot, folder, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	var out []fixture
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fixture{file, a})
	}
	return out
}

// subjects are the sources that have fixtures: those built in, and the example
// mapping.
func subjects(t testing.TB) map[string]*source.Source {
	t.Helper()
	all := map[string]*source.Source{"mapping": acme(t)}
	for _, s := range source.All() {
		all[s.Type] = s
	}
	return all
}

func acme(t testing.TB) *source.Source {
	t.Helper()
	file := filepath.Join(fixtureRoot, "mapping", "acme.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := source.FromMapping(file, data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRegistry walks the sources: each is described, and has fixtures that
// yield something, some that are refused or ignored, and a redelivery.
func TestRegistry(t *testing.T) {
	if n := len(source.All()); n < 5 {
		t.Errorf("only %d sources are registered", n)
	}
	for i, s := range source.All() {
		if i > 0 && source.All()[i-1].Type >= s.Type {
			t.Errorf("%s is out of order", s.Type)
		}
		if got, ok := source.Lookup(s.Type); !ok || got != s {
			t.Errorf("%s is not found", s.Type)
		}
		if len(s.Doc) < 40 {
			t.Errorf("%s has no doc to speak of", s.Type)
		}
		if err := s.CheckSecrets(nil); err == nil {
			t.Errorf("%s takes no secrets", s.Type)
		}
		yields, refuses, again := 0, 0, 0
		for _, f := range fixtures(t, s.Type) {
			p := source.Parse(s, f.delivery(t, s))
			yields += len(p.Records)
			if _, ok := f.part("again"); ok {
				again++
			}
			if len(p.Records) == 0 || len(p.Rejects) > 0 {
				refuses++
			}
		}
		if yields == 0 || refuses == 0 || again == 0 {
			t.Errorf("%s needs fixtures that yield records (%d), some that do not (%d), and a redelivery (%d)",
				s.Type, yields, refuses, again)
		}
	}
	if _, ok := source.Lookup("nobody"); ok {
		t.Error("an unknown type is found")
	}
}

func TestFixtures(t *testing.T) {
	for name, s := range subjects(t) {
		for _, f := range fixtures(t, name) {
			t.Run(name+"/"+strings.TrimSuffix(filepath.Base(f.file), ".txtar"), func(t *testing.T) {
				check(t, s, f)
			})
		}
	}
}

func check(t *testing.T, s *source.Source, f fixture) {
	d := f.delivery(t, s)
	p := source.Parse(s, d)
	if diff := cmp.Diff(p, source.Parse(s, d)); diff != "" {
		t.Errorf("a second reading differs:\n%s", diff)
	}
	var ids, records, items, rejects bytes.Buffer
	for i, r := range p.Records {
		raw, err := r.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&records, "%s\n", raw)
		fmt.Fprintf(&items, "%d", p.Items[i])
		if !r.SentAt.IsZero() {
			fmt.Fprintf(&items, " sent %s", r.SentAt.Format(time.RFC3339Nano))
		}
		items.WriteByte('\n')
		fmt.Fprintf(&ids, "%s %s\n", r.Table, r.EventID)
	}
	for _, r := range p.Rejects {
		fmt.Fprintf(&rejects, "%d %q %s\n", r.Item, r.Table, r.Reason)
	}
	expect(t, f, map[string]string{"records": records.String(), "items": items.String(), "rejects": rejects.String()})
	if again, ok := f.part("again"); ok {
		d.Body = bytes.TrimSuffix(again, []byte("\n"))
		d.ReceivedAt = d.ReceivedAt.Add(26 * time.Hour)
		var other bytes.Buffer
		for _, r := range source.Parse(s, d).Records {
			fmt.Fprintf(&other, "%s %s\n", r.Table, r.EventID)
		}
		if diff := cmp.Diff(ids.String(), other.String()); diff != "" {
			t.Errorf("the redelivery has other ids (-first +again):\n%s", diff)
		}
	}
}

// expect compares parts of the file, or rewrites them.
func expect(t *testing.T, f fixture, got map[string]string) {
	t.Helper()
	for _, name := range []string{"records", "items", "rejects"} {
		want, _ := f.part(name)
		if *update {
			f.set(name, []byte(got[name]))
		} else if diff := cmp.Diff(string(want), got[name]); diff != "" {
			t.Errorf("%s: %s differ (-want +got):\n%s", f.file, name, diff)
		}
	}
	if *update {
		if err := os.WriteFile(f.file, txtar.Format(f.archive), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFixturesSigned signs each fixture as its sender would, and lets it in;
// with one byte more it is not.
func TestFixturesSigned(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	for name, s := range subjects(t) {
		for _, f := range fixtures(t, name) {
			req, at := f.request(t)
			if err := source.Sign(s.Scheme, secret, &req, at); err != nil {
				t.Fatalf("%s: %v", f.file, err)
			}
			if err := s.Verify(req, req.Body, []string{"another", secret}, at); err != nil {
				t.Errorf("%s: %v", f.file, err)
			}
			refused(t, s.Verify(req, req.Body, []string{"another"}, at), "")
			if name == "segment" || name == "api" {
				continue // authenticated by key: the body is not signed
			}
			req.Body = append(bytes.Clone(req.Body), '\n')
			refused(t, s.Verify(req, req.Body, []string{secret}, at), "does not match")
		}
	}
}

// TestFixtureBodiesSurviveCutting cuts every body at many places: whatever is
// left is a reject or less, never a panic, and quotes nothing of the payload.
func TestFixtureBodiesSurviveCutting(t *testing.T) {
	for name, s := range subjects(t) {
		for _, f := range fixtures(t, name) {
			d := f.delivery(t, s)
			whole := d.Body
			for cut := 0; cut < len(whole); cut += 1 + len(whole)/40 {
				d.Body = whole[:cut]
				for _, r := range source.Parse(s, d).Rejects {
					if r.Reason == "" || r.Reason == "parser failed" {
						t.Errorf("%s cut at %d: reason is %q", f.file, cut, r.Reason)
					}
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for name, s := range subjects(f) {
		for _, x := range fixtures(f, name) {
			d := x.delivery(f, s)
			f.Add(d.Path, d.Header.Get("X-GitHub-Event"), d.Header.Get("Content-Type"), d.Body)
		}
	}
	all := subjects(f)
	f.Fuzz(func(t *testing.T, path, event, kind string, body []byte) {
		for name, s := range all {
			d := source.Delivery{
				Source: name, Method: "POST", Path: path, Body: body, ReceivedAt: noon,
				Header: http.Header{"X-Github-Event": {event}, "Content-Type": {kind}},
			}
			p := source.Parse(s, d)
			if len(p.Items) != len(p.Records) {
				t.Fatalf("%s: %d records at %d places", name, len(p.Records), len(p.Items))
			}
			for _, r := range p.Records {
				if r.EventID == "" || len(r.Validate()) > 0 {
					t.Fatalf("%s: invalid record %+v", name, r)
				}
				raw, err := r.MarshalJSON()
				if err != nil || !json.Valid(raw) {
					t.Fatalf("%s: record cannot be written: %v", name, err)
				}
			}
			for _, r := range p.Rejects {
				if r.Reason == "" || r.Reason == "parser failed" {
					t.Fatalf("%s: reject without reason: %+v", name, r)
				}
			}
		}
	})
}
