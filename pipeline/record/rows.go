package record

// Row is what every table's rows have in common. Times are microseconds since
// 1970 in UTC holding whole milliseconds, cut down: Trino reads Parquet times
// at milliseconds and rounds, so anything finer could land on another day than
// its dt. Empty strings and nil pointers are stored as null. dt is not a
// column of the file; it is in the file's path.
type Row struct {
	EventID      string `parquet:"event_id"`
	Source       string `parquet:"source,dict"`
	OccurredAt   int64  `parquet:"occurred_at,timestamp(microsecond:local)"`
	ReceivedAt   int64  `parquet:"received_at,timestamp(microsecond:local)"`
	TimeAdjusted bool   `parquet:"time_adjusted"`
	// DeliveryID and DeliverySeq name the delivery and the record's place in
	// it. They find the raw payload in the archive, and they break ties: of
	// two rows with the same event_id the first by (received_at, delivery_id,
	// delivery_seq) stands.
	DeliveryID  string `parquet:"delivery_id,dict"`
	DeliverySeq int32  `parquet:"delivery_seq"`
	// Excluded marks a record that carried an excluded e-mail domain or user id.
	Excluded bool `parquet:"excluded"`

	UserKey      string `parquet:"user_key,optional,dict"`
	AnonymousKey string `parquet:"anonymous_key,optional,dict"`
	EmailKey     string `parquet:"email_key,optional,dict"`
	AccountKey   string `parquet:"account_key,optional,dict"`

	Plan       string `parquet:"plan,optional,dict"`
	Locale     string `parquet:"locale,optional,dict"`
	Country    string `parquet:"country,optional,dict"`
	Platform   string `parquet:"platform,optional,dict"`
	AppVersion string `parquet:"app_version,optional,dict"`
	Product    string `parquet:"product,optional,dict"`
}

// Feedback is what enrichment adds to a row with text. The lists themes,
// mention_sentences, mention_sentiments and mention_intents are parallel: one
// entry per theme mentioned, in order of first appearance. The view mentions
// unfolds them, so a row and its mentions can never disagree. Where Sentiment
// is null nothing was scored: the zeros in mention_sentiments mean nothing then
// and the view shows null.
type Feedback struct {
	Text              string           `parquet:"text,optional"`
	Redactions        map[string]int64 `parquet:"redactions,optional"`
	Language          string           `parquet:"language,optional,dict"`
	Sentiment         *float64         `parquet:"sentiment,optional"`
	SentimentLabel    string           `parquet:"sentiment_label,optional,dict"`
	Confidence        *float64         `parquet:"confidence,optional"`
	Intent            string           `parquet:"intent,optional,dict"`
	Themes            []string         `parquet:"themes,list"`
	MentionSentences  []string         `parquet:"mention_sentences,list"`
	MentionSentiments []float64        `parquet:"mention_sentiments,list"`
	MentionIntents    []string         `parquet:"mention_intents,list"`
	Keyphrases        []string         `parquet:"keyphrases,list"`
	EnrichVersion     string           `parquet:"enrich_version,optional,dict"`
}

// TicketRow is one change to a ticket.
type TicketRow struct {
	Row
	TicketID   string   `parquet:"ticket_id"`
	Change     string   `parquet:"change,dict"`
	AuthorRole string   `parquet:"author_role,optional,dict"`
	Public     bool     `parquet:"public"`
	Subject    string   `parquet:"subject,optional"`
	Status     string   `parquet:"status,optional,dict"`
	Priority   string   `parquet:"priority,optional,dict"`
	Channel    string   `parquet:"channel,optional,dict"`
	Tags       []string `parquet:"tags,list"`
	Team       string   `parquet:"team,optional,dict"`
	// AssigneeKey is the keyed hash of the assignee: an agent is a person, too.
	AssigneeKey string `parquet:"assignee_key,optional,dict"`
	Feedback
}

// SurveyRow is one answer to one question.
type SurveyRow struct {
	Row
	ResponseID string   `parquet:"response_id"`
	SurveyID   string   `parquet:"survey_id,optional,dict"`
	QuestionID string   `parquet:"question_id,optional,dict"`
	Kind       string   `parquet:"kind,dict"`
	Score      *float64 `parquet:"score,optional"`
	ScaleMin   *float64 `parquet:"scale_min,optional"`
	ScaleMax   *float64 `parquet:"scale_max,optional"`
	Choice     string   `parquet:"choice,optional"`
	TicketID   string   `parquet:"ticket_id,optional"`
	Feedback
}

