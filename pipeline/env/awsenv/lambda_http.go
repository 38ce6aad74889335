package awsenv

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

// maxAnswer is what Lambda passes on of a function's answer; base64 makes a
// body a third longer, and the headers need room.
const maxAnswer = 4 << 20

// StartHTTP serves h as a Lambda function behind an HTTP API (payload format
// 2.0) or a function URL. It does not return.
func StartHTTP(h http.Handler, log *slog.Logger) { lambda.Start(HTTPHandler(h, log)) }

// HTTPHandler turns events of an HTTP API or a function URL into requests. The
// path and the query reach h byte for byte as the client sent them, and so does
// the body: signatures are computed over them. What is no such event is
// answered 400 where the caller may be a gateway, and is an error otherwise. A
// panic of h is a 500 and a line in the log that does not hold its value, which
// may be part of a payload.
func HTTPHandler(h http.Handler, log *slog.Logger) func(context.Context, json.RawMessage) (events.APIGatewayV2HTTPResponse, error) {
	return func(ctx context.Context, raw json.RawMessage) (events.APIGatewayV2HTTPResponse, error) {
		var e events.APIGatewayV2HTTPRequest
		if err := json.Unmarshal(raw, &e); err != nil || e.Version != "2.0" || e.RequestContext.HTTP.Method == "" {
			return foreignEvent(ctx, raw, log)
		}
		req, err := request(ctx, &e)
		if err != nil {
			log.WarnContext(ctx, "request refused", "request_id", e.RequestContext.RequestID, "err", err)
			return plain(http.StatusBadRequest, err.Error()), nil
		}
		return serve(ctx, h, req, e.RequestContext.RequestID, log), nil
	}
}

// foreignEvent refuses an event of another shape. Gateways of other kinds pass
// a status on; a direct invocation gets an error.
func foreignEvent(ctx context.Context, raw json.RawMessage, log *slog.Logger) (events.APIGatewayV2HTTPResponse, error) {
	var other struct {
		HTTPMethod     string          `json:"httpMethod"`
		RequestContext json.RawMessage `json:"requestContext"`
	}
	const want = "this function takes events of an HTTP API or a function URL, payload format 2.0"
	if err := json.Unmarshal(raw, &other); err == nil && other.HTTPMethod != "" {
		log.ErrorContext(ctx, "event of another shape refused", "shape", "REST API (payload format 1.0) or load balancer", "bytes", len(raw))
		return plain(http.StatusBadRequest, want+"; the gateway sends format 1.0"), nil
	}
	log.ErrorContext(ctx, "event of another shape refused", "shape", "unknown", "bytes", len(raw))
	return events.APIGatewayV2HTTPResponse{}, errors.New(want)
}

func plain(status int, text string) events.APIGatewayV2HTTPResponse {
	b, _ := json.Marshal(map[string]string{"error": text})
	return events.APIGatewayV2HTTPResponse{StatusCode: status, Headers: map[string]string{"Content-Type": "application/json"}, Body: string(b)}
}

// request is the event as an HTTP request.
func request(ctx context.Context, e *events.APIGatewayV2HTTPRequest) (*http.Request, error) {
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, errors.New("the event says that its body is base64, and it is not")
		}
	}
	target := stagePath(e)
	if e.RawQueryString != "" {
		target += "?" + e.RawQueryString
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, fmt.Errorf("the path cannot be read: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, e.RequestContext.HTTP.Method, "/", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the request cannot be read: %w", err)
	}
	req.URL, req.RequestURI = u, target
	for k, v := range e.Headers {
		// Several headers of one name come joined by a comma.
		req.Header.Set(k, v)
	}
	if len(e.Cookies) > 0 {
		req.Header.Set("Cookie", strings.Join(e.Cookies, "; "))
	}
	req.Host = e.RequestContext.DomainName
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
		req.Header.Del("Host")
	}
	req.RemoteAddr = e.RequestContext.HTTP.SourceIP
	if strings.Contains(req.RemoteAddr, ":") {
		req.RemoteAddr = "[" + req.RemoteAddr + "]"
	}
	req.RemoteAddr += ":0"
	if p := e.RequestContext.HTTP.Protocol; p != "" {
		req.Proto = p
	}
	// What the client said, as a server would show it: a body that a proxy cut
	// off must not look whole.
	req.ContentLength = int64(len(body))
	return req, nil
}

// stagePath is the path as the client sent it, without the name of the stage:
// a gateway puts that before it, for every stage but $default.
func stagePath(e *events.APIGatewayV2HTTPRequest) string {
	path := e.RawPath
	if path == "" {
		path = e.RequestContext.HTTP.Path
	}
	if stage := e.RequestContext.Stage; stage != "" && stage != "$default" {
		if rest, ok := strings.CutPrefix(path, "/"+stage); ok && (rest == "" || rest[0] == '/') {
			path = rest
		}
	}
	if path == "" || path[0] != '/' {
		path = "/" + path
	}
	return path
}

// serve runs h and gathers what it answers.
func serve(ctx context.Context, h http.Handler, req *http.Request, id string, log *slog.Logger) (out events.APIGatewayV2HTTPResponse) {
	defer func() {
		if p := recover(); p != nil {
			log.ErrorContext(ctx, "the handler panicked", "request_id", id, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			out = plain(http.StatusInternalServerError, "internal error")
		}
	}()
	w := &answerWriter{header: http.Header{}}
	h.ServeHTTP(w, req)
	if w.body.Len() > maxAnswer {
		log.ErrorContext(ctx, "the answer is too long", "request_id", id, "bytes", w.body.Len(), "limit", maxAnswer)
		return plain(http.StatusInternalServerError, "the answer is longer than "+strconv.Itoa(maxAnswer)+" bytes")
	}
	return w.answer()
}

// answerWriter keeps an answer. It never holds more than a little over
// maxAnswer.
type answerWriter struct {
	status int
	header http.Header
	sent   http.Header // as it was when the status was written
	body   bytes.Buffer
}

// Header is that of the answer.
func (w *answerWriter) Header() http.Header { return w.header }

// WriteHeader keeps the first final status.
func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status, w.sent = status, w.header.Clone()
	}
}

// Write keeps the bytes.
func (w *answerWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.body.Len() > maxAnswer {
		return len(b), nil
	}
	return w.body.Write(b)
}

// answer is the response in the payload format 2.0: several headers of one name
// are joined, cookies have a list of their own, a body that is no text is
// base64.
func (w *answerWriter) answer() events.APIGatewayV2HTTPResponse {
	w.WriteHeader(http.StatusOK)
	out := events.APIGatewayV2HTTPResponse{StatusCode: w.status, Headers: map[string]string{}, Cookies: w.sent.Values("Set-Cookie")}
	for k, v := range w.sent {
		if k != "Set-Cookie" {
			out.Headers[k] = strings.Join(v, ", ")
		}
	}
	if b := w.body.Bytes(); w.sent.Get("Content-Encoding") != "" || !utf8.Valid(b) {
		out.Body, out.IsBase64Encoded = base64.StdEncoding.EncodeToString(b), true
	} else {
		out.Body = string(b)
	}
	return out
}
