package report

import (
	"bytes"
	"encoding/json"
	"fmt"

	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/roadmap"
)

// Schema names the shape of report.json. A change that readers of the file
// could trip over gets a new number.
const Schema = "upshot.report/1"

// Report is everything one report says. It is report.json; the page, the mail
// and the Markdown are drawn from it and from nothing else. No clock is in it:
// the only times are those of the period and of the records.
type Report struct {
	Schema string `json:"schema"`
	// Title names the period in words, Subject is the mail's subject and
	// carries the first headline.
	Title   string `json:"title"`
	Subject string `json:"subject"`
	Period  Period `json:"period"`
	// Headlines are the changes that the intervals support, the strongest
	// first. When there are none, Quiet says so.
	Headlines []Headline `json:"headlines"`
	Quiet     string     `json:"quiet,omitempty"`
	// Compared is the number of comparisons that were looked at together,
	// and Method says how it was decided which of them are headlines.
	Compared int    `json:"compared"`
	Method   string `json:"method"`
	// Figures are the few numbers of the period that matter most.
	Figures  []Figure  `json:"figures"`
	Sections []Section `json:"sections"`
	Releases []Release `json:"releases"`
	Ledger   Ledger    `json:"completeness"`
	// Roadmap is nil when nothing was said in the window.
	Roadmap *roadmap.Roadmap `json:"roadmap"`
}

// Period is the closed period that a report is about: local dates of TZ,
// half-open. Ended is the moment of its end in UTC, RFC 3339.
type Period struct {
	Grain string `json:"grain"`
	From  string `json:"from"`
	To    string `json:"to"`
	TZ    string `json:"tz"`
	Ended string `json:"ended"`
	// History is the number of periods in the charts, this one included.
	History int `json:"history"`
}

// Headline is one change or difference that the data support.
type Headline struct {
	// Key names the finding: the same key in the report before means that it
	// is the same finding, still there.
	Key string `json:"key"`
	// Kind is change (against the periods before), recovery (back to usual
	// after a change), trend (slow, over many periods) or segment (one group
	// against the rest).
	Kind string `json:"kind"`
	// Text is the plain sentence with its numbers.
	Text string `json:"text"`
	// Tone is good, bad or neutral for the company.
	Tone string `json:"tone"`
	// Continuing: it was a headline of the period before, too.
	Continuing bool `json:"continuing"`
	// Context names what happened at the same time. It claims no cause.
	Context string `json:"context,omitempty"`
	// Section is the id of the section with the numbers.
	Section string `json:"section"`
	// Effect is the size of the change in Unit with its interval.
	Effect Estimate `json:"effect"`
	Unit   string   `json:"unit"`
	// Method is the interval and the test; P the p-value after the
	// adjustment for all comparisons.
	Method string  `json:"method"`
	P      float64 `json:"p_adjusted"`
	SQL    string  `json:"sql"`
}

// Estimate is a number with its 95% interval and the units behind it.
type Estimate = roadmap.Estimate

// Quote is one redacted sentence that somebody wrote.
type Quote = roadmap.Quote

// Figure is one number of the period.
type Figure struct {
	Metric string `json:"metric"`
	Title  string `json:"title"`
	// Unit is how the number is read: see FormatValue.
	Unit   string `json:"unit"`
	Better string `json:"better,omitempty"`
	Estimate
	// Usual is the mean (count, median) or pooled value of the periods before,
	// UsualOver how many they were.
	Usual     *float64 `json:"usual"`
	UsualOver int      `json:"usual_over,omitempty"`
	// Target is what the company wants the number to be.
	Target *float64 `json:"target,omitempty"`
	// Detail is a further sentence: "3 not answered yet".
	Detail string `json:"detail,omitempty"`
	// Trend is the value of each period of the history, this one last.
	Trend []*float64 `json:"trend"`
	SQL   string     `json:"sql"`
}

// Section is one part of the report.
type Section struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Lead    string   `json:"lead,omitempty"`
	Figures []Figure `json:"figures,omitempty"`
	Charts  []Chart  `json:"charts,omitempty"`
	Themes  []Theme  `json:"themes,omitempty"`
	Notes   []string `json:"notes,omitempty"`
}

