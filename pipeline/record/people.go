package record

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Keyring turns people into keyed hashes under the deployment's identity key.
// It is safe for concurrent use.
type Keyring struct{ key []byte }

// NewKeyring copies the key. An empty key is allowed here and refused by the
// configuration, so that tests and one-shot commands need none.
func NewKeyring(key []byte) *Keyring { return &Keyring{slices.Clone(key)} }

// Key is the first 128 bits of HMAC-SHA256 over id in lower-case hexadecimal
// (32 characters); "" stays "".
func (k *Keyring) Key(id string) string {
	if id == "" {
		return ""
	}
	m := hmac.New(sha256.New, k.key)
	m.Write([]byte(id))
	return hex.EncodeToString(m.Sum(nil)[:16])
}

// EmailKey is Key over the address, trimmed and lower-cased.
func (k *Keyring) EmailKey(email string) string {
	return k.Key(strings.ToLower(strings.TrimSpace(email)))
}

// SmokeSource is the source of the smoke test, whose deliveries go the way of all
// others. No configured source has its name. Nothing that it sends counts in a
// metric: its rows are stored as excluded, and completeness leaves it out. The
// ledger has it, as the lake does.
const SmokeSource = "smoke"

// Exclusion says whose records no metric counts: colleagues, test users. It is
// decided here, before hashing, and stored as a flag of the row.
type Exclusion struct {
	EmailDomains []string // after the last @, compared in lower case, no sub-domains
	UserIDs      []string
}

// Match reports whether a record of this e-mail or user id is excluded.
func (x Exclusion) Match(email, userID string) bool {
	if userID != "" && slices.Contains(x.UserIDs, userID) {
		return true
	}
	at := strings.LastIndexByte(email, '@')
	if at < 0 {
		return false
	}
	domain := strings.ToLower(strings.TrimSpace(email[at+1:]))
	return slices.ContainsFunc(x.EmailDomains, func(d string) bool {
		return strings.ToLower(strings.TrimSpace(d)) == domain
	})
}
