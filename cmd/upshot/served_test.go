package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for a process; waits end as soon as they can.
const patience = 30 * time.Second

// served is a running upshot serve.
type served struct {
	cmd  *exec.Cmd
	url  string
	done chan struct{} // closed when the process is gone
	talk *speech
}

// speech keeps what a process says, while it says it.
type speech struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (r *speech) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(p)
}

func (r *speech) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}

// folder makes a folder with a configuration and the mapping it names.
func folder(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "upshot.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// command is upshot as a process in a folder. TestMain put it on the path.
func command(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "upshot", args...)
	cmd.Dir = dir
	return cmd
}

// upshot runs a command to its end and gives what it prints.
func upshot(t *testing.T, dir string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := command(t, dir, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("upshot %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

// serve starts a server on a free port and waits for its ready line. It is
// killed at the end of the test, if it still runs.
func serve(t *testing.T, dir string, args ...string) *served {
	t.Helper()
	s := &served{talk: &speech{}, done: make(chan struct{})}
	s.cmd = command(t, dir, append(args, "serve", "--listen", "127.0.0.1:0")...)
	s.cmd.Stderr = s.talk
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make(chan string, 1)
	go func() {
		r := bufio.NewReader(out)
		l, _ := r.ReadString('\n')
		line <- l
		_, _ = io.Copy(io.Discard, r)
		_ = s.cmd.Wait()
		close(s.done)
	}()
	t.Cleanup(func() { s.end(t, syscall.SIGKILL) })
	select {
	case l := <-line:
		url, ok := strings.CutPrefix(strings.TrimSpace(l), "upshot serves on ")
		if !ok {
			t.Fatalf("ready line %q\n%s", l, s.talk)
		}
		s.url = url
	case <-time.After(patience):
		t.Fatalf("no ready line\n%s", s.talk)
	}
	return s
}

// end sends a signal and gives the exit status; -1 is death by the signal.
func (s *served) end(t *testing.T, sig syscall.Signal) int {
	t.Helper()
	_ = s.cmd.Process.Signal(sig)
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Errorf("the server does not end\n%s", s.talk)
		return -2
	}
	return s.cmd.ProcessState.ExitCode()
}

// delivery is one request as a sender makes it.
type delivery struct {
	method, path string
	header       map[string]string
	body         string
}

// send gives the answer's status and body; 0 is no answer.
func (s *served) send(t *testing.T, d delivery) (status int, body string, header http.Header) {
	t.Helper()
	method := d.method
	if method == "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+d.path, strings.NewReader(d.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for k, v := range d.header {
		r.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error(), nil
	}
	return resp.StatusCode, string(b), resp.Header
}

// settle waits until everything accepted is in the lake.
func (s *served) settle(t *testing.T) {
	t.Helper()
	s.until(t, "everything accepted is in the lake", func() bool {
		code, body, _ := s.send(t, delivery{method: http.MethodGet, path: "/v1/status"})
		var st struct {
			Queued   *int     `json:"queued"`
			InFlight *int     `json:"in_flight"`
			Oldest   *float64 `json:"oldest_seconds"`
		}
		if code != http.StatusOK || json.Unmarshal([]byte(body), &st) != nil || st.Queued == nil || st.InFlight == nil || st.Oldest == nil {
			t.Fatalf("/v1/status: %d %s\n%s", code, body, s.talk)
		}
		return *st.Queued == 0 && *st.InFlight == 0 && *st.Oldest == 0
	})
}

// until looks again and again until something holds.
func (s *served) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for late := time.After(patience); !holds(); {
		select {
		case <-look.C:
		case <-s.done:
			t.Fatalf("the server ended before %s\n%s", what, s.talk)
		case <-late:
			t.Fatalf("waited in vain until %s\n%s", what, s.talk)
		}
	}
}

// ids are the event ids of a table with how often each is in the view.
func ids(t *testing.T, dir, table string) map[string]int {
	t.Helper()
	out := upshot(t, dir, "query", "--format", "json", fmt.Sprintf("SELECT event_id, count(*) AS n FROM %s GROUP BY event_id", table))
	var rows []struct {
		ID string `json:"event_id"`
		N  int    `json:"n"`
	}
	if err := json.Unmarshal([]byte(out), &rows); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	got := make(map[string]int, len(rows))
	for _, r := range rows {
		got[r.ID] = r.N
	}
	return got
}
