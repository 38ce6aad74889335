package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/enrich"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/pipeline/outbox"
	"upshot.dev/upshot/pipeline/report"
	"upshot.dev/upshot/pipeline/roadmap"
	"upshot.dev/upshot/queries"
)

type reportCmd struct {
	Period string `placeholder:"P" default:"week" help:"day, week or month."`
	Ending string `placeholder:"DATE" help:"The last period that is over at the end of this date; the last one that is over now otherwise."`
	Out    string `placeholder:"DIR" default:"." help:"Where the files go."`
	Send   bool   `help:"Mail it to the recipients of the configured report of this period, once."`
}

// Help is shown by --help.
func (reportCmd) Help() string {
	return `Writes report.html, report.eml, report.md and report.json. The same lake gives the same
bytes.

  upshot report --period week --out ./report
  upshot report --period month --ending 2026-10-31`
}

// Run builds and writes a report.
func (cmd *reportCmd) Run(ctx context.Context, a *app) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	q, err := a.querier(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = q.Close() }()
	r, err := a.build(ctx, c, q, report.Params{Period: cmd.Period, Ending: cmd.Ending, TZ: c.Timezone, Now: a.now.Now()})
	if err != nil {
		return err
	}
	if err := a.writeReport(r, cmd.Out, c); err != nil {
		return err
	}
	if !cmd.Send {
		_, err = fmt.Fprintln(a.out, filepath.Join(cmd.Out, "report.html"))
		return err
	}
	s, err := store(c)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(c.Reports)) {
		conf := c.Reports[name]
		if conf.Period == cmd.Period && len(conf.To) > 0 {
			if err := a.mailReport(ctx, c, s, name, conf, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// build computes a report from the lake.
func (a *app) build(ctx context.Context, c *config.Config, q env.Querier, p report.Params) (*report.Report, error) {
	run, names, err := reportDeps(c, q)
	if err != nil {
		return nil, err
	}
	return report.Build(ctx, report.Deps{Run: run, Query: q, ThemeName: names, Progress: func(what string) { a.talk("  %s", what) }}, p)
}

// reportDeps are what reports and the roadmap ask: metrics by name, and the
// names of themes.
func reportDeps(c *config.Config, q env.Querier) (roadmap.Run, func(string) string, error) {
	catalog, err := metric.Load(queries.Metrics())
	if err != nil {
		return nil, nil, err
	}
	e, err := enrich.New(enrich.Options{})
	if err != nil {
		return nil, nil, err
	}
	names := map[string]string{}
	for _, t := range e.Taxonomy() {
		names[t.ID] = t.Name
	}
	run := func(ctx context.Context, name string, p metric.Params) (*metric.Result, error) {
		return catalog.Run(ctx, q, name, c.Product, p)
	}
	return run, func(id string) string { return names[id] }, nil
}

// reportFiles renders all forms of a report.
func reportFiles(r *report.Report, c *config.Config, to []string) (map[string][]byte, error) {
	from := c.Mail.From
	if from == "" {
		from = "Upshot <upshot@localhost>"
	}
	if len(to) == 0 {
		to = []string{"you@localhost"}
	}
	files := map[string][]byte{}
	var err error
	if files["report.html"], err = r.HTML(); err != nil {
		return nil, err
	}
	if files["report.md"], err = r.Markdown(); err != nil {
		return nil, err
	}
	if files["report.json"], err = r.JSON(); err != nil {
		return nil, err
	}
	files["report.eml"], err = r.Mail(report.Envelope{From: from, To: to})
	return files, err
}

// writeReport writes the four files.
func (a *app) writeReport(r *report.Report, dir string, c *config.Config) error {
	var to []string
	for _, name := range slices.Sorted(maps.Keys(c.Reports)) {
		if conf := c.Reports[name]; conf.Period == r.Period.Grain && len(to) == 0 {
			to = conf.To
		}
	}
	files, err := reportFiles(r, c, to)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make the report's folder: %w", err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	return nil
}

// scheduledReport makes the report of a slot, keeps it for GET /, and mails it.
func (a *app) scheduledReport(ctx context.Context, c *config.Config, s env.Store, name string, conf config.Report, slot time.Time) error {
	q, err := localenv.OpenQuerier(ctx, c.Lake, localenv.QuerierOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = q.Close() }()
	// slot is wall-clock time: the moment it stands for closes the period.
	now := time.Date(slot.Year(), slot.Month(), slot.Day(), slot.Hour(), slot.Minute(), 0, 0, c.Location)
	r, err := a.build(ctx, c, q, report.Params{Period: conf.Period, TZ: c.Timezone, Now: now})
	if err != nil {
		return err
	}
	files, err := reportFiles(r, c, conf.To)
	if err != nil {
		return err
	}
	for _, dir := range []string{"reports/" + name + "/" + r.Period.From, "reports/latest"} {
		for _, f := range []string{"report.json", "report.md", "report.eml", "report.html"} {
			if err := s.Put(ctx, dir+"/"+f, bytes.NewReader(files[f])); err != nil {
				return fmt.Errorf("keep the report: %w", err)
			}
		}
	}
	if len(conf.To) == 0 {
		return nil
	}
	return a.mailReport(ctx, c, s, name, conf, r)
}

// mailReport sends a report once per recipient's list and period.
func (a *app) mailReport(ctx context.Context, c *config.Config, s env.Store, name string, conf config.Report, r *report.Report) error {
	m, err := mailer(c)
	if err != nil {
		return err
	}
	raw, err := r.Mail(report.Envelope{From: c.Mail.From, To: conf.To})
	if err != nil {
		return err
	}
	box := &outbox.Outbox{Store: s, Mailer: m, Clock: a.now}
	sent, err := box.Send(ctx, "report-"+name+"-"+r.Period.From, env.Mail{From: c.Mail.From, To: conf.To, Raw: raw})
	if err != nil {
		return fmt.Errorf("mail the report: %w", err)
	}
	if !sent {
		a.talk("the report of %s was mailed before", r.Period.From)
	}
	return nil
}

// mailer is how mail leaves, as configured.
func mailer(c *config.Config) (env.Mailer, error) {
	switch {
	case c.Mail.SMTP != "":
		return localenv.NewSMTP(c.Mail.SMTP)
	case c.Mail.Directory != "":
		return localenv.NewMailFolder(c.Path(c.Mail.Directory))
	default:
		return nil, fault.Invalidf("mail has neither smtp nor directory: nothing can be sent")
	}
}

type roadmapCmd struct {
	Format string `enum:"table,json" default:"table" help:"table or json."`
}

// Help is shown by --help.
func (roadmapCmd) Help() string {
	return `Themes of the last 13 whole weeks, ranked by how many people they touch and how hard, by
the lower ends of the intervals, so that thin data does not win. JSON has the same field
names as the report.

  upshot roadmap --format json | jq '.items[0]'`
}

// Run ranks and prints.
func (cmd *roadmapCmd) Run(ctx context.Context, a *app) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	q, err := a.querier(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = q.Close() }()
	run, names, err := reportDeps(c, q)
	if err != nil {
		return err
	}
	w, err := roadmap.WindowEnding(a.now.Now(), c.Timezone)
	if err != nil {
		return err
	}
	r, err := roadmap.Build(ctx, roadmap.Deps{Ask: roadmap.Asking(run), Query: q, ThemeName: names}, w)
	if err != nil {
		return err
	}
	if cmd.Format == "json" {
		b, err := r.JSON()
		if err != nil {
			return err
		}
		_, err = a.out.Write(append(bytes.TrimRight(b, "\n"), '\n'))
		return err
	}
	_, err = fmt.Fprintln(a.out, strings.TrimSpace(string(report.RoadmapMarkdown(r))))
	return err
}