// EventRow is one usage event. Properties is JSON text, redacted.
type EventRow struct {
	Row
	Kind       string   `parquet:"kind,dict"`
	Name       string   `parquet:"name,optional,dict"`
	SessionID  string   `parquet:"session_id,optional"`
	Revenue    *float64 `parquet:"revenue,optional"`
	Currency   string   `parquet:"currency,optional,dict"`
	DurationMS *float64 `parquet:"duration_ms,optional"`
	Properties string   `parquet:"properties,optional"`
	Traits     string   `parquet:"traits,optional"`
}

// ReleaseRow is one release, deploy, rollback, flag step, experiment start or
// stop, or incident.
type ReleaseRow struct {
	Row
	Kind           string   `parquet:"kind,dict"`
	Ref            string   `parquet:"ref,optional"`
	Version        string   `parquet:"version,optional"`
	Environment    string   `parquet:"environment,optional,dict"`
	Service        string   `parquet:"service,optional,dict"`
	Title          string   `parquet:"title,optional"`
	URL            string   `parquet:"url,optional"`
	Status         string   `parquet:"status,optional,dict"`
	Severity       string   `parquet:"severity,optional,dict"`
	RolloutPercent *float64 `parquet:"rollout_percent,optional"`
	StartedAt      *int64   `parquet:"started_at,optional,timestamp(microsecond:local)"`
	EndedAt        *int64   `parquet:"ended_at,optional,timestamp(microsecond:local)"`
}

// LinkRow is one record's evidence of who is who: kept when a record carries a
// user key together with another key, or when it is excluded. The view
// identities takes the earliest per key; rows are few because compaction keeps
// only those that can still win.
type LinkRow struct {
	UserKey      string `parquet:"user_key,optional"`
	EmailKey     string `parquet:"email_key,optional"`
	AnonymousKey string `parquet:"anonymous_key,optional"`
	OccurredAt   int64  `parquet:"occurred_at,timestamp(microsecond:local)"`
	EventID      string `parquet:"event_id"`
	Source       string `parquet:"source,dict"`
	Excluded     bool   `parquet:"excluded"`
}

// RejectRow is one payload, or one item of it, that could not be understood.
// The payload itself is in the archive, not here: it may hold anything.
type RejectRow struct {
	Source     string `parquet:"source,dict"`
	Table      string `parquet:"table,optional,dict"`
	ReceivedAt int64  `parquet:"received_at,timestamp(microsecond:local)"`
	DeliveryID string `parquet:"delivery_id"`
	Item       int32  `parquet:"item"` // place in the delivery, from 0
	Reason     string `parquet:"reason"`
	Object     string `parquet:"archive_object"`
	Line       int64  `parquet:"archive_line"` // from 1
}

// The outcomes of a ReceiptRow.
const (
	OutcomeRecord   = "record"   // understood; stored or a duplicate, which the view decides
	OutcomeRejected = "rejected" // authentic but not understood
	OutcomeIgnored  = "ignored"  // understood and of no interest, like a ping
)

// ReceiptRow is the ledger's entry for one thing received: one record of a
// delivery, or the delivery itself when it yielded none. (delivery_id, item)
// is unique, so processing a delivery twice counts it once, and of several
// receipts with one event_key the first by (received_at, delivery_id, item) is
// the one that was stored: the others are duplicates. The ledger is therefore
// derived from what came in alone, and the lake can be held against it.
type ReceiptRow struct {
	DeliveryID string `parquet:"delivery_id,dict"`
	Item       int32  `parquet:"item"`
	Source     string `parquet:"source,dict"`
	Table      string `parquet:"table,optional,dict"` // empty when no record came of it
	ReceivedAt int64  `parquet:"received_at,timestamp(microsecond:local)"`
	Outcome    string `parquet:"outcome,dict"`
	EventKey   int64  `parquet:"event_key"` // 64 bits of SHA-256 over source, table and event_id; 0 without a record
}
