package enrich

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// checkPlain fails unless s is what a text column may hold.
func checkPlain(t *testing.T, what, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Fatalf("%s: invalid UTF-8: %q", what, s)
	}
	for _, r := range s {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			t.Fatalf("%s: control character %U in %q", what, r, s)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{
		"<p>Hi<br>there</p>", "Hi\n\nOn Mon, 1 Jan 2026 at 10:00, A <a@b.co> wrote:\n> x", "a\x00b\xff\u200bc", "<script>alert(1)</script>",
		"From: a\nTo: b\n\nbody", "-- \nJane", "&lt;b&gt;", "<div style=\"display:none\">x</div>y", "e\u0301\r\n\u2028", "<pre>\u0000\t</pre>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := cleanText(s)
		checkPlain(t, "clean", got)
		if !norm.NFC.IsNormalString(got) {
			t.Fatalf("not NFC: %q", got)
		}
		if strings.Contains(got, "\n\n\n") || strings.Contains(got, "  ") || strings.TrimSpace(got) != got {
			t.Fatalf("layout: %q", got)
		}
		checkPlain(t, "subject", cleanSubject(s))
	})
}

func FuzzRedact(f *testing.F) {
	for _, s := range []string{
		"a@b.co", "+1 415 555 2671", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00", "10.1.2.3", "https://u:p@h/?token=abc",
		"Bearer abcdefghijklmnop1234", "2001:db8:1:2::3", "a@b.com555-123-4567", "x%40y.example", "ghp_0123456789abcdefghijABCDEFGHIJ",
		"phone (088) 123 456 x12", "[email]@x.co", "1.2.3.4.5 [phone] 555-1234", "?key=[url]x", "call 33 93 31",
	} {
		f.Add(s)
	}
	e := shared()
	f.Fuzz(func(t *testing.T, s string) {
		once, counts := e.Redact(s)
		if (counts == nil) != (once == s) {
			t.Fatalf("%q -> %q, counted %v", s, once, counts)
		}
		if twice, _ := e.Redact(once); twice != once {
			t.Fatalf("%q -> %q -> %q", s, once, twice)
		}
		if utf8.ValidString(s) && !utf8.ValidString(once) {
			t.Fatalf("%q -> invalid %q", s, once)
		}
	})
}

func FuzzRedactJSON(f *testing.F) {
	for _, s := range []string{
		`{"email":"a@b.co","n":12345678901234567890,"a":[1.50,"x"]}`, `"a\u0040b.co"`, `{"phone":"5551234567"}`, `{"a":"b@c.de`, `["a@b.co\ud800"]`, `{}`,
	} {
		f.Add([]byte(s))
	}
	e := shared()
	f.Fuzz(func(t *testing.T, doc []byte) {
		before := bytes.Clone(doc)
		out, counts := e.RedactJSON(doc)
		if !bytes.Equal(before, doc) {
			t.Fatal("the input was written to")
		}
		if counts == nil && !bytes.Equal(out, doc) {
			t.Fatalf("%q -> %q without a finding", doc, out)
		}
		if counts != nil && !json.Valid(out) {
			t.Fatalf("%q -> %q is not valid", doc, out)
		}
		if json.Valid(doc) && !json.Valid(out) {
			t.Fatalf("valid %q -> %q", doc, out)
		}
	})
}

func FuzzEnrich(f *testing.F) {
	f.Add("Export broken", "Since the update the CSV export crashes. Call +1 415 555 2671. I'm not happy :(")
	f.Add("Re: Frage", "<p>Wie geht das?</p>\x00\xff")
	f.Add("", "Dr. Smith e.g. [email] ’’ don’t 👍🏽")
	e := shared()
	f.Fuzz(func(t *testing.T, subject, body string) {
		r := e.Enrich(Text{subject, body})
		checkPlain(t, "subject", r.Subject)
		checkPlain(t, "text", r.Text)
		for _, m := range r.Mentions {
			checkPlain(t, "mention", m.Sentence)
			if len(m.Sentence) > maxSentenceBytes {
				t.Fatalf("a mention of %d bytes", len(m.Sentence))
			}
		}
		if r.Sentiment != nil && (*r.Sentiment < -1 || *r.Sentiment > 1 || *r.Confidence < 0.5 || *r.Confidence > 1) {
			t.Fatalf("sentiment %v, confidence %v", *r.Sentiment, *r.Confidence)
		}
		if (r.Sentiment != nil) != (r.Language == "en") {
			t.Fatalf("language %s, sentiment %v", r.Language, r.Sentiment)
		}
		if again, counts := e.Redact(r.Text); counts != nil {
			t.Fatalf("personal data in a result: %q, redacted %q", r.Text, again)
		}
	})
}

func FuzzLoadTaxonomy(f *testing.F) {
	f.Add([]byte("themes:\n- {id: a, name: A, phrases: [x]}\n"))
	f.Add([]byte("themes:\n- {id: a, name: A, parent: b, phrases: [x]}\n- {id: b, name: B, parent: a, phrases: [y]}"))
	f.Add([]byte("themes: &a [*a]"))
	f.Add([]byte("themes:\n- id: [x]\n  phrases: {}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		taxonomy, err := LoadTaxonomy(data)
		if err == nil && (len(taxonomy) == 0 || taxonomy[0].ID == "" || len(taxonomy[0].Phrases) == 0) {
			t.Fatalf("%q -> %v", data, taxonomy)
		}
	})
}
