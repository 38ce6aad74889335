package awsenv

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"upshot.dev/upshot/pipeline/fault"
)

const wantHTTP = "events of an HTTP API with PayloadFormatVersion 2.0 or of a function URL"

// StartHTTP serves h on Lambda behind an HTTP API or a function URL. It does not
// return. See HTTPHandler.
func StartHTTP(h http.Handler, log *slog.Logger) { start(HTTPHandler(h, log), log) }

// HTTPHandler answers events of an HTTP API (payload format 2.0) and of a
// function URL by h.
//
// h sees the request as it was sent where the event tells it: the body byte
// for byte, the query as it stood in the URL, the headers (several of a name
// joined by commas, as the gateway does), the cookies, the caller's address.
// The path of a function URL is the sender's; an HTTP API decodes the path
// before it makes the event. The name of a stage other than $default, which an
// HTTP API puts before the path, is taken away: RequestURI still has it.
//
// The context of the request ends a little before the function's time does. A
// body that is marked as base64 and is not is answered 400. A panic of h is a
// plain 500. An answer that Lambda cannot carry (above 6 MB) becomes a 500. All
// three leave a line in log, without any content. An event of any other kind is
// a fault of kind Invalid, which the gateway answers with 502: the sender will
// try again.
func HTTPHandler(h http.Handler, log *slog.Logger) Function {
	return func(ctx context.Context, event []byte) ([]byte, error) {
		e, ok := readHTTPEvent(event)
		if !ok {
			return nil, misdirected(ctx, log, event, wantHTTP)
		}
		log := log.With("api_request_id", e.Context.RequestID)
		ctx, cancel := withMargin(ctx)
		defer cancel()
		w := &response{header: http.Header{}}
		r, err := e.request(ctx)
		if err != nil {
			log.WarnContext(ctx, "refused a request", "reason", err.Error())
			http.Error(w, "the body cannot be read", http.StatusBadRequest)
			return w.encode()
		}
		err = guard(ctx, log, func() error { h.ServeHTTP(w, r); return nil })
		if errors.Is(err, http.ErrAbortHandler) {
			return nil, fault.Retryf("the handler ended the connection")
		}
		if err != nil {
			w = failure()
		}
		return w.encodeWithin(ctx, log)
	}
}

// failure is the answer that tells nothing but that this side failed.
func failure() *response {
	w := &response{header: http.Header{}}
	http.Error(w, "internal error", http.StatusInternalServerError)
	return w
}

// httpEvent is what is read of an event of version 2.0.
type httpEvent struct {
	Version  string            `json:"version"`
	RawPath  string            `json:"rawPath"`
	RawQuery string            `json:"rawQueryString"`
	Cookies  []string          `json:"cookies"`
	Headers  map[string]string `json:"headers"`
	Body     string            `json:"body"`
	Base64   bool              `json:"isBase64Encoded"`
	Context  struct {
		Stage     string `json:"stage"`
		RequestID string `json:"requestId"`
		Domain    string `json:"domainName"`
		HTTP      struct {
			Method   string `json:"method"`
			Protocol string `json:"protocol"`
			SourceIP string `json:"sourceIp"`
		} `json:"http"`
	} `json:"requestContext"`
}

func readHTTPEvent(event []byte) (httpEvent, bool) {
	var e httpEvent
	if err := json.Unmarshal(event, &e); err != nil {
		return e, false
	}
	return e, e.Version == "2.0" && e.Context.HTTP.Method != ""
}

// request is the event as a server's request.
func (e httpEvent) request(ctx context.Context) (*http.Request, error) {
	body := []byte(e.Body)
	if e.Base64 {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, errors.New("the event says that its body is base64, and it is not")
		}
	}
	header := e.header()
	r := &http.Request{
		Method: e.Context.HTTP.Method,
		URL:    e.url(),
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        header,
		Body:          http.NoBody,
		ContentLength: int64(len(body)),
		Host:          header.Get("Host"),
		RemoteAddr:    net.JoinHostPort(e.Context.HTTP.SourceIP, "0"),
		RequestURI:    e.RawPath,
	}
	if major, minor, ok := http.ParseHTTPVersion(e.Context.HTTP.Protocol); ok {
		r.Proto, r.ProtoMajor, r.ProtoMinor = e.Context.HTTP.Protocol, major, minor
	}
	header.Del("Host") // as a server does
	if r.Host == "" {
		r.Host = e.Context.Domain
	}
	if e.RawQuery != "" {
		r.RequestURI += "?" + e.RawQuery
	}
	if len(body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return r.WithContext(ctx), nil
}

// header makes the event's headers a server's. Names come in any case; those
// that differ only in it are put together in a fixed order.
func (e httpEvent) header() http.Header {
	h := http.Header{}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		h.Add(name, e.Headers[name])
	}
	if len(e.Cookies) > 0 {
		h.Set("Cookie", strings.Join(e.Cookies, "; "))
	}
	// Neither kind of front speaks anything but TLS.
	if h.Get("X-Forwarded-Proto") == "" {
		h.Set("X-Forwarded-Proto", "https")
	}
	return h
}

// url is the path without the stage, and the query as it came.
func (e httpEvent) url() *url.URL {
	path := e.RawPath
	if stage := e.Context.Stage; stage != "" && stage != "$default" {
		if rest, ok := strings.CutPrefix(path, "/"+stage); ok && (rest == "" || rest[0] == '/') {
			path = rest
		}
	}
	if path == "" {
		path = "/"
	}
	u := &url.URL{Path: path, RawQuery: e.RawQuery}
	if strings.Contains(e.Context.Domain, ".lambda-url.") {
		if plain, err := url.PathUnescape(path); err == nil {
			u.Path, u.RawPath = plain, path
		}
	}
	return u
}
