package report

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// hostileText is markup of every kind that a field from outside could carry:
// HTML, attributes, a header line, Markdown, a spreadsheet formula, control
// characters and broken UTF-8.
const hostileText = "=HYPERLINK(\"http://evil.example\") </title></style></svg><script>alert(1)</script><img src=x onerror=alert(2)> \" onmouseover=\"alert(3) ' \r\nBcc: victim@example.com\r\n\r\n# h [x](javascript:alert(4)) ![i](http://evil.example/p.png) `code` **b** | cell | {{.}} https://evil.example @all \x00\x1b[31m\xff\u202e\u2028end"

// hostileReport is the sample with hostile text in every string.
func hostileReport() *Report {
	r := sample()
	poison(reflect.ValueOf(r).Elem(), "")
	r.Schema = Schema
	return r
}

// kept are fields that Build makes from fixed words, never from outside.
var kept = map[string]bool{
	"Schema": true, "Grain": true, "From": true, "To": true, "Ended": true, "Kind": true, "Unit": true, "Tone": true, "Better": true, "Section": true, "X": true,
}

func poison(v reflect.Value, field string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem(), field)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			poison(v.Field(i), v.Type().Field(i).Name)
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i), field)
		}
	case reflect.String:
		switch {
		case field == "ID":
			v.SetString(v.String() + "\"><script>")
		case !kept[field] && field != "URL":
			v.SetString(hostileText + v.String())
		case field == "URL":
			v.SetString("javascript:alert(5)//" + hostileText)
		}
	}
}

func quietReport() *Report {
	r := sample()
	r.Headlines, r.Quiet = nil, "No change this week is larger than its usual spread."
	r.Roadmap, r.Releases, r.Sections, r.Ledger.Sources, r.Ledger.Silent = nil, nil, r.Sections[:2], nil, nil
	return r
}

// Whatever comes from outside stays text on the page and in the mail: no
// element, no attribute and no link of it comes to be.
func TestHostileTextStaysText(t *testing.T) {
	out := renderings(t, hostileReport())
	for _, name := range []string{"report.html", "mail.html"} {
		root, err := html.Parse(bytes.NewReader(out[name]))
		if err != nil {
			t.Fatal(err)
		}
		for n := range root.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if n.Data == "script" || n.Data == "iframe" || n.Data == "object" {
				t.Errorf("%s: element %s", name, n.Data)
			}
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || strings.HasPrefix(strings.TrimSpace(strings.ToLower(a.Val)), "javascript:") {
					t.Errorf("%s: attribute %s=%q", name, a.Key, a.Val)
				}
				if n.Data == "img" && a.Key == "src" && !strings.HasPrefix(a.Val, "cid:") {
					t.Errorf("%s: picture from %q", name, a.Val)
				}
			}
		}
		if !bytes.Contains(out[name], []byte("&lt;script&gt;")) {
			t.Errorf("%s: the text itself is gone", name)
		}
	}
	if !json.Valid(out["report.json"]) {
		t.Error("report.json is no JSON")
	}
}

var unescaped = regexp.MustCompile("(^|[^\\\\])[<>`]|(^|[^\\\\])\\]\\(|://")

