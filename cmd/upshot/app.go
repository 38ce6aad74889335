package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/alecthomas/kong"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/record"
)

// Exit statuses, as scripts rely on them.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // bad usage or input
)

// streams are the process's surroundings, passed in so that tests can run it.
type streams struct {
	in       io.Reader
	out, err io.Writer
	lookup   func(string) (string, bool)
	clock    env.Clock
}

// cli is the whole command line.
type cli struct {
	Config string `placeholder:"FILE" help:"Configuration file; upshot.yaml in this folder when it exists."`
	Lake   string `placeholder:"DIR" help:"Folder of the lake; takes the place of lake in the configuration."`
	Now    string `placeholder:"TIME" help:"What time it is, like 2026-11-02T08:00:00Z, for tests and back-dated runs."`
	Quiet  bool   `short:"q" help:"No progress on stderr; errors are still shown."`

	Demo    demoCmd    `cmd:"" help:"Run a made-up company through the whole line and show what came of it."`
	Serve   serveCmd   `cmd:"" help:"Take deliveries, process them, and write reports on schedule."`
	Parse   parseCmd   `cmd:"" help:"Show the input records that a payload gives."`
	Enrich  enrichCmd  `cmd:"" help:"Redact texts and read language, sentiment, intent and themes in them."`
	Import  importCmd  `cmd:"" help:"Bring files into the lake through a mapping, once however often it is run."`
	Metric  metricCmd  `cmd:"" help:"Compute one metric for a time, with intervals."`
	Metrics metricsCmd `cmd:"" help:"List the metrics and what each means."`
	Query   queryCmd   `cmd:"" help:"Run SQL over the views, read-only."`
	Report  reportCmd  `cmd:"" help:"Write the report of a closed period as page, mail, Markdown and JSON."`
	Alerts  alertsCmd  `cmd:"" help:"Show the state of every rule on a metric, and mail what has begun or is over."`
	Roadmap roadmapCmd `cmd:"" help:"Rank the themes by how many people they touch and how hard."`
	Compact compactCmd `cmd:"" help:"Merge the small files of the lake into sorted ones."`
	Redrive redriveCmd `cmd:"" help:"Put deliveries that were set aside back into the queue."`
	Doctor  doctorCmd  `cmd:"" help:"Look the deployment over, or print what it costs on AWS."`
	Ledger  ledgerCmd  `cmd:"" help:"Account for everything that came in: stored, duplicate, rejected, ignored."`
}

const description = `Upshot turns what users say and do into what to build next.

  upshot demo                     see the whole line work on a made-up company
  upshot serve                    run it on this machine
  upshot metrics                  what can be asked
  upshot metric nps --from 2026-08-01 --to 2026-11-01 --grain month

Data goes to stdout, talk to stderr. Exit status: 0, 1 failed, 2 bad usage or input.`

// exitError carries an exit status through kong, which wants to end the process.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// run is main without the process: it returns the exit status.
func run(ctx context.Context, s streams, args []string) (status int) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(exitError)
			if !ok {
				panic(r)
			}
			status = int(e)
		}
	}()
	var c cli
	parser, err := kong.New(&c,
		kong.Name("upshot"), kong.Description(description), kong.UsageOnError(),
		kong.Writers(s.out, s.err),
		kong.Exit(func(code int) {
			if code != 0 {
				code = exitUsage
			}
			panic(exitError(code))
		}),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
	)
	if err != nil {
		return fail(s, err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(args)
	if err != nil {
		_, _ = fmt.Fprintf(s.err, "upshot: %v\nTry: upshot %s--help\n", err, commandOf(err))
		return exitUsage
	}
	a := &app{streams: s, cli: &c}
	if a.now, err = parseNow(c.Now, s.clock); err != nil {
		return fail(s, err)
	}
	k.BindTo(ctx, (*context.Context)(nil))
	if err := k.Run(a); err != nil {
		return fail(s, err)
	}
	return exitOK
}

// commandOf names the command that a usage error is about, for the hint.
func commandOf(err error) string {
	p, ok := errors.AsType[*kong.ParseError](err)
	if ok && p.Context != nil && p.Context.Command() != "" {
		return p.Context.Selected().Name + " "
	}
	return ""
}

// fail prints an error once, at the edge, and maps it to the exit status.
func fail(s streams, err error) int {
	_, _ = fmt.Fprintf(s.err, "upshot: %v\n", err)
	if errors.Is(err, context.Canceled) {
		return exitFailed
	}
	if fault.Is(err, fault.Invalid) {
		return exitUsage
	}
	return exitFailed
}

// parseNow makes the clock: the machine's, or one that starts at the given
// time and goes on from there.
func parseNow(now string, clock env.Clock) (env.Clock, error) {
	if now == "" {
		return clock, nil
	}
	t, err := record.ParseTime(now)
	if err != nil {
		return nil, fault.Invalidf("--now %s: %w", now, err)
	}
	start := clock.Now()
	return env.ClockFunc(func() time.Time { return t.Add(clock.Now().Sub(start)) }), nil
}

// app is what the commands share.
type app struct {
	streams
	cli *cli
	now env.Clock
}

// talk writes a line to stderr unless it was asked to be quiet.
func (a *app) talk(format string, args ...any) {
	if !a.cli.Quiet {
		_, _ = fmt.Fprintf(a.err, format+"\n", args...)
	}
}

// open opens an input file; "-" and "" are standard input.
func (a *app) open(name string) (io.ReadCloser, error) {
	if name == "" || name == "-" {
		return io.NopCloser(a.in), nil
	}
	f, err := os.Open(name) //nolint:gosec // the user names the file
	if err != nil {
		return nil, fault.New(fault.Invalid, err)
	}
	return f, nil
}
