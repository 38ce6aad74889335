// Package discover finds what people write about and no theme covers: the
// noun phrases of recent feedback without a theme, by how many people used
// them, with evidence. It proposes; a person decides what becomes a theme.
package discover

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"upshot.dev/upshot/pipeline/env"
)

// Phrase is one noun phrase that stands in feedback without a theme.
type Phrase struct {
	Phrase   string   `json:"phrase"`
	Feedback int64    `json:"feedback"` // pieces of feedback
	People   int64    `json:"people"`   // known people among their authors
	Evidence []string `json:"evidence"` // event ids of some of them, the first five by id
}

// Proposal is what was found for the days before a date.
type Proposal struct {
	From     string   `json:"from"` // first day of dt, inclusive
	To       string   `json:"to"`   // exclusive
	Feedback int64    `json:"feedback_without_theme"`
	Phrases  []Phrase `json:"phrases"` // most people first
}

// What is looked at, and what is proposed of it.
const (
	days       = 28
	minPieces  = 3 // one angry customer is no theme
	maxPhrases = 100
)

// Find looks at the 28 days before the day of now, in UTC.
func Find(ctx context.Context, q env.Querier, now time.Time) (Proposal, error) {
	to := now.UTC().Truncate(24 * time.Hour)
	p := Proposal{From: to.AddDate(0, 0, -days).Format(time.DateOnly), To: to.Format(time.DateOnly), Phrases: []Phrase{}}
	within := fmt.Sprintf("dt >= date '%s' AND dt < date '%s' AND coalesce(cardinality(themes), 0) = 0 AND NOT excluded_person", p.From, p.To)
	err := each(ctx, q, "SELECT count(*) AS n FROM feedback WHERE "+within, func(b arrow.RecordBatch, i int) {
		p.Feedback = number(b, 0, i)
	})
	if err != nil {
		return p, err
	}
	sql := fmt.Sprintf(`SELECT phrase, count(*) AS pieces, count(DISTINCT person_key) AS people, array_join(slice(array_agg(event_id ORDER BY event_id), 1, 5), ' ') AS evidence
FROM (
  SELECT DISTINCT event_id, source, person_key, phrase
  FROM feedback CROSS JOIN UNNEST(keyphrases) AS t(phrase)
  WHERE %s
) AS x
GROUP BY phrase
HAVING count(*) >= %d
ORDER BY count(DISTINCT person_key) DESC, count(*) DESC, phrase
LIMIT %d`, within, minPieces, maxPhrases)
	err = each(ctx, q, sql, func(b arrow.RecordBatch, i int) {
		p.Phrases = append(p.Phrases, Phrase{
			Phrase: b.Column(0).ValueStr(i), Feedback: number(b, 1, i), People: number(b, 2, i), Evidence: strings.Fields(b.Column(3).ValueStr(i)),
		})
	})
	return p, err
}

// Key is where a proposal is kept.
func (p Proposal) Key() string { return "discover/" + p.To + ".json" }

// Keep writes the proposal; the same feedback gives the same bytes.
func (p Proposal) Keep(ctx context.Context, s env.Blobs) error {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("discover: %w", err)
	}
	if err := s.Put(ctx, p.Key(), bytes.NewReader(append(b, '\n'))); err != nil {
		return fmt.Errorf("keep what was discovered: %w", err)
	}
	return nil
}

func number(b arrow.RecordBatch, c, i int) int64 {
	if n, ok := b.Column(c).(*array.Int64); ok && !n.IsNull(i) {
		return n.Value(i)
	}
	return 0
}

// each runs a query and calls f for every row.
func each(ctx context.Context, q env.Querier, sql string, f func(arrow.RecordBatch, int)) error {
	r, err := q.Query(ctx, sql)
	if err != nil {
		return fmt.Errorf("discover: %w", err)
	}
	defer r.Release()
	for r.Next() {
		b := r.RecordBatch()
		for i := range int(b.NumRows()) {
			f(b, i)
		}
	}
	if err := r.Err(); err != nil {
		return fmt.Errorf("discover: %w", err)
	}
	return nil
}
