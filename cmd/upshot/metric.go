package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/queries"
)

type metricCmd struct {
	Name   string   `arg:"" help:"The metric, like nps; upshot metrics lists them."`
	From   string   `required:"" placeholder:"DATE" help:"First local date, like 2026-10-01."`
	To     string   `required:"" placeholder:"DATE" help:"The date after the last one."`
	Grain  string   `placeholder:"G" default:"week" help:"day, week, month or all."`
	TZ     string   `name:"tz" placeholder:"ZONE" help:"IANA time zone in which days begin; the configuration's otherwise."`
	By     []string `placeholder:"DIM" help:"Dimensions, like plan or platform."`
	Format string   `placeholder:"F" default:"table" help:"table, csv, json or arrow."`
}

// Help is shown by --help.
func (metricCmd) Help() string {
	return `Every value comes with its n and its 95% interval; with too little data there is none, and
the note says so. A period that reaches beyond the time asked for is marked partial.

  upshot metric nps --from 2026-08-01 --to 2026-11-01 --grain month --by plan
  upshot metric active_users --from 2026-10-01 --to 2026-11-01 --grain day --format csv`
}

// Run computes and prints one metric.
func (m *metricCmd) Run(ctx context.Context, a *app) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	if m.TZ != "" {
		loc, err := time.LoadLocation(m.TZ)
		if err != nil || m.TZ == "Local" {
			return fault.Invalidf("--tz %q is no IANA time zone like Europe/Berlin", m.TZ)
		}
		c.Timezone, c.Location = m.TZ, loc
	}
	catalog, err := metric.Load(queries.Metrics())
	if err != nil {
		return err
	}
	q, err := a.querier(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = q.Close() }()
	res, err := catalog.Run(ctx, q, m.Name, c.Product, m.params(c))
	if err != nil {
		return err
	}
	w := bufio.NewWriter(a.out)
	return errors.Join(res.Write(w, m.Format, isTerminal(a.out)), w.Flush())
}

func (m *metricCmd) params(c *config.Config) metric.Params {
	return metric.Params{From: m.From, To: m.To, TZ: c.Timezone, Grain: m.Grain, By: m.By}
}

// isTerminal reports whether colours and boxes make sense.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	if _, off := os.LookupEnv("NO_COLOR"); off {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

type metricsCmd struct{}

// Help is shown by --help.
func (metricsCmd) Help() string {
	return `Each metric is one SQL file; its description is the definition.

  upshot metrics`
}

// Run lists the metrics.
func (metricsCmd) Run(a *app) error {
	catalog, err := metric.Load(queries.Metrics())
	if err != nil {
		return err
	}
	t := table.NewWriter()
	t.SetOutputMirror(a.out)
	t.SetStyle(table.StyleLight)
	t.Style().Options.DrawBorder = false
	t.Style().Format.Header = 0
	t.SetColumnConfigs([]table.ColumnConfig{{Name: "means", WidthMax: 64, WidthMaxEnforcer: text.WrapSoft}, {Name: "by", WidthMax: 30, WidthMaxEnforcer: text.WrapSoft}})
	t.AppendHeader(table.Row{"metric", "unit", "by", "means"})
	for _, name := range catalog.Names() {
		m, err := catalog.Get(name)
		if err != nil {
			return err
		}
		t.AppendRow(table.Row{m.Name, m.Unit, strings.Join(m.By, " "), m.Description})
	}
	t.Render()
	return nil
}

// maxStatement bounds a statement on standard input, in bytes: more than that
// is a file that was meant for something else.
const maxStatement = 1 << 20

type queryCmd struct {
	SQL    string `arg:"" name:"sql" help:"One SELECT; - reads it from standard input."`
	Format string `placeholder:"F" default:"table" help:"table, csv, json or arrow."`
}

// Help is shown by --help.
func (queryCmd) Help() string {
	return `The views are tickets, tickets_current, surveys, surveys_current, events, releases, feedback,
mentions, identities, rejects and ledger. Nothing can be written, and no other file is read.

  upshot query 'SELECT source, count(*) AS n FROM events GROUP BY source'
  upshot query --format json "SELECT * FROM tickets_current WHERE dt >= date '2026-11-01' LIMIT 3"`
}

// Run prints what the engine answers.
func (cmd *queryCmd) Run(ctx context.Context, a *app) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	sql := cmd.SQL
	if sql == "-" {
		b, err := io.ReadAll(io.LimitReader(a.in, maxStatement+1))
		if err != nil {
			return fmt.Errorf("read the statement: %w", err)
		}
		if len(b) > maxStatement {
			return fault.Invalidf("the statement is longer than %d bytes", maxStatement)
		}
		sql = string(b)
	}
	q, err := a.querier(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = q.Close() }()
	r, err := q.Query(ctx, sql)
	if err != nil {
		return err
	}
	defer r.Release()
	w := bufio.NewWriter(a.out)
	return errors.Join(metric.WriteRecords(w, r, cmd.Format, isTerminal(a.out)), w.Flush())
}
