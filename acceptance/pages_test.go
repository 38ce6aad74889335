package acceptance

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"upshot.dev/upshot/pipeline/report"
	"upshot.dev/upshot/testdata/company"
)

// part is one leaf of a mail, decoded.
type part struct {
	media, id string
	within    string // the type of what it stands in
	body      []byte
}

// TestMailOfTheDemo: the mail is built as mail programs want it: a text part,
// an HTML part below their limit, and every picture in it by content id.
func TestMailOfTheDemo(t *testing.T) {
	t.Parallel()
	var html, text []byte
	pictures := map[string]bool{}
	for _, p := range demoMail(t) {
		switch p.media + " in " + p.within {
		case "text/plain in multipart/alternative":
			text = p.body
		case "text/html in multipart/related":
			html = p.body
		case "image/png in multipart/related":
			if _, err := png.Decode(bytes.NewReader(p.body)); err != nil {
				t.Errorf("picture %s: %v", p.id, err)
			}
			pictures[p.id] = true
		default:
			t.Errorf("the mail has a part of type %s in %s", p.media, p.within)
		}
	}
	if len(html) < 5000 || len(html) >= report.MaxMailHTML {
		t.Errorf("the HTML part has %d bytes", len(html))
	}
	if len(text) < 500 || bytes.Contains(text, []byte("<td")) {
		t.Errorf("the text part is %.300q", text)
	}
	used := regexp.MustCompile(`src="cid:([^"]+)"`).FindAllSubmatch(html, -1)
	for _, u := range used {
		if !pictures[string(u[1])] {
			t.Errorf("the mail shows cid:%s and does not bring it", u[1])
		}
	}
	if len(used) == 0 || len(used) != len(pictures) {
		t.Errorf("%d pictures are shown, %d are there", len(used), len(pictures))
	}
	if bytes.Contains(html, []byte("<script")) || regexp.MustCompile(`(?i)src="https?:`).Match(html) {
		t.Error("the mail has scripts, or loads something from outside")
	}
}

// secret finds what would name a person or open a door, in the spellings of
// any company: addresses, telephone numbers, cards, IBANs, tokens.
var secret = regexp.MustCompile(`(?i)[a-z0-9._%+-]+@[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}` +
	`|(\+|\b00)\d{2}[ ().-]?\d{2,4}[ ().-]\d{3}[ .-]?\d{2,}|\(\d{3}\) ?\d{3}-\d{4}|\b555-01\d\d\b` +
	`|\b(\d{4}[ -]){3}\d{4}\b|\b3782[ -]?822463[ -]?10005\b|\b4111111111111111\b|\b5555555555554444\b` +
	`|\b[A-Z]{2}\d{2} ?[A-Z0-9]{4}( ?\d{4}){3,}` +
	`|\b(access_token|token|key)=[0-9a-f]{8}|://[^/\s"]*:[^/\s"]*@`)

// TestNothingPersonalInTheReport: the texts of the company are full of personal
// data, and none of it comes through to what is read and forwarded.
func TestNothingPersonalInTheReport(t *testing.T) {
	t.Parallel()
	c := fullCompany()
	planted := 0
	for _, tk := range c.Tickets {
		for _, ch := range tk.Changes {
			if secret.MatchString(ch.Text) {
				planted++
			}
		}
	}
	if planted < 100 {
		t.Fatalf("%d texts of the company have personal data: there is nothing to find", planted)
	}
	pages := map[string][]byte{}
	for _, name := range []string{"report.html", "report.md", "report.json"} {
		b, err := os.ReadFile(filepath.Join(demo(t), "report", name))
		if err != nil {
			t.Fatal(err)
		}
		pages[name] = b
	}
	contentID := regexp.MustCompile(`src="cid:[^"]+"`) // has the form of an address
	for _, p := range demoMail(t) {
		if strings.HasPrefix(p.media, "text/") {
			pages["report.eml "+p.media] = contentID.ReplaceAll(p.body, nil)
		}
	}
	for name, b := range pages {
		if m := secret.FindAll(b, 5); len(m) > 0 {
			t.Errorf("%s has %q", name, m)
		}
		if len(b) < 500 {
			t.Errorf("%s has %d bytes", name, len(b))
		}
		for _, p := range c.People {
			if p.Email != "" && bytes.Contains(bytes.ToLower(b), []byte(strings.ToLower(p.Email))) {
				t.Errorf("%s has the address %s", name, p.Email)
			}
		}
		for _, s := range company.Secrets() {
			if bytes.Contains(b, []byte(s)) {
				t.Errorf("%s has the secret %s", name, s)
			}
		}
	}
}

// demoMail reads the leaves of report.eml.
func demoMail(t *testing.T) []part {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(demo(t), "report", "report.eml"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := mail.ReadMessage(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if to, err := m.Header.AddressList("To"); err != nil || len(to) != 1 || m.Header.Get("Subject") == "" {
		t.Errorf("to %v, %v, subject %q", to, err, m.Header.Get("Subject"))
	}
	return unfold(t, m.Header, "", m.Body)
}

// unfold decodes a part and those inside it.
func unfold(t *testing.T, h interface{ Get(string) string }, within string, body io.Reader) []part {
	t.Helper()
	media, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(media, "multipart/") {
		var list []part
		for r := multipart.NewReader(body, params["boundary"]); ; {
			p, err := r.NextRawPart()
			if err == io.EOF {
				return list
			}
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, unfold(t, p.Header, media, p)...)
		}
	}
	switch strings.ToLower(h.Get("Content-Transfer-Encoding")) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return []part{{media, strings.Trim(h.Get("Content-Id"), "<>"), within, b}}
}