func TestHostileMarkdown(t *testing.T) {
	text := string(renderings(t, hostileReport())["report.md"])
	for line := range strings.Lines(text) {
		line = strings.ReplaceAll(strings.ReplaceAll(line, "<sub>", ""), "</sub>", "")
		line = strings.TrimPrefix(strings.TrimLeft(line, " "), "> ")
		if hit := unescaped.FindString(line); hit != "" {
			t.Errorf("unescaped %q in %q", hit, line)
		}
		for _, start := range []string{"=", "+", "@", "Bcc:"} {
			if strings.HasPrefix(line, start) {
				t.Errorf("line starts with %q: %q", start, line)
			}
		}
	}
	for _, c := range []struct{ in, want string }{
		{"- item", "&#45; item"},
		{"12. item", "12\\. item"},
		{"12 items", "12 items"},
		{"=1+1", "&#61;1+1"},
		{"a|b", "a\\|b"},
		{"a\nb", "a b"},
		{"a_b*c", "a\\_b\\*c"},
		{"<b>&", "&lt;b&gt;&amp;"},
		{"", ""},
	} {
		if got := mdText(c.in); got != c.want {
			t.Errorf("mdText(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

// The mail is one well-formed message: its headers are ours alone, the parts
// decode to the text, the page and the pictures that the page refers to.
func TestMailParts(t *testing.T) {
	for name, r := range map[string]*Report{"sample": sample(), "hostile": hostileReport(), "quiet": quietReport()} {
		raw, err := r.Mail(envelope)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for line := range bytes.Lines(raw) {
			if !bytes.HasSuffix(line, []byte("\n")) || len(line) > 1000 {
				t.Errorf("%s: line of %d bytes", name, len(line))
			}
		}
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		for key := range m.Header {
			switch key {
			case "From", "To", "Subject", "Date", "Message-Id", "Mime-Version", "Content-Type":
			default:
				t.Errorf("%s: header %s", name, key)
			}
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if err != nil || subject == "" || strings.ContainsAny(subject, "\r\n\x00") {
			t.Errorf("%s: subject %q, %v", name, subject, err)
		}
		if date, err := m.Header.Date(); err != nil || date.UTC().Format("2006-01-02T15:04:05Z") != r.Period.Ended {
			t.Errorf("%s: date %v, %v", name, date, err)
		}
		parts := walk(t, m.Header.Get("Content-Type"), m.Body)
		if len(parts["text/plain"]) != 1 || len(parts["text/html"]) != 1 {
			t.Fatalf("%s: parts %v", name, parts)
		}
		page := parts["text/html"][0].body
		if len(page) >= MaxMailHTML {
			t.Errorf("%s: page of %d bytes", name, len(page))
		}
		if got := strings.Count(page, "src=\"cid:"); got != len(parts["image/png"]) {
			t.Errorf("%s: %d pictures referred to, %d there", name, got, len(parts["image/png"]))
		}
		for _, p := range parts["image/png"] {
			id := strings.Trim(p.id, "<>")
			if !strings.Contains(page, "cid:"+id) && !strings.Contains(page, "cid:"+strings.ReplaceAll(id, "@", "%40")) {
				t.Errorf("%s: nothing refers to %s", name, p.id)
			}
			if !strings.HasPrefix(p.body, "\x89PNG\r\n") {
				t.Errorf("%s: %s is no PNG", name, p.id)
			}
		}
	}
}

type part2 struct{ id, body string }

// walk decodes all parts of a message by media type.
func walk(t *testing.T, contentType string, body io.Reader) map[string][]part2 {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]part2{}
	if !strings.HasPrefix(kind, "multipart/") {
		t.Fatalf("media type %s", kind)
	}
	reader := multipart.NewReader(body, params["boundary"])
	for {
		p, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(kind, "multipart/") {
			for k, v := range walk(t, p.Header.Get("Content-Type"), p) {
				out[k] = append(out[k], v...)
			}
			continue
		}
		var source io.Reader = p // multipart decodes quoted-printable itself
		if p.Header.Get("Content-Transfer-Encoding") == "base64" {
			source = base64.NewDecoder(base64.StdEncoding, p)
		}
		text, err := io.ReadAll(source)
		if err != nil {
			t.Fatal(err)
		}
		out[kind] = append(out[kind], part2{p.Header.Get("Content-Id"), string(text)})
	}
}

func TestMailRefusesWrongAddresses(t *testing.T) {
	for _, e := range []Envelope{{From: "", To: []string{"a@b.example"}}, {From: "a@b.example\r\nBcc: c@d.example"}, {From: "a@b.example", To: []string{"nobody"}}} {
		if _, err := sample().Mail(e); err == nil {
			t.Errorf("%+v: no error", e)
		}
	}
}

// A mail that would be cut off loses its least needed parts instead.
func TestMailStaysSmall(t *testing.T) {
	r := sample()
	long := strings.Repeat("<&>", 6000)
	for i := range r.Sections {
		for k := range r.Sections[i].Themes {
			r.Sections[i].Themes[k].Name = long
		}
	}
	r.Roadmap.Items[0].Why = long + long
	page, err := r.MailHTML()
	if err != nil || len(page) >= MaxMailHTML {
		t.Errorf("%d bytes, %v", len(page), err)
	}
	if !bytes.Contains(page, []byte("received = ")) || r.Roadmap == nil || len(r.Sections) == 0 {
		t.Error("the ledger line is gone, or the report itself was changed")
	}
	r.Headlines[0].Text = strings.Repeat(long, 4)
	if _, err := r.MailHTML(); err == nil {
		t.Error("a headline of 200 KB has no error")
	}
}

func dataURL(t *testing.T, c Chart) string {
	t.Helper()
	picture, err := ChartPNG(c)
	if err != nil {
		t.Fatal(err)
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(picture)
}
