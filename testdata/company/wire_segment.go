package company

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"time"
)

// How a client writes its batches.
const (
	styleNode   = iota // analytics-node: context in every item, key also in the body
	stylePhone         // context of the batch
	styleZipped        // the same in gzip, as the RudderStack SDK does
	styleGo            // analytics-go: nine digits of a second and a zone
)

// batch is one call of /v1/batch.
type batch struct {
	flush
	style int
}

type segmentContext struct {
	Platform string            `json:"platform,omitempty"`
	Device   *segmentDevice    `json:"device,omitempty"`
	App      *segmentApp       `json:"app,omitempty"`
	Locale   string            `json:"locale,omitempty"`
	Location *segmentLocation  `json:"location,omitempty"`
	GroupID  string            `json:"groupId,omitempty"`
	Session  string            `json:"sessionId,omitempty"`
	Traits   map[string]string `json:"traits,omitempty"`
	Library  segmentLibrary    `json:"library"`
}

type (
	segmentDevice struct {
		Type string `json:"type"`
	}
	segmentApp      struct{ Name, Version string }
	segmentLocation struct {
		Country string `json:"country"`
	}
	segmentLibrary struct{ Name, Version string }
)

func (a segmentApp) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"name": a.Name, "version": a.Version})
}

func (l segmentLibrary) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"name": l.Name, "version": l.Version})
}

type segmentItem struct {
	Type         string            `json:"type"`
	MessageID    string            `json:"messageId"`
	Timestamp    string            `json:"timestamp,omitempty"`
	Original     string            `json:"originalTimestamp,omitempty"`
	UserID       string            `json:"userId,omitempty"`
	AnonymousID  string            `json:"anonymousId,omitempty"`
	PreviousID   string            `json:"previousId,omitempty"`
	Event        string            `json:"event,omitempty"`
	Name         string            `json:"name,omitempty"`
	Properties   json.RawMessage   `json:"properties,omitempty"`
	Traits       map[string]string `json:"traits,omitempty"`
	Context      *segmentContext   `json:"context,omitempty"`
	Integrations struct{}          `json:"integrations"`
}

type segmentBatch struct {
	Batch    []segmentItem   `json:"batch"`
	Context  *segmentContext `json:"context,omitempty"`
	WriteKey string          `json:"writeKey,omitempty"`
	SentAt   string          `json:"sentAt"`
}

// request writes the batch as it is sent at the moment now.
func (b *batch) request(now time.Time) payload {
	body := segmentBatch{SentAt: now.Add(b.err - b.latency).Format(millis)}
	if b.style != styleNode {
		e := b.events[0]
		body.Context = e.context("analytics-mobile")
		body.Context.Session, body.Context.App, body.Context.Traits = "", nil, nil
	}
	for _, e := range b.events {
		body.Batch = append(body.Batch, b.item(e))
	}
	p := payload{path: "/v1/batch", header: http.Header{"User-Agent": {"tidewater-mobile/1.0"}}, body: encode(body)}
	switch b.style {
	case styleNode:
		p.header.Set("User-Agent", "analytics-node-next/latest")
	case styleZipped:
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		_, _ = w.Write(p.body) // to memory: cannot fail
		_ = w.Close()
		p.body = z.Bytes()
		p.header.Set("Content-Encoding", "gzip")
		p.header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return p
}

// item writes one event in the client's style.
func (b *batch) item(e *Event) segmentItem {
	i := segmentItem{Type: e.Kind, MessageID: e.ID, UserID: e.UserID, AnonymousID: e.AnonymousID}
	switch b.style {
	case styleNode:
		i.Timestamp, i.Context = e.Clock.UTC().Format(millis), e.context("@segment/analytics-node")
	case styleGo:
		i.Timestamp = e.Clock.In(time.FixedZone("", 7200)).Format(nanos)
	default:
		i.Original = e.Clock.UTC().Format(millis)
	}
	if b.style != styleNode {
		i.Context = &segmentContext{App: &segmentApp{"Tidewater", e.Version}, Session: e.Session, Library: segmentLibrary{"analytics-mobile", "3.3.0"}}
		if e.Plan != "" {
			i.Context.Traits = map[string]string{"plan": e.Plan}
		}
	}
	switch e.Kind {
	case "track":
		i.Event = e.Name
	case "page", "screen":
		i.Name = e.Name
	case "alias":
		i.AnonymousID, i.PreviousID = "", e.AnonymousID
	case "identify":
		i.Traits = map[string]string{"plan": e.Plan}
		if e.Email != "" {
			i.Traits["email"] = e.Email
		}
	}
	if e.Properties != "" {
		i.Properties = json.RawMessage(e.Properties)
	}
	return i
}

// context is what an item says about its surroundings.
func (e *Event) context(library string) *segmentContext {
	c := &segmentContext{
		App: &segmentApp{"Tidewater", e.Version}, Locale: e.Locale, GroupID: e.Account, Session: e.Session,
		Library: segmentLibrary{library, "3.1.0"},
	}
	if e.Country != "" {
		c.Location = &segmentLocation{e.Country}
	}
	if e.Platform == "web" {
		c.Platform = e.Platform
	} else {
		c.Device = &segmentDevice{e.Platform}
	}
	if e.Plan != "" {
		c.Traits = map[string]string{"plan": e.Plan}
	}
	return c
}
