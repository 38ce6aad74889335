package awsenv_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/internal/standin/lambda"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/fault"
)

// TestMain makes the test's own binary a function where a Lambda host runs it.
func TestMain(m *testing.M) {
	log := awsenv.NewLog(os.Stderr)
	switch os.Getenv("TEST_FUNCTION") {
	case "":
		os.Exit(m.Run())
	case "job":
		awsenv.StartJob(func(ctx context.Context, j awsenv.Job) (any, error) {
			log.InfoContext(ctx, "at work")
			if j.Name == "fails" {
				return nil, fault.Permanentf("no such report")
			}
			return map[string]int{"days": 2, "files": 7}, nil
		}, log)
	case "queue":
		q := awsenv.NewQueue(awsenv.Config{}, awsenv.QueueOptions{URL: "http://127.0.0.1:1/1/q", Clock: env.ClockFunc(time.Now)})
		awsenv.StartQueue(q, func(ctx context.Context, msgs []env.Message) ([]string, error) {
			log.InfoContext(ctx, "at work")
			return []string{msgs[0].ID}, fault.Retryf("the store is down")
		}, log)
	case "http":
		awsenv.StartHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			log.InfoContext(r.Context(), "at work")
			w.WriteHeader(http.StatusAccepted)
		}), log)
	case "hook":
		awsenv.StartHook(awsenv.Config{}, func(ctx context.Context, _ awsenv.Hook) error {
			log.InfoContext(ctx, "at work")
			return nil
		}, log)
	}
}

// lines is a file that a process writes to; what it wrote before it answered is
// there when the answer is.
type lines struct {
	*os.File
	done int
}

// next gives the lines since the last time.
func (l *lines) next(t *testing.T) (out []map[string]any) {
	t.Helper()
	all, err := os.ReadFile(l.Name())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(all[l.done:])) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out = append(out, o)
	}
	l.done = len(all)
	return out
}

// function is a host with one function, which this test's binary is.
func function(t *testing.T, kind string) (*lambda.Host, *lines) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	h := lambda.New()
	t.Cleanup(func() { h.Close(); _ = f.Close() })
	h.Add(lambda.Function{
		Name: "upshot-" + kind + ":3", Bootstrap: self, Memory: 256, Log: f,
		Env: []string{"TEST_FUNCTION=" + kind, "UPSHOT_STAGE=trial", "UPSHOT_METRICS_NAMESPACE=Test"},
	})
	return h, &lines{File: f}
}

// TestLogOfInvocations runs functions under a Runtime API: every line of the
// log belongs to an invocation by its id, each run says in one line what came
// of it, and the first one of an instance tells how long the init took.
func TestLogOfInvocations(t *testing.T) {
	for _, c := range []struct {
		kind, event string
		fails       bool
		says        map[string]map[string]any // lines beside those of the cold start and of the work, by msg
	}{
		{"job", `{"name":"compact","scheduled":"2026-11-02T07:00:00Z"}`, false, map[string]map[string]any{
			"scheduled work is done": {"name": "compact", "due": "2026-11-02T07:00:00Z", "result": map[string]any{"days": 2., "files": 7.}},
		}},
		{"job", `{"name":"fails"}`, true, map[string]map[string]any{
			"scheduled work failed":       {"name": "fails", "kind": "permanent", "err": "no such report"},
			"Lambda was told of an error": {"error": map[string]any{"errorMessage": "no such report", "errorType": "fault"}},
		}},
		{"queue", string(sqsEvent(t, sqsRecord("1", "x", "upshot-id", "a"), sqsRecord("2", "x", "upshot-id", "b"))), false, map[string]map[string]any{
			"batch failed": {"messages": 2., "failed": 1.},
		}},
		{"http", string(httpEvent(t, nil)), false, nil},
		{"hook", "{}", false, map[string]map[string]any{"the smoke test succeeded": {}}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			h, log := function(t, c.kind)
			var ids []string
			for n := range 2 {
				if _, err := h.Invoke(t.Context(), "upshot-"+c.kind+":3", []byte(c.event)); (err != nil) != c.fails {
					t.Fatal(err)
				}
				got := log.next(t)
				id := ""
				left := map[string]bool{"at work": true}
				for msg := range c.says {
					left[msg] = true
				}
				for _, line := range got {
					if line["_aws"] != nil {
						checkColdStart(t, line, "upshot-"+c.kind, n == 0)
						continue
					}
					if id == "" {
						id, _ = line["request_id"].(string)
					}
					if id == "" || line["request_id"] != id {
						t.Errorf("the id of the invocation is %q: %v", id, line)
					}
					msg, _ := line["msg"].(string)
					switch {
					case msg == "cold start" && n == 0:
						if ms, ok := line["init_ms"].(float64); !ok || ms < 0 || ms > 60_000 || line["version"] != "3" || line["memory_mb"] != 256. {
							t.Errorf("cold start: %v", line)
						}
					case !left[msg]:
						t.Errorf("more than was expected: %v", line)
					}
					delete(left, msg)
					for k, want := range c.says[msg] {
						if !equalJSON(line[k], want) {
							t.Errorf("%s: %s is %v, want %v", msg, k, line[k], want)
						}
					}
				}
				for msg := range left {
					t.Errorf("no line says %q: %v", msg, got)
				}
				if slices.Contains(ids, id) {
					t.Errorf("two invocations have the id %s", id)
				}
				ids = append(ids, id)
			}
		})
	}
}

func equalJSON(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

// checkColdStart holds a measurement against what it should be.
func checkColdStart(t *testing.T, line map[string]any, function string, first bool) {
	t.Helper()
	ms, ok := line["ColdStart"].(float64)
	if !first || !ok || ms < 0 || line["Function"] != function || line["Stage"] != "trial" {
		t.Errorf("measured %v", line)
	}
}

// TestAge reads how long a process has run from what the system says.
func TestAge(t *testing.T) {
	const stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 4 1 0 0 20 0 5 0 %START% 1 2 3\n"
	for _, c := range []struct {
		uptime, stat string
		want         time.Duration
		known        bool
	}{
		{"120.50 200.00\n", strings.Replace(stat, "%START%", "12000", 1), 500 * time.Millisecond, true},
		{"120.00 200.00\n", strings.Replace(stat, "%START%", "12000", 1), 0, true},
		{"120.00 200.00\n", strings.Replace(stat, "%START%", "12001", 1), -10 * time.Millisecond, false},
		{"120.00 200.00\n", strings.Replace(stat, "%START%", "soon", 1), 0, false},
		{"120.00 200.00\n", "7 (a) S 1 2", 0, false},
		{"long\n", stat, 0, false},
		{"", stat, 0, false},
		{"120.00 200.00\n", "", 0, false},
	} {
		got, known := awsenv.Age(func(name string) ([]byte, error) {
			b := map[string]string{"/proc/uptime": c.uptime, "/proc/self/stat": c.stat}[name]
			if b == "" {
				return nil, fs.ErrNotExist
			}
			return []byte(b), nil
		})
		if got != c.want || known != c.known {
			t.Errorf("%q, %q: %v, %v", c.uptime, c.stat, got, known)
		}
	}
}
