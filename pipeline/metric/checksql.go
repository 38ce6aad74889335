package metric

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// views are the relations of the lake that a metric may read.
var views = []string{
	"identities", "excluded_people", "events", "releases", "surveys", "tickets", "surveys_current",
	"tickets_current", "feedback", "mentions", "rejects", "ledger",
}

// receipts are the relations below the views that a metric may read: each receipt
// once, for what the view ledger has by the hour.
var receipts = []string{"ledger_rows"}

// provided are the relations that the runner puts before a query.
var provided = []string{"periods", "days", "active_events", "features", "feature_events"}

// checkSQL holds the SQL against the rules that every metric keeps: known
// parameters, macros and relations, one statement, and a bound on dt. The line
// is the one of the fault, from 1.
func (m *Metric) checkSQL() (line int, err error) {
	all, err := tokens(m.SQL)
	if err != nil {
		if s, ok := errors.AsType[*syntaxError](err); ok {
			return s.line + 1, err
		}
		return 1, err
	}
	ts := significant(all)
	known := slices.Concat(views, receipts, provided, named(ts))
	for i, t := range ts {
		if t.kind == sign && t.text == ";" {
			return t.line + 1, fmt.Errorf("a metric is one statement, without a semicolon")
		}
		if r, ok := relationAt(ts, i); ok && !slices.Contains(known, r.text) {
			return r.line + 1, fmt.Errorf("%s is no relation%s", r.text, nearest(r.text, known))
		}
	}
	if !bounded(ts) {
		return 1, fmt.Errorf("the SQL has no bound on dt, like dt >= :dt_from: it would read every file")
	}
	return 0, nil
}

// significant leaves out what the engine does not look at.
func significant(ts []token) []token {
	return slices.DeleteFunc(slices.Clone(ts), func(t token) bool {
		return t.kind == space || t.kind == comment || t.kind == macro
	})
}

// named lists the relations that a text names itself: name AS (, or
// name(columns) AS (.
func named(ts []token) []string {
	var out []string
	for i := 1; i+1 < len(ts); i++ {
		if !ts[i].is("as") || ts[i+1].text != "(" {
			continue
		}
		at := i - 1
		if ts[at].text == ")" {
			for at > 0 && ts[at].text != "(" {
				at--
			}
			at--
		}
		if at >= 0 && ts[at].kind == word {
			out = append(out, ts[at].text)
		}
	}
	return out
}

// relationAt is the relation that stands behind a FROM or JOIN at place i. A
// query in brackets and UNNEST are none, nor is what follows IS DISTINCT FROM.
func relationAt(ts []token, i int) (token, bool) {
	if !ts[i].is("from") && !ts[i].is("join") || i+1 == len(ts) || i > 0 && ts[i-1].is("distinct") {
		return token{}, false
	}
	r := ts[i+1]
	if r.text == "(" || r.is("unnest") {
		return token{}, false
	}
	return r, true
}

// bounded reports whether a text compares dt with :dt_from or :dt_to.
func bounded(ts []token) bool {
	for i, t := range ts {
		if !t.is("dt") {
			continue
		}
		j := i + 1
		for j < len(ts) && ts[j].kind == sign && strings.Contains("<>=", ts[j].text) {
			j++
		}
		if j > i+1 && j < len(ts) && ts[j].kind == parameter && strings.HasPrefix(ts[j].text, ":dt_") {
			return true
		}
	}
	return false
}
