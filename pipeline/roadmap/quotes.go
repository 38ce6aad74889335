package roadmap

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"upshot.dev/upshot/pipeline/env"
)

// Span is a stretch of time, half-open, in UTC.
type Span struct{ From, To time.Time }

// where bounds a view by day, which prunes files, and by moment.
func (s Span) where() string {
	return fmt.Sprintf("dt >= date '%s' AND dt <= date '%s' AND occurred_at >= timestamp '%s' AND occurred_at < timestamp '%s' AND NOT excluded_person",
		s.From.UTC().Format(time.DateOnly), s.To.UTC().Format(time.DateOnly), stamp(s.From), stamp(s.To))
}

// stamp is a moment as the dialect writes timestamps, to the millisecond that the
// lake keeps.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }

// quotesSQL takes a few sentences per theme that can stand alone: of readable
// length, first those that want something, then the most negative ones. The
// order ends in ids, so the same lake gives the same quotes.
const quotesSQL = `SELECT theme_id, sentence, source, CAST(dt AS varchar) AS day, event_id
FROM (
  SELECT theme_id, sentence, source, dt, event_id,
    row_number() OVER (PARTITION BY theme_id ORDER BY
      CASE WHEN length(sentence) BETWEEN 30 AND 240 THEN 0 ELSE 1 END,
      CASE mention_intent WHEN 'bug' THEN 0 WHEN 'complaint' THEN 0 WHEN 'request' THEN 1 ELSE 2 END,
      coalesce(mention_sentiment, 0e0), event_id, sentence) AS place
  FROM mentions
  WHERE %s AND length(sentence) BETWEEN 12 AND 600
) AS x
WHERE place <= %d
ORDER BY theme_id, place, event_id, sentence`

// Quotes are up to n redacted sentences per theme id of the span, no sentence
// twice.
func Quotes(ctx context.Context, q env.Querier, span Span, n int) (map[string][]Quote, error) {
	out := map[string][]Quote{}
	seen := map[[2]string]bool{}
	err := eachRow(ctx, q, fmt.Sprintf(quotesSQL, span.where(), 4*n), func(c []string) {
		if len(out[c[0]]) < n && !seen[[2]string{c[0], c[1]}] {
			seen[[2]string{c[0], c[1]}] = true
			out[c[0]] = append(out[c[0]], Quote{Text: c[1], Source: c[2], Date: c[3], EventID: c[4]})
		}
	})
	if err != nil {
		return nil, fmt.Errorf("quotes of themes: %w", err)
	}
	return out, nil
}

// intentsSQL counts the mentions of each theme by what they want.
const intentsSQL = `SELECT theme_id, mention_intent, count(*) AS n
FROM mentions
WHERE %s AND mention_intent IS NOT NULL
GROUP BY theme_id, mention_intent
ORDER BY theme_id, n DESC, mention_intent`

// Intents counts the mentions of each theme id by intent, most frequent first.
func Intents(ctx context.Context, q env.Querier, span Span) (map[string][]Count, error) {
	out := map[string][]Count{}
	var bad error
	err := eachRow(ctx, q, fmt.Sprintf(intentsSQL, span.where()), func(c []string) {
		n, err := strconv.ParseInt(c[2], 10, 64)
		if err != nil {
			bad = err
			return
		}
		out[c[0]] = append(out[c[0]], Count{Name: c[1], Count: n})
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return nil, fmt.Errorf("intents of mentions: %w", err)
	}
	return out, nil
}

// eachRow runs a query and calls fn with each row as text; null is "".
func eachRow(ctx context.Context, q env.Querier, sql string, fn func(cells []string)) error {
	reader, err := q.Query(ctx, sql)
	if err != nil {
		return err
	}
	defer reader.Release()
	for reader.Next() {
		batch := reader.RecordBatch()
		for row := range int(batch.NumRows()) {
			cells := make([]string, batch.NumCols())
			for i, column := range batch.Columns() {
				cells[i] = text(column, row)
			}
			fn(cells)
		}
	}
	return reader.Err()
}

// text is a cell as text.
func text(column arrow.Array, row int) string {
	if column.IsNull(row) {
		return ""
	}
	return column.ValueStr(row)
}
