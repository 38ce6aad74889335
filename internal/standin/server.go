package standin

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// spec says how a server is started.
type spec struct {
	file       string // what must be installed, below .cache/standins
	notChecked string // what a test without it leaves open
	health     string // path that is answered once the server is ready
	// argv is the command line; dir is an empty folder of the server's own.
	argv func(installed string, port int, dir string) []string
}

// server is one running process.
type server struct {
	url string
	dir string
	end io.Closer // held, or the collector closes it and the minder ends the server
}

// minder runs the command beside it until its standard input ends, which is
// when the test binary ends, by a kill too. Then it removes the folder.
const minder = `dir=$1; shift; "$@" >"$dir/log" 2>&1 & pid=$!
read -r _; kill $pid 2>/dev/null; wait $pid 2>/dev/null; rm -rf "$dir"`

// start runs the server and waits until it answers. Ports are free when they
// are chosen but may be taken a moment later, so it tries a few.
func start(installed string, s spec) (server, error) {
	var err error
	for range 3 {
		var srv server
		if srv, err = startOnce(installed, s); err == nil {
			return srv, nil
		}
	}
	return server{}, err
}

func startOnce(installed string, s spec) (server, error) {
	port, err := freePort()
	if err != nil {
		return server{}, err
	}
	dir, err := os.MkdirTemp("", "upshot-standin-")
	if err != nil {
		return server{}, err
	}
	args := append([]string{"-c", minder, "sh", dir}, s.argv(installed, port, dir)...)
	cmd := exec.CommandContext(context.Background(), "sh", args...) //nolint:gosec // the arguments are this package's own
	// An interrupt of the tests reaches the minder as the end of its input.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Dir = dir
	// Kept open, and never written to, for as long as this process lives.
	end, err := cmd.StdinPipe()
	if err != nil {
		return server{}, err
	}
	if err := cmd.Start(); err != nil {
		return server{}, err
	}
	srv := server{url: fmt.Sprintf("http://127.0.0.1:%d", port), dir: dir, end: end}
	if err := srv.wait(s.health); err != nil {
		said, _ := os.ReadFile(filepath.Join(dir, "log")) //nolint:gosec // a path made here
		_ = end.Close()
		_ = cmd.Wait()
		return server{}, fmt.Errorf("%s: %w; it wrote: %.2000s", s.file, err, said)
	}
	return srv, nil
}

// wait asks until the server answers anything but a fault of its own.
func (s server) wait(path string) error {
	client := &http.Client{Timeout: 2 * time.Second}
	var last error
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); {
		resp, err := client.Get(s.url + path)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode < http.StatusInternalServerError {
				return nil
			}
			err = fmt.Errorf("it answers %s", resp.Status)
		}
		last = err
		if _, err := os.Stat(s.dir); err != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("the server did not become ready: %w", last)
}

func freePort() (int, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// get is the server of a spec: installed, started by the first caller.
func get(t testing.TB, s spec, running *once) server {
	t.Helper()
	installed := Installed(t, s.file, s.notChecked)
	srv, err := running.do(func() (server, error) { return start(installed, s) })
	if err != nil {
		t.Fatal(err)
	}
	return srv
}
