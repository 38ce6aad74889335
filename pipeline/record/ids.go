package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
)

// ContentID is the event_id of a record whose sender gives none: 128 bits of
// SHA-256 over the source and the parts, each with its length before it, in
// hexadecimal (32 characters). The caller leaves out what changes on a retry.
func ContentID(source string, parts ...[]byte) string {
	h := sha256.New()
	writePart(h, []byte(source))
	for _, p := range parts {
		writePart(h, p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// EventKey is the 64-bit key under which the ledger knows a record; never 0.
func EventKey(source string, table Table, eventID string) int64 {
	h := sha256.New()
	writePart(h, []byte(source))
	writePart(h, []byte(table))
	writePart(h, []byte(eventID))
	k := int64(binary.BigEndian.Uint64(h.Sum(nil))) //nolint:gosec // wrapping around is wanted: it is a hash
	if k == 0 {
		k = 1
	}
	return k
}

func writePart(h hash.Hash, p []byte) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(p)))
	h.Write(n[:])
	h.Write(p)
}

// Canonical rewrites JSON with sorted keys and without white space; numbers
// keep the text they came with. Of repeated keys the last one counts.
func Canonical(raw json.RawMessage) (json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("canonical form: %w", err)
	}
	return encodeJSON(v) // encoding/json sorts the keys of maps
}
