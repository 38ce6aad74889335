// Command serve answers Athena's protocol over the lake in a folder, by DuckDB:
//
//	go run ./internal/standin/athena/serve -lake ./data -workgroup upshot
//	AWS_ENDPOINT_URL_ATHENA=http://127.0.0.1:8089 aws athena start-query-execution ...
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"upshot.dev/upshot/internal/standin/athena"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8089", "where to listen; port 0 takes a free one")
	lake := flag.String("lake", "data", "the lake's folder")
	group := flag.String("workgroup", "upshot", "the workgroup that there is")
	cutoff := flag.Int64("cutoff", 0, "bytes that one query may scan; 0 is no limit")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *addr, *lake, *group, *cutoff); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve answers until ctx ends. It prints its address as soon as it listens.
func serve(ctx context.Context, addr, lake, group string, cutoff int64) error {
	engine := athena.OpenLake(lake, localenv.QuerierOptions{})
	s := athena.New(athena.Options{
		Engine: engine, Clock: env.ClockFunc(time.Now),
		Workgroups: map[string]athena.Workgroup{group: {Output: "s3://athena-results/", Cutoff: cutoff}},
	})
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for Athena's calls: %w", err)
	}
	if _, err := fmt.Printf("http://%s\n", l.Addr()); err != nil {
		return err
	}
	front := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		s.Close()
		_ = front.Shutdown(context.WithoutCancel(ctx))
	}()
	if err := front.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return engine.Close()
}
