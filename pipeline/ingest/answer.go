package ingest

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"

	"upshot.dev/upshot/pipeline/record"
)

// answer is a response before it is written. reason, source and size are for
// the log; the client sees the status, and detail where it helps an honest one
// and no forger.
type answer struct {
	status      int
	contentType string // "" is application/json
	body        []byte // of 2xx answers

	reason, source string
	size           int

	detail         string
	faults         []record.FieldError
	allow          string // of 405
	accept         string // of 415
	acceptEncoding string // of 415
	challenge      string // of 401
	retryAfter     int    // seconds, of 503
	dead           string // dead letters, of the status
	hangUp         bool   // the rest of the body is not wanted
}

// busy asks the sender to come again.
func busy(reason string) answer {
	return answer{status: http.StatusServiceUnavailable, reason: reason, retryAfter: 5}
}

// reply writes a, and a line into the log when it is a refusal.
func (h *Handler) reply(w http.ResponseWriter, r *http.Request, rt route, a answer) {
	header := w.Header()
	setIf(header, "Allow", a.allow)
	setIf(header, "Accept", a.accept)
	setIf(header, "Accept-Encoding", a.acceptEncoding)
	setIf(header, "WWW-Authenticate", a.challenge)
	setIf(header, DeadLettersHeader, a.dead)
	if a.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(a.retryAfter))
	}
	if a.hangUp {
		header.Set("Connection", "close")
	}
	contentType, body := a.contentType, a.body
	if a.status >= http.StatusBadRequest && body == nil {
		if a.source == "" && len(rt.targets) == 1 {
			a.source = rt.targets[0].name
		}
		h.refused(r, a)
		if contentType, body = refusalBody(a, rt.api()); body == nil {
			a.status = http.StatusInternalServerError
		}
	}
	if contentType == "" {
		contentType = "application/json"
	}
	header.Set("Content-Type", contentType)
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(a.status)
	// The client may be gone; then there is nobody to tell.
	_, _ = w.Write(body) //nolint:gosec // JSON with its own type and nosniff: no browser reads it as a page
}

func setIf(header http.Header, name, value string) {
	if value != "" {
		header.Set(name, value)
	}
}

// refused writes the one line of a refused request.
func (h *Handler) refused(r *http.Request, a answer) {
	attrs := []slog.Attr{
		slog.Int("status", a.status), slog.String("reason", a.reason),
		slog.String("source", a.source), slog.String("method", cut(r.Method)),
	}
	if a.source == "" {
		attrs = append(attrs, slog.String("path", cut(r.URL.Path)))
	}
	size := int64(a.size)
	if size == 0 {
		size = r.ContentLength
	}
	attrs = append(attrs, slog.Int64("size", size), slog.Int("faults", len(a.faults)))
	h.opts.Log.LogAttrs(r.Context(), slog.LevelWarn, "request refused", attrs...)
}

// cut bounds what strangers write into the log.
func cut(s string) string { return s[:min(len(s), 100)] }

// titles say to a client what its status means here.
var titles = map[int]string{
	http.StatusBadRequest:            "the request is not valid",
	http.StatusUnauthorized:          "the request is not authenticated",
	http.StatusNotFound:              "there is nothing here",
	http.StatusMethodNotAllowed:      "this method is not possible here",
	http.StatusRequestTimeout:        "the request took too long to arrive",
	http.StatusRequestEntityTooLarge: "the body is too large: 1 MiB as sent, 16 MiB decompressed",
	http.StatusUnsupportedMediaType:  "this kind of body is not read here",
	http.StatusInternalServerError:   "something is broken here",
	http.StatusServiceUnavailable:    "not now, send it again later",
}

// refusalBody is a problem document (RFC 9457) for the API and a short object
// for everybody else.
func refusalBody(a answer, api bool) (contentType string, body []byte) {
	if !api {
		text := titles[a.status]
		if a.detail != "" {
			text += ": " + a.detail
		}
		body, _ = json.Marshal(map[string]string{"error": text})
		return "application/json", body
	}
	body, _ = json.Marshal(struct {
		Type   string              `json:"type"`
		Title  string              `json:"title"`
		Status int                 `json:"status"`
		Detail string              `json:"detail,omitempty"`
		Errors []record.FieldError `json:"errors,omitempty"`
	}{"about:blank", titles[a.status], a.status, a.detail, a.faults})
	return "application/problem+json", body
}
