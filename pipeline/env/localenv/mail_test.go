package localenv_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/envtest"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/fault"
)

// mailServer speaks as much SMTP as a relay needs, over a real socket.
type mailServer struct {
	addr       string
	certs      *tls.Config // nil: no TLS at all
	roots      *x509.CertPool
	implicit   bool
	mechanisms string // offered after TLS
	refuse     map[string]string
	hang       bool // after the greeting

	mu    sync.Mutex
	mails [][]byte
	log   []string // commands, without the mail's content
}

func startMailServer(t *testing.T, withTLS bool, s *mailServer) *mailServer {
	t.Helper()
	if withTLS {
		// httptest has a certificate for example.com and 127.0.0.1 ready.
		web := httptest.NewTLSServer(http.NotFoundHandler())
		web.Close()
		s.certs = &tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12}
		s.roots = x509.NewCertPool()
		s.roots.AddCert(web.Certificate())
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s.addr = l.Addr().String()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

func (s *mailServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	secure := false
	if s.implicit {
		conn, secure = tls.Server(conn, s.certs), true
	}
	in := bufio.NewReader(conn)
	say := func(line string) { _, _ = fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 test ESMTP")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		if s.hang {
			_, _ = io.Copy(io.Discard, in)
			return
		}
		line = strings.TrimSpace(line)
		s.note(line)
		verb, _, _ := strings.Cut(line, " ")
		verb = strings.ToUpper(verb)
		if answer := s.refuse[verb]; answer != "" {
			say(answer)
			continue
		}
		switch verb {
		case "EHLO":
			say("250-test")
			if s.certs != nil && !secure {
				say("250-STARTTLS")
			}
			if s.mechanisms != "" && secure {
				say("250-AUTH " + s.mechanisms)
			}
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go on")
			conn, secure = tls.Server(conn, s.certs), true
			in = bufio.NewReader(conn)
		case "AUTH":
			s.auth(line, in, say)
		case "DATA":
			say("354 go on")
			raw, err := io.ReadAll(textproto.NewReader(in).DotReader())
			if err != nil {
				return
			}
			s.mu.Lock()
			s.mails = append(s.mails, raw)
			s.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}

func (s *mailServer) auth(line string, in *bufio.Reader, say func(string)) {
	var given string
	if text, ok := strings.CutPrefix(line, "AUTH PLAIN "); ok {
		b, _ := base64.StdEncoding.DecodeString(text)
		given = strings.ReplaceAll(string(b), "\x00", "|")
	} else {
		for _, q := range []string{"Username:", "Password:"} {
			say("334 " + base64.StdEncoding.EncodeToString([]byte(q)))
			answer, _ := in.ReadString('\n')
			b, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(answer))
			given += "|" + string(b)
		}
	}
	if given != "|user|p@ss" {
		say("535 wrong")
		return
	}
	say("235 welcome")
}

func (s *mailServer) note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, line)
}

func (s *mailServer) arrived() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mails
}

func (s *mailServer) commands() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.log, "\n")
}

func (s *mailServer) mailer(t *testing.T, scheme, user string) *localenv.SMTP {
	t.Helper()
	m, err := localenv.NewSMTP(scheme + "://" + user + s.addr)
	if err != nil {
		t.Fatal(err)
	}
	m.Timeout = 5 * time.Second
	m.TLS = &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12}
	return m
}

var hello = env.Mail{
	From: "Upshot <upshot@example.com>", To: []string{"PM <pm@example.com>", "b@example.com"},
	Raw: []byte("From: Upshot <upshot@example.com>\r\nSubject: hello\r\n\r\nhello\r\n"),
}

func TestSMTPConformance(t *testing.T) {
	envtest.Mailer(t, func(t *testing.T) (env.Mailer, func() [][]byte) {
		s := startMailServer(t, false, &mailServer{})
		return s.mailer(t, "smtp", ""), func() (raws [][]byte) {
			for _, raw := range s.arrived() { // the dot reader has made line ends plain
				raws = append(raws, []byte(strings.ReplaceAll(string(raw), "\n", "\r\n")))
			}
			return raws
		}
	})
}

