package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"slices"
	"strings"
)

// The pictures of the page are SVG written here: text stays text, colours are
// the page's variables, nothing is fetched and nothing runs. One unit is one
// pixel at the width at which small multiples usually stand.
const (
	chartWidth  = 360.0
	chartHeight = 190.0
	padLeft     = 40.0
	padRight    = 14.0
	padTop      = 16.0
	padBottom   = 24.0
)

// svg collects the text of one picture.
type svg struct {
	strings.Builder
}

// printf appends; every text argument must have gone through esc.
func (s *svg) printf(format string, args ...any) { fmt.Fprintf(&s.Builder, format, args...) }

// esc makes text from outside safe as SVG text or attribute.
func esc(text string) string { return html.EscapeString(strings.ToValidUTF8(text, "\uFFFD")) }

// num writes a coordinate with at most one decimal, the same on every machine.
func num(x float64) string {
	s := fmt.Sprintf("%.1f", x)
	s = strings.TrimSuffix(s, ".0")
	if s == "-0" {
		return "0"
	}
	return s
}

// ChartSVG draws a chart with its title and description for those who listen
// to it. The ids inside start with the chart's, so that charts can share a page.
func ChartSVG(c Chart) template.HTML {
	var s svg
	height := chartHeight
	switch c.Kind {
	case Bars:
		height = barsHeight(c)
	case Cohorts:
		height = cohortsHeight(c)
	}
	id := esc(c.ID)
	s.printf(`<svg class="chart" viewBox="0 0 %s %s" role="img" aria-labelledby="%s-t %s-d" xmlns="http://www.w3.org/2000/svg">`,
		num(chartWidth), num(height), id, id)
	s.printf(`<title id="%s-t">%s</title><desc id="%s-d">%s</desc>`, id, esc(c.Title), id, esc(c.Description))
	switch c.Kind {
	case Bars:
		s.bars(c)
	case Cohorts:
		s.cohorts(c)
	default:
		s.timeline(c)
	}
	s.WriteString(`</svg>`)
	return template.HTML(s.String()) //nolint:gosec // every text in it went through esc
}

// frame draws grid, labels, releases and target.
func (s *svg) frame(c Chart, a axis) {
	for _, v := range a.ticks() {
		class := "grid"
		if math.Abs(v) < a.step/1e6 {
			class = "zero"
		}
		s.printf(`<line class="%s" x1="%s" x2="%s" y1="%s" y2="%s"/>`, class, num(padLeft), num(chartWidth-padRight), num(a.y(v)), num(a.y(v)))
		s.printf(`<text class="tick" x="%s" y="%s" text-anchor="end">%s</text>`, num(padLeft-6), num(a.y(v)+3.5), esc(shortTick(v, c.Unit)))
	}
	for i, label := range c.X {
		if !labelled(i, len(c.X)) {
			continue
		}
		s.printf(`<text class="tick" x="%s" y="%s" text-anchor="middle">%s</text>`,
			num(slotX(float64(i)+0.5, len(c.X))), num(chartHeight-7), esc(day(label)))
	}
	for _, m := range c.Marks {
		x, class := slotX(m.At, len(c.X)), "mark"
		if m.Current {
			class = "mark now"
			s.printf(`<line class="markline" x1="%s" x2="%s" y1="%s" y2="%s"/>`, num(x), num(x), num(padTop), num(chartHeight-padBottom))
		}
		s.printf(`<path class="%s" d="M%s %sl3.5 4.5-3.5 4.5-3.5-4.5z"><title>%s</title></path>`, class, num(x), num(padTop-14), esc(m.Label))
	}
	if c.Target != nil {
		y := a.y(*c.Target)
		s.printf(`<line class="target" x1="%s" x2="%s" y1="%s" y2="%s"/>`, num(padLeft), num(chartWidth-padRight), num(y), num(y))
		s.printf(`<text class="tick" x="%s" y="%s">target %s</text>`, num(padLeft+4), num(y-4), esc(shortTick(*c.Target, c.Unit)))
	}
}

// labelled chooses which periods have their date below: the last one and every
// so many before it, at most five.
func labelled(i, n int) bool {
	every := (n + 4) / 5
	return (n-1-i)%max(every, 1) == 0
}

