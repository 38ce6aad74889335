package standin

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// Front puts f before a server, to count calls or to put faults in their way:
// f answers itself, or hands the request to next, which is the server. The
// result is the endpoint to use instead. It ends with the test.
func Front(t testing.TB, e Endpoint, f func(w http.ResponseWriter, r *http.Request, next http.Handler)) Endpoint {
	t.Helper()
	next := Proxy(t, e.URL)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f(w, r, next) }))
	t.Cleanup(srv.Close)
	return Endpoint{Service: e.Service, URL: srv.URL}
}

// Proxy passes requests on to a server as they are.
func Proxy(t testing.TB, to string) http.Handler {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	return &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(target)
		p.Out.Host = p.In.Host // it is part of what was signed
	}}
}

// S3Error answers as S3 does when it refuses a request, after its body, so
// that the client hears the answer.
func S3Error(w http.ResponseWriter, r *http.Request, status int, code string) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`<?xml version="1.0"?><Error><Code>` + code + `</Code><Message>made for a test</Message></Error>`))
}
