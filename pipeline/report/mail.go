package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
	"time"
	"unicode"

	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/roadmap"
)

//go:embed templates/mail.html.tmpl
var mailText string

// MaxMailHTML is the size of the HTML part above which mail programs cut a
// message off (Gmail at 102 KB).
const MaxMailHTML = 100 << 10

var mailTemplate = template.Must(template.New("mail").Funcs(functions()).Funcs(template.FuncMap{
	"h2": func() template.CSS {
		return "margin:0 0 4px;font-family:Georgia,'Times New Roman',serif;font-size:19px;line-height:1.3;color:#1b2330"
	},
	"toneColor":  toneColor,
	"preheader":  preheader,
	"mailCharts": mailCharts,
	"mailThemes": mailThemes,
	"mailQuotes": func(t Theme) []Quote { return t.Quotes[:min(len(t.Quotes), 1)] },
	"mailItems":  func(r *roadmap.Roadmap) []roadmap.Item { return r.Items[:min(len(r.Items), 5)] },
	"mailAlt":    mailAlt,
	"cid":        func(id string) template.URL { return template.URL("cid:" + contentID(id)) }, //nolint:gosec // contentID is safe
}).Parse(mailText))

// Envelope says who a mail is from and to: addresses as RFC 5322 has them,
// "Name <a@b>" or "a@b".
type Envelope struct {
	From string
	To   []string
}

// Mail is report.eml: one RFC 5322 message with a text part, an HTML part of
// inline styles below MaxMailHTML bytes, and its charts as PNG by content id.
// Date, boundaries and Message-ID follow from the report and the envelope, so
// the same report gives the same bytes. A wrong address is a fault of kind
// Invalid.
func (r *Report) Mail(e Envelope) ([]byte, error) {
	headers, err := r.mailHeaders(e)
	if err != nil {
		return nil, err
	}
	body, err := r.MailHTML()
	if err != nil {
		return nil, err
	}
	pictures := map[string][]byte{}
	for _, c := range mailCharts(r) {
		if pictures[c.ID], err = ChartPNG(c); err != nil {
			return nil, err
		}
	}
	text := r.mailPlain()
	sum := sha256.Sum256(append(append([]byte(headers), body...), text...))
	digest := hex.EncodeToString(sum[:12])

	var out bytes.Buffer
	out.WriteString(headers)
	fmt.Fprintf(&out, "Message-ID: <%s@upshot.invalid>\r\nMIME-Version: 1.0\r\n", digest)
	if err := writeParts(&out, digest, text, body, mailCharts(r), pictures); err != nil {
		return nil, fmt.Errorf("write report as mail: %w", err)
	}
	return out.Bytes(), nil
}

// MailHTML is the HTML part of the mail. The last quotes and themes go first
// when it would be too large for mail programs.
func (r *Report) MailHTML() ([]byte, error) {
	for cut := *r; ; {
		var buf bytes.Buffer
		if err := mailTemplate.Execute(&buf, &cut); err != nil {
			return nil, fmt.Errorf("draw mail as HTML: %w", err)
		}
		if buf.Len() < MaxMailHTML {
			return buf.Bytes(), nil
		}
		if !cut.lighten() {
			return nil, fault.Permanentf("draw mail as HTML: %d bytes, at most %d are shown by mail programs", buf.Len(), MaxMailHTML)
		}
	}
}

// lighten drops the least needed part; false when nothing is left to drop. It
// never writes into what the original shares with it.
func (r *Report) lighten() bool {
	switch {
	case r.Roadmap != nil:
		r.Roadmap = nil
	case len(r.Releases) > 10:
		r.Releases = r.Releases[:10]
	case len(r.Sections) > 0:
		r.Sections = nil
	case len(r.Ledger.Silent) > 5:
		r.Ledger.Silent = r.Ledger.Silent[:5]
	case len(r.Releases) > 0:
		r.Releases = nil
	default:
		return false
	}
	return true
}