// timeline draws lines, columns or stacked shares over the periods.
func (s *svg) timeline(c Chart) {
	a := valueAxis(c)
	s.frame(c, a)
	switch c.Kind {
	case Columns:
		s.columns(c, a)
	case Stacked:
		s.stacked(c, a)
	default:
		for i, line := range c.Series {
			s.line(line, a, i, len(c.Series) > 1, c.Unit)
		}
	}
}

// columns draws one bar per period; the last one, which the report is about,
// is filled, and carries its number.
func (s *svg) columns(c Chart, a axis) {
	if len(c.Series) == 0 {
		return
	}
	points, n := c.Series[0].Points, len(c.X)
	width := (chartWidth - padLeft - padRight) / float64(max(n, 1)) * 0.66
	for i, p := range points {
		if p.Value == nil {
			continue
		}
		class := "col"
		if i == n-1 {
			class = "col last"
		}
		x, y := slotX(float64(i)+0.5, n)-width/2, a.y(*p.Value)
		s.printf(`<rect class="%s" x="%s" y="%s" width="%s" height="%s" rx="1.5"/>`, class, num(x), num(y), num(width), num(max(a.y(0)-y, 0)))
		if i == n-1 {
			s.printf(`<text class="value" x="%s" y="%s" text-anchor="end">%s</text>`, num(chartWidth-padRight), num(max(y-5, 11)), esc(FormatValue(p.Value, c.Unit)))
		}
	}
}

// stacked draws the shares of one whole, the first series at the bottom.
func (s *svg) stacked(c Chart, a axis) {
	n := len(c.X)
	width := (chartWidth - padLeft - padRight) / float64(max(n, 1)) * 0.72
	for i := range n {
		base := 0.0
		for k, series := range c.Series {
			if i >= len(series.Points) || series.Points[i].Value == nil {
				continue
			}
			v := *series.Points[i].Value
			top, bottom := a.y(base+v), a.y(base)
			s.printf(`<rect class="stack k%d" x="%s" y="%s" width="%s" height="%s"/>`, k+1, num(slotX(float64(i)+0.5, n)-width/2), num(top), num(width), num(max(bottom-top, 0)))
			base += v
		}
	}
}

// line draws one series: a band for the interval when it is alone, the line
// itself broken where a number is absent, and the last point with its number.
func (s *svg) line(series Series, a axis, index int, many bool, unit string) {
	n := len(series.Points)
	class := fmt.Sprintf("s%d", index%6+1)
	if !many {
		s.band(series, a, class)
	}
	var d strings.Builder
	pen, alone := false, map[int]bool{}
	for i, p := range series.Points {
		if p.Value == nil {
			pen = false
			continue
		}
		op := "L"
		if !pen {
			op = "M"
			alone[i] = i+1 >= n || series.Points[i+1].Value == nil
		}
		d.WriteString(op + num(slotX(float64(i)+0.5, n)) + " " + num(a.y(*p.Value)))
		pen = true
	}
	if d.Len() == 0 {
		return
	}
	s.printf(`<path class="line %s" d="%s"/>`, class, d.String())
	for i, p := range series.Points {
		last := i == n-1
		if p.Value == nil || (!last && !alone[i]) {
			continue
		}
		x, y := slotX(float64(i)+0.5, n), a.y(*p.Value)
		s.printf(`<circle class="dot %s" cx="%s" cy="%s" r="3.2"/>`, class, num(x), num(y))
		if last && !many {
			s.printf(`<text class="value" x="%s" y="%s" text-anchor="end">%s</text>`, num(chartWidth-padRight), num(max(y-9, 11)), esc(FormatValue(p.Value, unit)))
		}
	}
}

// band fills the interval of every run of periods that have one.
func (s *svg) band(series Series, a axis, class string) {
	var upper, lower []string
	n := len(series.Points)
	flush := func() {
		if len(upper) > 1 {
			for _, l := range slices.Backward(lower) {
				upper = append(upper, l)
			}
			s.printf(`<polygon class="band %s" points="%s"/>`, class, strings.Join(upper, " "))
		}
		upper, lower = nil, nil
	}
	for i, p := range series.Points {
		if p.Low == nil || p.High == nil {
			flush()
			continue
		}
		x := num(slotX(float64(i)+0.5, n))
		upper = append(upper, x+","+num(a.y(*p.High)))
		lower = append(lower, x+","+num(a.y(*p.Low)))
	}
	flush()
}
