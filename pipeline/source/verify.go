package source

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // several senders sign with HMAC-SHA1, which is not broken as a MAC
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"hash"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/fault"
)

// maxSignatures bounds how many signatures of one header are tried, so that a
// long header costs no more than a rotation needs.
const maxSignatures = 16

// Verify tells whether req was made by someone who holds one of the secrets.
// A nil error means yes. Every other answer is fault.Unauthorized and says
// what kind of thing was wrong, never what would have been right: a missing
// header, a malformed one, a timestamp outside the window and by how much, or
// no match. Without a secret nothing is let in. All secrets are tried in
// constant time, so timing does not tell which of them is active.
func (s Scheme) Verify(req Request, secrets []string, now time.Time) error {
	if len(s.Any) > 0 {
		return s.verifyAny(req, secrets, now)
	}
	s = s.withDefaults()
	keys := s.keys(secrets)
	if len(keys) == 0 {
		return fault.Unauthorizedf("no usable secret is configured for this source")
	}
	switch s.Kind {
	case kindHMAC, kindDigest:
		return s.verifySignature(req, keys, now)
	case kindToken, kindBearer, kindBasic, kindQuery:
		got, err := s.credential(req)
		if err != nil {
			return err
		}
		if !equalAny(got, keys) {
			return fault.Unauthorizedf("the %s does not match", s.what())
		}
		return nil
	default:
		return fault.Unauthorizedf("this source has no way to authenticate: its scheme is of kind %q", s.Kind)
	}
}

// verifyAny tries the alternatives. The error is that of the alternative whose
// header is there: it is the one that the sender meant.
func (s Scheme) verifyAny(req Request, secrets []string, now time.Time) error {
	var told error
	var names []string
	for _, a := range s.Any {
		err := a.Verify(req, secrets, now)
		if err == nil {
			return nil
		}
		if told == nil && a.present(req) {
			told = err
		}
		names = append(names, a.withDefaults().what())
	}
	if told == nil {
		told = fault.Unauthorizedf("the credential is missing: there is neither %s", strings.Join(names, " nor "))
	}
	return told
}

func (s Scheme) keys(secrets []string) [][]byte {
	var keys [][]byte
	for _, secret := range secrets {
		if k, err := s.key(secret); err == nil {
			keys = append(keys, k)
		}
	}
	return keys
}

// what names the credential in messages.
func (s Scheme) what() string {
	switch s.Kind {
	case kindBearer:
		return "Bearer token in Authorization"
	case kindBasic:
		return "Basic credential in Authorization"
	case kindQuery:
		return "parameter " + s.Parameter + " of the URL"
	case kindToken:
		return "token in " + s.Header
	default:
		return "signature in " + s.Header
	}
}

// present reports whether the request carries the scheme's credential at all.
func (s Scheme) present(req Request) bool {
	switch s.withDefaults().Kind {
	case kindBearer:
		return hasScheme(header(req.Header, "Authorization"), "Bearer")
	case kindBasic:
		return hasScheme(header(req.Header, "Authorization"), "Basic")
	case kindQuery:
		return req.URL != nil && req.URL.Query().Has(s.Parameter)
	default:
		return header(req.Header, s.Header) != ""
	}
}

// credential gives the text that must equal a secret.
func (s Scheme) credential(req Request) ([]byte, error) {
	if !s.present(req) {
		return nil, fault.Unauthorizedf("the %s is missing", s.what())
	}
	var got string
	switch s.Kind {
	case kindBearer:
		_, got, _ = strings.Cut(header(req.Header, "Authorization"), " ")
	case kindBasic:
		user, password, ok := (&http.Request{Header: http.Header{
			"Authorization": {header(req.Header, "Authorization")},
		}}).BasicAuth()
		if !ok {
			user, ok = bareBasic(header(req.Header, "Authorization"))
		}
		if !ok {
			return nil, fault.Unauthorizedf("the %s is malformed: it is not base64 of user:password", s.what())
		}
		got = user
		if password != "" {
			got += ":" + password
		}
	case kindQuery:
		got = req.URL.Query().Get(s.Parameter)
	default:
		got = header(req.Header, s.Header)
		if !strings.HasPrefix(got, s.Prefix) {
			return nil, fault.Unauthorizedf("the %s is malformed: it does not begin with %q", s.what(), s.Prefix)
		}
		got = got[len(s.Prefix):]
	}
	got = strings.TrimSpace(got)
	if got == "" {
		return nil, fault.Unauthorizedf("the %s is empty", s.what())
	}
	return []byte(got), nil
}