func TestMailFolderConformance(t *testing.T) {
	envtest.Mailer(t, func(t *testing.T) (env.Mailer, func() [][]byte) {
		dir := filepath.Join(t.TempDir(), "outbox")
		m, err := localenv.NewMailFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = m.Close() })
		return m, func() (raws [][]byte) {
			files, _ := filepath.Glob(filepath.Join(dir, "*.eml"))
			for _, f := range files {
				raw, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				raws = append(raws, raw)
			}
			return raws
		}
	})
}

func TestMailFolderNames(t *testing.T) {
	dir := t.TempDir()
	m, err := localenv.NewMailFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	mail := hello
	mail.Raw = []byte("Date: Mon, 23 Nov 2026 08:00:00 +0100\r\nSubject: =?utf-8?q?Weekly_report:_=C3=BC_../../x?=\r\n\r\nx\r\n")
	for range 2 {
		if err := m.Send(t.Context(), mail); err != nil {
			t.Fatal(err)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.eml"))
	if len(files) != 1 || !strings.HasPrefix(filepath.Base(files[0]), "2026-11-23-weekly-report-x-") {
		t.Errorf("files %q", files)
	}
	mail.Raw = []byte("no header here")
	if err := m.Send(t.Context(), mail); !fault.Is(err, fault.Invalid) {
		t.Errorf("no message: %v", err)
	}
}

func TestSMTPLogsInOverTLSOnly(t *testing.T) {
	for name, c := range map[string]struct {
		scheme   string
		tls      bool
		server   *mailServer
		user     string
		err      string // part of the error, "" for none
		kind     fault.Kind
		commands string
	}{
		"starttls, plain":         {"smtp", true, &mailServer{mechanisms: "LOGIN PLAIN"}, "user:p%40ss@", "", 0, "STARTTLS\nEHLO localhost\nAUTH PLAIN"},
		"starttls, login":         {"smtp", true, &mailServer{mechanisms: "LOGIN"}, "user:p%40ss@", "", 0, "AUTH LOGIN"},
		"tls from the start":      {"smtps", true, &mailServer{implicit: true, mechanisms: "PLAIN"}, "user:p%40ss@", "", 0, "AUTH PLAIN"},
		"starttls without a user": {"smtp", true, &mailServer{}, "", "", 0, "STARTTLS"},
		"no tls, no user":         {"smtp", false, &mailServer{}, "", "", 0, "DATA"},
		"no tls, but a password":  {"smtp", false, &mailServer{mechanisms: "PLAIN"}, "user:p%40ss@", "no TLS", fault.Permanent, "EHLO localhost"},
		"wrong password":          {"smtp", true, &mailServer{mechanisms: "PLAIN"}, "user:wrong@", "log in", fault.Permanent, "AUTH"},
		"unknown mechanisms":      {"smtp", true, &mailServer{mechanisms: "GSSAPI"}, "user:p%40ss@", "GSSAPI", fault.Permanent, "EHLO"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startMailServer(t, c.tls, c.server)
			err := s.mailer(t, c.scheme, c.user).Send(t.Context(), hello)
			if c.err == "" && (err != nil || len(s.arrived()) != 1) {
				t.Errorf("%v, %d mails", err, len(s.arrived()))
			}
			if c.err != "" && (!fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.err) || len(s.arrived()) != 0) {
				t.Errorf("got %v, want a fault of kind %s that says %q", err, c.kind, c.err)
			}
			if err != nil && (strings.Contains(err.Error(), "wrong@") || strings.Contains(err.Error(), "p@ss")) {
				t.Errorf("the error tells the password: %v", err)
			}
			checked := startMailServer(t, c.tls, &mailServer{mechanisms: c.server.mechanisms, implicit: c.server.implicit})
			if err := checked.mailer(t, c.scheme, c.user).Check(t.Context()); (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("the check found %v", err)
			}
			if got := checked.commands(); strings.Contains(got, "MAIL") || strings.Contains(got, "DATA") || !strings.Contains(got, "EHLO") {
				t.Errorf("the check said:\n%s", got)
			}
			if !strings.Contains(s.commands(), c.commands) {
				t.Errorf("commands:\n%s\nwant %q", s.commands(), c.commands)
			}
			if c.err != "" && strings.Contains(s.commands(), "DATA") {
				t.Error("it went on")
			}
		})
	}
}

