package awsenv_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/fault"
)

// answer is the part of an answer that a gateway reads.
type answer struct {
	Status  int               `json:"statusCode"`
	Headers map[string]string `json:"headers"`
	Cookies []string          `json:"cookies"`
	Body    string            `json:"body"`
	Base64  bool              `json:"isBase64Encoded"`
}

// httpEvent is an event as an HTTP API makes it; change gets its members.
func httpEvent(t testing.TB, change func(event, context map[string]any)) []byte {
	t.Helper()
	var event map[string]any
	err := json.Unmarshal([]byte(`{
		"version": "2.0", "routeKey": "$default", "rawPath": "/hooks/zendesk", "rawQueryString": "a=1&b=%20x&a=2&c=+",
		"cookies": ["s=1", "t=2"],
		"headers": {"host": "hooks.example.com", "content-type": "application/json", "x-two": "a,b", "x-forwarded-proto": "https"},
		"queryStringParameters": {"a": "1,2", "b": " x", "c": " "},
		"requestContext": {
			"accountId": "123456789012", "apiId": "api", "domainName": "api.execute-api.eu-west-1.amazonaws.com",
			"http": {"method": "POST", "path": "/hooks/zendesk", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "x"},
			"requestId": "req-1", "routeKey": "$default", "stage": "$default", "timeEpoch": 1793520000000
		},
		"body": "{\"a\":1}", "isBase64Encoded": false
	}`), &event)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(event, event["requestContext"].(map[string]any))
	}
	b, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ask runs one event through h and returns the answer and the log.
func ask(t testing.TB, h http.HandlerFunc, event []byte) (answer, string) {
	t.Helper()
	var log bytes.Buffer
	out, err := awsenv.HTTPHandler(h, slog.New(slog.NewTextHandler(&log, nil)))(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return a, log.String()
}

// seen keeps the request and its body.
func seen(r **http.Request, body *string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		b, err := io.ReadAll(req.Body)
		*r, *body = req, string(b)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}
}

func TestHTTPRequest(t *testing.T) {
	var r *http.Request
	var body string
	a, _ := ask(t, seen(&r, &body), httpEvent(t, nil))
	if a.Status != http.StatusOK || r == nil {
		t.Fatalf("answered %+v", a)
	}
	got := []string{
		r.Method, r.Proto, r.Host, r.URL.Path, r.URL.RawQuery, r.RequestURI, r.RemoteAddr, body,
		r.Header.Get("Content-Type"), r.Header.Get("X-Two"), r.Header.Get("Cookie"), r.Header.Get("X-Forwarded-Proto"), r.Header.Get("Host"),
	}
	want := []string{
		"POST", "HTTP/1.1", "hooks.example.com", "/hooks/zendesk", "a=1&b=%20x&a=2&c=+", "/hooks/zendesk?a=1&b=%20x&a=2&c=+", "203.0.113.7:0", `{"a":1}`,
		"application/json", "a,b", "s=1; t=2", "https", "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if r.ContentLength != int64(len(body)) {
		t.Errorf("length %d, the body has %d", r.ContentLength, len(body))
	}
}

