package report

import (
	"fmt"
	"path"
	"strings"
)

// The sentences that page, mail and Markdown share. They return plain text;
// escaping is the renderer's business.

// grainName is the adjective of a period.
func grainName(grain string) string {
	switch grain {
	case "day":
		return "Daily"
	case "month":
		return "Monthly"
	default:
		return "Weekly"
	}
}

// kindName says what kind of finding a headline is.
func kindName(h Headline) string {
	name := map[string]string{"change": "Change", "recovery": "Recovery", "trend": "Slow trend", "segment": "Difference"}[h.Kind]
	if h.Continuing {
		return name + ", continuing"
	}
	return name
}

// proof is the small print of a headline: how many units, which method, how
// strong the evidence.
func proof(h Headline) string {
	parts := []string{}
	if h.Effect.N > 0 {
		parts = append(parts, "n "+count(h.Effect.N))
	}
	return strings.Join(append(parts, h.Method, pText(h.P), path.Base(h.SQL)), " · ")
}

// pText writes an adjusted p-value.
func pText(p float64) string {
	if p < 0.001 {
		return "adjusted p < 0.001"
	}
	return fmt.Sprintf("adjusted p = %.3f", p)
}

// headlineLead says how the list came about.
func headlineLead(r *Report) string {
	fresh := 0
	for _, h := range r.Headlines {
		if !h.Continuing {
			fresh++
		}
	}
	total := len(r.Headlines)
	news := fmt.Sprintf("%d of them new this %s, the others continuing", fresh, r.Period.Grain)
	switch fresh {
	case 0:
		news = fmt.Sprintf("none of it new this %s", r.Period.Grain)
	case total:
		news = fmt.Sprintf("new this %s", r.Period.Grain)
	}
	return fmt.Sprintf("%s out of %s: %s.", plural(int64(total), "finding", "findings"), plural(int64(r.Compared), "comparison", "comparisons"), news)
}

// figureValue is the number itself, or the words for its absence.
func figureValue(f Figure) string {
	if f.Value == nil {
		if f.Note != "" {
			return f.Note
		}
		return "too little data"
	}
	return FormatValue(f.Value, f.Unit)
}

// figureProof is the interval and n of a figure.
func figureProof(f Figure) string {
	parts := []string{}
	if iv := Interval(f.Estimate, f.Unit); iv != "" {
		parts = append(parts, iv)
	}
	if !f.counts() {
		parts = append(parts, "n "+count(f.N))
	}
	if f.Target != nil {
		parts = append(parts, "target "+FormatValue(f.Target, f.Unit))
	}
	if f.Value != nil && f.Note != "" {
		parts = append(parts, f.Note)
	}
	return strings.Join(parts, " · ")
}

// counts reports whether the figure is a plain count, whose n is itself.
func (f Figure) counts() bool { return f.Value != nil && wholeUnit(f.Unit) && *f.Value == float64(f.N) }

// figureUsual compares with the periods before, without calling it a change.
func figureUsual(f Figure) string {
	if f.Usual == nil || f.UsualOver == 0 {
		return ""
	}
	return fmt.Sprintf("%s in the %d periods before", FormatValue(f.Usual, f.Unit), f.UsualOver)
}

// ledgerLine is the sum that always holds.
func ledgerLine(l LedgerRow) string {
	return fmt.Sprintf("%s received = %s stored + %s duplicate + %s rejected + %s ignored",
		count(l.Received), count(l.Stored), count(l.Duplicate), count(l.Rejected), count(l.Ignored))
}

// silence is the sentence about a source that delivered nothing.
func silence(s Silence) string {
	days := make([]string, len(s.Days))
	for i, d := range s.Days {
		days[i] = day(d)
	}
	return fmt.Sprintf("%s delivered nothing on %s; it usually does on %s of such days.",
		s.Source, strings.Join(days, ", "), FormatValue(s.Usual.Value, "ratio"))
}

// estimate is a value with its interval on one line.
func estimate(e Estimate, unit string) string {
	if e.Value == nil {
		if e.Note != "" {
			return e.Note
		}
		return absent
	}
	if e.Low == nil || e.High == nil {
		return FormatValue(e.Value, unit)
	}
	return fmt.Sprintf("%s (%s to %s)", FormatValue(e.Value, unit), FormatValue(e.Low, unit), FormatValue(e.High, unit))
}

// themeFacts is the line below a theme's name.
func themeFacts(t Theme) string {
	parts := []string{
		plural(t.People, "known person", "known people"),
		estimate(t.Share, "ratio") + " of feedback",
		"negative " + estimate(t.Negative, "ratio"),
	}
	if t.Usual != nil {
		parts = append(parts, "usually "+FormatValue(t.Usual, "items"))
	}
	return strings.Join(parts, " · ")
}

// legendEntry names one series by its colour.
type legendEntry struct{ Class, Name string }

// legend lists the series of a chart that has several.
func legend(c Chart) []legendEntry {
	if len(c.Series) < 2 || c.Kind == Cohorts {
		return nil
	}
	prefix := "s"
	if c.Kind == Stacked {
		prefix = "k"
	}
	var out []legendEntry
	for i, s := range c.Series {
		out = append(out, legendEntry{fmt.Sprintf("%s%d", prefix, i%6+1), s.Name})
	}
	return out
}

// tableRow is one line of a chart's table of numbers.
type tableRow struct {
	Name  string
	Cells []string
}

// tableRows turns a chart into its table: one row per X, one cell per series
// with value, interval and n.
func tableRows(c Chart) []tableRow {
	rows := make([]tableRow, 0, len(c.X))
	for i, x := range c.X {
		row := tableRow{Name: x}
		for _, s := range c.Series {
			if i >= len(s.Points) {
				row.Cells = append(row.Cells, "")
				continue
			}
			row.Cells = append(row.Cells, cell(s.Points[i], c.Unit))
		}
		rows = append(rows, row)
	}
	return rows
}

// cell is one number in a table: value, interval, n; a count needs no n.
func cell(p Estimate, unit string) string {
	if p.Value == nil && p.N == 0 && p.Note == "" {
		return absent
	}
	text := estimate(p, unit)
	if p.Value == nil || *p.Value != float64(p.N) || !wholeUnit(unit) {
		text += ", n " + count(p.N)
	}
	return text
}

// tableHead is the head of the first column.
func tableHead(c Chart) string {
	switch c.Kind {
	case Cohorts:
		return "periods later"
	case Bars:
		return ""
	default:
		return "from"
	}
}

// seriesName is the head of a series' column.
func seriesName(s Series) string {
	if s.Name == "" {
		return "value"
	}
	return s.Name
}