func TestSMTPTrustsNobodyUnknown(t *testing.T) {
	s := startMailServer(t, true, &mailServer{mechanisms: "PLAIN"})
	m := s.mailer(t, "smtp", "user:p%40ss@")
	m.TLS = nil
	if err := m.Send(t.Context(), hello); !fault.Is(err, fault.Permanent) || strings.Contains(s.commands(), "AUTH") {
		t.Errorf("an unknown certificate: %v\n%s", err, s.commands())
	}
}

func TestSMTPEnvelope(t *testing.T) {
	s := startMailServer(t, false, &mailServer{})
	if err := s.mailer(t, "smtp", "").Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	want := "MAIL FROM:<upshot@example.com> BODY=8BITMIME\nRCPT TO:<pm@example.com>\nRCPT TO:<b@example.com>\nDATA"
	if !strings.Contains(s.commands(), want) {
		t.Errorf("commands:\n%s\nwant\n%s", s.commands(), want)
	}
}

func TestSMTPRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		verb, answer string
		kind         fault.Kind
	}{
		"greylisted":         {"RCPT", "451 later", fault.Retry},
		"unknown recipient":  {"RCPT", "550 nobody", fault.Permanent},
		"sender not allowed": {"MAIL", "553 no", fault.Permanent},
		"overloaded":         {"EHLO", "421 busy", fault.Retry},
		"content refused":    {"DATA", "554 no", fault.Permanent},
	} {
		s := startMailServer(t, false, &mailServer{refuse: map[string]string{c.verb: c.answer, "HELO": c.answer}})
		if err := s.mailer(t, "smtp", "").Send(t.Context(), hello); !fault.Is(err, c.kind) || len(s.arrived()) != 0 {
			t.Errorf("%s: %v, want a fault of kind %s", name, err, c.kind)
		}
	}
	for name, m := range map[string]env.Mail{
		"no recipient":  {From: "a@example.com", Raw: hello.Raw},
		"bad recipient": {From: "a@example.com", To: []string{"b@example.com>\r\nDATA"}, Raw: hello.Raw},
		"bad sender":    {From: "a\r\nb", To: []string{"b@example.com"}, Raw: hello.Raw},
	} {
		s := startMailServer(t, false, &mailServer{})
		if err := s.mailer(t, "smtp", "").Send(t.Context(), m); !fault.Is(err, fault.Invalid) || s.commands() != "" {
			t.Errorf("%s: %v, want a fault of kind Invalid", name, err)
		}
	}
}

func TestSMTPDoesNotWaitForEver(t *testing.T) {
	s := startMailServer(t, false, &mailServer{hang: true})
	m := s.mailer(t, "smtp", "")
	m.Timeout = 50 * time.Millisecond
	if err := m.Send(t.Context(), hello); !fault.Is(err, fault.Retry) {
		t.Errorf("a server that hangs: %v", err)
	}
	m.Timeout = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := m.Send(ctx, hello); !fault.Is(err, fault.Retry) {
		t.Errorf("the caller's deadline: %v", err)
	}
	gone, err := localenv.NewSMTP("smtp://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Send(t.Context(), hello); !fault.Is(err, fault.Retry) {
		t.Errorf("no server: %v", err)
	}
}

func TestSMTPAddresses(t *testing.T) {
	for _, good := range []string{"smtp://host", "smtp://host:25", "smtps://u:p%2Fw@host", "smtp://u:p@[::1]:587/"} {
		if _, err := localenv.NewSMTP(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "host:25", "http://host", "smtp://", "smtp://u:hunter2@", "smtp://user@host", "smtp://u:hunter2@host:port",
		"smtp://u:hunter2@host/x", "smtp://u:hunter2@host?tls=no", "smtp://u:hunter2%zz@host",
	} {
		_, err := localenv.NewSMTP(bad)
		if !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want a fault of kind Invalid without the password", bad, err)
		}
	}
}
