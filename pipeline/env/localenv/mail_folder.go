package localenv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"net/mail"
	"strings"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// MailFolder is env.Mailer that writes each mail as an .eml file. The name is
// made of the mail's own date, subject and content, so the same mail written
// twice is one file.
type MailFolder struct{ store *Store }

var _ env.Mailer = (*MailFolder)(nil)

// NewMailFolder opens the folder and makes it when it is missing.
func NewMailFolder(dir string) (*MailFolder, error) {
	s, err := OpenStore(dir)
	if err != nil {
		return nil, err
	}
	return &MailFolder{s}, nil
}

// Close gives the folder's handles back.
func (f *MailFolder) Close() error { return f.store.Close() }

// Send writes m, atomically and durably.
func (f *MailFolder) Send(ctx context.Context, m env.Mail) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, _, err := addresses(m); err != nil {
		return err
	}
	name, err := mailName(m.Raw)
	if err != nil {
		return err
	}
	return f.store.Put(ctx, name, bytes.NewReader(m.Raw))
}

// mailName is like 2026-11-23-weekly-report-1f0c9b2a.eml.
func mailName(raw []byte) (string, error) {
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return "", fault.Invalidf("the mail is no RFC 5322 message: %w", err)
	}
	var parts []string
	if t, err := msg.Header.Date(); err == nil {
		parts = append(parts, t.Format("2006-01-02"))
	}
	subject := msg.Header.Get("Subject")
	if plain, err := new(mime.WordDecoder).DecodeHeader(subject); err == nil {
		subject = plain
	}
	words := strings.FieldsFunc(strings.ToLower(subject), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	if slug := strings.Join(words, "-"); slug != "" {
		parts = append(parts, strings.TrimRight(slug[:min(len(slug), 60)], "-"))
	}
	sum := sha256.Sum256(raw)
	return strings.Join(append(parts, hex.EncodeToString(sum[:4])), "-") + ".eml", nil
}
