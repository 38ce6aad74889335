// Package source knows the senders. One file is one sender: it declares how it
// signs, how it shakes hands, what it wants to hear, and parses its deliveries
// into input records; it registers itself. Verification is one engine driven
// by that data. Senders without a file of their own are described by a mapping
// file with a jq program.
package source

import (
	"net/http"
	"net/url"
	"time"

	"upshot.dev/upshot/pipeline/record"
)

// Request is one call as it came over the wire. Body is the wire body:
// signatures are computed over it, before any decompression.
type Request struct {
	Method string
	URL    *url.URL // path and query; the host as the sender called it where known
	Header http.Header
	Body   []byte
}

// Delivery is one authenticated delivery to be parsed.
type Delivery struct {
	Source     string      // the configured name
	Method     string      // of the request
	Path       string      // of the request, without the /sdk/{name} prefix
	Header     http.Header // those that Source.Keep names
	Body       []byte      // decompressed
	ReceivedAt time.Time
}

// Reject is one item of a delivery that could not be understood.
type Reject struct {
	Item   int    // place in the delivery, from 0
	Table  string // where it would have gone, "" when unknown
	Reason string // for a person; quotes no personal data
}

// Parsed is what a delivery yields. All three may be empty: then the delivery
// counts as ignored.
type Parsed struct {
	Records []record.Record // valid, with EventID set
	Items   []int           // Items[i] is the place of Records[i] in the delivery
	Rejects []Reject
	// Warnings are for whoever writes a mapping: fields that no table has.
	// Nothing is lost by them but the field.
	Warnings []string
}

// Source is one kind of sender.
type Source struct {
	// Type is the word in the configuration, like "zendesk".
	Type string
	// Title is the sender's name for people; Gives says which tables it fills.
	Title string
	Gives []record.Table
	// Doc says in a sentence or two what to configure at the sender, and what
	// of this source is not verified against the real sender.
	Doc string

	// Scheme says how requests are authenticated.
	Scheme Scheme
	// Keep names the headers that Parse reads.
	Keep []string
	// Endpoints are the fixed paths that the sender's SDKs call at the root,
	// like "/v1/batch"; empty for hooks.
	Endpoints []string
	// Status and Body answer an accepted delivery; 0 is 202 with "{}".
	Status      int
	Body        string
	ContentType string // "" is application/json

	// Key reads the write key of an SDK's call, nil for sources that sign. The
	// header is looked at first; plain is the decompressed body, or nil to ask
	// whether the header alone has it. "" when there is no key.
	Key func(req Request, plain []byte) string

	// Handshake answers calls that are no deliveries (pings, challenges)
	// before or after authentication; nil when the sender has none.
	Handshake func(Request) (Answer, bool)

	// Parse turns a delivery into records. It never panics on purpose, takes
	// no clock but ReceivedAt, and gives the same result every time.
	// Callers use the function Parse, which guards and completes it.
	Parse func(Delivery) Parsed

	mapping *mapping // for sources made by FromMapping
}

// Answer is a handshake's response.
type Answer struct {
	Status      int
	ContentType string
	Body        []byte
	// NeedsAuth: give this answer only when the request is authentic.
	NeedsAuth bool
}
