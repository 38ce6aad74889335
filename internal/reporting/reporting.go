// Package reporting makes and sends reports from the configuration, the same
// way on one machine and on AWS.
package reporting

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/enrich"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/pipeline/outbox"
	"upshot.dev/upshot/pipeline/report"
	"upshot.dev/upshot/pipeline/roadmap"
	"upshot.dev/upshot/queries"
)

// Reporter asks one lake.
type Reporter struct {
	Config *config.Config
	Query  env.Querier
	// Progress is told what is being computed; may be nil.
	Progress func(what string)
}

// Metrics gives the means to compute metrics, and the names of themes.
func (r Reporter) Metrics() (roadmap.Run, func(string) string, error) {
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
		return catalog.Run(ctx, r.Query, name, r.Config.Product, p)
	}
	return run, func(id string) string { return names[id] }, nil
}

// Build computes a report from the lake.
func (r Reporter) Build(ctx context.Context, p report.Params) (*report.Report, error) {
	run, names, err := r.Metrics()
	if err != nil {
		return nil, err
	}
	return report.Build(ctx, report.Deps{Run: run, Query: r.Query, ThemeName: names, Progress: r.Progress}, p)
}

// Files renders all forms of a report. to are the recipients of the mail.
func Files(r *report.Report, c *config.Config, to []string) (map[string][]byte, error) {
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

// Sender keeps and mails reports.
type Sender struct {
	Store  env.Store
	Mailer func() (env.Mailer, error) // made only when something is mailed
	Clock  env.Clock
}

// Scheduled makes the report of a slot of its schedule, keeps it, and mails it
// once. slot is local wall-clock time, as if it were UTC: the moment it stands
// for closes the period. It returns the first day of the period, and whether a
// mail left.
func (r Reporter) Scheduled(ctx context.Context, s Sender, name string, slot time.Time) (from string, sent bool, err error) {
	conf, ok := r.Config.Reports[name]
	if !ok {
		return "", false, fault.Invalidf("the configuration has no report %q", name)
	}
	now := time.Date(slot.Year(), slot.Month(), slot.Day(), slot.Hour(), slot.Minute(), 0, 0, r.Config.Location)
	rep, err := r.Build(ctx, report.Params{Period: conf.Period, TZ: r.Config.Timezone, Now: now})
	if err != nil {
		return "", false, err
	}
	files, err := Files(rep, r.Config, conf.To)
	if err != nil {
		return "", false, err
	}
	for _, dir := range []string{"reports/" + name + "/" + rep.Period.From, "reports/latest"} {
		for _, f := range []string{"report.json", "report.md", "report.eml", "report.html"} {
			if err := s.Store.Put(ctx, dir+"/"+f, bytes.NewReader(files[f])); err != nil {
				return "", false, fmt.Errorf("keep the report: %w", err)
			}
		}
	}
	if len(conf.To) == 0 {
		return rep.Period.From, false, nil
	}
	sent, err = s.Mail(ctx, r.Config, name, rep)
	return rep.Period.From, sent, err
}

// Mail sends a report once per configured report and period. sent is false when
// it was mailed before.
func (s Sender) Mail(ctx context.Context, c *config.Config, name string, r *report.Report) (sent bool, err error) {
	m, err := s.Mailer()
	if err != nil {
		return false, err
	}
	to := c.Reports[name].To
	raw, err := r.Mail(report.Envelope{From: c.Mail.From, To: to})
	if err != nil {
		return false, err
	}
	box := &outbox.Outbox{Store: s.Store, Mailer: m, Clock: s.Clock}
	sent, err = box.Send(ctx, "report-"+name+"-"+r.Period.From, env.Mail{From: c.Mail.From, To: to, Raw: raw})
	if err != nil {
		return sent, fmt.Errorf("mail the report: %w", err)
	}
	return sent, nil
}
