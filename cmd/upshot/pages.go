package main

import (
	"io"
	"net/http"
	"strings"

	"upshot.dev/upshot/pipeline/env"
)

// latestReport is where the newest page lies in the store.
const latestReport = "reports/latest/report.html"

// noReport is what GET / shows before the first one is written.
const noReport = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Upshot</title><style>body{font:16px/1.6 system-ui,sans-serif;max-width:38rem;margin:15vh auto;padding:0 1.5rem;color:#1f2937;background:#fafaf9}code{background:#e7e5e4;padding:.1em .35em;border-radius:.25rem}</style>
<h1>No report yet</h1><p>Upshot is running and takes deliveries. The first report appears here on its schedule; <code>upshot report</code> writes one into a folder at once.</p></html>
`

// pages are what a person's browser gets. They show what customers wrote, so
// they are served on a loopback address only; elsewhere put a proxy with a
// login before a loopback address.
func pages(s env.Blobs, loopback bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if !loopback || !loopbackHost(r.Host) {
			http.Error(w, "reports are shown on a loopback address only", http.StatusForbidden)
			return
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
		o, err := s.Open(r.Context(), latestReport)
		if err != nil {
			_, _ = io.WriteString(w, noReport)
			return
		}
		defer func() { _ = o.Close() }()
		_, _ = io.Copy(w, io.NewSectionReader(o, 0, o.Size()))
	})
	return mux
}

// loopbackHost keeps pages of other origins from reading the report through a
// name that they point at this machine.
func loopbackHost(host string) bool {
	name := host
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name = host[:i]
	}
	return name == "localhost" || name == "127.0.0.1" || name == "[::1]"
}
