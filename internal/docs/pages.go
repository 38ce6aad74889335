package main

import (
	"bytes"
	"fmt"
	"strings"

	"upshot.dev/upshot/pipeline/enrich"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/pipeline/source"
	"upshot.dev/upshot/queries"
)

// page is one generated file.
type page struct {
	file   string
	render func() ([]byte, error)
}

func pages() []page {
	return []page{
		{"docs/sources.md", sources},
		{"docs/metrics.md", metrics},
		{"docs/views.md", views},
		{"docs/data-dictionary.md", dictionary},
		{"docs/themes.md", themes},
		{"docs/cli.md", cli},
		{"schemas/envelope.json", envelopeSchema},
		{"schemas/config.json", configSchema},
		{"schemas/athena/tables.sql", athenaTables},
		{"schemas/athena/views.sql", athenaViews},
		{"infra/catalog.yaml", athenaTemplate},
	}
}

const generated = "<!-- Written by make docs; do not edit. -->\n\n"

func sources() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(generated + "# Sources\n\nThe word behind each title is the `type` in `upshot.yaml`.\n")
	for _, s := range source.All() {
		fmt.Fprintf(&b, "\n## %s: `%s`\n\n%s\n\n", s.Title, s.Type, s.Doc)
		var tables []string
		for _, t := range s.Gives {
			tables = append(tables, string(t))
		}
		fmt.Fprintf(&b, "Fills: %s.", strings.Join(tables, ", "))
		if len(s.Endpoints) > 0 {
			fmt.Fprintf(&b, " Paths: `%s`.\n", strings.Join(s.Endpoints, "`, `"))
		} else {
			fmt.Fprintf(&b, " Path: `/hooks/{name}`.\n")
		}
		if s.Key != nil {
			b.WriteString("Authenticates by: write key.\n")
		} else if k := signs(s.Scheme); k != "" {
			fmt.Fprintf(&b, "Authenticates by: %s.\n", k)
		}
	}
	b.WriteString("\n## Everybody else\n\nA mapping file with a jq program. Its `verify` may name one of these signature profiles:\n\n")
	for _, p := range source.Profiles() {
		fmt.Fprintf(&b, "- `%s`\n", p)
	}
	return b.Bytes(), nil
}

// signs says in words how a sender proves who it is.
func signs(s source.Scheme) string {
	if len(s.Any) > 0 {
		var words []string
		for _, a := range s.Any {
			words = append(words, signs(a))
		}
		return strings.Join(words, ", or ")
	}
	kind := s.Kind
	if kind == "" && s.Header != "" {
		kind = "hmac"
	}
	if s.Header != "" {
		kind += " in `" + s.Header + "`"
	}
	if s.TimestampHeader != "" {
		kind += ", time in `" + s.TimestampHeader + "`"
	}
	return kind
}

func metrics() ([]byte, error) {
	c, err := metric.Load(queries.Metrics())
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(generated + "# Metrics\n\nEach metric is one file under `queries/metrics/`; its front matter and SQL are the definition.\n")
	for _, name := range c.Names() {
		m, err := c.Get(name)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "\n## `%s`: %s\n\n%s\n\n", m.Name, m.Title, m.Description)
		fmt.Fprintf(&b, "Unit: %s. Better: %s. Statistics: %s. n: %s, at least %d. Interval: %s.\n", m.Unit, m.Better,
			strings.Join(m.Statistics, ", "), m.N, m.MinN, m.Interval.Func)
		if len(m.By) > 0 {
			fmt.Fprintf(&b, "By: %s.\n", strings.Join(m.By, ", "))
		}
		if m.Alert != nil {
			fmt.Fprintf(&b, "Alert: %s; a period is a %s.\n", m.Alert, m.Alert.Grain)
		}
		fmt.Fprintf(&b, "[The SQL](../queries/metrics/%s.sql).\n", m.Name)
	}
	return b.Bytes(), nil
}

func views() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(generated + "# Views\n\nWhat people query, in Athena and in `upshot query`. Only the views promise no duplicates.\n")
	for _, name := range queries.Views() {
		fmt.Fprintf(&b, "\n## %s\n\n```sql\n%s\n```\n", name, strings.TrimSpace(queries.View(name)))
	}
	return b.Bytes(), nil
}

func themes() ([]byte, error) {
	e, err := enrich.New(enrich.Options{})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(generated + "# Themes\n\nThe default taxonomy, `pipeline/enrich/themes.yaml`.\n\n| id | name | parent | example |\n|---|---|---|---|\n")
	for _, t := range e.Taxonomy() {
		example := ""
		if len(t.Examples) > 0 {
			example = strings.ReplaceAll(t.Examples[0], "|", `\|`)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", t.ID, t.Name, t.Parent, example)
	}
	return b.Bytes(), nil
}
