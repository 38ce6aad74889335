package report

import (
	"fmt"
	"strings"
	"unicode"

	"upshot.dev/upshot/pipeline/roadmap"
)

// Markdown is report.md, for chats, wikis and pull requests.
func (r *Report) Markdown() ([]byte, error) {
	m := &markdown{}
	m.line("# %s", mdText(r.Title))
	m.line("Days are cut in %s. Intervals are 95%%.", mdText(r.Period.TZ))
	m.headlines(r)
	if len(r.Figures) > 0 {
		m.line("## At a glance")
		m.figures(r.Figures)
	}
	for _, s := range r.Sections {
		m.section(s)
	}
	m.releases(r)
	m.ledger(r.Ledger)
	m.line("## Roadmap")
	if r.Roadmap == nil {
		m.line("Too little was said to rank anything.")
	} else {
		m.roadmap(r.Roadmap)
	}
	m.line("---")
	m.line("%s", mdText(r.Method))
	return []byte(m.String()), nil
}

// markdown collects paragraphs; every argument from outside goes through
// mdText first.
type markdown struct{ strings.Builder }

// line writes a paragraph.
func (m *markdown) line(format string, args ...any) {
	if m.Len() > 0 {
		m.WriteString("\n")
	}
	fmt.Fprintf(&m.Builder, format+"\n", args...)
}

