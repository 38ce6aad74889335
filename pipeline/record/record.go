// Package record holds the canonical shapes: the input record that every
// source, mapping, import and API call produces, the rows that are kept of it,
// and the rules that turn one into the other (ids, times, keyed hashes of
// people). It imports the standard library only.
package record

import (
	"encoding/json"
	"time"
)

// Table names where a record goes.
type Table string

// The tables of input records.
const (
	Tickets  Table = "tickets"
	Surveys  Table = "surveys"
	Events   Table = "events"
	Releases Table = "releases"
)

// Tables lists them in the order in which they are printed.
func Tables() []Table { return []Table{Tickets, Surveys, Events, Releases} }

// Record is one input record. It is one flat shape for all tables; which
// fields a table knows stands in fields.go, and Validate holds the rules.
// Zero values are absent: empty or blank text never reaches a table.
type Record struct {
	Table   Table
	EventID string // stable across redelivery; see ContentID where the sender gives none

	// OccurredAt is UTC, cut to milliseconds; zero when absent.
	OccurredAt time.Time
	// SentAt is the sender's clock at sending, zero when unknown. It is not
	// part of the shape: ResolveTime uses it and nothing stores it.
	SentAt time.Time

	UserID, AnonymousID, Email, AccountID                string
	Plan, Locale, Country, Platform, AppVersion, Product string

	// Tickets: one change to a ticket. Subject and Text may be HTML.
	TicketID, Change, AuthorRole, Subject string
	Public                                *bool // nil is true
	Priority, Channel, Team, Assignee     string
	Tags                                  []string

	// Surveys: one answer to one question.
	ResponseID, SurveyID, QuestionID, Choice string
	Score, ScaleMin, ScaleMax                *float64

	// Events: one usage event.
	Name, SessionID, Currency string
	Revenue, DurationMS       *float64
	Properties, Traits        json.RawMessage // JSON objects, numbers as they came

	// Releases: one release, deploy, rollback, flag step, experiment or incident.
	Ref, Version, Environment, Service, Title, URL, Severity string
	RolloutPercent                                           *float64
	StartedAt, EndedAt                                       time.Time

	// Shared by several tables.
	Kind   string // surveys, events, releases
	Status string // tickets, releases
	Text   string // tickets, surveys
}

// IsPublic is Public with its default.
func (r *Record) IsPublic() bool { return r.Public == nil || *r.Public }

// FieldError is one fault of one record, for a person to mend.
type FieldError struct {
	// Pointer is a JSON pointer into what was sent, like "/score".
	Pointer string `json:"pointer"`
	// Detail says what is wrong and what would be right.
	Detail string `json:"detail"`
	// Unknown marks a field that no table has: an error in the first-party
	// API, a warning elsewhere.
	Unknown bool `json:"-"`
}

func (e FieldError) Error() string { return e.Pointer + ": " + e.Detail }