// equalAny compares with every key. Hashes are compared, so that lengths do
// not show in the time either.
func equalAny(got []byte, keys [][]byte) bool {
	sum := sha256.Sum256(got)
	match := 0
	for _, k := range keys {
		want := sha256.Sum256(k)
		match |= subtle.ConstantTimeCompare(sum[:], want[:])
	}
	return match == 1
}

// MatchSecret reports in constant time whether key is one of the secrets. An
// empty key matches nothing, and an empty secret is none.
func MatchSecret(key string, secrets []string) bool {
	if key == "" {
		return false
	}
	return equalAny([]byte(key), Scheme{}.keys(secrets))
}

func (s Scheme) verifySignature(req Request, keys [][]byte, now time.Time) error {
	value := header(req.Header, s.Header)
	if value == "" {
		return fault.Unauthorizedf("the %s is missing", s.what())
	}
	parts, err := s.parts(req, now)
	if err != nil {
		return err
	}
	candidates, err := s.candidates(value)
	if err != nil {
		return err
	}
	match := 0
	for _, k := range keys {
		sum := s.sum(k, parts)
		for _, c := range candidates {
			match |= subtle.ConstantTimeCompare(sum, c)
		}
	}
	if match != 1 {
		return fault.Unauthorizedf("the %s does not match", s.what())
	}
	return nil
}

// candidates are the signatures of the header. Of a list those with another
// prefix (another version) and those that cannot be read are passed over.
func (s Scheme) candidates(value string) ([][]byte, error) {
	texts := []string{value}
	if s.Separator != "" {
		texts = strings.SplitN(value, s.Separator, maxSignatures+1)
		texts = texts[:min(len(texts), maxSignatures)]
	}
	var found [][]byte
	prefixed := false
	for _, t := range texts {
		t = strings.TrimSpace(t)
		if !strings.HasPrefix(t, s.Prefix) {
			continue
		}
		prefixed = true
		sum, err := s.decode(t[len(s.Prefix):])
		if err == nil && len(sum) == s.newHash().Size() {
			found = append(found, sum)
		}
	}
	switch {
	case len(found) > 0:
		return found, nil
	case !prefixed:
		return nil, fault.Unauthorizedf("the %s is malformed: nothing in it begins with %q", s.what(), s.Prefix)
	default:
		return nil, fault.Unauthorizedf("the %s is malformed: it is not a %s in %s", s.what(), s.Algorithm, s.Encoding)
	}
}

func (s Scheme) newHash() hash.Hash {
	switch s.Algorithm {
	case "sha1":
		return sha1.New() //nolint:gosec // see the import
	case "sha512":
		return sha512.New()
	default:
		return sha256.New()
	}
}

