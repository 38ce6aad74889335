package alerting_test

import (
	"io"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/internal/alerting"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// TestMails: a notice is a mail that a mail program reads as it was meant.
func TestMails(t *testing.T) {
	post := &memenv.Mailer{}
	m := alerting.Mails{Mailer: post, From: "Upshot <upshot@example.com>", To: []string{"a@example.com", "Bé <b@example.com>"}, Clock: memenv.NewClock(noon)}
	want := env.Notice{Subject: "[warn] CSAT is below 80%", Body: "CSAT ≤ 80% = bad\n\n.\n" + strings.Repeat("long ", 300) + "\n"}
	for range 2 {
		if err := m.Notify(t.Context(), want); err != nil {
			t.Fatal(err)
		}
	}
	sent := post.Mails()
	if string(sent[0].Raw) != string(sent[1].Raw) {
		t.Error("the same notice gives different bytes")
	}
	msg, err := mail.ReadMessage(strings.NewReader(string(sent[0].Raw)))
	if err != nil {
		t.Fatal(err)
	}
	to, err := msg.Header.AddressList("To")
	if err != nil || len(to) != 2 || to[1].Name != "Bé" || msg.Header.Get("Subject") != want.Subject {
		t.Errorf("%v, %v, %q", to, err, msg.Header.Get("Subject"))
	}
	body, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
	if err != nil || strings.ReplaceAll(string(body), "\r\n", "\n") != want.Body {
		t.Errorf("%q, %v", body, err)
	}
	for line := range strings.SplitSeq(string(sent[0].Raw), "\r\n") {
		if len(line) > 78 || strings.ContainsAny(line, "\r\n") {
			t.Errorf("the line %q", line)
		}
	}
}

// TestWrongMails: nothing leaves that nobody could get, and no address makes a
// header of its own.
func TestWrongMails(t *testing.T) {
	good := env.Notice{Subject: "x", Body: "x"}
	for name, c := range map[string]struct {
		from, to string
		n        env.Notice
	}{
		"no body":              {"a@example.com", "b@example.com", env.Notice{Subject: "x"}},
		"no sender":            {"", "b@example.com", good},
		"no recipient":         {"a@example.com", "", good},
		"a header in the from": {"a@example.com\r\nBcc: c@example.com", "b@example.com", good},
		"a header in the to":   {"a@example.com", "b@example.com\r\nBcc: c@example.com", good},
	} {
		post := &memenv.Mailer{}
		err := alerting.Mails{Mailer: post, From: c.from, To: []string{c.to}, Clock: memenv.NewClock(noon)}.Notify(t.Context(), c.n)
		if !fault.Is(err, fault.Invalid) || len(post.Mails()) != 0 {
			t.Errorf("%s: %v, %d mails", name, err, len(post.Mails()))
		}
	}
	post := &memenv.Mailer{}
	n := env.Notice{Subject: "x\r\nBcc: c@example.com", Body: "x"}
	if err := (alerting.Mails{Mailer: post, From: "a@example.com", To: []string{"b@example.com"}, Clock: memenv.NewClock(noon)}).Notify(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if msg, err := mail.ReadMessage(strings.NewReader(string(post.Mails()[0].Raw))); err != nil || msg.Header.Get("Bcc") != "" {
		t.Errorf("%v, %v", msg, err)
	}
}
