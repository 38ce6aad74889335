package acceptance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"upshot.dev/upshot/testdata/company"
)

// site is a folder with a configuration, in which `upshot serve` is started,
// killed and started again.
type site struct {
	t    *testing.T
	dir  string
	base time.Time // what time it is there at start
	zero time.Time // when that was here

	cmd    *exec.Cmd
	talk   *bytes.Buffer
	url    string
	client *http.Client
}

// newSite makes the folder. Its clock starts at now and goes on through kills.
func newSite(t *testing.T, now time.Time) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), base: now, zero: time.Now()}
	if err := os.WriteFile(s.config(), company.Config("./lake"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cmd != nil {
			s.kill()
		}
	})
	return s
}

func (s *site) config() string { return filepath.Join(s.dir, "upshot.yaml") }

func (s *site) now() time.Time { return s.base.Add(time.Since(s.zero)) }

// start runs the server and waits for its address.
func (s *site) start() {
	s.t.Helper()
	s.talk = &bytes.Buffer{}
	s.cmd = exec.Command(binary(), "--quiet", "--config", s.config(), "--now", s.now().Format(time.RFC3339Nano), "serve", "--listen", "127.0.0.1:0")
	s.cmd.Stderr = s.talk
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	at := strings.Index(line, "http://")
	if err != nil || at < 0 {
		_ = s.cmd.Wait()
		s.t.Fatalf("serve says %q, %v\n%s", line, err, s.talk)
	}
	s.url = strings.TrimSpace(line[at:])
	s.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: 30 * time.Second}
}

// kill ends the server as a power cut would.
func (s *site) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
	s.client.CloseIdleConnections()
}

// stop asks the server to finish, and holds it to that.
func (s *site) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	err := s.cmd.Wait()
	s.cmd = nil
	s.client.CloseIdleConnections()
	if err != nil {
		s.t.Fatalf("serve after SIGTERM: %v\n%s", err, s.talk)
	}
}

// status is /v1/status.
type status struct {
	Queued   int     `json:"queued"`
	InFlight int     `json:"in_flight"`
	Oldest   float64 `json:"oldest_seconds"`
}

func (s *site) status() status {
	s.t.Helper()
	var st status
	resp, err := s.client.Get(s.url + "/v1/status")
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.talk)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(&st); err != nil {
		s.t.Fatal(err)
	}
	return st
}

// await looks at the status until it is as wanted.
func (s *site) await(what string, reached func(status) bool) {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(3 * time.Minute); ; <-tick.C {
		st := s.status()
		if reached(st) {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("not %s in time: %+v\n%s", what, st, s.talk)
		}
	}
}

// empty waits until everything that was accepted is in the lake.
func (s *site) empty() {
	s.t.Helper()
	s.await("empty", func(st status) bool { return st == status{} })
}

// post sends deliveries, by their places, over several connections and gives
// those that were not answered. An answer other than the delivery's own is a
// failure of the test, but for 503, which asks for another try. After killAt
// answers the server is killed under the posters; 0 leaves it alone.
func (s *site) post(ds []company.Delivery, places []int, killAt int) (left, unanswered []int) {
	s.t.Helper()
	var next, answered atomic.Int64
	var dead atomic.Bool
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(places) {
					return
				}
				sent, ok := false, false
				if !dead.Load() {
					sent, ok = s.postOne(&ds[places[i]], &dead)
				}
				if !ok {
					mu.Lock()
					left = append(left, places[i])
					if sent {
						unanswered = append(unanswered, places[i])
					}
					mu.Unlock()
					continue
				}
				if int(answered.Add(1)) == killAt {
					dead.Store(true)
					_ = s.cmd.Process.Kill()
				}
			}
		})
	}
	wg.Wait()
	if killAt > 0 {
		s.kill()
	}
	return left, unanswered
}

// postOne reports whether the delivery may have arrived and whether it was
// answered as it should be.
func (s *site) postOne(d *company.Delivery, dead *atomic.Bool) (sent, ok bool) {
	r := d.Request(s.now(), company.Secrets())
	req, err := http.NewRequestWithContext(context.Background(), r.Method, s.url+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		s.t.Error(err)
		return false, false
	}
	req.Header = r.Header
	resp, err := s.client.Do(req)
	if err != nil {
		if !dead.Load() {
			s.t.Errorf("post to %s: %v", r.Path, err)
		}
		return true, false
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err == nil && resp.StatusCode == d.Status:
		return true, true
	case err != nil || resp.StatusCode == http.StatusServiceUnavailable:
		return true, false
	}
	s.t.Errorf("a delivery of %s (forged: %v) was answered %s instead of %d: %s", d.Source, d.Forged, resp.Status, d.Status, body)
	return true, true
}