// sum is the signature of the parts under a key.
func (s Scheme) sum(key []byte, parts [][]byte) []byte {
	var h hash.Hash
	if s.Kind == kindDigest {
		h = s.newHash()
		h.Write(key)
	} else {
		h = hmac.New(s.newHash, key)
	}
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// parts is what is signed, in order and without copying the body. The
// timestamp is held against the clock on the way.
func (s Scheme) parts(req Request, now time.Time) ([][]byte, error) {
	var parts [][]byte
	var bad error
	err := eachPart(s.Signed, func(literal, word string) {
		if bad != nil {
			return
		}
		if word == "" {
			parts = append(parts, []byte(literal))
			return
		}
		p, err := s.part(word, req, now)
		bad = err
		parts = append(parts, p)
	})
	if err != nil {
		return nil, fault.New(fault.Permanent, err)
	}
	return parts, bad
}

func (s Scheme) part(word string, req Request, now time.Time) ([]byte, error) {
	named := func(name string) ([]byte, error) {
		v := header(req.Header, name)
		if v == "" {
			return nil, fault.Unauthorizedf("the header %s is missing", name)
		}
		return []byte(v), nil
	}
	switch word {
	case "body":
		return req.Body, nil
	case "method":
		return []byte(strings.ToUpper(req.Method)), nil
	case "url", "decoded_url":
		if req.URL == nil {
			return nil, fault.Unauthorizedf("the URL as the sender called it is not known")
		}
		if word == "decoded_url" {
			return []byte(hubspotURL(req.URL)), nil
		}
		return []byte(req.URL.String()), nil
	case "ts":
		v, err := named(s.TimestampHeader)
		if err != nil {
			return nil, err
		}
		return v, s.fresh(string(v), now)
	case "id":
		return named(s.IDHeader)
	default:
		return named(s.NonceHeader)
	}
}

// fresh holds a signed timestamp against the replay window.
func (s Scheme) fresh(text string, now time.Time) error {
	var at time.Time
	if s.TimestampUnit == "rfc3339" {
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return fault.Unauthorizedf("the timestamp in %s is malformed: it is not RFC 3339", s.TimestampHeader)
		}
		at = t
	} else {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || len(text) > 15 {
			return fault.Unauthorizedf("the timestamp in %s is malformed: it is not a number of %s", s.TimestampHeader, s.TimestampUnit)
		}
		if s.TimestampUnit == "ms" {
			at = time.UnixMilli(n)
		} else {
			at = time.Unix(n, 0)
		}
	}
	age := now.Sub(at)
	if age > s.Tolerance {
		return fault.Unauthorizedf("the timestamp in %s is stale: %s old, at most %s is allowed",
			s.TimestampHeader, age.Truncate(time.Second), s.Tolerance)
	}
	if age < -s.Tolerance {
		return fault.Unauthorizedf("the timestamp in %s lies %s in the future, at most %s is allowed",
			s.TimestampHeader, (-age).Truncate(time.Second), s.Tolerance)
	}
	return nil
}

// header is Get for headers that did not pass through net/http, too: gateways
// hand them on in lower case.
func header(h http.Header, name string) string {
	if v := h.Get(name); v != "" {
		return v
	}
	// More than one spelling is possible only in a map made by hand; the
	// smallest is taken, so that the result does not depend on map order.
	var keys []string
	for k, v := range h {
		if strings.EqualFold(k, name) && len(v) > 0 && v[0] != "" {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return ""
	}
	return h[slices.Min(keys)][0]
}

func hasScheme(authorization, scheme string) bool {
	word, _, ok := strings.Cut(authorization, " ")
	return ok && strings.EqualFold(word, scheme)
}

// bareBasic reads a user name that was encoded without the colon, as some
// clients of Segment's API do.
func bareBasic(authorization string) (string, bool) {
	_, text, _ := strings.Cut(authorization, " ")
	b, err := Scheme{Encoding: "base64"}.decode(strings.TrimSpace(text))
	return string(b), err == nil && len(b) > 0
}

// hubspotDecoded are the characters that HubSpot takes out of percent encoding
// before it signs, as its documentation lists them.
var hubspotDecoded = strings.NewReplacer(
	"%3A", ":", "%2F", "/", "%3F", "?", "%40", "@", "%21", "!", "%24", "$", "%27", "'",
	"%28", "(", "%29", ")", "%2A", "*", "%2C", ",", "%3B", ";",
	"%3a", ":", "%2f", "/", "%3f", "?", "%2a", "*", "%2c", ",", "%3b", ";",
)

// hubspotURL is the URL as HubSpot's version 3 signs it.
func hubspotURL(u *url.URL) string {
	path, query, has := strings.Cut(u.String(), "?")
	path = hubspotDecoded.Replace(path)
	if has {
		return path + "?" + query
	}
	return path
}

// contains keeps the checks above on one line.
func contains(list []string, s string) bool { return slices.Contains(list, s) }
