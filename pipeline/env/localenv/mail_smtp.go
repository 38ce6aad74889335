package localenv

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// SMTP is env.Mailer that hands mails to a server, one connection each. All
// recipients are accepted or nothing is sent. A 4xx answer or a broken
// connection is a fault of kind Retry, a 5xx answer one of kind Permanent.
type SMTP struct {
	host, port     string
	user, password string
	implicitTLS    bool

	// TLS is used for smtps and STARTTLS; nil is the system's trust.
	TLS *tls.Config
	// Timeout bounds one whole sending; NewSMTP sets a minute.
	Timeout time.Duration
}

var _ env.Mailer = (*SMTP)(nil)

// NewSMTP reads an address like smtp://user:password@host:587, where TLS is
// taken when the server offers it and required before a password is sent, or
// smtps://user:password@host:465, which speaks TLS from the start. Errors never
// quote the address: it holds the password.
func NewSMTP(address string) (*SMTP, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fault.Invalidf("the SMTP address cannot be read as smtp://user:password@host:port; special characters in the password must be percent-encoded")
	}
	s := &SMTP{host: u.Hostname(), port: u.Port(), Timeout: time.Minute}
	switch u.Scheme {
	case "smtp":
		s.port = cmp.Or(s.port, "587")
	case "smtps":
		s.port, s.implicitTLS = cmp.Or(s.port, "465"), true
	default:
		return nil, fault.Invalidf("the SMTP address must start with smtp:// or smtps://")
	}
	if s.host == "" || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return nil, fault.Invalidf("the SMTP address must be smtp://user:password@host:port and nothing more")
	}
	if u.User != nil {
		s.user = u.User.Username()
		s.password, _ = u.User.Password()
		if s.user == "" || s.password == "" {
			return nil, fault.Invalidf("the SMTP address names a user without a password, or the other way round")
		}
	}
	return s, nil
}

// Send hands m over. nil means that the server has taken it.
func (s *SMTP) Send(ctx context.Context, m env.Mail) error {
	from, to, err := addresses(m)
	if err != nil {
		return err
	}
	return s.within(ctx, func(ctx context.Context) error {
		return s.talk(ctx, func(c *smtp.Client) error { return submit(c, from, to, m.Raw) })
	})
}

// addresses are the bare addresses of the envelope.
func addresses(m env.Mail) (from string, to []string, err error) {
	a, err := mail.ParseAddress(m.From)
	if err != nil {
		return "", nil, fault.Invalidf("the mail's sender %q is no address: %w", m.From, err)
	}
	if len(m.To) == 0 {
		return "", nil, fault.Invalidf("the mail has no recipient")
	}
	for _, t := range m.To {
		r, err := mail.ParseAddress(t)
		if err != nil {
			return "", nil, fault.Invalidf("the mail's recipient %q is no address: %w", t, err)
		}
		to = append(to, r.Address)
	}
	return a.Address, to, nil
}

// Check connects, greets, encrypts and logs in as Send does, and sends nothing.
// Its errors are Send's.
func (s *SMTP) Check(ctx context.Context) error {
	return s.within(ctx, func(ctx context.Context) error {
		return s.talk(ctx, func(*smtp.Client) error { return nil })
	})
}

// within bounds a conversation and says of its error whether it may pass.
func (s *SMTP) within(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	err := f(ctx)
	if err == nil {
		return nil
	}
	if ctxErr := ctx.Err(); ctxErr != nil {
		err = errors.Join(ctxErr, err)
	}
	return fault.New(smtpKind(err), fmt.Errorf("send mail through %s: %w", net.JoinHostPort(s.host, s.port), err))
}

// talk holds one conversation: f comes after the introduction.
func (s *SMTP) talk(ctx context.Context, f func(*smtp.Client) error) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(s.host, s.port))
	if err != nil {
		return err
	}
	// However the context ends, what waits on the connection ends with it.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	defer func() { _ = conn.Close() }()
	if s.implicitTLS {
		conn = tls.Client(conn, s.tlsConfig())
	}
	c, err := smtp.NewClient(conn, s.host)
	if err != nil {
		return err
	}
	if err := s.introduce(c); err != nil {
		return err
	}
	if err := f(c); err != nil {
		return err
	}
	_ = c.Quit() // whatever was to be done is done, whatever the server says now
	return nil
}

// submit hands one mail over. from and to are bare addresses.
func submit(c *smtp.Client, from string, to []string, raw []byte) error {
	if err := c.Mail(from); err != nil {
		return fmt.Errorf("sender %s: %w", from, err)
	}
	for _, r := range to {
		if err := c.Rcpt(r); err != nil {
			return fmt.Errorf("recipient %s: %w", r, err)
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	return w.Close()
}

// introduce greets, encrypts and logs in, as far as configured and offered.
func (s *SMTP) introduce(c *smtp.Client) error {
	if err := c.Hello("localhost"); err != nil {
		return err
	}
	if ok, _ := c.Extension("STARTTLS"); ok && !s.implicitTLS {
		if err := c.StartTLS(s.tlsConfig()); err != nil {
			return fmt.Errorf("STARTTLS: %w", err)
		}
	}
	if s.user == "" {
		return nil
	}
	if _, encrypted := c.TLSConnectionState(); !encrypted {
		return fault.Permanentf("the server offers no TLS, so the password is not sent: use smtps:// or a server with STARTTLS")
	}
	_, mechanisms := c.Extension("AUTH")
	var auth smtp.Auth
	switch words := " " + strings.ToUpper(mechanisms) + " "; {
	case strings.Contains(words, " PLAIN "):
		auth = smtp.PlainAuth("", s.user, s.password, s.host)
	case strings.Contains(words, " LOGIN "):
		auth = loginAuth{s.user, s.password}
	default:
		return fault.Permanentf("the server takes no password by PLAIN or LOGIN, only by %q", mechanisms)
	}
	if err := c.Auth(auth); err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	return nil
}

// tlsConfig always asks for the host's own certificate, whatever TLS says.
func (s *SMTP) tlsConfig() *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.TLS != nil {
		cfg = s.TLS.Clone()
	}
	cfg.ServerName = s.host
	return cfg
}

// smtpKind says whether sending again may help: RFC 5321 makes 4xx transient and
// 5xx permanent, and a certificate that is not trusted stays so.
func smtpKind(err error) fault.Kind {
	if p, ok := errors.AsType[*textproto.Error](err); ok && p.Code >= 500 {
		return fault.Permanent
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fault.Permanent
	}
	return fault.KindOf(err)
}

// loginAuth is the LOGIN mechanism, which some servers offer alone. It is used
// after encryption only.
type loginAuth struct{ user, password string }

func (a loginAuth) Start(*smtp.ServerInfo) (string, []byte, error) { return "LOGIN", nil, nil }

func (a loginAuth) Next(question []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	switch strings.ToLower(strings.TrimSpace(string(question))) {
	case "username:":
		return []byte(a.user), nil
	case "password:":
		return []byte(a.password), nil
	}
	return nil, fmt.Errorf("the server asks an unknown question during LOGIN")
}
