package source

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Scheme says how a sender shows that a delivery is its own: one row of knobs
// that the engine in verify.go reads. The yaml names are those of the verify
// part of a mapping file. The zero value authenticates nothing.
type Scheme struct {
	// Kind is how the secret is used: hmac (the default when Header is set),
	// digest (a bare hash of the secret and what is signed), token (a header
	// equal to the secret), bearer, basic (user, or user:password, equal to
	// the secret), query (a parameter of the URL equal to the secret).
	Kind string `yaml:"kind"`
	// Header carries the signature or the token; Parameter is query's name.
	Header    string `yaml:"header"`
	Parameter string `yaml:"parameter"`

	Algorithm string `yaml:"algorithm"` // sha256 (default), sha1, sha512
	Encoding  string `yaml:"encoding"`  // hex (default), base64
	// Prefix stands before each signature, like "sha256=" or "v1,".
	Prefix string `yaml:"prefix"`
	// Separator splits a header that holds several signatures; empty: one.
	Separator string `yaml:"separator"`
	// Signed is the text that is signed. Words in braces are put in: {body},
	// {ts}, {id}, {nonce}, {method}, {url}, {decoded_url}. Default "{body}".
	Signed string `yaml:"signed"`

	TimestampHeader string `yaml:"timestamp_header"`
	TimestampUnit   string `yaml:"timestamp_unit"` // s (default), ms, rfc3339
	// Tolerance is how far the timestamp may lie from now on either side; 0 is
	// five minutes. Only a timestamp that is signed is looked at.
	Tolerance time.Duration `yaml:"tolerance"`

	IDHeader    string `yaml:"id_header"`
	NonceHeader string `yaml:"nonce_header"`

	// Secret is the secret's form: text (default), whsec (base64, with or
	// without "whsec_" before it), pair ("client_id&secret" as one text).
	Secret string `yaml:"secret"`

	// Any lists alternatives, of which one must hold; the other knobs are
	// then unused. Not for mapping files.
	Any []Scheme `yaml:"-"`
}

// Kinds of Scheme.
const (
	kindHMAC   = "hmac"
	kindDigest = "digest"
	kindToken  = "token"
	kindBearer = "bearer"
	kindBasic  = "basic"
	kindQuery  = "query"
)

// defaultTolerance is what Slack, HubSpot and Standard Webhooks prescribe, and
// Front recommends.
const defaultTolerance = 5 * time.Minute

// signedWords are the words that Signed knows, and the knob that each needs.
var signedWords = map[string]func(Scheme) (value, knob string){
	"body":        nil,
	"method":      nil,
	"url":         nil,
	"decoded_url": nil,
	"ts":          func(s Scheme) (string, string) { return s.TimestampHeader, "timestamp_header" },
	"id":          func(s Scheme) (string, string) { return s.IDHeader, "id_header" },
	"nonce":       func(s Scheme) (string, string) { return s.NonceHeader, "nonce_header" },
}

// withDefaults fills what may be left out.
func (s Scheme) withDefaults() Scheme {
	or := func(p *string, d string) {
		if *p == "" {
			*p = d
		}
	}
	if s.Header != "" {
		or(&s.Kind, kindHMAC)
	}
	or(&s.Algorithm, "sha256")
	or(&s.Encoding, "hex")
	or(&s.Signed, "{body}")
	or(&s.TimestampUnit, "s")
	or(&s.Secret, "text")
	if s.Tolerance == 0 {
		s.Tolerance = defaultTolerance
	}
	return s
}

