package trino

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"
)

// startWithin is how long the server may take to its first answer: 40 s were
// seen on an idle machine of two cores, 70 s on a busy one.
const startWithin = 180 * time.Second

// Server is a running Trino. It ends with Stop, or with this process.
type Server struct {
	url    string
	dir    string
	http   *http.Client
	input  io.Closer
	exited chan struct{} // closed when the process is gone
	lakes  atomic.Int64
}

// Home is the folder into which install.sh puts the server, seen from a
// folder of the checkout. An error says what is missing and how to get it.
func Home(root string) (string, error) {
	home := os.Getenv("UPSHOT_TRINO_HOME")
	if home == "" {
		home = filepath.Join(root, ".cache", "standins", "trino")
	}
	home, err := filepath.Abs(home)
	if err != nil {
		return "", fmt.Errorf("find Trino: %w", err)
	}
	if _, err := os.Stat(filepath.Join(home, "classes")); err != nil { //nolint:gosec // whoever runs the tests says where
		return "", errors.New("there is no Trino; run internal/standin/trino/install.sh")
	}
	return home, nil
}

// Start starts the server that is installed at home and waits until it
// answers.
func Start(ctx context.Context, home string) (_ *Server, err error) {
	dir, err := os.MkdirTemp("", "upshot-trino-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for Trino: %w", err)
	}
	s := &Server{dir: dir, http: &http.Client{Timeout: time.Minute}, exited: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	s.url = fmt.Sprintf("http://127.0.0.1:%d", port)
	if err := configure(dir, home, port); err != nil {
		return nil, fmt.Errorf("configure Trino: %w", err)
	}
	if err := s.launch(home); err != nil {
		return nil, fmt.Errorf("start Trino: %w", err)
	}
	return s, s.await(ctx)
}

func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.Join(fmt.Errorf("find a free port: %s is none", l.Addr()), l.Close())
	}
	return addr.Port, l.Close()
}

// launch starts the process. It ends by itself when its standard input does,
// so it cannot outlive this process.
func (s *Server) launch(home string) error {
	log, err := os.Create(s.logFile())
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()            // the process has its own
	c := exec.Command("java", arguments(home)...) //nolint:gosec,noctx // our own server; Stop ends it
	c.Dir, c.Stdout, c.Stderr = s.dir, log, log
	input, err := c.StdinPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	s.input = input
	go func() {
		_ = c.Wait() // however it ended, it is gone
		close(s.exited)
	}()
	return nil
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "server.log") }

// await asks until the first answer.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		err := s.exec(ctx, "", "SELECT count(*) FROM "+catalogName+".information_schema.schemata")
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("the server ended while it started: %s", s.lastLog())
		case <-ctx.Done():
			return fmt.Errorf("the server did not answer within %v: %w: %s", startWithin, err, s.lastLog())
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// lastLog is the end of the server's log.
func (s *Server) lastLog() string {
	b, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-4000):])
}

// Stop ends the server and removes what it kept; lakes stay as they are.
func (s *Server) Stop() error {
	if s.input != nil {
		_ = s.input.Close() // the sign to end
		select {
		case <-s.exited:
		case <-time.After(20 * time.Second):
			return errors.New("the server did not end within 20 s")
		}
	}
	return os.RemoveAll(s.dir)
}