// TestHTTPPaths: what each kind of front makes of a path, and what h sees.
func TestHTTPPaths(t *testing.T) {
	const api, fn = "api.execute-api.eu-west-1.amazonaws.com", "abc.lambda-url.eu-west-1.on.aws"
	for _, c := range []struct {
		name, domain, stage, raw string
		path, escaped, uri       string
	}{
		{"plain", api, "$default", "/hooks/a", "/hooks/a", "/hooks/a", "/hooks/a"},
		{"named stage", api, "prod", "/prod/hooks/a", "/hooks/a", "/hooks/a", "/prod/hooks/a"},
		{"named stage alone", api, "prod", "/prod", "/", "/", "/prod"},
		{"named stage, custom domain without it", "hooks.example.com", "prod", "/hooks/a", "/hooks/a", "/hooks/a", "/hooks/a"},
		{"a path that begins like the stage", api, "prod", "/production/a", "/production/a", "/production/a", "/production/a"},
		{"an HTTP API decodes", api, "$default", "/a b/100%/ä?x#y", "/a b/100%/ä?x#y", "/a%20b/100%25/%C3%A4%3Fx%23y", "/a b/100%/ä?x#y"},
		{"a function URL does not", fn, "$default", "/a%20b%2fc/~", "/a b/c/~", "/a%20b%2fc/~", "/a%20b%2fc/~"},
		{"a function URL with a broken escape", fn, "$default", "/a%zz", "/a%zz", "/a%25zz", "/a%zz"},
		{"empty", api, "$default", "", "/", "/", ""},
		{"several slashes", api, "$default", "//a//", "//a//", "//a//", "//a//"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r *http.Request
			var body string
			ask(t, seen(&r, &body), httpEvent(t, func(e, ctx map[string]any) {
				e["rawPath"], e["rawQueryString"], ctx["domainName"], ctx["stage"] = c.raw, "", c.domain, c.stage
			}))
			if diff := cmp.Diff([]string{c.path, c.escaped, c.uri}, []string{r.URL.Path, r.URL.EscapedPath(), r.RequestURI}); diff != "" {
				t.Errorf("path, escaped, as it came (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHTTPBodies: every byte arrives, both ways.
func TestHTTPBodies(t *testing.T) {
	for name, want := range map[string]string{
		"empty": "", "text": "hello", "text that is not ASCII": "ä€😀\u2028", "JSON": `{"a":"<&>"}`,
		"NUL": "a\x00b", "bytes": "\xff\xfe\x00\x1f\x8b", "large": string(noise(3 << 20)), "lone surrogate": "\xed\xa0\x80",
	} {
		t.Run(name, func(t *testing.T) {
			echo := func(w http.ResponseWriter, r *http.Request) {
				b, err := io.ReadAll(r.Body)
				if err != nil || string(b) != want {
					t.Errorf("the handler read %d bytes, %v; want %d", len(b), err, len(want))
				}
				_, _ = w.Write(b)
			}
			a, _ := ask(t, echo, httpEvent(t, func(e, _ map[string]any) {
				e["body"], e["isBase64Encoded"] = base64.StdEncoding.EncodeToString([]byte(want)), true
			}))
			got := a.Body
			if a.Base64 {
				b, err := base64.StdEncoding.DecodeString(a.Body)
				if err != nil {
					t.Fatal(err)
				}
				got = string(b)
			}
			if got != want {
				t.Errorf("answered %d bytes, want %d", len(got), len(want))
			}
		})
	}
}

// TestHTTPAnswers: statuses, headers and cookies, as a server would send them.
func TestHTTPAnswers(t *testing.T) {
	for _, c := range []struct {
		name string
		h    http.HandlerFunc
		want answer
	}{
		{
			"nothing", func(http.ResponseWriter, *http.Request) {},
			answer{Status: 200, Headers: map[string]string{}},
		},
		{
			"several of a name", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Add("X-A", "1")
				w.Header().Add("X-A", "2")
				w.Header().Add("Set-Cookie", "a=1; Path=/")
				w.Header().Add("Set-Cookie", "b=2")
				w.WriteHeader(http.StatusNoContent)
				w.Header().Set("X-Late", "1")
			},
			answer{Status: 204, Headers: map[string]string{"X-A": "1, 2"}, Cookies: []string{"a=1; Path=/", "b=2"}},
		},
		{
			"only the first final status counts", func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusContinue)
				w.WriteHeader(http.StatusTeapot)
				w.WriteHeader(http.StatusOK)
				_, _ = io.WriteString(w, "x")
			},
			answer{Status: 418, Headers: map[string]string{"Content-Type": "text/plain; charset=utf-8"}, Body: "x"},
		},
		{
			"an encoded body is bytes", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = io.WriteString(w, "abc")
			},
			answer{Status: 200, Headers: map[string]string{"Content-Encoding": "gzip"}, Body: "YWJj", Base64: true},
		},
		{
			"no header begins in another", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-A", "1\r\nX-B: 2") },
			answer{Status: 200, Headers: map[string]string{"X-A": "1  X-B: 2"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := ask(t, c.h, httpEvent(t, nil))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestHTTPFailures: what goes wrong on this side is a plain 500 and a line in
// the log that has none of the content.
func TestHTTPFailures(t *testing.T) {
	const secret = "made-up-secret"
	for _, c := range []struct {
		name, says string
		h          http.HandlerFunc
	}{
		{"panic", "panic in a function", func(http.ResponseWriter, *http.Request) { panic("with " + secret) }},
		{"panic of the runtime", "index out of range", func(_ http.ResponseWriter, r *http.Request) { _ = []int{}[len(r.Method)] }},
		{"panic after an answer", "panic", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, secret); panic(secret) }},
		{"too large", "too large", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(noise(6 << 20)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, log := ask(t, c.h, httpEvent(t, func(e, _ map[string]any) { e["body"] = secret }))
			if a.Status != http.StatusInternalServerError || a.Body != "internal error\n" {
				t.Errorf("answered %d %.100q", a.Status, a.Body)
			}
			if !strings.Contains(log, c.says) || !strings.Contains(log, "api_request_id=req-1") || strings.Contains(log, secret) {
				t.Errorf("logged %s", log)
			}
		})
	}
	_, err := awsenv.HTTPHandler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), slog.Default())(t.Context(), httpEvent(t, nil))
	if !fault.Is(err, fault.Retry) {
		t.Errorf("an aborted handler: %v", err)
	}
}

// TestHTTPBodyThatIsNotBase64 is refused before the handler sees it.
func TestHTTPBodyThatIsNotBase64(t *testing.T) {
	for _, body := range []string{"{}", "YWJj=", "YWJ", "YWJj YWJj", "-_-_"} {
		called := false
		a, log := ask(t, func(http.ResponseWriter, *http.Request) { called = true }, httpEvent(t, func(e, _ map[string]any) {
			e["body"], e["isBase64Encoded"] = body, true
		}))
		if a.Status != http.StatusBadRequest || called || !strings.Contains(log, "base64") || strings.Contains(log, body) {
			t.Errorf("%q: answered %d, called %v, logged %s", body, a.Status, called, log)
		}
	}
}

// otherEvents are of no use to a function behind HTTP.
var otherEvents = map[string]string{
	"":                         "no JSON object",
	"null":                     "an empty event",
	"{}":                       "an empty event",
	"[]":                       "no JSON object",
	`"x"`:                      "no JSON object",
	`{"version":"2.0"}`:        "another form",
	`{"warm":true}`:            "another form",
	`{"Records":[]}`:           "an empty batch",
	`{"Records":"made-up"}`:    "an empty batch",
	`{"requestContext":"x"}`:   "another form",
	`{"version":2,"rawPath":1`: "no JSON object",
	`{"version":"1.0","resource":"/hooks","path":"/hooks","httpMethod":"POST","headers":{},"requestContext":{"stage":"prod"},"body":"x"}`: "version 1.0",
	`{"httpMethod":"POST","path":"/","headers":{},"body":"","requestContext":{"elb":{"targetGroupArn":"arn:x"}}}`:                         "Application Load Balancer",
	`{"Records":[{"eventSource":"aws:sqs","messageId":"1"}]}`:                                                                             "aws:sqs",
	`{"Records":[{"EventSource":"aws:sns"}]}`:                                                                                             "aws:sns",
	`{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}`:                                                                 "EventBridge",
	`{"DeploymentId":"d-1","LifecycleEventHookExecutionId":"e"}`:                                                                          "CodeDeploy",
	`{"version":"3.0","requestContext":{"http":{"method":"POST"}}}`:                                                                       `version \"3.0\"`,
}

func TestHTTPOtherEvents(t *testing.T) {
	for event, says := range otherEvents {
		var log bytes.Buffer
		out, err := awsenv.HTTPHandler(http.NotFoundHandler(), slog.New(slog.NewTextHandler(&log, nil)))(t.Context(), []byte(event))
		says := strings.ReplaceAll(says, `\"`, `"`)
		if out != nil || !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), says) || !strings.Contains(log.String(), "event of another shape") {
			t.Errorf("%s: %s, %v, want %q; logged %s", event, out, err, says, log.String())
		}
	}
}

