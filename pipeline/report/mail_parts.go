package report

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/go-analyze/charts"
)

// toneColor is the colour of the bar beside a headline.
func toneColor(tone string) string {
	switch tone {
	case "bad":
		return "#a33a2c"
	case "good":
		return "#2c6e49"
	default:
		return "#235789"
	}
}

// preheader is what mail programs show beside the subject: the second headline,
// or the numbers.
func preheader(r *Report) string {
	if len(r.Headlines) > 1 {
		return r.Headlines[1].Text
	}
	var parts []string
	for _, f := range r.Figures {
		parts = append(parts, f.Title+" "+figureValue(f))
	}
	return strings.Join(parts, " · ")
}

// mailChartIDs are the charts that a mail carries, in order.
var mailChartIDs = []string{"active_users", "nps", "ticket_volume", "sentiment"}

// mailCharts finds them in the sections.
func mailCharts(r *Report) []Chart {
	var out []Chart
	for _, id := range mailChartIDs {
		for _, s := range r.Sections {
			for _, c := range s.Charts {
				if c.ID == id && (c.Kind == Lines || c.Kind == Columns) && drawable(c) {
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// drawable reports whether a chart has a number at all.
func drawable(c Chart) bool {
	for _, s := range c.Series {
		for _, p := range s.Points {
			if p.Value != nil {
				return true
			}
		}
	}
	return false
}

// mailThemes are the themes of a mail: the five largest.
func mailThemes(r *Report) []Theme {
	for _, s := range r.Sections {
		if len(s.Themes) > 0 {
			return s.Themes[:min(len(s.Themes), 5)]
		}
	}
	return nil
}

// mailAlt says a picture in words: what it is and its last number.
func mailAlt(c Chart) string {
	var alt strings.Builder
	alt.WriteString(c.Title)
	for _, s := range c.Series {
		if n := len(s.Points); n > 0 {
			alt.WriteString(", " + strings.TrimPrefix(s.Name+" ", " ") + "last: " + estimate(s.Points[n-1], c.Unit))
		}
	}
	return alt.String()
}

// ChartPNG draws a chart of periods for mail programs, which show no SVG:
// half as large again as it is shown, light colours, value axis from zero.
func ChartPNG(c Chart) ([]byte, error) {
	a := valueAxis(c)
	labels := make([]string, len(c.X))
	for i, x := range c.X {
		if labelled(i, len(c.X)) {
			labels[i] = day(x)
		}
	}
	data := make([][]float64, len(c.Series))
	for i, s := range c.Series {
		data[i] = make([]float64, len(c.X))
		for k := range c.X {
			data[i][k] = charts.GetNullValue()
			if k < len(s.Points) && s.Points[k].Value != nil {
				data[i][k] = *s.Points[k].Value
			}
		}
	}
	ink, line := charts.ColorFromHex("#545e6e"), charts.ColorFromHex("#e3e1db")
	theme := charts.GetTheme(charts.ThemeLight).
		WithSeriesColors([]charts.Color{charts.ColorFromHex("#235789"), charts.ColorFromHex("#b4602a"), charts.ColorFromHex("#3d7a57")}).
		WithTextColor(ink).WithXAxisColor(ink).WithAxisSplitLineColor(line)
	value := charts.ValueAxisOption{
		Min: new(a.low), Max: new(a.high), LabelCount: len(a.ticks()),
		ValueFormatter: func(v float64) string { return shortTick(v, c.Unit) },
		LabelFontStyle: charts.FontStyle{FontSize: 22, FontColor: ink},
	}
	category := charts.CategoryAxisOption{Labels: labels, LabelFontStyle: charts.FontStyle{FontSize: 22, FontColor: ink}}
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputPNG, Width: 900, Height: 300})
	padding := charts.Box{Top: 16, Left: 8, Right: 16, Bottom: 8, IsSet: true}
	var err error
	if c.Kind == Columns {
		opt := charts.NewBarChartOptionWithData(data)
		opt.Theme, opt.Padding, opt.CategoryAxis, opt.ValueAxis = theme, padding, category, []charts.ValueAxisOption{value}
		opt.Legend.Show = new(false)
		err = p.BarChart(opt)
	} else {
		opt := charts.NewLineChartOptionWithData(data)
		opt.Theme, opt.Padding, opt.XAxis, opt.YAxis = theme, padding, category, []charts.ValueAxisOption{value}
		opt.LineStrokeWidth = 4
		opt.Legend.Show = new(false)
		err = p.LineChart(opt)
	}
	if err != nil {
		return nil, fmt.Errorf("draw chart %s as PNG: %w", c.ID, err)
	}
	out, err := p.Bytes()
	if err != nil {
		return nil, fmt.Errorf("draw chart %s as PNG: %w", c.ID, err)
	}
	return out, nil
}

// plainText is text from outside as one line of a text part.
func plainText(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))), " ")
}

// mailPlain is the text part: the same statements without pictures.
func (r *Report) mailPlain() string {
	var b strings.Builder
	put := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	put("%s\n", plainText(r.Title))
	for _, h := range r.Headlines {
		put("* %s", plainText(h.Text))
		put("  (%s)", plainText(strings.TrimPrefix(h.Context+" "+kindName(h), " ")))
	}
	if len(r.Headlines) == 0 {
		put("%s", plainText(r.Quiet))
	}
	put("\nAT A GLANCE")
	for _, f := range r.Figures {
		put("%s: %s", plainText(f.Title), plainText(strings.Join([]string{figureValue(f), figureProof(f), figureUsual(f)}, "  ")))
	}
	if themes := mailThemes(r); len(themes) > 0 {
		put("\nTHEMES")
		for _, t := range themes {
			put("%s: %s, %s", plainText(t.Name), plural(t.Items, "item", "items"), plainText(themeFacts(t)))
			for _, q := range t.Quotes[:min(len(t.Quotes), 1)] {
				put("  \"%s\" (%s, %s)", plainText(shorten(q.Text, 220)), plainText(q.Source), plainText(q.Date))
			}
		}
	}
	if len(r.Releases) > 0 {
		put("\nRELEASES")
		for _, e := range r.Releases {
			put("%s  %s %s  %s", plainText(e.At), plainText(e.Kind), plainText(e.Label), plainText(e.Title))
		}
	}
	if r.Roadmap != nil && len(r.Roadmap.Items) > 0 {
		put("\nROADMAP")
		for _, i := range r.Roadmap.Items[:min(len(r.Roadmap.Items), 5)] {
			put("%d. %s: %s", i.Rank, plainText(i.Name), plainText(i.Why))
		}
	}
	put("\nDATA\n%s", ledgerLine(r.Ledger.LedgerRow))
	for _, s := range r.Ledger.Silent {
		put("%s", plainText(silence(s)))
	}
	put("\n%s", r.Method)
	return b.String()
}
