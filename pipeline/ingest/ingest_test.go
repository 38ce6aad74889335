package ingest_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/ingest"
	"upshot.dev/upshot/pipeline/record"
)

const ticket = `{"type":"zen:event-type:ticket.created","id":"e1","time":"2026-11-02T11:59:58Z","detail":{"id":"7","status":"OPEN"}}`

func basic(user string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user))
}

// TestAnswers walks the door: what each kind of request gets, and whether it
// was stored.
func TestAnswers(t *testing.T) {
	const jsonType = "Content-Type: application/json"
	good := func(body string) []string { return zendesk(t, "zendesk-new", body, noon) }
	batch := `{"batch":[{"type":"track","event":"x","userId":"u","messageId":"m"}]}`
	nested := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		want                     string // part of the answer's body
		stored                   string // the source, "" when nothing was stored
	}{
		{"signed hook", "POST", "/hooks/support", ticket, good(ticket), 202, "{}", "support"},
		{"old secret while rotating", "POST", "/hooks/support", ticket, zendesk(t, "zendesk-old", ticket, noon), 202, "{}", "support"},
		{"github", "POST", "/hooks/ship", "{}", append(sign(t, "github", "github-secret", "{}", noon), "X-GitHub-Event: release"), 202, "{}", "ship"},
		{"github ping", "POST", "/hooks/ship", "{}", append(sign(t, "github", "github-secret", "{}", noon), "X-GitHub-Event: ping"), 200, "{}", ""},
		{"github ping forged", "POST", "/hooks/ship", "{}", []string{jsonType, "X-GitHub-Event: ping"}, 401, `"error"`, ""},
		{"handshake without signature", "POST", "/hooks/chat", "x", []string{"X-Ping: 1"}, 200, "pong", ""},
		{"handshake by HEAD", "HEAD", "/hooks/survey", "", nil, 200, "", ""},

		{"no signature", "POST", "/hooks/support", ticket, []string{jsonType}, 401, `"error"`, ""},
		{"forged key", "POST", "/hooks/support", ticket, zendesk(t, "guess", ticket, noon), 401, `"error"`, ""},
		{"signature of another body", "POST", "/hooks/support", ticket + " ", good(ticket), 401, `"error"`, ""},
		{"stale", "POST", "/hooks/support", ticket, zendesk(t, "zendesk-new", ticket, noon.Add(-301*time.Second)), 401, `"error"`, ""},
		{"just fresh", "POST", "/hooks/support", ticket, zendesk(t, "zendesk-new", ticket, noon.Add(-300*time.Second)), 202, "{}", "support"},
		{"from the future", "POST", "/hooks/support", ticket, zendesk(t, "zendesk-new", ticket, noon.Add(301*time.Second)), 401, `"error"`, ""},
		{"source without a secret", "POST", "/hooks/nobody", ticket, zendesk(t, "any", ticket, noon), 401, `"error"`, ""},
		{"time of receipt cannot be sent", "POST", "/hooks/support", ticket, append(zendesk(t, "zendesk-new", ticket, noon.Add(-time.Hour)), "X-Received-At: 2026-11-02T11:00:00Z"), 401, `"error"`, ""},

		{"unknown name", "POST", "/hooks/other", ticket, good(ticket), 404, `"error"`, ""},
		{"no name", "POST", "/hooks/", ticket, good(ticket), 404, `"error"`, ""},
		{"more than a name", "POST", "/hooks/support/x", ticket, good(ticket), 404, `"error"`, ""},
		{"nothing there", "POST", "/elsewhere", ticket, good(ticket), 404, `"error"`, ""},
		{"an SDK's path of another source", "POST", "/sdk/support/v1/batch", batch, []string{basic("wk_app:")}, 404, `"error"`, ""},
		{"GET on a hook", "GET", "/hooks/support", "", nil, 405, `"error"`, ""},
		{"HEAD on a hook", "HEAD", "/hooks/support", "", nil, 405, "", ""},
		{"OPTIONS on a hook", "OPTIONS", "/hooks/support", "", nil, 405, `"error"`, ""},
		{"PUT on a hook", "PUT", "/hooks/support", ticket, good(ticket), 405, `"error"`, ""},
		{"GET on the API", "GET", "/v1/records", "", nil, 405, `"status":405`, ""},
		{"POST on the status", "POST", "/v1/status", "", nil, 405, `"error"`, ""},

		{"picture", "POST", "/hooks/support", ticket, append(good(ticket), "Content-Type: image/png"), 415, `"error"`, ""},
		{"brotli", "POST", "/hooks/support", ticket, append(good(ticket), "Content-Encoding: br"), 415, `"error"`, ""},
		{"gzip twice", "POST", "/hooks/support", ticket, append(good(ticket), "Content-Encoding: gzip, gzip"), 415, `"error"`, ""},
		{"vendor JSON", "POST", "/hooks/support", ticket, append(good(ticket), "Content-Type: application/vnd.x.v1+json; charset=UTF-8"), 202, "{}", "support"},
		{"form for the API", "POST", "/v1/records", "a=b", []string{"Authorization: Bearer api-secret", "Content-Type: application/x-www-form-urlencoded"}, 400, `"status":400`, ""},
		{"multipart for the API", "POST", "/v1/records", "a=b", []string{"Authorization: Bearer api-secret", "Content-Type: multipart/form-data; boundary=x"}, 415, `"status":415`, ""},

		// Authentic and not understood: accepted, for processing to reject.
		{"empty body", "POST", "/hooks/support", "", good(""), 202, "{}", "support"},
		{"no JSON", "POST", "/hooks/support", "hello", good("hello"), 202, "{}", "support"},
		{"invalid UTF-8", "POST", "/hooks/support", "{\"a\":\"\xff\xfe\"}", good("{\"a\":\"\xff\xfe\"}"), 202, "{}", "support"},
		{"NUL bytes", "POST", "/hooks/support", "{\"a\":\"\x00\"}\x00", good("{\"a\":\"\x00\"}\x00"), 202, "{}", "support"},
		{"nested deep", "POST", "/hooks/support", nested, good(nested), 202, "{}", "support"},
		{"repeated keys", "POST", "/hooks/support", `{"id":"a","id":"b"}`, good(`{"id":"a","id":"b"}`), 202, "{}", "support"},
		{"broken gzip", "POST", "/hooks/support", "\x1f\x8b\x08zzz", good("\x1f\x8b\x08zzz"), 202, "{}", "support"},

		// The SDK's endpoints: by key.
		{"batch", "POST", "/v1/batch", batch, []string{basic("wk_app:"), jsonType}, 200, `{"success":true}`, "app"},
		{"the other key", "POST", "/v1/batch", batch, []string{basic("wk_web:")}, 200, `{"success":true}`, "web"},
		{"key without a colon", "POST", "/v1/track", `{"event":"x"}`, []string{basic("wk_web")}, 200, `{"success":true}`, "web"},
		{"key in the body", "POST", "/v1/batch", `{"writeKey":"wk_web","batch":[]}`, []string{"Content-Type: text/plain"}, 200, `{"success":true}`, "web"},
		{"under its name", "POST", "/sdk/web/v1/batch", batch, []string{basic("wk_web:")}, 200, `{"success":true}`, "web"},
		{"under another name", "POST", "/sdk/app/v1/batch", batch, []string{basic("wk_web:")}, 401, `"error"`, ""},
		{"wrong key", "POST", "/v1/batch", batch, []string{basic("wk_guess:")}, 401, `"error"`, ""},
		{"no key", "POST", "/v1/batch", batch, []string{jsonType}, 401, `"error"`, ""},
		{"key in the query", "POST", "/v1/batch?writeKey=wk_app&key=wk_app", batch, []string{jsonType}, 401, `"error"`, ""},
		{"nested deep without a key", "POST", "/v1/batch", nested, []string{jsonType}, 401, `"error"`, ""},
		{"empty batch", "POST", "/v1/batch", `{"batch":[]}`, []string{basic("wk_app:")}, 200, `{"success":true}`, "app"},
		{"gzip as a form", "POST", "/v1/batch", gzipped(t, []byte(batch)), []string{basic("wk_app:"), "Content-Type: application/x-www-form-urlencoded"}, 200, `{"success":true}`, "app"},
		{"gzip with the key inside", "POST", "/v1/batch", gzipped(t, []byte(`{"writeKey":"wk_app","batch":[]}`)), []string{"Content-Encoding: gzip"}, 200, `{"success":true}`, "app"},

		{"bug in a source", "POST", "/hooks/buggy", "personal data", []string{jsonType}, 500, `"error"`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t, nil)
			got := g.do(c.method, c.path, c.body, c.header...)
			if got.status != c.status || !strings.Contains(got.body, c.want) {
				t.Errorf("got %d %q, want %d %q", got.status, got.body, c.status, c.want)
			}
			var stored string
			for _, e := range g.envelopes() {
				stored += e.Source
			}
			if stored != c.stored {
				t.Errorf("stored for %q, want %q", stored, c.stored)
			}
			if got.status == 405 && got.header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
			checkLog(t, g.log.String(), got.status)
		})
	}
}

