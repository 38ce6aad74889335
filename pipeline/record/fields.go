package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// field is one field of the input-record shape: which tables have it, how it
// is read, how it is written. The one list below drives Decode, MarshalJSON
// and the JSON Schemas, so that they cannot drift apart.
type field struct {
	name   string
	tables []Table // nil: all
	typ    string  // string, id, time, number, boolean, strings, object
	str    func(*Record) *string
	num    func(*Record) **float64
	at     func(*Record) *time.Time
	raw    func(*Record) *json.RawMessage
	enum   func(Table) []string // the allowed words, nil: any
}

func (f field) in(t Table) bool { return f.tables == nil || slices.Contains(f.tables, t) }

func str(name, typ string, p func(*Record) *string, tables ...Table) field {
	return field{name: name, typ: typ, str: p, tables: tables}
}

func enum(name string, p func(*Record) *string, words func(Table) []string, tables ...Table) field {
	return field{name: name, typ: "string", str: p, tables: tables, enum: words}
}

func num(name string, p func(*Record) **float64, tables ...Table) field {
	return field{name: name, typ: "number", num: p, tables: tables}
}

func at(name string, p func(*Record) *time.Time, tables ...Table) field {
	return field{name: name, typ: "time", at: p, tables: tables}
}

func object(name string, p func(*Record) *json.RawMessage, tables ...Table) field {
	return field{name: name, typ: "object", raw: p, tables: tables}
}

// words makes the enumeration of a field that has the same words everywhere.
func words(list ...string) func(Table) []string { return func(Table) []string { return list } }

// Changes are the values of Record.Change.
func Changes() []string {
	return []string{"created", "commented", "status", "priority", "assigned", "tagged", "rated", "merged", "deleted", "spam"}
}

// Kinds are the values of Record.Kind in a table; nil where it has no kind.
func Kinds(t Table) []string {
	switch t {
	case Surveys:
		return []string{"nps", "csat", "ces", "rating", "choice", "text"}
	case Events:
		return []string{"track", "page", "screen", "identify", "group", "alias"}
	case Releases:
		return []string{"release", "deploy", "rollback", "flag", "experiment", "incident"}
	default:
		return nil
	}
}

func statuses(t Table) []string {
	if t == Releases {
		return []string{"started", "succeeded", "failed", "resolved"}
	}
	return []string{"new", "open", "pending", "hold", "solved", "closed"}
}

