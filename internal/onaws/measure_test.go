package onaws_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// emitted gives the deliveries that were measured, as source/status: number,
// and forgets them.
func emitted(t *testing.T, metrics *bytes.Buffer) map[string]int {
	t.Helper()
	out := map[string]int{}
	for line := range strings.Lines(metrics.String()) {
		var m struct {
			Source, Status string
			Deliveries     *int
			IngestLatency  json.RawMessage
			IngestMemory   float64
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		switch {
		case m.Deliveries != nil && len(m.IngestLatency) > 0:
			out[m.Source+"/"+m.Status] += *m.Deliveries
		case m.IngestMemory <= 0:
			t.Errorf("measured %s", line)
		}
	}
	metrics.Reset()
	return out
}

// TestMeasuredNames: what a delivery is counted under, which nobody outside can
// choose.
func TestMeasuredNames(t *testing.T) {
	for path, want := range map[string]string{
		"/hooks/app": "app", "/hooks/app/": "app", "/hooks/app/more": "app", "/sdk/app/v1/batch": "app", "/hooks/smoke": "smoke",
		"/hooks/App": "unknown", "/hooks/nobody": "unknown", "/hooks/": "unknown", "/sdk/%2e%2e": "unknown",
		"/v1/batch": "shared", "/v1/records": "shared", "/": "shared", "/hooksapp": "shared",
		"/v1/status": "", "/v1/status/": "", "/healthz": "", "/readyz": "",
	} {
		b, _, metrics, _ := base(t, conf)
		h := b.Measured(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }), b.Sources())
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, nil))
		got := emitted(t, metrics)
		if want == "" && len(got) != 0 || want != "" && (len(got) != 1 || got[want+"/202"] != 1) || w.Code != http.StatusAccepted {
			t.Errorf("%s: %v, want %q; answered %d", path, got, want, w.Code)
		}
	}
}

// TestMeasuredTogether: the first delivery of an instance and every fault are
// seen at once, all else after a minute or a hundred deliveries, and nothing
// is counted twice or never.
func TestMeasuredTogether(t *testing.T) {
	b, clock, metrics, _ := base(t, conf)
	h := b.Measured(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		clock.Advance(3 * time.Millisecond)
		if status, _ := strconv.Atoi(r.Header.Get("Status")); status != 0 {
			w.WriteHeader(status)
		}
		_, _ = fmt.Fprint(w, "the answer")
	}), b.Sources())
	post := func(n int, path string, status int) {
		for range n {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, nil)
			r.Header.Set("Status", strconv.Itoa(status))
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	for _, c := range []struct {
		name string
		do   func()
		want map[string]int
	}{
		{"the first", func() { post(1, "/hooks/app", 0) }, map[string]int{"app/200": 1}},
		{"within a minute", func() { post(20, "/hooks/app", 202); post(2, "/hooks/held", 401) }, nil},
		{"a fault", func() { post(1, "/hooks/app", 503) }, map[string]int{"app/202": 20, "app/503": 1, "held/401": 2}},
		{"a hundred", func() { post(99, "/hooks/app", 202); post(1, "/hooks/held", 202) }, map[string]int{"app/202": 99, "held/202": 1}},
		{"after a minute", func() { post(1, "/hooks/app", 202); clock.Advance(time.Minute); post(1, "/hooks/app", 202) }, map[string]int{"app/202": 2}},
		{"none since", func() { clock.Advance(time.Hour) }, nil},
	} {
		c.do()
		if strings.Contains(c.name, "first") && !strings.Contains(metrics.String(), `"IngestLatency":3`) {
			t.Errorf("measured %s", metrics.String())
		}
		if got := emitted(t, metrics); !maps.Equal(got, c.want) {
			t.Errorf("%s: %v (%q), want %v", c.name, got, slices.Sorted(maps.Keys(got)), c.want)
		}
	}
}
