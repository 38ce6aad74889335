// Package roadmap turns measured feedback into an ordered list of what to work
// on next: themes ranked by how many people they reach and how much they hurt,
// each with the counts, intervals and words behind its place.
//
// The rank rests on lower bounds. A theme that three people mentioned once can
// have a share of 100% of anything; its lower bound is small, so thin data
// never wins. The formula is printed with every roadmap (see Formula).
//
// The package reads metric results only. Its model is the JSON of
// `upshot roadmap` and of the report's last section; HTML and Markdown are
// drawn from it.
package roadmap

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Roadmap is the ranked list of themes of one window of closed periods.
type Roadmap struct {
	// From and To are local dates of TZ, half-open.
	From string `json:"from"`
	To   string `json:"to"`
	TZ   string `json:"tz"`
	// Window says the same in words: "13 weeks to 22 November 2026".
	Window string `json:"window"`
	// Active is the number of active users of the window: the people whom a
	// theme could have reached.
	Active int64 `json:"active_users"`
	// Formula is how Score was computed, in words.
	Formula string `json:"formula"`
	// SQL names the metric files that the numbers come from.
	SQL   []string `json:"sql"`
	Items []Item   `json:"items"`
	// Left is the number of themes that too little was said about to rank.
	Left int64  `json:"left_out"`
	Note string `json:"note,omitempty"`
}

// Estimate is a number with its 95% interval and the units behind it. Value,
// Low and High are nil where the data give none; Note says why.
type Estimate struct {
	N     int64    `json:"n"`
	Value *float64 `json:"value"`
	Low   *float64 `json:"low"`
	High  *float64 `json:"high"`
	Note  string   `json:"note,omitempty"`
}

// Item is one theme with its place.
type Item struct {
	Rank  int    `json:"rank"`
	Theme string `json:"theme"`
	Name  string `json:"name"`
	// Score is 1000 times reach, impact and growth, each at its lower bound.
	Score float64 `json:"score"`
	// People are the distinct persons who mentioned the theme, Items the
	// pieces of feedback that did.
	People int64 `json:"people"`
	Items  int64 `json:"items"`
	// Reach is People among the active users (Wilson).
	Reach Estimate `json:"reach"`
	// Negative is the share of the items that are negative (Wilson).
	Negative Estimate `json:"negative"`
	// Severity is the mean weight of the mentions' intents, 0..1, with the
	// counts it comes from.
	Severity Estimate `json:"severity"`
	Intents  []Count  `json:"intents,omitempty"`
	// Growth is the ratio of the weekly rate of the last four periods to that
	// of the periods before.
	Growth Estimate `json:"growth"`
	// Why says in one sentence why the theme stands here.
	Why   string `json:"why"`
	Quote *Quote `json:"quote,omitempty"`
}

// Count is how often something was seen.
type Count struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// Quote is one redacted sentence that somebody wrote.
type Quote struct {
	Text    string `json:"text"`
	Source  string `json:"source"`
	Date    string `json:"date"`
	EventID string `json:"event_id"`
}

// JSON is the roadmap as `upshot roadmap` prints it: two spaces of indent,
// fields in the order of the types, a newline at the end.
func (r *Roadmap) JSON() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(true)
	if err := enc.Encode(r); err != nil {
		return nil, fmt.Errorf("write roadmap as JSON: %w", err)
	}
	return buf.Bytes(), nil
}
