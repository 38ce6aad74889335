package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"upshot.dev/upshot/internal/wire"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/ingest"
	"upshot.dev/upshot/pipeline/process"
)

const (
	// drainTime is how long a stopping server may take to finish what it
	// accepted; what is left then is on disk and goes on at the next start.
	drainTime = 25 * time.Second
	// linger is how long the worker waits for more after the first delivery,
	// so that a steady trickle does not give a file per delivery.
	linger = 300 * time.Millisecond
	// poll is how often an idle worker looks.
	poll = 100 * time.Millisecond
	// compactEvery is the time between compactions.
	compactEvery = 10 * time.Minute
)

type serveCmd struct {
	Listen string `placeholder:"ADDR" help:"Address like 127.0.0.1:8080; takes the place of listen in the configuration. Port 0 chooses one."`
}

// Help is shown by --help.
func (serveCmd) Help() string {
	return `Prints one line with its address when it is ready. SIGTERM stops taking deliveries,
finishes what was accepted, and exits 0.

  upshot serve --config upshot.yaml
  curl -s localhost:8080/v1/status`
}

// Run serves until the context ends.
func (cmd *serveCmd) Run(ctx context.Context, a *app) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	if len(c.Sources) == 0 {
		return fault.Invalidf("no sources are configured; name a configuration with --config, or write %s (upshot demo writes an example)", defaultConfig)
	}
	if cmd.Listen != "" {
		c.Listen = cmd.Listen
	}
	s, err := a.startServer(c)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(a.out, "upshot serves on http://%s\n", s.listener.Addr())
	return s.run(ctx)
}

// server is one running system: hooks, queue, processing, schedules.
type server struct {
	a        *app
	c        *config.Config
	log      *slog.Logger
	store    *localenv.Store
	queue    *localenv.Queue
	worker   *process.Worker
	http     *http.Server
	listener net.Listener
	jobs     *schedule
}

// startServer wires everything and opens the port; nothing runs yet.
func (a *app) startServer(c *config.Config) (_ *server, err error) {
	srcs, err := wire.Sources(c)
	if err != nil {
		return nil, err
	}
	s := &server{a: a, c: c, log: slog.New(slog.NewTextHandler(a.err, nil))}
	if s.store, err = store(c); err != nil {
		return nil, err
	}
	p, err := a.processor(c, s.store, srcs)
	if err != nil {
		return nil, err
	}
	// The port first: with a second server on the same lake, "address in use"
	// is the clearer of the two errors.
	if s.listener, err = listen(c.Listen); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = s.listener.Close()
		}
	}()
	if s.queue, err = openQueue(c, a.now); err != nil {
		return nil, err
	}
	s.worker = &process.Worker{Processor: p, Queue: s.queue, Store: s.store, Log: s.log}
	hooks, err := ingest.New(ingest.Options{
		Sources: srcs, Secrets: wire.Secrets{Config: c}, Queue: s.queue, Gauge: s.queue, Ready: s.queue.Ready,
		Clock: a.now, Random: rand.Reader, Log: s.log,
		Fallback: pages(s.store, isLoopback(s.listener.Addr())),
	})
	if err != nil {
		return nil, errors.Join(err, s.queue.Close())
	}
	s.jobs = newSchedule(a, c, s.store, s.log)
	s.http = ingest.Server(hooks)
	return s, nil
}

// listen opens the port and says what to do when it is taken.
func listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program; choose another with --listen, or stop that one", addr)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l, nil
}

func isLoopback(addr net.Addr) bool {
	t, ok := addr.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}

// run serves until ctx ends, then drains.
func (s *server) run(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}()
	loops, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { s.work(loops) })
	wg.Go(func() { s.jobs.run(loops) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	return errors.Join(err, s.drain(stop, &wg))
}

// drain stops taking deliveries, lets the loops end, and finishes what waits.
func (s *server) drain(stop context.CancelFunc, wg *sync.WaitGroup) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	s.a.talk("stopping: finishing what was accepted")
	err := s.http.Shutdown(ctx)
	stop()
	wg.Wait()
	n, drainErr := s.worker.Drain(ctx)
	if drainErr == nil && ctx.Err() == nil {
		s.a.talk("stopped; the last %d deliveries are in the lake", n)
	} else {
		s.a.talk("stopped; deliveries that wait are on disk and go on at the next start")
	}
	return errors.Join(err, drainErr, s.queue.Close())
}

// work processes deliveries as they come.
func (s *server) work(ctx context.Context) {
	for ctx.Err() == nil {
		d, err := s.queue.Depth(ctx)
		if err != nil {
			s.report(ctx, err)
		}
		if d.Queued == 0 {
			wait(ctx, poll)
			continue
		}
		if d.Queued < 256 {
			wait(ctx, linger)
		}
		// A batch that is being written is finished, not cut off.
		if _, err := s.worker.Step(context.WithoutCancel(ctx)); err != nil {
			s.report(ctx, err)
			wait(ctx, time.Second)
		}
	}
}

// report logs a failure of the loop; the deliveries concerned come again.
func (s *server) report(ctx context.Context, err error) {
	if ctx.Err() == nil {
		s.log.Error("processing failed", "kind", fault.KindOf(err).String(), "err", err)
	}
}

// wait pauses, or less when the context ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
