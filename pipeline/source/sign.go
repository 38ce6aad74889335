package source

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Sign does what the sender does: it sets the headers (or the URL's parameter)
// on req so that s.Verify with this secret accepts it at now. An id and a
// nonce that the caller has set are kept, others are derived from the body and
// the time, so that the same call signs the same bytes.
func Sign(s Scheme, secret string, req *Request, now time.Time) error {
	if len(s.Any) > 0 {
		return Sign(s.Any[0], secret, req, now)
	}
	if err := s.Check(); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	s = s.withDefaults()
	key, err := s.key(secret)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	if req.Header == nil {
		req.Header = http.Header{}
	}
	switch s.Kind {
	case kindBearer:
		req.Header.Set("Authorization", "Bearer "+secret)
	case kindBasic:
		user := secret
		if !strings.Contains(user, ":") {
			user += ":"
		}
		req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user)))
	case kindToken:
		req.Header.Set(s.Header, s.Prefix+secret)
	case kindQuery:
		if req.URL == nil {
			req.URL = &url.URL{Path: "/"}
		}
		u := *req.URL // the caller's URL may be shared
		q := u.Query()
		q.Set(s.Parameter, secret)
		u.RawQuery = q.Encode()
		req.URL = &u
	default:
		s.stamp(req, now)
		parts, err := s.parts(*req, now)
		if err != nil {
			return fmt.Errorf("sign: %w", err)
		}
		req.Header.Set(s.Header, s.Prefix+s.encode(s.sum(key, parts)))
	}
	return nil
}

// stamp sets the headers that are signed along.
func (s Scheme) stamp(req *Request, now time.Time) {
	if s.TimestampHeader != "" {
		var ts string
		switch s.TimestampUnit {
		case "ms":
			ts = strconv.FormatInt(now.UnixMilli(), 10)
		case "rfc3339":
			ts = now.UTC().Format(time.RFC3339)
		default:
			ts = strconv.FormatInt(now.Unix(), 10)
		}
		req.Header.Set(s.TimestampHeader, ts)
	}
	sum := sha256.Sum256(append([]byte(now.UTC().Format(time.RFC3339Nano)), req.Body...))
	for _, name := range []string{s.IDHeader, s.NonceHeader} {
		if name != "" && header(req.Header, name) == "" {
			req.Header.Set(name, "msg_"+hex.EncodeToString(sum[:12]))
		}
	}
}