// Check reports the first knob that makes no sense, for whoever wrote it.
func (s Scheme) Check() error {
	if len(s.Any) > 0 {
		for _, a := range s.Any {
			if err := a.Check(); err != nil {
				return err
			}
		}
		return nil
	}
	s = s.withDefaults()
	for _, k := range []struct {
		name, value string
		allowed     []string
	}{
		{"kind", s.Kind, []string{kindHMAC, kindDigest, kindToken, kindBearer, kindBasic, kindQuery}},
		{"algorithm", s.Algorithm, []string{"sha1", "sha256", "sha512"}},
		{"encoding", s.Encoding, []string{"hex", "base64"}},
		{"timestamp_unit", s.TimestampUnit, []string{"s", "ms", "rfc3339"}},
		{"secret", s.Secret, []string{"text", "whsec", "pair"}},
	} {
		if !slices.Contains(k.allowed, k.value) {
			return fmt.Errorf("verify: %s must be one of %s, not %q", k.name, strings.Join(k.allowed, ", "), k.value)
		}
	}
	switch s.Kind {
	case kindToken, kindHMAC, kindDigest:
		if s.Header == "" {
			return fmt.Errorf("verify: %s needs a header", s.Kind)
		}
	case kindQuery:
		if s.Parameter == "" {
			return fmt.Errorf("verify: %s needs a parameter", s.Kind)
		}
	}
	if s.Tolerance < 0 || s.Tolerance > 24*time.Hour {
		return fmt.Errorf("verify: tolerance must be between 0 and 24h, not %s", s.Tolerance)
	}
	return s.checkSigned()
}

// checkSigned holds the template against the words and the knobs they need. A
// template without the body is allowed: some senders do sign only a nonce, and
// a mapping file that says so has been told what it is worth.
func (s Scheme) checkSigned() error {
	var bad error
	err := eachPart(s.Signed, func(literal, word string) {
		need, known := signedWords[word]
		switch {
		case bad != nil || word == "":
		case !known:
			bad = fmt.Errorf("verify: signed: there is no {%s}; there are {body}, {ts}, {id}, {nonce}, {method}, {url}, {decoded_url}", word)
		case need != nil:
			if v, knob := need(s); v == "" {
				bad = fmt.Errorf("verify: signed has {%s}, so %s must name a header", word, knob)
			}
		}
	})
	if err != nil {
		return err
	}
	return bad
}

// CheckSecret reports a secret that can never match, without quoting it.
func (s Scheme) CheckSecret(secret string) error {
	if secret == "" {
		return fmt.Errorf("secret is empty")
	}
	if len(s.Any) > 0 {
		var err error
		for _, a := range s.Any {
			if err = a.CheckSecret(secret); err == nil {
				return nil
			}
		}
		return err
	}
	_, err := s.key(secret)
	return err
}

// key turns a configured secret into the bytes that sign.
func (s Scheme) key(secret string) ([]byte, error) {
	if secret == "" {
		return nil, fmt.Errorf("secret is empty")
	}
	switch s.Secret {
	case "whsec":
		text := strings.TrimPrefix(secret, "whsec_")
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			key, err = base64.RawStdEncoding.DecodeString(text)
		}
		if err != nil || len(key) == 0 {
			return nil, fmt.Errorf("secret is not base64 after whsec_")
		}
		return key, nil
	case "pair":
		if i := strings.IndexByte(secret, '&'); i <= 0 || i == len(secret)-1 {
			return nil, fmt.Errorf("secret must be client_id&secret")
		}
	}
	return []byte(secret), nil
}

// eachPart walks a template: literal text and words in braces alternate, and
// each call has one of them.
func eachPart(template string, visit func(literal, word string)) error {
	for template != "" {
		open := strings.IndexByte(template, '{')
		if open < 0 {
			visit(template, "")
			return nil
		}
		if open > 0 {
			visit(template[:open], "")
		}
		length := strings.IndexByte(template[open:], '}')
		if length < 2 {
			return fmt.Errorf("verify: signed: a brace in %q is not closed or empty", template)
		}
		visit("", template[open+1:open+length])
		template = template[open+length+1:]
	}
	return nil
}

// decode reads a signature as it stands in a header.
func (s Scheme) decode(text string) ([]byte, error) {
	if s.Encoding == "base64" {
		return base64.StdEncoding.DecodeString(text)
	}
	return hex.DecodeString(text)
}

// encode is decode's inverse.
func (s Scheme) encode(sum []byte) string {
	if s.Encoding == "base64" {
		return base64.StdEncoding.EncodeToString(sum)
	}
	return hex.EncodeToString(sum)
}
