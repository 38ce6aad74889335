package report

import (
	"html/template"
	"math"
	"strings"
)

// rowHeight is the height of one horizontal bar with its label above it.
const rowHeight = 34.0

// barsHeight is the height of the picture of bars.
func barsHeight(c Chart) float64 { return float64(max(len(c.X), 1))*rowHeight + 8 }

// bars draws one horizontal bar per entry with its interval as a whisker. The
// bars start at zero; where values may be negative, zero is inside.
func (s *svg) bars(c Chart) {
	if len(c.Series) == 0 {
		return
	}
	a := valueAxis(c)
	if c.Unit == "ratio" || c.Unit == "share" {
		a.high = min(max(a.high, 0.05), 1)
	}
	const left, right = 2.0, 64.0
	x := func(v float64) float64 {
		return left + (min(max(v, a.low), a.high)-a.low)/(a.high-a.low)*(chartWidth-left-right)
	}
	for i, label := range c.X {
		top := float64(i) * rowHeight
		s.printf(`<text class="name" x="%s" y="%s">%s</text>`, num(left), num(top+13), esc(shorten(label, 44)))
		s.printf(`<rect class="track" x="%s" y="%s" width="%s" height="9" rx="2"/>`, num(left), num(top+19), num(chartWidth-left-right))
		if i >= len(c.Series[0].Points) {
			continue
		}
		p := c.Series[0].Points[i]
		if p.Value == nil {
			s.printf(`<text class="tick" x="%s" y="%s" text-anchor="end">too little data</text>`, num(chartWidth-2), num(top+13))
			continue
		}
		from, to := x(min(0, *p.Value)), x(max(0, *p.Value))
		s.printf(`<rect class="bar" x="%s" y="%s" width="%s" height="9" rx="2"/>`, num(from), num(top+19), num(max(to-from, 0.8)))
		if p.Low != nil && p.High != nil {
			s.printf(`<path class="whisker" d="M%s %sH%s"/>`, num(x(*p.Low)), num(top+23.5), num(x(*p.High)))
			s.printf(`<path class="whisker" d="M%s %sv5M%s %sv5"/>`, num(x(*p.Low)), num(top+21), num(x(*p.High)), num(top+21))
		}
		s.printf(`<text class="value" x="%s" y="%s" text-anchor="end">%s</text>`, num(chartWidth-2), num(top+27), esc(FormatValue(p.Value, c.Unit)))
	}
}

// cellHeight is the height of one row of a cohort triangle.
const cellHeight = 21.0

// cohortsHeight is the height of the picture of cohorts.
func cohortsHeight(c Chart) float64 { return 18 + cellHeight*float64(max(len(c.Series), 1)) + 2 }

// cohorts draws a triangle of shares: one row per cohort, one column per
// period after the start; the darker the more stayed.
func (s *svg) cohorts(c Chart) {
	const left = 46.0
	width := (chartWidth - left) / float64(max(len(c.X), 1))
	for i, label := range c.X {
		s.printf(`<text class="tick" x="%s" y="11" text-anchor="middle">%s</text>`, num(left+(float64(i)+0.5)*width), esc(label))
	}
	for row, series := range c.Series {
		y := 18 + float64(row)*cellHeight
		s.printf(`<text class="tick" x="%s" y="%s" text-anchor="end">%s</text>`, num(left-6), num(y+14), esc(shorten(day(series.Name), 8)))
		for i, p := range series.Points {
			if p.Value == nil || i >= len(c.X) {
				continue
			}
			x := left + float64(i)*width
			s.printf(`<rect class="cell" x="%s" y="%s" width="%s" height="%s" rx="2" fill-opacity="%s"/>`,
				num(x+1), num(y+1), num(width-2), num(cellHeight-2), fmtOpacity(*p.Value))
			s.printf(`<text class="celltext" x="%s" y="%s" text-anchor="middle">%s</text>`, num(x+width/2), num(y+14), decimal(math.Round(100**p.Value), 0))
		}
	}
}

// fmtOpacity maps a share to the opacity of its cell, at most .42 so that the
// number on it stays readable.
func fmtOpacity(share float64) string {
	return decimal(0.04+0.38*min(max(share, 0), 1), 2)
}

// Spark draws the values of the history as a small line without axes; the
// last point is marked. It is decoration: the numbers are in the charts.
func Spark(values []*float64) template.HTML {
	const w, h, pad = 96.0, 26.0, 4.0
	low, high, known := 0.0, 0.0, 0
	for _, v := range values {
		if v == nil {
			continue
		}
		if known == 0 {
			low, high = *v, *v
		}
		low, high = min(low, *v), max(high, *v)
		known++
	}
	if known < 2 {
		return ""
	}
	if low >= 0 {
		low = 0
	}
	if high == low {
		high = low + 1
	}
	var s svg
	s.printf(`<svg class="spark" viewBox="0 0 %s %s" aria-hidden="true" xmlns="http://www.w3.org/2000/svg">`, num(w), num(h))
	var d strings.Builder
	pen := false
	x := func(i int) float64 { return pad + float64(i)*(w-2*pad)/float64(max(len(values)-1, 1)) }
	y := func(v float64) float64 { return pad + (high-v)/(high-low)*(h-2*pad) }
	for i, v := range values {
		if v == nil {
			pen = false
			continue
		}
		op := "L"
		if !pen {
			op = "M"
		}
		d.WriteString(op + num(x(i)) + " " + num(y(*v)))
		pen = true
	}
	s.printf(`<path class="line s1" d="%s"/>`, d.String())
	if v := values[len(values)-1]; v != nil {
		s.printf(`<circle class="dot s1" cx="%s" cy="%s" r="2.6"/>`, num(x(len(values)-1)), num(y(*v)))
	}
	s.WriteString(`</svg>`)
	return template.HTML(s.String()) //nolint:gosec // numbers only
}

// ShareBar draws a share of at most full as a thin bar with its interval; for
// the tables of themes and the roadmap.
func ShareBar(e Estimate, full float64) template.HTML {
	if e.Value == nil || full <= 0 {
		return ""
	}
	const w = 120.0
	x := func(v float64) float64 { return min(max(v/full, 0), 1) * w }
	var s svg
	s.printf(`<svg class="sharebar" viewBox="0 0 %s 10" preserveAspectRatio="none" aria-hidden="true" xmlns="http://www.w3.org/2000/svg">`, num(w))
	s.printf(`<rect class="track" x="0" y="1" width="%s" height="8" rx="2"/><rect class="bar" x="0" y="1" width="%s" height="8" rx="2"/>`, num(w), num(max(x(*e.Value), 0.8)))
	if e.Low != nil && e.High != nil {
		s.printf(`<path class="whisker" d="M%s 5H%s"/>`, num(x(*e.Low)), num(x(*e.High)))
	}
	s.WriteString(`</svg>`)
	return template.HTML(s.String()) //nolint:gosec // numbers only
}
