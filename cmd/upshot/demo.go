package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"upshot.dev/upshot/internal/wire"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/ingest"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/ledger"
	"upshot.dev/upshot/pipeline/process"
	"upshot.dev/upshot/pipeline/report"
	"upshot.dev/upshot/testdata/company"
)

type demoCmd struct {
	Dir   string  `default:"upshot-demo" placeholder:"DIR" help:"Where the lake and the report go; running it there again changes no number."`
	Scale float64 `default:"1" hidden:"" help:"A smaller company, for tests."`
}

// Help is shown by --help.
func (demoCmd) Help() string {
	return `Half a year of a made-up software company: 200,000 usage events of 3,000 people, 1,500
tickets, 1,200 survey answers, 30 releases, posted signed to the real endpoints over a
real socket, late and repeated and sometimes forged, as the tools of a company do it.

  upshot demo --dir /tmp/upshot-demo
  xdg-open /tmp/upshot-demo/report/report.html`
}

// demoMark is the file by which a folder is known to be a demo's own.
const demoMark = "upshot.yaml"

// Run makes the demo.
func (cmd *demoCmd) Run(ctx context.Context, a *app) error {
	d, err := cmd.open(a)
	if err != nil {
		return err
	}
	defer func() { _ = d.queue.Close() }()
	d.say("making the company")
	d.company = company.Generate(company.Options{Scale: cmd.Scale})
	if err := d.deliver(ctx); err != nil {
		return err
	}
	d.say("compacting the lake")
	if _, err := lake.Compact(ctx, d.store, lake.CompactOptions{Clock: a.now, Temp: d.store.Temp()}); err != nil {
		return err
	}
	return d.show(ctx, cmd.Dir)
}

// demo is one run.
type demo struct {
	a       *app
	c       *config.Config
	store   *localenv.Store
	queue   *localenv.Queue
	worker  *process.Worker
	company *company.Company
	started time.Time
	posted  posted
}

// open makes the folder with its configuration, store and queue.
func (cmd *demoCmd) open(a *app) (*demo, error) {
	if cmd.Scale <= 0 || cmd.Scale > 1 {
		return nil, fault.Invalidf("--scale must be more than 0 and at most 1")
	}
	if err := os.MkdirAll(cmd.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the demo's folder: %w", err)
	}
	file := filepath.Join(cmd.Dir, demoMark)
	if err := os.WriteFile(file, company.Config("./lake"), 0o600); err != nil {
		return nil, fmt.Errorf("write the demo's configuration: %w", err)
	}
	c, err := config.Load(file, a.lookup)
	if err != nil {
		return nil, err
	}
	c.Lake = c.Path(c.Lake)
	d := &demo{a: a, c: c, started: time.Now()}
	if d.store, err = store(c); err != nil {
		return nil, err
	}
	srcs, err := wire.Sources(c)
	if err != nil {
		return nil, err
	}
	p, err := a.processor(c, d.store, srcs)
	if err != nil {
		return nil, err
	}
	if d.queue, err = openQueue(c, a.now); err != nil {
		return nil, err
	}
	d.worker = &process.Worker{Processor: p, Queue: d.queue, Store: d.store, Log: slog.New(slog.NewTextHandler(a.err, nil)), Batch: 2000}
	return d, nil
}

func (d *demo) say(format string, args ...any) {
	d.a.talk("%5.1f s  "+format, append([]any{time.Since(d.started).Seconds()}, args...)...)
}

// deliver posts everything to the real handlers and processes it meanwhile.
func (d *demo) deliver(ctx context.Context) error {
	srcs, err := wire.Sources(d.c)
	if err != nil {
		return err
	}
	h, err := ingest.New(ingest.Options{
		Sources: srcs, Secrets: wire.Secrets{Config: d.c}, Queue: numbered{d.queue}, Gauge: d.queue,
		Clock: d.a.now, Random: rand.Reader,
	})
	if err != nil {
		return err
	}
	d.say("posting %d deliveries", len(d.company.Deliveries))
	done := make(chan error, 1)
	stop := make(chan struct{})
	go func() { done <- d.process(ctx, stop) }()
	d.posted, err = post(ctx, h, d.company.Deliveries, func(n int) {
		d.say("posted %d of %d", n, len(d.company.Deliveries))
	})
	close(stop)
	if err := errors.Join(err, <-done); err != nil {
		return err
	}
	d.say("everything that was accepted is in the lake")
	return nil
}

// process works while deliveries come, and finishes when they stop.
func (d *demo) process(ctx context.Context, stop <-chan struct{}) error {
	for {
		last := false
		select {
		case <-stop:
			last = true
		case <-time.After(50 * time.Millisecond):
		}
		depth, err := d.queue.Depth(ctx)
		if err != nil {
			return err
		}
		if last || depth.Queued >= 2000 {
			if _, err := d.worker.Drain(ctx); err != nil {
				return err
			}
		}
		if last {
			return ctx.Err()
		}
	}
}

// show writes the report and prints what came of everything.
func (d *demo) show(ctx context.Context, dir string) error {
	q, err := localenv.OpenQuerier(ctx, d.c.Lake, localenv.QuerierOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = q.Close() }()
	d.say("computing the report")
	r, err := d.a.reporter(d.c, q).Build(ctx, report.Params{Period: "week", Now: d.company.End, TZ: d.c.Timezone})
	if err != nil {
		return err
	}
	out := filepath.Join(dir, "report")
	if err := d.a.writeReport(r, out, d.c); err != nil {
		return err
	}
	book, err := ledger.Read(ctx, q)
	if err != nil {
		return err
	}
	gaps, err := ledger.Gaps(ctx, q)
	if err != nil {
		return err
	}
	if len(gaps) > 0 {
		return fmt.Errorf("the lake and the ledger disagree: %+v", gaps)
	}
	d.print(book, r, dir, out)
	return nil
}

// print says it in at most 25 lines.
func (d *demo) print(book ledger.Book, r *report.Report, dir, out string) {
	w := d.a.out
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	p("Tidewater, a made-up company: %s", r.Title)
	p("")
	p("  %d deliveries posted, %d accepted, %d refused (forged or malformed)", d.posted.sent, d.posted.accepted, d.posted.refused)
	p("  %-10s %10s %10s %10s %10s %10s", "source", "received", "stored", "duplicate", "rejected", "ignored")
	for _, s := range append(book.BySource(), all(book)) {
		p("  %-10s %10d %10d %10d %10d %10d", s.Source, s.Received, s.Stored, s.Duplicate, s.Rejected, s.Ignored)
	}
	p("")
	for _, f := range r.Figures[:min(5, len(r.Figures))] {
		p("  %-22s %s", f.Title, figureText(f))
	}
	p("")
	for _, h := range r.Headlines[:min(3, len(r.Headlines))] {
		p("  * %s", h.Text)
	}
	if r.Quiet != "" {
		p("  %s", r.Quiet)
	}
	p("")
	p("Look next: upshot --config %s metric nps --from 2026-05-25 --to 2026-11-23 --grain month --by plan", filepath.Join(dir, demoMark))
	p("Report: %s", filepath.Join(out, "report.html"))
}

func all(book ledger.Book) ledger.Row {
	t := book.Total()
	t.Source = "all"
	return t
}

func figureText(f report.Figure) string {
	text := report.FormatValue(f.Value, f.Unit)
	if i := report.Interval(f.Estimate, f.Unit); i != "" {
		text += "  " + i
	}
	return text
}
