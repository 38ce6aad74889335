package awsenv

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxResponse is how much Lambda takes back from a function, in bytes.
const maxResponse = 6 << 20

// response collects what a handler answers. It is an http.ResponseWriter with
// neither deadlines nor flushing: an answer leaves as a whole.
type response struct {
	header http.Header
	sent   http.Header // header at the time of WriteHeader
	status int
	body   bytes.Buffer
}

// Header is what will be sent.
func (w *response) Header() http.Header { return w.header }

// WriteHeader fixes the status, once; 1xx are not sent.
func (w *response) WriteHeader(status int) {
	if w.status != 0 || status >= 100 && status < 200 {
		return
	}
	w.status, w.sent = status, w.header.Clone()
}

// Write adds to the body.
func (w *response) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.status == http.StatusNoContent || w.status == http.StatusNotModified {
		return 0, http.ErrBodyNotAllowed
	}
	return w.body.Write(b)
}

// httpResult is the answer in payload format 2.0. It has no place for several
// values of a name but one: cookies.
type httpResult struct {
	Status  int               `json:"statusCode"`
	Headers map[string]string `json:"headers"`
	Cookies []string          `json:"cookies,omitempty"`
	Body    string            `json:"body"`
	Base64  bool              `json:"isBase64Encoded"`
}

// encodeWithin is encode for an answer that may be too large.
func (w *response) encodeWithin(ctx context.Context, log *slog.Logger) ([]byte, error) {
	out, err := w.encode()
	if err == nil && len(out) > maxResponse {
		log.ErrorContext(ctx, "the answer is too large for Lambda", "bytes", len(out), "limit", maxResponse, "status", w.status)
		return failure().encode()
	}
	return out, err
}

func (w *response) encode() ([]byte, error) {
	w.WriteHeader(http.StatusOK)
	body := w.body.Bytes()
	if len(body) > 0 && w.sent.Get("Content-Type") == "" && w.sent.Get("Content-Encoding") == "" {
		w.sent.Set("Content-Type", http.DetectContentType(body)) // as a server does
	}
	out := httpResult{Status: w.status, Headers: map[string]string{}, Cookies: w.sent.Values("Set-Cookie")}
	for _, name := range slices.Sorted(maps.Keys(w.sent)) {
		if name != "Set-Cookie" {
			out.Headers[name] = oneLine(strings.Join(w.sent[name], ", "))
		}
	}
	if w.sent.Get("Content-Encoding") == "" && utf8.Valid(body) {
		out.Body = string(body)
	} else {
		out.Body, out.Base64 = base64.StdEncoding.EncodeToString(body), true
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// oneLine keeps a header's value from beginning another header.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ").Replace