// The kinds of charts.
const (
	Lines   = "lines"   // one line per series over X
	Columns = "columns" // counts over X, one series
	Stacked = "stacked" // shares of one whole over X
	Bars    = "bars"    // one horizontal bar per X, one series, with intervals
	Cohorts = "cohorts" // a triangle: X are offsets, each series is a cohort
)

// Chart is a picture and its table of numbers. Every chart's value axis holds
// zero.
type Chart struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Title string `json:"title"`
	// Description says in words what the picture shows, for those who do not
	// see it.
	Description string   `json:"description"`
	Unit        string   `json:"unit"`
	X           []string `json:"x"`
	Series      []Series `json:"series"`
	// Marks are releases on the time axis.
	Marks  []Mark   `json:"marks,omitempty"`
	Target *float64 `json:"target,omitempty"`
	SQL    string   `json:"sql"`
}

// Series is one line, or one cohort. Points has one entry per X.
type Series struct {
	Name   string     `json:"name"`
	Points []Estimate `json:"points"`
}

// Mark is one release, rollback or incident on the time axis.
type Mark struct {
	// At is its place: 2.5 is the middle of the third period.
	At      float64 `json:"at"`
	Label   string  `json:"label"`
	Kind    string  `json:"kind"`
	Current bool    `json:"current"` // in the period of the report
}

// Theme is one line of the table of themes.
type Theme struct {
	ID       string     `json:"theme"`
	Name     string     `json:"name"`
	Items    int64      `json:"items"`
	People   int64      `json:"people"`
	Share    Estimate   `json:"share"`    // of all items
	Negative Estimate   `json:"negative"` // of the theme's items
	Usual    *float64   `json:"usual"`    // items in a period before
	Trend    []*float64 `json:"trend"`    // items
	Quotes   []Quote    `json:"quotes,omitempty"`
}

// Release is one entry of the releases of the period.
type Release struct {
	At      string `json:"at"` // local date and time of the report's zone
	Kind    string `json:"kind"`
	Label   string `json:"label"`
	Title   string `json:"title,omitempty"`
	Service string `json:"service,omitempty"`
	Status  string `json:"status,omitempty"`
	URL     string `json:"url,omitempty"`
}

// Ledger is the data's completeness in the days of the period: what was
// received is what was stored and what was not, per source.
type Ledger struct {
	LedgerRow
	Sources []LedgerRow `json:"sources"`
	// Silent names sources that delivered nothing on days on which they
	// usually do.
	Silent []Silence `json:"silent"`
	SQL    string    `json:"sql"`
}

// LedgerRow holds one source's counts; received is the sum of the other four.
type LedgerRow struct {
	Source    string `json:"source,omitempty"`
	Received  int64  `json:"received"`
	Stored    int64  `json:"stored"`
	Duplicate int64  `json:"duplicate"`
	Rejected  int64  `json:"rejected"`
	Ignored   int64  `json:"ignored"`
}

// Adds reports whether the line adds up, as it always must.
func (l LedgerRow) Adds() bool {
	return l.Received == l.Stored+l.Duplicate+l.Rejected+l.Ignored
}

// Silence is a source that delivered nothing on some days.
type Silence struct {
	Source string   `json:"source"`
	Days   []string `json:"days"`
	// Usual is the share of such days before on which it delivered.
	Usual Estimate `json:"usual"`
}

// JSON is report.json: two spaces of indent, fields in the order of the types,
// a newline at the end.
func (r *Report) JSON() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		return nil, fmt.Errorf("write report as JSON: %w", err)
	}
	return buf.Bytes(), nil
}

// Read is the report that JSON wrote. An unknown schema is a fault of kind
// Invalid.
func Read(data []byte) (*Report, error) {
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fault.Invalidf("read report.json: %w", err)
	}
	if r.Schema != Schema {
		return nil, fault.Invalidf("read report.json: schema %q, this version reads %q", r.Schema, Schema)
	}
	return &r, nil
}
