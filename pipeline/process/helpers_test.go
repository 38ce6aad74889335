package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"upshot.dev/upshot/pipeline/enrich"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/pipeline/source"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// enricher is built once: it takes some milliseconds.
var enricher = sync.OnceValues(func() (*enrich.Enricher, error) { return enrich.New(enrich.Options{}) })

// testSources are all types that are built in, under their own names, with a
// mapping and with sources that misbehave.
func testSources(t testing.TB) map[string]*source.Source {
	t.Helper()
	out := map[string]*source.Source{
		"panics": {Type: "panics", Parse: func(source.Delivery) source.Parsed { panic("anna@example.org") }},
		"odd": {Type: "odd", Parse: func(d source.Delivery) source.Parsed {
			return source.Parsed{Rejects: []source.Reject{{Item: 3, Table: string(d.Body), Reason: string(d.Body)}}}
		}},
	}
	for _, s := range source.All() {
		out[s.Type] = s
	}
	file := filepath.Join("..", "..", "testdata", "sources", "mapping", "acme.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if out["mapping"], err = source.FromMapping(file, data); err != nil {
		t.Fatal(err)
	}
	return out
}

func newProcessor(t testing.TB, store env.Blobs) *Processor {
	t.Helper()
	e, err := enricher()
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(Options{
		Store: store, Sources: testSources(t), Enricher: e, Keys: record.NewKeyring([]byte("test key")),
		Exclude: record.Exclusion{EmailDomains: []string{"own.example"}, UserIDs: []string{"robot"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// delivery makes an envelope and its message.
func delivery(t testing.TB, id, src string, received time.Time, path, body string) env.Message {
	t.Helper()
	e := record.Envelope{
		Version: record.EnvelopeVersion, ID: id, Source: src, ReceivedAt: received,
		Method: "POST", Path: path, Body: []byte(body),
	}
	raw, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return env.Message{ID: id, Body: raw}
}

// line is one row of a file: its columns as text, nulls left out.
type line map[string]string

// text is the row in one line, without some columns.
func (l line) text(without ...string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(l)) {
		if !slices.Contains(without, k) {
			fmt.Fprintf(&b, "%s=%s;", k, l[k])
		}
	}
	return b.String()
}

// table reads all rows of a table, by the file's own columns, with dt.
func table(t testing.TB, s env.Blobs, name string) []line {
	t.Helper()
	var out []line
	for info, err := range s.List(context.Background(), name+"/") {
		if err != nil {
			t.Fatal(err)
		}
		f, ok := lake.ParseKey(info.Key)
		if !ok {
			t.Fatalf("%s is no file of the lake", info.Key)
		}
		for _, l := range rowsOf(t, content(t, s, info.Key)) {
			l["dt"] = f.DT
			out = append(out, l)
		}
	}
	return out
}

func content(t testing.TB, s env.Blobs, key string) []byte {
	t.Helper()
	o, err := s.Open(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	if err := errors.Join(err, o.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

func rowsOf(t testing.TB, b []byte) []line {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	columns := f.Schema().Columns()
	var out []line
	for _, g := range f.RowGroups() {
		r := g.Rows()
		buf := make([]parquet.Row, 64)
		for {
			n, err := r.ReadRows(buf)
			for _, row := range buf[:n] {
				l := line{}
				for _, v := range row {
					if v.IsNull() {
						continue
					}
					name := strings.Join(columns[v.Column()], ".")
					if old, more := l[name]; more {
						l[name] = old + "|" + v.String()
					} else {
						l[name] = v.String()
					}
				}
				out = append(out, l)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// sight is what the views show of a lake: each table's rows without duplicates,
// as text, sorted.
type sight map[string][]string

func look(t testing.TB, s env.Blobs) sight {
	t.Helper()
	out := sight{}
	for _, name := range record.Tables() {
		out[string(name)] = standing(table(t, s, string(name)))
	}
	// Of links that say the same the earliest counts.
	links := map[string]line{}
	for _, l := range table(t, s, lake.Links) {
		k := l["user_key"] + "/" + l["email_key"] + "/" + l["anonymous_key"] + "/" + l["excluded"]
		rank := func(l line) string { return l["occurred_at"] + "/" + l["event_id"] + "/" + l["source"] }
		if old, ok := links[k]; !ok || rank(l) < rank(old) {
			links[k] = l
		}
	}
	out[lake.Links] = texts(slices.Collect(maps.Values(links)))
	out[lake.Rejects] = texts(table(t, s, lake.Rejects), "archive_object", "archive_line")
	out[lake.Ledger] = texts(table(t, s, lake.Ledger))
	return out
}

// texts are the distinct rows.
func texts(rows []line, without ...string) []string {
	var out []string
	for _, l := range rows {
		out = append(out, l.text(without...))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// standing removes duplicates as the views do: of the rows of one source and
// event_id the first by (received_at, delivery_id, delivery_seq) stands, within
// a day, or across days where one of them has a mended time.
func standing(rows []line) []string {
	adjusted := map[string]bool{}
	for _, l := range rows {
		id := l["source"] + "/" + l["event_id"]
		adjusted[id] = adjusted[id] || l["time_adjusted"] == "true"
	}
	rank := func(l line) string {
		return fmt.Sprintf("%s/%s/%09s", l["received_at"], l["delivery_id"], l["delivery_seq"])
	}
	first := map[string]line{}
	for _, l := range rows {
		k := l["source"] + "/" + l["event_id"]
		if !adjusted[k] {
			k += "/" + l["dt"]
		}
		if old, ok := first[k]; !ok || rank(l) < rank(old) {
			first[k] = l
		}
	}
	return texts(slices.Collect(maps.Values(first)))
}

// fixture is one case of testdata/sources.
type fixture struct {
	name, source, path string
	header             map[string]string
	body               string
}

// fixtures reads the requests of all cases of all sources.
func fixtures(t testing.TB) []fixture {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "sources", "*", "*.txtar"))
	if err != nil || len(files) < 50 {
		t.Fatalf("%d fixtures, %v", len(files), err)
	}
	var out []fixture
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f := fixture{
			name: filepath.Base(file), source: filepath.Base(filepath.Dir(file)),
			path: "/", header: map[string]string{},
		}
		section := ""
		for l := range strings.Lines(string(b)) {
			if name, ok := strings.CutPrefix(strings.TrimSuffix(l, " --\n"), "-- "); ok && strings.HasSuffix(l, " --\n") {
				section = name
				continue
			}
			switch section {
			case "request":
				if k, v, ok := strings.Cut(strings.TrimSpace(l), ": "); ok {
					f.header[k] = v
				} else if _, path, ok := strings.Cut(strings.TrimSpace(l), " "); ok {
					f.path = path
				}
			case "body":
				f.body += l
			}
		}
		out = append(out, f)
	}
	return out
}

func (f fixture) message(t testing.TB, id, body string) env.Message {
	t.Helper()
	e := record.Envelope{
		Version: record.EnvelopeVersion, ID: id, Source: f.source, ReceivedAt: noon,
		Method: "POST", Path: f.path, Header: f.header, Body: []byte(body),
	}
	raw, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return env.Message{ID: id, Body: raw}
}
