package metric

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// Catalog holds the metrics of a folder.
type Catalog struct {
	metrics map[string]*Metric
	names   []string
}

// Load reads every .sql file at the top of files. A file that breaks a rule is
// a fault of kind Permanent that names it.
func Load(files fs.FS) (*Catalog, error) {
	list, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, fault.Permanentf("list the metrics: %w", err)
	}
	c := &Catalog{metrics: map[string]*Metric{}}
	for _, file := range list {
		b, err := fs.ReadFile(files, file)
		if err != nil {
			return nil, fault.Permanentf("read the metric: %w", err)
		}
		m, err := parse(file, string(b))
		if err != nil {
			return nil, err
		}
		if m.Name != strings.TrimSuffix(path.Base(file), ".sql") {
			return nil, fault.Permanentf("%s: the metric's name is %s, the file's another", file, m.Name)
		}
		c.metrics[m.Name] = m
		c.names = append(c.names, m.Name)
	}
	slices.Sort(c.names)
	return c, nil
}

// Names lists the metrics, sorted.
func (c *Catalog) Names() []string { return slices.Clone(c.names) }

// Get finds a metric; an unknown one is a fault of kind Invalid that lists what
// there is.
func (c *Catalog) Get(name string) (*Metric, error) {
	m, ok := c.metrics[name]
	if !ok {
		return nil, fault.Invalidf("there is no metric %q%s; there are %s", name, nearest(name, c.names), strings.Join(c.names, ", "))
	}
	return m, nil
}

// Params say for which time and how a metric is wanted.
type Params struct {
	From, To string // local dates of TZ like 2026-11-01, half-open
	TZ       string // IANA
	Grain    string // day, week, month, all
	By       []string
}

// Run computes a metric. Wrong parameters are faults of kind Invalid; other
// errors are the querier's.
func (c *Catalog) Run(ctx context.Context, q env.Querier, name string, product config.Product, p Params) (*Result, error) {
	m, err := c.Get(name)
	if err != nil {
		return nil, err
	}
	stmt, cal, by, err := m.statement(product, p)
	if err != nil {
		return nil, err
	}
	r, err := q.Query(ctx, stmt)
	if err != nil {
		return nil, fmt.Errorf("metric %s: %w", name, err)
	}
	defer r.Release()
	rows, types, err := read(m, by, r)
	if failed := r.Err(); failed != nil { // on the way, not for what it gave
		return nil, fmt.Errorf("metric %s: %w", name, failed)
	}
	if err != nil {
		return nil, fault.Permanentf("metric %s: %w", name, err)
	}
	if len(by) == 0 {
		rows = fill(m, cal, product, rows)
	}
	res := newResult(m, cal, p, by, rows, types)
	res.By = m.asked(p.By)
	return res, nil
}

// SQL is the statement that Run would send: what an analyst pastes into Athena.
func (c *Catalog) SQL(name string, product config.Product, p Params) (string, error) {
	m, err := c.Get(name)
	if err != nil {
		return "", err
	}
	stmt, _, _, err := m.statement(product, p)
	return stmt, err
}

func (m *Metric) statement(product config.Product, p Params) (string, *calendar, []string, error) {
	if p.TZ == "" {
		p.TZ = "UTC"
	}
	loc, err := time.LoadLocation(p.TZ)
	if err != nil || p.TZ == "Local" {
		return "", nil, nil, fault.Invalidf("%q is no IANA time zone like Europe/Berlin", p.TZ)
	}
	if !slices.Contains(m.Grains, p.Grain) {
		return "", nil, nil, fault.Invalidf("metric %s has no grain %q; it has %s", m.Name, p.Grain, strings.Join(m.Grains, ", "))
	}
	cal, err := newCalendar(p.From, p.To, loc, p.Grain)
	if err != nil {
		return "", nil, nil, err
	}
	by, err := m.dimensions(p.By)
	if err != nil {
		return "", nil, nil, err
	}
	stmt, err := render(m, cal.when(p.TZ), by, product)
	return stmt, cal, by, err
}

// asked are the dimensions asked for, each once.
func (m *Metric) asked(list []string) []string {
	out := []string{}
	for _, d := range list {
		if d = strings.TrimSpace(d); d != "" && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

// dimensions checks what was asked for and gives the columns to group by. A
// label of the metric, like theme, is in every row anyway.
func (m *Metric) dimensions(list []string) ([]string, error) {
	var by []string
	for _, d := range m.asked(list) {
		switch {
		case slices.Contains(m.Labels, d):
		case slices.Contains(m.By, d):
			by = append(by, d)
		default:
			all := slices.Concat(m.By, m.Labels)
			return nil, fault.Invalidf("metric %s cannot be cut by %q%s; it can by %s", m.Name, d, nearest(d, all), strings.Join(all, ", "))
		}
	}
	return by, nil
}