// mdText escapes text from outside so that it stays text: no markup, no link,
// no HTML, no table cell, no new line, and no formula where somebody pastes it
// into a sheet.
func mdText(s string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ") {
		switch {
		case unicode.IsControl(r):
			continue
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case strings.ContainsRune("\\`*_{}[]#!|~", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	out := b.String()
	// Schemes and bare hosts become links by themselves in most readers.
	out = strings.ReplaceAll(out, "://", ":&#47;&#47;")
	out = strings.ReplaceAll(out, "@", "&#64;")
	out = strings.ReplaceAll(out, "www.", "www&#46;")
	if out != "" && strings.ContainsRune("=+-0123456789", rune(out[0])) {
		out = mdStart(out)
	}
	return out
}

// mdStart disarms what a line's first character could mean: a list, a rule, a
// heading's underline, a formula.
func mdStart(s string) string {
	switch s[0] {
	case '=', '+', '-':
		return fmt.Sprintf("&#%d;%s", s[0], s[1:])
	}
	digits := strings.TrimLeft(s, "0123456789")
	if mark, _, _ := strings.Cut(digits, " "); (mark == "." || mark == ")") && len(digits) < len(s) {
		n := len(s) - len(digits)
		return s[:n] + "\\" + digits
	}
	return s
}

// headlines writes the findings as a numbered list, or the quiet sentence.
func (m *markdown) headlines(r *Report) {
	m.line("## What changed")
	if len(r.Headlines) == 0 {
		m.line("%s", mdText(r.Quiet))
		return
	}
	m.line("%s\n", mdText(headlineLead(r)))
	for i, h := range r.Headlines {
		text := mdText(h.Text)
		if h.Context != "" {
			text += " " + mdText(h.Context)
		}
		fmt.Fprintf(&m.Builder, "%d. **%s** %s\n   <sub>%s</sub>\n", i+1, mdText(kindName(h)), text, mdText(proof(h)))
	}
}

// figures writes numbers as a table. Numbers are ours and need no escaping.
func (m *markdown) figures(figures []Figure) {
	m.line("| | value | 95%% interval, n | before | SQL |\n|---|---:|---|---:|---|")
	for _, f := range figures {
		before := absent
		if f.Usual != nil {
			before = FormatValue(f.Usual, f.Unit)
		}
		value := FormatValue(f.Value, f.Unit)
		if f.Value == nil {
			value = mdText(figureValue(f))
		}
		proof := figureProof(f)
		if f.Detail != "" {
			proof = strings.TrimPrefix(proof+" · "+f.Detail, " · ")
		}
		fmt.Fprintf(&m.Builder, "| %s | %s | %s | %s | %s |\n", mdText(f.Title), value, mdText(proof), before, mdText(f.SQL))
	}
}

// section writes one section: figures, charts as tables, themes.
func (m *markdown) section(s Section) {
	m.line("## %s", mdText(s.Title))
	if s.Lead != "" {
		m.line("%s", mdText(s.Lead))
	}
	if len(s.Figures) > 0 {
		m.figures(s.Figures)
	}
	for _, c := range s.Charts {
		m.chart(c)
	}
	for _, t := range s.Themes {
		m.line("### %s: %s", mdText(t.Name), plural(t.Items, "item", "items"))
		m.line("%s", mdText(themeFacts(t)))
		for _, q := range t.Quotes {
			m.quote(q, "")
		}
	}
	for _, n := range s.Notes {
		m.line("%s", mdText(n))
	}
}

// chart writes a chart as its table; of long histories the last six periods.
func (m *markdown) chart(c Chart) {
	m.line("### %s", mdText(c.Title))
	m.line("%s <sub>%s</sub>\n", mdText(c.Description), mdText(c.SQL))
	heads, rule := []string{mdText(tableHead(c))}, "|---"
	for _, s := range c.Series {
		heads = append(heads, mdText(seriesName(s)))
		rule += "|---:"
	}
	fmt.Fprintf(&m.Builder, "| %s |\n%s|\n", strings.Join(heads, " | "), rule)
	rows := tableRows(c)
	if c.Kind != Bars && c.Kind != Cohorts && len(rows) > 6 {
		rows = rows[len(rows)-6:]
	}
	for _, row := range rows {
		cells := []string{mdText(row.Name)}
		for _, text := range row.Cells {
			cells = append(cells, mdText(text))
		}
		fmt.Fprintf(&m.Builder, "| %s |\n", strings.Join(cells, " | "))
	}
}

// quote writes a sentence that somebody wrote, inside a list when indented.
func (m *markdown) quote(q Quote, indent string) {
	if m.Len() > 0 {
		m.WriteString("\n")
	}
	fmt.Fprintf(&m.Builder, "%s> “%s”\n%s> <sub>%s, %s</sub>\n", indent, mdText(q.Text), indent, mdText(q.Source), mdText(q.Date))
}

// releases writes the table of the period's releases.
func (m *markdown) releases(r *Report) {
	m.line("## Releases of the %s", mdText(r.Period.Grain))
	if len(r.Releases) == 0 {
		m.line("Nothing was released.")
		return
	}
	m.line("| when | what | title | service | status |\n|---|---|---|---|---|")
	for _, e := range r.Releases {
		fmt.Fprintf(&m.Builder, "| %s | %s %s | %s | %s | %s |\n", mdText(e.At), mdText(e.Kind), mdText(e.Label), mdText(e.Title), mdText(e.Service), mdText(e.Status))
	}
}

// ledger writes the sum that always holds, and its parts.
func (m *markdown) ledger(l Ledger) {
	m.line("## Completeness of the data")
	m.line("%s", mdText(ledgerLine(l.LedgerRow)))
	for _, s := range l.Silent {
		m.line("**Silent:** %s", mdText(silence(s)))
	}
	if len(l.Sources) == 0 {
		return
	}
	m.line("| source | received | stored | duplicate | rejected | ignored |\n|---|---:|---:|---:|---:|---:|")
	for _, s := range l.Sources {
		fmt.Fprintf(&m.Builder, "| %s | %s | %s | %s | %s | %s |\n", mdText(s.Source), count(s.Received), count(s.Stored), count(s.Duplicate), count(s.Rejected), count(s.Ignored))
	}
}

// RoadmapMarkdown is the roadmap alone, as `upshot roadmap` prints it.
func RoadmapMarkdown(r *roadmap.Roadmap) []byte {
	m := &markdown{}
	m.line("# Roadmap")
	m.roadmap(r)
	return []byte(m.String())
}

// roadmap writes the ranked themes and how they were ranked.
func (m *markdown) roadmap(r *roadmap.Roadmap) {
	m.line("Themes by reach and impact over %s and %s active users.", mdText(r.Window), count(r.Active))
	for _, i := range topItems(r) {
		m.line("%d. **%s** (score %s): %s  ", i.Rank, mdText(i.Name), decimal(i.Score, 1), mdText(i.Why))
		fmt.Fprintf(&m.Builder, "   reach %s · negative %s · severity %s · growth %s\n", mdText(estimate(i.Reach, "ratio")),
			mdText(estimate(i.Negative, "ratio")), mdText(severity(i)), mdText(estimate(i.Growth, "times")))
		if i.Quote != nil {
			m.quote(*i.Quote, "   ")
		}
	}
	for _, text := range []string{r.Note, moreItems(r), r.Formula} {
		if text != "" {
			m.line("%s", mdText(text))
		}
	}
}