// TestHTTPDeadline: the handler is told to stop before Lambda ends it.
func TestHTTPDeadline(t *testing.T) {
	end := time.Now().Add(10 * time.Second)
	ctx, cancel := context.WithDeadline(t.Context(), end)
	defer cancel()
	var margin time.Duration
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		d, _ := r.Context().Deadline()
		margin = end.Sub(d)
	})
	if _, err := awsenv.HTTPHandler(h, slog.Default())(ctx, httpEvent(t, nil)); err != nil {
		t.Fatal(err)
	}
	if margin < time.Second || margin > 3*time.Second {
		t.Errorf("%v are left after the handler's deadline, want about 2 s of 10", margin)
	}
}

// FuzzHTTPEvent: no event panics, and each is either answered or a fault of
// kind Invalid.
func FuzzHTTPEvent(f *testing.F) {
	for event := range otherEvents {
		f.Add([]byte(event))
	}
	f.Add(httpEvent(f, nil))
	f.Add(httpEvent(f, func(e, _ map[string]any) { e["isBase64Encoded"] = true }))
	f.Add(httpEvent(f, func(e, c map[string]any) {
		e["rawPath"], c["domainName"], c["stage"] = "/x/%zz%20\x00", "a.lambda-url.b", "x"
	}))
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		maps.Copy(w.Header(), r.Header)
		_, _ = io.WriteString(w, r.URL.String()+r.URL.EscapedPath()+r.RemoteAddr)
		_, _ = w.Write(b)
		_ = r.ParseForm()
	})
	f.Fuzz(func(t *testing.T, event []byte) {
		out, err := awsenv.HTTPHandler(h, slog.New(slog.DiscardHandler))(t.Context(), event)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Error(err)
			}
			return
		}
		var a answer
		if err := json.Unmarshal(out, &a); err != nil || a.Status < 200 || a.Status == http.StatusInternalServerError {
			t.Errorf("%s: %v", out, err)
		}
	})
}

