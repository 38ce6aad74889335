package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"path"
	"strings"

	"upshot.dev/upshot/pipeline/roadmap"
)

//go:embed templates/report.html.tmpl
var pageText string

//go:embed templates/report.css
var pageCSS string

// pageTemplate is the page. html/template escapes whatever comes from the
// report by where it stands: text, attribute or URL.
var pageTemplate = template.Must(template.New("report").Funcs(functions()).Parse(pageText))

// functions are what the templates of page and mail may call.
func functions() template.FuncMap {
	return template.FuncMap{
		"css":          func() template.CSS { return template.CSS(pageCSS) }, //nolint:gosec // our own file
		"grainName":    grainName,
		"kindName":     kindName,
		"proof":        proof,
		"headlineLead": headlineLead,
		"figureValue":  figureValue,
		"figureProof":  figureProof,
		"figureUsual":  figureUsual,
		"ledgerLine":   ledgerLine,
		"silence":      silence,
		"estimate":     estimate,
		"themeFacts":   themeFacts,
		"legend":       legend,
		"tableRows":    tableRows,
		"tableHead":    tableHead,
		"seriesName":   seriesName,
		"count":        count,
		"plural":       plural,
		"chartSVG":     ChartSVG,
		"spark":        Spark,
		"shareBar":     themeBar,
		"score":        func(x float64) string { return decimal(x, 1) },
		"severity":     severity,
		"day":          day,
		"shorten":      shorten,
		"base":         path.Base,
		"topItems":     topItems,
		"moreItems":    moreItems,
	}
}

// themeBar draws a theme's share against the largest one of the list.
func themeBar(e Estimate, all []Theme) template.HTML {
	full := 0.0
	for _, t := range all {
		for _, v := range []*float64{t.Share.Value, t.Share.High} {
			if v != nil {
				full = max(full, *v)
			}
		}
	}
	return ShareBar(e, full)
}

// severity is the mean weight with the intents behind it.
func severity(i roadmap.Item) string {
	text := estimate(i.Severity, "mean")
	text = strings.ReplaceAll(text, "+", "")
	return text
}

// shownItems is how many lines of the roadmap are printed; report.json has all.
const shownItems = 10

// topItems are the printed lines.
func topItems(r *roadmap.Roadmap) []roadmap.Item { return r.Items[:min(len(r.Items), shownItems)] }

// moreItems says how many lines are not printed.
func moreItems(r *roadmap.Roadmap) string {
	if more := len(r.Items) - shownItems; more > 0 {
		return plural(int64(more), "more theme is", "more themes are") + " ranked below these, in report.json."
	}
	return ""
}

// HTML is report.html: one self-contained page without scripts, readable on a
// wide screen, a phone and paper, light or dark as the reader's system is.
func (r *Report) HTML() ([]byte, error) {
	var buf bytes.Buffer
	if err := pageTemplate.Execute(&buf, r); err != nil {
		return nil, fmt.Errorf("draw report as HTML: %w", err)
	}
	return buf.Bytes(), nil
}
