package lambda

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxBody is what an HTTP API takes of a request.
const maxBody = 10 << 20

// HTTPAPI passes requests to a function as an HTTP API with the payload format
// 2.0 does, and its answers back.
func (h *Host) HTTPAPI(function string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			gateway(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
			return
		}
		e, err := json.Marshal(httpEvent(r, body))
		if err != nil {
			gateway(w, http.StatusInternalServerError, "Internal Server Error")
			return
		}
		out, err := h.Invoke(r.Context(), function, e)
		if err != nil {
			gateway(w, http.StatusInternalServerError, "Internal Server Error")
			return
		}
		writeAnswer(w, out)
	})
}

func gateway(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	b, _ := json.Marshal(map[string]string{"message": message})
	_, _ = w.Write(b)
}

// httpEvent is a request in the payload format 2.0: headers in lower case,
// several of one name joined by commas, cookies apart, a body that is no text
// as base64.
func httpEvent(r *http.Request, body []byte) map[string]any {
	headers := map[string]string{"host": r.Host}
	for k, v := range r.Header {
		if k != "Cookie" {
			headers[strings.ToLower(k)] = strings.Join(v, ",")
		}
	}
	ip, _, _ := net.SplitHostPort(r.RemoteAddr)
	path, _, _ := strings.Cut(r.RequestURI, "?")
	now := time.Now()
	e := map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": r.URL.RawQuery, "headers": headers,
		"requestContext": map[string]any{
			"accountId": "123456789012", "apiId": "api", "domainName": r.Host, "requestId": strconv.FormatInt(now.UnixNano(), 36), "routeKey": "$default",
			"stage": "$default", "time": now.UTC().Format("02/Jan/2006:15:04:05 -0700"), "timeEpoch": now.UnixMilli(),
			"http": map[string]any{"method": r.Method, "path": r.URL.Path, "protocol": r.Proto, "sourceIp": ip, "userAgent": r.UserAgent()},
		},
	}
	var cookies []string
	for _, c := range r.Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	if cookies != nil {
		e["cookies"] = cookies
	}
	if len(body) > 0 {
		text := r.Header.Get("Content-Encoding") == "" && utf8.Valid(body)
		e["isBase64Encoded"] = !text
		if text {
			e["body"] = string(body)
		} else {
			e["body"] = base64.StdEncoding.EncodeToString(body)
		}
	}
	return e
}

func writeAnswer(w http.ResponseWriter, out []byte) {
	var a struct {
		StatusCode int               `json:"statusCode"`
		Headers    map[string]string `json:"headers"`
		Cookies    []string          `json:"cookies"`
		Body       string            `json:"body"`
		Base64     bool              `json:"isBase64Encoded"`
	}
	if err := json.Unmarshal(out, &a); err != nil || a.StatusCode == 0 {
		gateway(w, http.StatusInternalServerError, "Internal Server Error")
		return
	}
	body := []byte(a.Body)
	if a.Base64 {
		var err error
		if body, err = base64.StdEncoding.DecodeString(a.Body); err != nil {
			gateway(w, http.StatusInternalServerError, "Internal Server Error")
			return
		}
	}
	for k, v := range a.Headers {
		w.Header().Set(k, v)
	}
	for _, c := range a.Cookies {
		w.Header().Add("Set-Cookie", c)
	}
	w.WriteHeader(a.StatusCode)
	_, _ = w.Write(body)
}

// HookOutcome is what a hook told CodeDeploy.
type HookOutcome struct{ DeploymentID, ExecutionID, Status string }

// HookOutcomes are what hooks told CodeDeploy so far.
func (h *Host) HookOutcomes() []HookOutcome {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]HookOutcome{}, h.hooks...)
}

// APIs answers Invoke and the operations on aliases and versions of the Lambda
// API, and PutLifecycleEventHookExecutionStatus of CodeDeploy.
func (h *Host) APIs() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2015-03-31/functions/{name}/versions", h.listVersions)
	mux.HandleFunc("GET /2015-03-31/functions/{name}/aliases/{alias}", h.alias)
	mux.HandleFunc("PUT /2015-03-31/functions/{name}/aliases/{alias}", h.updateAlias)
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
		if err != nil {
			gateway(w, http.StatusBadRequest, err.Error())
			return
		}
		out, err := h.Invoke(r.Context(), r.PathValue("name"), body)
		if f, ok := errors.AsType[*FunctionError](err); ok {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			out, err = f.Payload, nil
		}
		if err != nil {
			w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
			gateway(w, http.StatusNotFound, err.Error())
			return
		}
		_, _ = w.Write(out) //nolint:gosec // a test server passes on what the function says
	})
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			DeploymentID string `json:"deploymentId"`
			ExecutionID  string `json:"lifecycleEventHookExecutionId"`
			Status       string `json:"status"`
		}
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || operation != "PutLifecycleEventHookExecutionStatus" {
			gateway(w, http.StatusBadRequest, "unknown operation "+operation)
			return
		}
		h.mu.Lock()
		h.hooks = append(h.hooks, HookOutcome(in))
		h.mu.Unlock()
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = fmt.Fprintf(w, `{"lifecycleEventHookExecutionId":%q}`, in.ExecutionID)
	})
	return mux
}

// listVersions gives the versions of a function and when they were published.
func (h *Host) listVersions(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := []map[string]string{}
	for name, at := range h.published {
		if f, version, ok := strings.Cut(name, ":"); ok && f == r.PathValue("name") {
			list = append(list, map[string]string{"FunctionName": f, "Version": version, "LastModified": at.UTC().Format("2006-01-02T15:04:05.000-0700")})
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"Versions": list})
}

func (h *Host) alias(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writeAlias(w, r.PathValue("name"), r.PathValue("alias"))
}

// writeAlias tells an alias; h.mu is held.
func (h *Host) writeAlias(w http.ResponseWriter, name, alias string) {
	behind := h.aliases[name+":"+alias]
	if behind == "" {
		w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
		gateway(w, http.StatusNotFound, "there is no alias "+name+":"+alias)
		return
	}
	_, version, _ := strings.Cut(behind, ":")
	_ = json.NewEncoder(w).Encode(map[string]string{"Name": alias, "FunctionVersion": version, "Description": h.notes[name+":"+alias]})
}

func (h *Host) updateAlias(w http.ResponseWriter, r *http.Request) {
	var in struct{ FunctionVersion, Description string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		gateway(w, http.StatusBadRequest, err.Error())
		return
	}
	name, alias := r.PathValue("name"), r.PathValue("alias")
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.functions[name+":"+in.FunctionVersion] == nil {
		w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
		gateway(w, http.StatusNotFound, "there is no version "+in.FunctionVersion)
		return
	}
	h.aliases[name+":"+alias], h.notes[name+":"+alias] = name+":"+in.FunctionVersion, in.Description
	h.writeAlias(w, name, alias)
}