// FuzzHTTPRequest: the same request through a server and through an event is
// the same to a handler, for all that a signature may cover.
func FuzzHTTPRequest(f *testing.F) {
	f.Add("/hooks/a", "x=1&y=%20", []byte("body"), "value")
	f.Add("/a%20b%2F", "a=+;b", []byte("\x00\xff"), "ä, b")
	f.Fuzz(func(t *testing.T, path, query string, body []byte, value string) {
		target := "/" + path
		if query != "" {
			target += "?" + query
		}
		if _, err := url.ParseRequestURI(target); err != nil || strings.ContainsAny(target, " #") || strings.Contains(path, "?") {
			t.Skip("no request line")
		}
		want := httptest.NewRequest(http.MethodPost, "http://a.lambda-url.b"+target, bytes.NewReader(body))
		want.Header.Set("X-Value", value)
		event := httpEvent(t, func(e, c map[string]any) {
			e["rawPath"], e["rawQueryString"], c["domainName"] = "/"+path, query, "a.lambda-url.b"
			e["headers"] = map[string]string{"host": "a.lambda-url.b", "x-value": value}
			e["body"], e["isBase64Encoded"] = base64.StdEncoding.EncodeToString(body), true
		})
		if !utf8.ValidString(path) || !utf8.ValidString(query) || !utf8.ValidString(value) {
			t.Skip("no event holds this")
		}
		var r *http.Request
		var got string
		ask(t, seen(&r, &got), event)
		if r.URL.Path != want.URL.Path || r.URL.EscapedPath() != want.URL.EscapedPath() || r.URL.RawQuery != want.URL.RawQuery ||
			r.Host != want.Host || got != string(body) || r.Header.Get("X-Value") != value {
			t.Errorf("got %v %q, want %v %q", r.URL, got, want.URL, body)
		}
	})
}
