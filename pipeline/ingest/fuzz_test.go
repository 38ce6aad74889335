package ingest_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/ingest"
)

// FuzzHandler sends anything anywhere. Nothing unsigned gets in, no answer is
// a failure of the server's, refusals are JSON, and what is signed is kept as
// it came or refused for its form.
func FuzzHandler(f *testing.F) {
	f.Add("POST", "/hooks/support", "application/json", "", "", []byte(ticket), true)
	f.Add("POST", "/hooks/support", "text/plain", "gzip", "", []byte("\x1f\x8b\x08\x00"), true)
	f.Add("POST", "/v1/batch", "", "gzip", "Basic d2s6", []byte(gzipped(f, []byte(`{"batch":[]}`))), false)
	f.Add("POST", "/sdk/app/v1/track", "application/x-www-form-urlencoded", "", "Basic", []byte(`{"writeKey":1}`), false)
	f.Add("POST", "/v1/records", "application/json", "", "Bearer x", []byte("[[[["), false)
	f.Add("GET", "/v1/status", "", "", "", []byte{}, false)
	f.Add("HEAD", "/hooks/../hooks//x%2f", ";;", ",", "\x00", []byte{0xff}, false)
	sources := senders(f)
	delete(sources, "buggy")
	delete(sources, "chat")
	delete(sources, "survey")
	f.Fuzz(func(t *testing.T, method, path, contentType, encoding, authorization string, body []byte, signed bool) {
		clock := memenv.NewClock(noon)
		q := memenv.NewQueue(clock)
		h, err := ingest.New(ingest.Options{
			Sources: sources, Secrets: secrets, Queue: q, Clock: clock, Random: rand.NewChaCha8([32]byte{}), Gauge: q,
		})
		if err != nil {
			t.Fatal(err)
		}
		req := &http.Request{
			Method: method, URL: &url.URL{Path: path}, Host: "h", Body: http.NoBody, ContentLength: -1,
			Header: http.Header{"Content-Type": {contentType}, "Content-Encoding": {encoding}, "Authorization": {authorization}},
		}
		if signed {
			req.Method, req.URL.Path = http.MethodPost, "/hooks/support"
			for _, line := range zendesk(t, "zendesk-new", string(body), noon)[1:] {
				name, value, _ := strings.Cut(line, ": ")
				req.Header.Set(name, value)
			}
		}
		if len(body) > 0 {
			req.Body = http.MaxBytesReader(nil, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)).Body, 1<<30)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		d, err := q.Depth(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case w.Code >= 500:
			t.Errorf("%d: %s", w.Code, w.Body)
		case w.Code >= 400 && !json.Valid(w.Body.Bytes()):
			t.Errorf("%d with a body that is no JSON: %q", w.Code, w.Body)
		case (w.Code == 202) != (d.Queued == 1):
			t.Errorf("%d, and %d stored", w.Code, d.Queued)
		case d.Queued > 0 && !signed:
			t.Errorf("an unsigned request was stored: %s %s", method, path)
		case signed && w.Code != 202 && w.Code != 415 && w.Code != 413:
			t.Errorf("a signed request: %d %s", w.Code, w.Body)
		}
	})
}
