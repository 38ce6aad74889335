package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"upshot.dev/upshot/internal/alerting"
	"upshot.dev/upshot/pipeline/alert"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/outbox"
)

type alertsCmd struct {
	Format string `enum:"table,json" default:"table" help:"table or json."`
	Notify bool   `help:"Mail what has begun and what is over, once, to the recipients of the reports."`
}

// Help is shown by --help.
func (alertsCmd) Help() string {
	return `Each rule stands in its metric's file, like "below 0.80 for 2 periods; severity warn", and
is about complete periods of the whole product: firing, ok, or no data with the reason.

  upshot alerts
  upshot alerts --format json | jq '.alerts[] | select(.status == "firing")'`
}

// Run checks, tells when asked to, and prints.
func (cmd *alertsCmd) Run(ctx context.Context, a *app) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	q, err := a.querier(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = q.Close() }()
	states, failed := alerting.Watch{Config: c, Query: q}.Check(ctx, a.now.Now())
	if cmd.Notify {
		failed = errors.Join(failed, a.tellAlerts(ctx, c, states))
	}
	if failed != nil && len(states) == 0 {
		return failed
	}
	if cmd.Format == "json" {
		return errors.Join(failed, a.alertsJSON(states))
	}
	a.alertsTable(states)
	return failed
}

// tellAlerts mails what was not told yet.
func (a *app) tellAlerts(ctx context.Context, c *config.Config, states []alert.State) error {
	to := map[string]bool{}
	for _, r := range c.Reports {
		for _, address := range r.To {
			to[address] = true
		}
	}
	if len(to) == 0 {
		return fault.Invalidf("no report in the configuration has recipients: nobody can be told")
	}
	m, err := mailer(c)
	if err != nil {
		return err
	}
	s, err := store(c)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	mails := alerting.Mails{Mailer: m, From: c.Mail.From, To: slices.Sorted(maps.Keys(to)), Clock: a.now}
	r, err := alerting.Tell(ctx, &outbox.Outbox{Store: s, Notifier: mails, Clock: a.now}, states)
	for _, t := range r.Told {
		a.talk("mailed: %s %s, of %s", t.Metric, t.Kind, t.First)
	}
	if len(r.Told) == 0 && err == nil {
		a.talk("there is nothing new to tell")
	}
	return err
}

// alertsTable prints a row for each rule.
func (a *app) alertsTable(states []alert.State) {
	t := table.NewWriter()
	t.SetOutputMirror(a.out)
	t.SetStyle(table.StyleLight)
	t.Style().Options.DrawBorder = false
	t.Style().Format.Header = 0
	t.SetColumnConfigs([]table.ColumnConfig{{Name: "reason", WidthMax: 40, WidthMaxEnforcer: text.WrapSoft}})
	t.AppendHeader(table.Row{"metric", "rule", "severity", "state", "since", "period", "value", "95% interval", "n", "reason"})
	for _, s := range states {
		last := s.Periods[len(s.Periods)-1]
		t.AppendRow(table.Row{s.Metric.Name, s.Rule(), s.Metric.Alert.Severity, s.Status, s.Since, last.First, s.Value(last), s.Interval(last), last.N, s.Reason})
	}
	t.Render()
}

// alertJSON is one rule's state; periods are those since it fires, otherwise
// those that the rule is about.
type alertJSON struct {
	Metric    string        `json:"metric"`
	Title     string        `json:"title"`
	Unit      string        `json:"unit"`
	Rule      string        `json:"rule"` // as the metric's file has it
	Severity  string        `json:"severity"`
	Threshold float64       `json:"threshold"`
	Grain     string        `json:"grain"`
	TZ        string        `json:"tz"`
	Status    alert.Status  `json:"status"`
	Reason    any           `json:"reason"` // text or null, like since and note
	Since     any           `json:"since"`
	Periods   []alertPeriod `json:"periods"`
}

type alertPeriod struct {
	Period string   `json:"period"`
	N      int64    `json:"n"`
	Value  *float64 `json:"value"`
	Low    *float64 `json:"low"`
	High   *float64 `json:"high"`
	Breaks bool     `json:"breaks"`
	Note   any      `json:"note"`
}

func (a *app) alertsJSON(states []alert.State) error {
	list := []alertJSON{}
	for _, s := range states {
		r := s.Metric.Alert
		j := alertJSON{
			Metric: s.Metric.Name, Title: s.Metric.Title, Unit: s.Metric.Unit, Rule: r.String(), Severity: r.Severity, Threshold: r.Threshold,
			Grain: r.Grain, TZ: s.TZ, Status: s.Status, Reason: orNull(s.Reason), Since: orNull(s.Since), Periods: []alertPeriod{},
		}
		for _, p := range s.Recent() {
			j.Periods = append(j.Periods, alertPeriod{p.First, p.N, p.Value, p.Low, p.High, p.Breaks, orNull(p.Missing)})
		}
		list = append(list, j)
	}
	b, err := json.MarshalIndent(map[string]any{"alerts": list}, "", "  ")
	if err != nil {
		return fmt.Errorf("write the alerts: %w", err)
	}
	_, err = fmt.Fprintf(a.out, "%s\n", b)
	return err
}
