package ingest

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"

	"upshot.dev/upshot/pipeline/source"
)

const (
	hooksPath = "/hooks/"
	sdkPath   = "/sdk/"
)

// fixed are the handler's own paths. All are read only.
var fixed = map[string]func(*Handler, context.Context) answer{
	"/healthz":   (*Handler).healthz,
	"/readyz":    (*Handler).readyz,
	"/v1/status": (*Handler).status,
}

// route is where a request belongs.
type route struct {
	targets []target // one, or those that share an SDK's path at the root
	path    string   // without the base path and without /sdk/{name}
}

// api reports whether the route is the first-party API.
func (r route) api() bool { return len(r.targets) > 0 && r.targets[0].api() }

// ServeHTTP answers one request. It may be called by any server; Server makes
// one whose time limits fit.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ours := strings.CutPrefix(r.URL.Path, h.opts.BasePath)
	if look, ok := fixed[path]; ours && ok {
		h.serveFixed(w, r, look)
		return
	}
	rt, ok := h.find(path)
	if !ours || !ok {
		h.serveOther(w, r, path)
		return
	}
	h.reply(w, r, rt, h.guarded(w, r, rt))
}

func (h *Handler) serveFixed(w http.ResponseWriter, r *http.Request, look func(*Handler, context.Context) answer) {
	a := answer{status: http.StatusMethodNotAllowed, reason: "method", allow: "GET, HEAD"}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		a = look(h, r.Context())
	}
	h.reply(w, r, route{}, a)
}

// serveOther answers what is none of the handler's paths. Hooks and SDK paths
// without a source are its own to refuse.
func (h *Handler) serveOther(w http.ResponseWriter, r *http.Request, path string) {
	if h.opts.Fallback != nil && !strings.HasPrefix(path, hooksPath) && !strings.HasPrefix(path, sdkPath) {
		h.opts.Fallback.ServeHTTP(w, r)
		return
	}
	h.reply(w, r, route{}, answer{status: http.StatusNotFound, reason: "no source has this path"})
}

// find looks a path up. It is the whole path: nothing is cleaned or guessed.
func (h *Handler) find(path string) (route, bool) {
	if name, ok := strings.CutPrefix(path, hooksPath); ok {
		t, ok := h.hooks[name]
		return route{[]target{t}, path}, ok
	}
	if rest, ok := strings.CutPrefix(path, sdkPath); ok {
		name, rest, _ := strings.Cut(rest, "/")
		t, ok := h.hooks[name]
		if !ok {
			return route{}, false
		}
		for _, e := range t.src.Endpoints {
			if e == "/"+rest {
				return route{[]target{t}, e}, true
			}
		}
		return route{}, false
	}
	targets, ok := h.endpoints[path]
	return route{targets, path}, ok
}

// guarded runs deliver within the bounds for all requests together, and turns
// a panic into a plain 500: its value may hold parts of a body.
func (h *Handler) guarded(w http.ResponseWriter, r *http.Request, rt route) (a answer) {
	m := &meter{h: h}
	defer func() {
		m.done()
		v := recover()
		if v == nil {
			return
		}
		if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(v)
		}
		attrs := []any{"stack", string(debug.Stack())}
		if err, ok := v.(runtime.Error); ok {
			attrs = append(attrs, "panic", err.Error())
		}
		h.opts.Log.ErrorContext(r.Context(), "panic in a request", attrs...)
		a = answer{status: http.StatusInternalServerError, reason: "panic"}
	}()
	return h.deliver(w, r, rt, m)
}

// request is r as source sees it, with the URL that the sender called. Only a
// signature over the URL depends on the host and the forwarded scheme, so that
// lying about them gains nothing.
func request(r *http.Request, body []byte) source.Request {
	u := *r.URL
	u.Host, u.Scheme = r.Host, "http"
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		u.Scheme = "https"
	}
	return source.Request{Method: r.Method, URL: &u, Header: r.Header, Body: body}
}