// checkLog wants one line for a refusal, none otherwise, and no secret, body,
// signature or query in any.
func checkLog(t *testing.T, log string, status int) {
	t.Helper()
	if lines := strings.Count(log, "request refused"); (lines == 1) != (status >= 400) {
		t.Errorf("%d lines for status %d:\n%s", lines, status, log)
	}
	for _, secret := range []string{"zendesk-", "guess", "wk_", "api-secret", "personal data", "zen:event", "writeKey="} {
		if strings.Contains(log, secret) {
			t.Errorf("the log tells %q:\n%s", secret, log)
		}
	}
}

func TestRefusalsHelpNoForger(t *testing.T) {
	g := newRig(t, nil)
	want := g.do("POST", "/hooks/support", ticket).body
	for name, header := range map[string][]string{
		"stale":   zendesk(t, "zendesk-new", ticket, noon.Add(-time.Hour)),
		"forged":  zendesk(t, "guess", ticket, noon),
		"garbage": {"X-Zendesk-Webhook-Signature: ????", "X-Zendesk-Webhook-Signature-Timestamp: yesterday"},
	} {
		if got := g.do("POST", "/hooks/support", ticket, header...).body; got != want {
			t.Errorf("%s is told apart: %s, %s", name, got, want)
		}
	}
	if !strings.Contains(g.log.String(), "stale") {
		t.Error("the log does not tell the owner what was wrong")
	}
}

