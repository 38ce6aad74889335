package record

import (
	"encoding/json"
	"time"
)

// EnvelopeVersion is written into every envelope. Readers accept it and all
// older ones, so messages that wait in a queue survive an upgrade.
const EnvelopeVersion = 1

// Envelope is one accepted delivery as it travels through the queue and lies
// in the archive: what the sender posted, decompressed, and when.
type Envelope struct {
	Version    int       `json:"v"`
	ID         string    `json:"id"`     // delivery id: unique, sorts by time
	Source     string    `json:"source"` // the configured name
	ReceivedAt time.Time `json:"received_at"`
	Method     string    `json:"method,omitempty"`
	Path       string    `json:"path,omitempty"`
	// Header holds only the headers that the source's parser asked for, in
	// canonical spelling. Signatures and credentials are never kept.
	Header map[string]string `json:"header,omitempty"`
	Body   []byte            `json:"body"`
}

// Encode writes the envelope as one line of JSON without the line break.
func (e *Envelope) Encode() ([]byte, error) { return json.Marshal(e) }

// DecodeEnvelope reads what Encode wrote.
func DecodeEnvelope(b []byte) (Envelope, error) {
	var e Envelope
	err := json.Unmarshal(b, &e)
	return e, err
}
