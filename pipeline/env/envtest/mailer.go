package envtest

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"upshot.dev/upshot/pipeline/env"
)

// Mailer runs the suite of env.Mailer. open returns a mailer and a function
// that gives the raw mails which arrived, in any order.
func Mailer(t *testing.T, open func(t *testing.T) (m env.Mailer, arrived func() [][]byte)) {
	head := "From: upshot@example.com\r\nTo: a@example.com\r\nSubject: hello\r\nDate: Mon, 23 Nov 2026 08:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\r\n"
	mail := func(raw string, to ...string) env.Mail {
		return env.Mail{From: "upshot@example.com", To: to, Raw: []byte(raw)}
	}
	t.Run("bytes arrive as they are", func(t *testing.T) {
		m, arrived := open(t)
		raws := []string{
			head + "plain\r\n",
			head + ".\r\n..\r\n.dots at line starts\r\n",
			head + strings.Repeat(strings.Repeat("x", 76)+"\r\n", 4000),
		}
		for _, raw := range raws {
			if err := m.Send(t.Context(), mail(raw, "a@example.com", "b@example.com")); err != nil {
				t.Fatal(err)
			}
		}
		got := arrived()
		if len(got) != len(raws) {
			t.Fatalf("%d mails arrived, %d were sent", len(got), len(raws))
		}
		for i, raw := range raws {
			same := func(b []byte) bool { return bytes.Equal(b, []byte(raw)) }
			if !slices.ContainsFunc(got, same) {
				t.Errorf("mail %d of %d bytes did not arrive as it was sent", i, len(raw))
			}
		}
	})
	t.Run("the caller's context ends the sending", func(t *testing.T) {
		m, arrived := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := m.Send(ctx, mail(head+"x\r\n", "a@example.com")); err == nil {
			t.Error("a mail was sent after its context had ended")
		}
		if n := len(arrived()); n != 0 {
			t.Errorf("%d mails arrived", n)
		}
	})
}