func TestEnvelope(t *testing.T) {
	g := newRig(t, nil)
	g.clock.Set(noon.Add(123456789 * time.Nanosecond).In(time.FixedZone("x", 3600)))
	body := `{"action":"published"}`
	header := append(sign(t, "github", "github-secret", body, noon),
		"x-github-event: release", "X-GitHub-Delivery: d1", "Cookie: c", "Content-Encoding: gzip")
	if got := g.do("POST", "/hooks/ship?token=t", body, header...); got.status != 202 {
		t.Fatalf("got %+v", got)
	}
	e := g.envelopes()[0]
	want := record.Envelope{
		Version: record.EnvelopeVersion, ID: e.ID, Source: "ship", ReceivedAt: noon.Add(123 * time.Millisecond),
		Method: "POST", Path: "/hooks/ship", Body: []byte(body),
		Header: map[string]string{"X-Github-Event": "release", "X-Github-Delivery": "d1"},
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("envelope (-want +got):\n%s", diff)
	}
	if len(e.ID) != 26 {
		t.Errorf("id %q", e.ID)
	}

	// SDKs: the path is the SDK's own, the body is plain.
	plain := `{"batch":[]}`
	g.do("POST", "/sdk/app/v1/batch", gzipped(t, []byte(plain)), basic("wk_app:"))
	if e := g.envelopes()[0]; e.Path != "/v1/batch" || string(e.Body) != plain || e.Header != nil {
		t.Errorf("envelope of an SDK's call: %+v", e)
	}
}

