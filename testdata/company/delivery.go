package company

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Delivery is one HTTP request that reaches Upshot.
type Delivery struct {
	At     time.Time // when it reaches us, whole milliseconds
	Source string    // configured name: support, survey, app, github, api
	// Valid deliveries are authentic and all their records are good (some are
	// of a kind that is ignored).
	Valid bool
	// Repeat marks a delivery that was sent before: the same records, and for
	// the tracking API a new sentAt.
	Repeat bool
	Late   bool // held back for more than an hour, on a phone or by an outage
	Forged bool // not authentic: 401, and nowhere in the ledger
	Broken bool // authentic, but not (or not wholly) to be understood
	Status int  // of the answer

	make  func(now time.Time) payload
	forge string // how it is forged: key, body, stale, none
	tally Tally
}

// Request is what is sent: everything of an HTTP request that matters.
type Request struct {
	Method, Path string
	Header       http.Header
	Body         []byte
}

// payload is a request before it is signed.
type payload struct {
	path   string
	header http.Header
	body   []byte
}

// Secrets are the demonstration's secrets by configured source. They protect
// nothing.
func Secrets() map[string]string {
	return map[string]string{
		"support": "demo-only-zendesk-signing-secret",
		"survey":  "demo-only-delighted-api-key",
		"app":     "demo-only-write-key",
		"github":  "demo-only-github-secret",
		"api":     "demo-only-api-token",
	}
}

// Request makes and signs the delivery as its sender would at the moment now.
// The same delivery has the same body at every moment, but for the tracking
// API's sentAt: it is now, less the way it takes, by the client's own clock. So
// a client's wrong clock is corrected to the same time whenever it is sent.
func (d *Delivery) Request(now time.Time, secrets map[string]string) *Request {
	now = now.UTC().Truncate(time.Millisecond)
	p := d.make(now)
	if p.header == nil {
		p.header = http.Header{}
	}
	r := &Request{Method: http.MethodPost, Path: p.path, Header: p.header, Body: p.body}
	if r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	secret := secrets[d.Source]
	if d.forge == "key" {
		secret = "guessed-" + secret[:len(secret)/2]
	}
	if d.forge == "stale" {
		now = now.Add(-26 * time.Hour)
	}
	if d.forge != "none" {
		r.sign(d.Source, secret, now)
	}
	if d.forge == "body" {
		r.Body = append(r.Body[:len(r.Body)-1:len(r.Body)-1], ' ', '}')
	}
	return r
}

// sign adds what proves where a delivery comes from, by source.
func (r *Request) sign(source, secret string, now time.Time) {
	switch source {
	case "support":
		ts := now.Format(time.RFC3339)
		r.Header.Set("X-Zendesk-Webhook-Signature-Timestamp", ts)
		r.Header.Set("X-Zendesk-Webhook-Signature", base64.StdEncoding.EncodeToString(mac(secret, []byte(ts), r.Body)))
	case "survey":
		r.Header.Set("X-Delighted-Webhook-Signature", "sha256="+hex.EncodeToString(mac(secret, r.Body)))
	case "github":
		r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac(secret, r.Body)))
	case "app":
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(secret+":")))
	case "api":
		r.Header.Set("Authorization", "Bearer "+secret)
	}
}

func mac(secret string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// fixed is a payload that is the same at every moment.
func fixed(path string, header http.Header, body []byte) func(time.Time) payload {
	return func(time.Time) payload { return payload{path: path, header: header.Clone(), body: body} }
}

// encode is JSON; the generator's own values always have one.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("company: " + err.Error())
	}
	return b
}

func milliseconds(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

const (
	millis = "2006-01-02T15:04:05.000Z"
	nanos  = "2006-01-02T15:04:05.000000000Z07:00"
)
