package ingest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/ingest"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/pipeline/source"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

var secrets = memenv.Secrets{
	"support": {"zendesk-new", "zendesk-old"},
	"ship":    {"github-secret"},
	"app":     {"wk_app"}, "web": {"wk_web"},
	"api": {"api-secret"}, "partner": {"whsec_" + "cGFydG5lci1zZWNyZXQtMTIzNDU="},
	"chat":   {"slack-secret"},
	"nobody": nil,
}

// senders are the configured sources of the tests: two that sign, two of an
// SDK, two of the API, one with a challenge, one without a secret, and one that
// breaks.
func senders(t testing.TB) map[string]*source.Source {
	t.Helper()
	look := func(typ string) *source.Source {
		s, ok := source.Lookup(typ)
		if !ok {
			t.Fatalf("there is no source of type %s", typ)
		}
		return s
	}
	chat := *look("zendesk")
	chat.Handshake = func(r source.Request) (source.Answer, bool) {
		return source.Answer{Status: 200, ContentType: "text/plain", Body: []byte("pong")}, r.Header.Get("X-Ping") != ""
	}
	buggy := *look("zendesk")
	buggy.Handshake = func(r source.Request) (source.Answer, bool) { panic("body was: " + string(r.Body)) }
	head := *look("zendesk")
	head.Handshake = func(r source.Request) (source.Answer, bool) {
		return source.Answer{Status: 200}, r.Method == http.MethodHead
	}
	return map[string]*source.Source{
		"support": look("zendesk"), "ship": look("github"), "nobody": look("zendesk"),
		"app": look("segment"), "web": look("segment"), "api": look("api"), "partner": look("api"),
		"chat": &chat, "buggy": &buggy, "survey": &head,
	}
}

// rig is a handler behind a real socket, with an in-memory queue.
type rig struct {
	testing.TB
	queue   *memenv.Queue
	clock   *memenv.Clock
	log     *lockedBuffer
	handler *ingest.Handler
	addr    string
}

func newRig(t testing.TB, change func(*ingest.Options)) *rig {
	t.Helper()
	clock := memenv.NewClock(noon)
	g := &rig{TB: t, clock: clock, queue: memenv.NewQueue(clock), log: &lockedBuffer{}}
	opts := ingest.Options{
		Sources: senders(t), Secrets: secrets, Queue: g.queue, Clock: clock,
		Random: rand.NewChaCha8([32]byte{1}), Gauge: g.queue,
		Log: slog.New(slog.NewJSONHandler(g.log, nil)),
	}
	if change != nil {
		change(&opts)
	}
	h, err := ingest.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	g.handler = h
	srv := httptest.NewUnstartedServer(h)
	srv.Config = ingest.Server(h)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.NewJSONHandler(g.log, nil), slog.LevelError)
	srv.Start()
	t.Cleanup(srv.Close)
	g.addr = srv.Listener.Addr().String()
	return g
}

type reply struct {
	status int
	header http.Header
	body   string
}

// do sends one request. Header lines are "Name: value".
func (g *rig) do(method, path, body string, header ...string) reply {
	g.Helper()
	req, err := http.NewRequestWithContext(g.Context(), method, "http://"+g.addr+path, strings.NewReader(body))
	if err != nil {
		g.Fatal(err)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		g.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		g.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(b)}
}

// zendesk signs a body as Zendesk does.
func zendesk(t testing.TB, secret, body string, at time.Time) []string {
	t.Helper()
	return sign(t, "zendesk", secret, body, at)
}

func sign(t testing.TB, typ, secret, body string, at time.Time) []string {
	t.Helper()
	s, _ := source.Lookup(typ)
	scheme := s.Scheme
	if strings.HasPrefix(secret, "whsec_") {
		scheme = scheme.Any[1]
	}
	req := source.Request{Method: "POST", URL: &url.URL{}, Header: http.Header{}, Body: []byte(body)}
	if err := source.Sign(scheme, secret, &req, at); err != nil {
		t.Fatal(err)
	}
	lines := []string{"Content-Type: application/json"}
	for name, values := range req.Header {
		lines = append(lines, name+": "+values[0])
	}
	return lines
}

// envelopes takes everything out of the queue.
func (g *rig) envelopes() []record.Envelope {
	g.Helper()
	msgs, err := g.queue.Receive(context.Background(), 1000, time.Minute)
	if err != nil {
		g.Fatal(err)
	}
	var out []record.Envelope
	for _, m := range msgs {
		e, err := record.DecodeEnvelope(m.Body)
		if err != nil || e.ID != m.ID {
			g.Errorf("envelope of %s: %+v, %v", m.ID, e, err)
		}
		out = append(out, e)
		if err := g.queue.Delete(context.Background(), m.ID); err != nil {
			g.Fatal(err)
		}
	}
	return out
}

// raw sends bytes over a plain connection and returns what comes back until
// the server closes it or the answer is complete.
func (g *rig) raw(send func(net.Conn)) string {
	g.Helper()
	conn, err := (&net.Dialer{}).DialContext(g.Context(), "tcp", g.addr)
	if err != nil {
		g.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		g.Fatal(err)
	}
	sent := make(chan struct{})
	go func() { defer close(sent); send(conn) }()
	b, err := io.ReadAll(conn)
	_ = conn.Close()
	<-sent
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		g.Errorf("the server did not close the connection within 10 s; so far: %.200q", b)
	}
	return string(b)
}

func gzipped(t testing.TB, b []byte) string {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// senderFunc is a queue made of a function.
type senderFunc func(context.Context, env.Message) error

func (f senderFunc) Send(ctx context.Context, m env.Message) error { return f(ctx, m) }
