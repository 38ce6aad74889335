package source

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // several senders sign with HMAC-SHA1, which is not broken as a MAC
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/fault"
)

// newHash is the scheme's algorithm. SHA-1 is offered because senders use it;
// as a MAC it is not broken.
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

// part is the bytes that one word of the template stands for. A header that the
// template needs and the request lacks is Unauthorized, not an empty text:
// otherwise leaving it out would be a way to sign less.
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

// hasScheme reports whether an Authorization header is of this kind, in any
// case.
func hasScheme(authorization, scheme string) bool {
	word, _, ok := strings.Cut(authorization, " ")
	return ok && strings.EqualFold(word, scheme)
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
