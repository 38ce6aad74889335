package onaws

import (
	"net/http"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"time"

	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/source"
)

// flushAfter is how long measurements of deliveries are gathered: CloudWatch
// shows minutes, and a line for each delivery would cost more than the delivery
// itself. What an instance gathered in the last minute of its life is not seen;
// the ledger has every delivery.
const flushAfter = time.Minute

// measured counts deliveries by source and status, and how long each took.
type measured struct {
	b       *Base
	next    http.Handler
	sources map[string]*source.Source

	mu      sync.Mutex
	flushed time.Time                     // zero at first: the first delivery of an instance is seen at once
	took    map[[2]string][]time.Duration // by source and status
	n       int
}

// Measured measures h, for the sources that it knows.
func (b *Base) Measured(h http.Handler, sources map[string]*source.Source) http.Handler {
	return &measured{b: b, next: h, sources: sources, took: map[[2]string][]time.Duration{}}
}

// ServeHTTP passes the request on and notes what came of it.
func (m *measured) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := m.b.Clock.Now()
	s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	m.next.ServeHTTP(s, r)
	now := m.b.Clock.Now()
	m.note(m.source(r.URL.Path), s.status, now.Sub(start), now)
}

// source is the name of the sender by the path; a name that is not configured
// is none, as anybody can write it.
func (m *measured) source(path string) string {
	for _, prefix := range []string{"/hooks/", "/sdk/"} {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			name, _, _ := strings.Cut(rest, "/")
			if _, known := m.sources[name]; known {
				return name
			}
			return "unknown"
		}
	}
	if strings.HasPrefix(path, "/v1/status") || path == "/healthz" || path == "/readyz" {
		return ""
	}
	return "shared" // an SDK's path, which several sources may share
}

func (m *measured) note(name string, status int, took time.Duration, now time.Time) {
	if name == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := [2]string{name, strconv.Itoa(status)}
	m.took[key] = append(m.took[key], took)
	m.n++
	// A fault of ours is seen at once: an alarm waits for it.
	if status < http.StatusInternalServerError && m.n < 100 && now.Sub(m.flushed) < flushAfter {
		return
	}
	for key, list := range m.took {
		m.b.Emit([]awsenv.Metric{awsenv.Count("Deliveries", len(list)), awsenv.Milliseconds("IngestLatency", list...)},
			awsenv.By("Status", key[1]), awsenv.By("Source", key[0]))
	}
	m.b.Emit([]awsenv.Metric{awsenv.Amount("IngestMemory", memory())})
	clear(m.took)
	m.n, m.flushed = 0, now
}

// memory is what the process holds, in MB. The platform's report of it would be
// a line in the log for each delivery.
func memory() float64 {
	held := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(held)
	return float64(held[0].Value.Uint64()-held[1].Value.Uint64()) / 1e6
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader remembers and passes on.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap gives the writer beneath, for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
