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

	"upshot.dev/upshot/internal/reporting"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/report"
	"upshot.dev/upshot/pipeline/roadmap"
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
	r, err := a.reporter(c, q).Build(ctx, report.Params{Period: cmd.Period, Ending: cmd.Ending, TZ: c.Timezone, Now: a.now.Now()})
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
			sent, err := a.sender(c, s).Mail(ctx, c, name, r)
			if err != nil {
				return err
			}
			if !sent {
				a.talk("the report of %s was mailed before", r.Period.From)
			}
		}
	}
	return nil
}

// reporter asks the lake for reports.
func (a *app) reporter(c *config.Config, q env.Querier) reporting.Reporter {
	return reporting.Reporter{Config: c, Query: q, Progress: func(what string) { a.talk("  %s", what) }}
}

// writeReport writes the four files.
func (a *app) writeReport(r *report.Report, dir string, c *config.Config) error {
	var to []string
	for _, name := range slices.Sorted(maps.Keys(c.Reports)) {
		if conf := c.Reports[name]; conf.Period == r.Period.Grain && len(to) == 0 {
			to = conf.To
		}
	}
	files, err := reporting.Files(r, c, to)
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
func (a *app) scheduledReport(ctx context.Context, c *config.Config, s env.Store, name string, slot time.Time) error {
	q, err := localenv.OpenQuerier(ctx, c.Lake, localenv.QuerierOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = q.Close() }()
	from, sent, err := a.reporter(c, q).Scheduled(ctx, a.sender(c, s), name, slot)
	if err == nil && !sent && len(c.Reports[name].To) > 0 {
		a.talk("the report of %s was mailed before", from)
	}
	return err
}

// sender keeps and mails reports.
func (a *app) sender(c *config.Config, s env.Store) reporting.Sender {
	return reporting.Sender{Store: s, Clock: a.now, Mailer: func() (env.Mailer, error) { return mailer(c) }}
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
	run, names, err := a.reporter(c, q).Metrics()
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