// mailHeaders are the headers that come before those of MIME. Whatever could
// start a new header line is gone before the words are encoded.
func (r *Report) mailHeaders(e Envelope) (string, error) {
	from, err := mail.ParseAddress(e.From)
	if err != nil {
		return "", fault.Invalidf("mail from %q: %w", e.From, err)
	}
	var to []string
	for _, address := range e.To {
		a, err := mail.ParseAddress(address)
		if err != nil {
			return "", fault.Invalidf("mail to %q: %w", address, err)
		}
		to = append(to, a.String())
	}
	if len(to) == 0 {
		to = []string{"undisclosed-recipients:;"}
	}
	ended, err := time.Parse(time.RFC3339, r.Period.Ended)
	if err != nil {
		return "", fault.Invalidf("mail date: period.ended: %w", err)
	}
	subject := mime.QEncoding.Encode("utf-8", oneLine(r.Subject))
	return fmt.Sprintf("From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: %s\r\n", from, strings.Join(to, ",\r\n "),
		strings.ReplaceAll(subject, "?= =?", "?=\r\n =?"), ended.Format("Mon, 02 Jan 2006 15:04:05 -0700")), nil
}

// oneLine is text fit for a header: no control characters, single blanks, at
// most 180 runes.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return shorten(s, 180)
}

// writeParts writes alternative(text, related(html, pictures)).
func writeParts(out io.Writer, digest, text string, page []byte, charts []Chart, pictures map[string][]byte) error {
	outer := multipart.NewWriter(out)
	if err := outer.SetBoundary("alt-" + digest); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "Content-Type: multipart/alternative; boundary=%q\r\n\r\n", outer.Boundary()); err != nil {
		return err
	}
	if err := writeQuoted(outer, "text/plain; charset=utf-8", []byte(text)); err != nil {
		return err
	}
	var related bytes.Buffer
	inner := multipart.NewWriter(&related)
	if err := inner.SetBoundary("rel-" + digest); err != nil {
		return err
	}
	if err := writeQuoted(inner, "text/html; charset=utf-8", page); err != nil {
		return err
	}
	for _, c := range charts {
		if err := writePicture(inner, c.ID, pictures[c.ID]); err != nil {
			return err
		}
	}
	if err := inner.Close(); err != nil {
		return err
	}
	part, err := outer.CreatePart(textproto.MIMEHeader{"Content-Type": {fmt.Sprintf("multipart/related; type=\"text/html\"; boundary=%q", inner.Boundary())}})
	if err != nil {
		return err
	}
	if _, err := part.Write(related.Bytes()); err != nil {
		return err
	}
	return outer.Close()
}

// writeQuoted writes a text part; quoted-printable keeps lines short and UTF-8
// whole on every way.
func writeQuoted(w *multipart.Writer, kind string, body []byte) error {
	part, err := w.CreatePart(textproto.MIMEHeader{"Content-Type": {kind}, "Content-Transfer-Encoding": {"quoted-printable"}})
	if err != nil {
		return err
	}
	q := quotedprintable.NewWriter(part)
	if _, err := q.Write(body); err != nil {
		return err
	}
	return q.Close()
}

// writePicture writes a picture that the page names by content id; the brackets
// belong to the header, not to the reference.
func writePicture(w *multipart.Writer, id string, picture []byte) error {
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Type": {"image/png"}, "Content-Transfer-Encoding": {"base64"},
		"Content-ID":          {"<" + contentID(id) + ">"},
		"Content-Disposition": {fmt.Sprintf("inline; filename=%q", safeID(id)+".png")},
	})
	if err != nil {
		return err
	}
	text := base64.StdEncoding.EncodeToString(picture)
	for len(text) > 0 {
		n := min(76, len(text))
		if _, err := io.WriteString(part, text[:n]+"\r\n"); err != nil {
			return err
		}
		text = text[n:]
	}
	return nil
}

// contentID names a chart inside the message.
func contentID(id string) string { return safeID(id) + "@upshot.invalid" }

// safeID keeps of an id what may stand in a header and a file name.
func safeID(id string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') {
			return r
		}
		return '-'
	}, strings.ToLower(id))
}
