package source

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
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

// keys are the secrets that can be used. One that is malformed is passed over
// rather than an error: it can match nothing, and CheckSecret says so when the
// configuration is read.
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

// bareBasic reads a user name that was encoded without the colon, as some
// clients of Segment's API do.
func bareBasic(authorization string) (string, bool) {
	_, text, _ := strings.Cut(authorization, " ")
	b, err := Scheme{Encoding: "base64"}.decode(strings.TrimSpace(text))
	return string(b), err == nil && len(b) > 0
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

// verifySignature computes the signature under every key and compares it with
// every candidate, without stopping at a match.
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