// fields is the shape, in the order in which records are written.
var fields = []field{
	str("event_id", "id", func(r *Record) *string { return &r.EventID }),
	at("occurred_at", func(r *Record) *time.Time { return &r.OccurredAt }),
	str("user_id", "id", func(r *Record) *string { return &r.UserID }),
	str("anonymous_id", "id", func(r *Record) *string { return &r.AnonymousID }),
	str("email", "id", func(r *Record) *string { return &r.Email }),
	str("account_id", "id", func(r *Record) *string { return &r.AccountID }),
	str("plan", "string", func(r *Record) *string { return &r.Plan }),
	str("locale", "string", func(r *Record) *string { return &r.Locale }),
	str("country", "string", func(r *Record) *string { return &r.Country }),
	str("platform", "string", func(r *Record) *string { return &r.Platform }),
	str("app_version", "id", func(r *Record) *string { return &r.AppVersion }),
	str("product", "string", func(r *Record) *string { return &r.Product }),

	str("ticket_id", "id", func(r *Record) *string { return &r.TicketID }, Tickets, Surveys),
	enum("change", func(r *Record) *string { return &r.Change }, words(Changes()...), Tickets),
	enum("author_role", func(r *Record) *string { return &r.AuthorRole },
		words("customer", "agent", "bot", "system"), Tickets),
	{name: "public", typ: "boolean", tables: []Table{Tickets}},
	str("subject", "string", func(r *Record) *string { return &r.Subject }, Tickets),

	str("response_id", "id", func(r *Record) *string { return &r.ResponseID }, Surveys),
	str("survey_id", "id", func(r *Record) *string { return &r.SurveyID }, Surveys),
	str("question_id", "id", func(r *Record) *string { return &r.QuestionID }, Surveys),

	enum("kind", func(r *Record) *string { return &r.Kind }, Kinds, Surveys, Events, Releases),
	num("score", func(r *Record) **float64 { return &r.Score }, Surveys),
	num("scale_min", func(r *Record) **float64 { return &r.ScaleMin }, Surveys),
	num("scale_max", func(r *Record) **float64 { return &r.ScaleMax }, Surveys),
	str("choice", "string", func(r *Record) *string { return &r.Choice }, Surveys),
	str("text", "string", func(r *Record) *string { return &r.Text }, Tickets, Surveys),

	str("name", "string", func(r *Record) *string { return &r.Name }, Events),
	str("session_id", "id", func(r *Record) *string { return &r.SessionID }, Events),
	num("revenue", func(r *Record) **float64 { return &r.Revenue }, Events),
	str("currency", "string", func(r *Record) *string { return &r.Currency }, Events),
	num("duration_ms", func(r *Record) **float64 { return &r.DurationMS }, Events),
	object("properties", func(r *Record) *json.RawMessage { return &r.Properties }, Events),
	object("traits", func(r *Record) *json.RawMessage { return &r.Traits }, Events),

	str("ref", "id", func(r *Record) *string { return &r.Ref }, Releases),
	str("version", "id", func(r *Record) *string { return &r.Version }, Releases),
	str("environment", "string", func(r *Record) *string { return &r.Environment }, Releases),
	str("service", "string", func(r *Record) *string { return &r.Service }, Releases),
	str("title", "string", func(r *Record) *string { return &r.Title }, Releases),
	str("url", "string", func(r *Record) *string { return &r.URL }, Releases),

	enum("status", func(r *Record) *string { return &r.Status }, statuses, Tickets, Releases),
	enum("priority", func(r *Record) *string { return &r.Priority },
		words("low", "normal", "high", "urgent"), Tickets),
	enum("channel", func(r *Record) *string { return &r.Channel },
		words("email", "chat", "web", "phone", "social", "app", "api"), Tickets),
	{name: "tags", typ: "strings", tables: []Table{Tickets}},
	str("team", "string", func(r *Record) *string { return &r.Team }, Tickets),
	str("assignee", "id", func(r *Record) *string { return &r.Assignee }, Tickets),

	str("severity", "string", func(r *Record) *string { return &r.Severity }, Releases),
	num("rollout_percent", func(r *Record) **float64 { return &r.RolloutPercent }, Releases),
	at("started_at", func(r *Record) *time.Time { return &r.StartedAt }, Releases),
	at("ended_at", func(r *Record) *time.Time { return &r.EndedAt }, Releases),
}

// MarshalJSON writes the input-record shape: table first, the other fields in
// a fixed order, absent ones left out, times in RFC 3339 with milliseconds.
func (r Record) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"table":%s`, quote(string(r.Table)))
	for _, f := range fields {
		if !f.in(r.Table) {
			continue
		}
		v, err := f.encode(&r)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.name, err)
		}
		if v != nil {
			fmt.Fprintf(&b, `,%s:%s`, quote(f.name), v)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode gives the field's JSON, nil when it is absent.
func (f field) encode(r *Record) ([]byte, error) {
	switch {
	case f.str != nil:
		if s := *f.str(r); s != "" {
			return quote(s), nil
		}
	case f.num != nil:
		if n := *f.num(r); n != nil {
			return json.Marshal(*n)
		}
	case f.at != nil:
		if t := *f.at(r); !t.IsZero() {
			return quote(t.UTC().Format(timeLayout)), nil
		}
	case f.raw != nil:
		if m := *f.raw(r); len(m) > 0 {
			var c bytes.Buffer
			err := json.Compact(&c, m)
			return c.Bytes(), err
		}
	case f.typ == "boolean":
		if r.Public != nil {
			return strconv.AppendBool(nil, *r.Public), nil
		}
	case f.typ == "strings":
		if len(r.Tags) > 0 {
			return encodeJSON(r.Tags)
		}
	}
	return nil, nil
}

func quote(s string) []byte {
	b, _ := encodeJSON(s) // a string always encodes
	return b
}

// encodeJSON is json.Marshal without escaping <, > and &: records are data,
// and whoever puts them into HTML escapes them there.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// clean makes a text safe to keep: valid UTF-8, without NUL, and absent when
// there is nothing but white space in it.
func clean(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return s
}