func TestReceivedAtComesFromTheContextOnly(t *testing.T) {
	past := noon.Add(-90 * 24 * time.Hour)
	g := newRig(t, nil)
	outer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.handler.ServeHTTP(w, r.WithContext(ingest.WithReceivedAt(r.Context(), past)))
	})
	srv := &rig{TB: t, queue: g.queue, addr: serve(t, ingest.ServerFor(outer, g.handler))}
	if got := srv.do("POST", "/hooks/support", ticket, zendesk(t, "zendesk-new", ticket, past)...); got.status != 202 {
		t.Fatalf("got %+v", got)
	}
	if e := g.envelopes()[0]; !e.ReceivedAt.Equal(past) {
		t.Errorf("received at %s, want %s", e.ReceivedAt, past)
	}
	if got := srv.do("POST", "/hooks/support", ticket, zendesk(t, "zendesk-new", ticket, noon)...); got.status != 401 {
		t.Errorf("a signature of today is fresh in the past: %+v", got)
	}
}

func TestStatusPages(t *testing.T) {
	var ready error
	g := newRig(t, func(o *ingest.Options) {
		o.Ready = func(context.Context) error { return ready }
		o.BasePath = "/prod"
		o.Fallback = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	})
	status := func() (m map[string]any) {
		t.Helper()
		got := g.do("GET", "/prod/v1/status", "")
		if got.header.Get(ingest.DeadLettersHeader) != "0" {
			t.Errorf("dead letters: %q", got.header.Get(ingest.DeadLettersHeader))
		}
		if err := json.Unmarshal([]byte(got.body), &m); err != nil || got.status != 200 {
			t.Fatalf("%+v: %v", got, err)
		}
		return m
	}
	if diff := cmp.Diff(map[string]any{"queued": 0.0, "in_flight": 0.0, "oldest_seconds": 0.0}, status()); diff != "" {
		t.Errorf("idle (-want +got):\n%s", diff)
	}
	if got := g.do("POST", "/prod/hooks/support", ticket, zendesk(t, "zendesk-new", ticket, noon)...); got.status != 202 {
		t.Fatalf("below the base path: %+v", got)
	}
	g.clock.Advance(1500 * time.Millisecond)
	if diff := cmp.Diff(map[string]any{"queued": 1.0, "in_flight": 0.0, "oldest_seconds": 1.5}, status()); diff != "" {
		t.Errorf("one waits (-want +got):\n%s", diff)
	}
	for path, want := range map[string]int{
		"/prod/healthz": 200, "/prod/readyz": 200, "/": 418, "/prod/": 418, "/hooks/support": 404, "/healthz": 418,
	} {
		if got := g.do("GET", path, ""); got.status != want {
			t.Errorf("%s: %d, want %d", path, got.status, want)
		}
	}
	ready = errors.New("the disk is full")
	if got := g.do("GET", "/prod/readyz", ""); got.status != 503 || got.header.Get("Retry-After") == "" || strings.Contains(got.body, "disk") {
		t.Errorf("not ready: %+v", got)
	}
	if got := g.do("HEAD", "/prod/healthz", ""); got.status != 200 || got.body != "" {
		t.Errorf("HEAD: %+v", got)
	}
}

func TestNewWantsItsParts(t *testing.T) {
	g := newRig(t, nil)
	whole := ingest.Options{Secrets: secrets, Queue: g.queue, Clock: g.clock, Random: strings.NewReader("")}
	if _, err := ingest.New(whole); err != nil {
		t.Errorf("all there: %v", err)
	}
	for name, spoil := range map[string]func(*ingest.Options){
		"Secrets": func(o *ingest.Options) { o.Secrets = nil }, "Queue": func(o *ingest.Options) { o.Queue = nil },
		"Clock": func(o *ingest.Options) { o.Clock = nil }, "Random": func(o *ingest.Options) { o.Random = nil },
		"BasePath": func(o *ingest.Options) { o.BasePath = "prod/" },
	} {
		o := whole
		spoil(&o)
		if _, err := ingest.New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
