// Command upshot runs the whole system on one machine: it takes deliveries,
// keeps them as Parquet, answers metrics and writes reports. Every command has
// a --help with an example that works.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"upshot.dev/upshot/pipeline/env"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, streams{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		lookup: os.LookupEnv, clock: env.ClockFunc(time.Now),
	}, os.Args[1:]))
}
