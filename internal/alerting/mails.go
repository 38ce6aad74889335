package alerting

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// Mails is env.Notifier where there is only a mailer: each notice is one mail
// of plain text.
type Mails struct {
	Mailer env.Mailer
	From   string // like "Upshot <upshot@example.com>"
	To     []string
	Clock  env.Clock
}

var _ env.Notifier = Mails{}

// Notify mails n. A wrong address, or a notice without a body, is a fault of
// kind Invalid.
func (m Mails) Notify(ctx context.Context, n env.Notice) error {
	if n.Body == "" {
		return fault.Invalidf("the notice has no body")
	}
	from, err := mail.ParseAddress(m.From)
	if err != nil {
		return fault.Invalidf("mail from %q: %w", m.From, err)
	}
	var to []string
	for _, t := range m.To {
		address, err := mail.ParseAddress(t)
		if err != nil {
			return fault.Invalidf("mail to %q: %w", t, err)
		}
		to = append(to, address.String())
	}
	raw, err := message(from.String(), to, n, m.Clock.Now())
	if err != nil {
		return err
	}
	return m.Mailer.Send(ctx, env.Mail{From: m.From, To: m.To, Raw: raw})
}

// message is the RFC 5322 message of a notice.
func message(from string, to []string, n env.Notice, at time.Time) ([]byte, error) {
	sum := sha256.Sum256([]byte(strings.Join(append(to, from, n.Subject, n.Body), "\x00")))
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s@upshot.invalid>\r\n",
		from, strings.Join(to, ",\r\n "), mime.QEncoding.Encode("utf-8", n.Subject), at.UTC().Format(time.RFC1123Z), hex.EncodeToString(sum[:12]))
	b.WriteString("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
	w := quotedprintable.NewWriter(&b)
	if _, err := w.Write([]byte(strings.ReplaceAll(n.Body, "\n", "\r\n"))); err != nil {
		return nil, fmt.Errorf("write the notice: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write the notice: %w", err)
	}
	return b.Bytes(), nil
}
