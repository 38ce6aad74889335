package source_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/source"
)

// vector is one published signature: secret, body and header as the sender's
// documentation or its SDK's tests have them.
type vector struct {
	Provider string            `json:"provider"`
	Name     string            `json:"name"`
	Secret   string            `json:"secret"`
	Body     string            `json:"body"`
	Method   string            `json:"method"`
	URL      string            `json:"url"`
	Headers  map[string]string `json:"headers"`
	Clock    int64             `json:"clock_unix"`
	Valid    bool              `json:"valid"`
}

func vectors(t *testing.T) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/signature_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Vectors []vector }
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	return f.Vectors
}

func (v vector) request(t *testing.T) source.Request {
	t.Helper()
	u, err := url.Parse(v.URL)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	for k, x := range v.Headers {
		h.Set(k, x)
	}
	return source.Request{Method: v.Method, URL: u, Header: h, Body: []byte(v.Body)}
}

func (v vector) profile() string {
	if version := v.Headers["X-HubSpot-Signature-Version"]; version != "" {
		return v.Provider + "-" + version
	}
	return v.Provider
}

func profile(t *testing.T, name string) source.Scheme {
	t.Helper()
	s, err := source.Profile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPublishedVectors(t *testing.T) {
	vs := vectors(t)
	if len(vs) < 9 {
		t.Fatalf("only %d vectors", len(vs))
	}
	for _, v := range vs {
		t.Run(v.Provider+" "+v.Name, func(t *testing.T) {
			s, now := profile(t, v.profile()), time.Unix(v.Clock, 0)
			err := s.Verify(v.request(t), []string{v.Secret}, now)
			if (err == nil) != v.Valid {
				t.Fatalf("valid is %v, got %v", v.Valid, err)
			}
			if !v.Valid {
				return
			}
			req := v.request(t)
			req.Body = append(req.Body, ' ')
			refused(t, s.Verify(req, []string{v.Secret}, now), "does not match")
			refused(t, s.Verify(v.request(t), []string{v.Secret + "x"}, now), "")
			// Signing gives the published header again.
			again := v.request(t)
			if err := source.Sign(s, v.Secret, &again, now); err != nil {
				t.Fatal(err)
			}
			for k, want := range v.Headers {
				if got := again.Header.Get(k); got != want {
					t.Errorf("signed %s: %q, want %q", k, got, want)
				}
			}
		})
	}
}

// refused checks the kind of the error, and that it says this.
func refused(t *testing.T, err error, says string) {
	t.Helper()
	if err == nil {
		t.Fatal("let in")
	}
	if !fault.Is(err, fault.Unauthorized) {
		t.Errorf("kind is %v, want unauthorized: %v", fault.KindOf(err), err)
	}
	if !strings.Contains(err.Error(), says) {
		t.Errorf("error is %q, want it to say %q", err, says)
	}
}

func secretFor(name string) string {
	switch name {
	case "standard-webhooks", "svix", "formbricks", "api":
		return "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	case "surveymonkey":
		return "client&secret"
	default:
		return "one secret"
	}
}

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

func newRequest(body string) source.Request {
	return source.Request{
		Method: "POST", URL: &url.URL{Scheme: "https", Host: "u.example", Path: "/hooks/x", RawQuery: "a=%20b"},
		Header: http.Header{}, Body: []byte(body),
	}
}

// TestEveryProfile signs and verifies under each profile, then spoils one
// thing at a time.
func TestEveryProfile(t *testing.T) {
	for _, name := range source.Profiles() {
		t.Run(name, func(t *testing.T) {
			s, secret := profile(t, name), secretFor(name)
			if err := s.Check(); err != nil {
				t.Fatal(err)
			}
			if err := s.CheckSecret(secret); err != nil {
				t.Fatal(err)
			}
			signed := func() source.Request {
				r := newRequest(`{"a":1}`)
				if err := source.Sign(s, secret, &r, noon); err != nil {
					t.Fatal(err)
				}
				return r
			}
			good := signed()
			if err := s.Verify(good, []string{secret}, noon); err != nil {
				t.Fatal(err)
			}
			if err := s.Verify(good, []string{"", "c&another", secret}, noon); err != nil {
				t.Errorf("with several secrets: %v", err)
			}
			refused(t, s.Verify(good, nil, noon), "no usable secret")
			refused(t, s.Verify(good, []string{""}, noon), "no usable secret")
			refused(t, s.Verify(good, []string{"c&another", "whsec_YWJj"}, noon), "does not match")
			refused(t, s.Verify(newRequest(`{"a":1}`), []string{secret}, noon), "")
			lower := signed()
			lower.Header = http.Header{}
			for k, v := range good.Header {
				lower.Header[strings.ToLower(k)] = v
			}
			if err := s.Verify(lower, []string{secret}, noon); err != nil {
				t.Errorf("with headers in lower case: %v", err)
			}
			for k := range good.Header {
				r := signed()
				r.Header.Del(k)
				refused(t, s.Verify(r, []string{secret}, noon), "missing")
				r.Header.Set(k, "x")
				refused(t, s.Verify(r, []string{secret}, noon), "")
			}
		})
	}
}

// TestErrorsNeverTellTheSecret looks for the secret and for the right
// signature in every refusal.
func TestErrorsNeverTellTheSecret(t *testing.T) {
	for _, name := range source.Profiles() {
		s, secret := profile(t, name), secretFor(name)
		r := newRequest("body")
		if err := source.Sign(s, secret, &r, noon); err != nil {
			t.Fatal(err)
		}
		var values []string
		for k := range r.Header {
			values = append(values, r.Header.Get(k))
			r.Header.Set(k, "v1,AAAA")
		}
		err := s.Verify(r, []string{secret}, noon)
		if name == "url-secret" {
			continue // has no header to spoil
		}
		if err == nil {
			t.Errorf("%s: let in", name)
			continue
		}
		for _, v := range append(values, secret) {
			if strings.Contains(err.Error(), v) {
				t.Errorf("%s: %q tells %q", name, err, v)
			}
		}
	}
}

func TestReplayWindow(t *testing.T) {
	for _, name := range []string{"zendesk", "slack", "hubspot", "standard-webhooks", "front", "chatwoot"} {
		s, secret := profile(t, name), secretFor(name)
		r := newRequest("{}")
		if err := source.Sign(s, secret, &r, noon); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			after time.Duration
			says  string
		}{
			{0, ""},
			{5 * time.Minute, ""},
			{-5 * time.Minute, ""},
			{5*time.Minute + time.Second, "stale: 5m1s old, at most 5m0s"},
			{-5*time.Minute - time.Second, "lies 5m1s in the future"},
			{7 * 24 * time.Hour, "stale"},
		} {
			err := s.Verify(r, []string{secret}, noon.Add(c.after))
			if c.says == "" && err != nil {
				t.Errorf("%s after %s: %v", name, c.after, err)
			}
			if c.says != "" {
				refused(t, err, c.says)
			}
		}
	}
	// An own tolerance, from both sides.
	s := profile(t, "slack")
	s.Tolerance = time.Minute
	r := newRequest("{}")
	if err := source.Sign(s, "k", &r, noon); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(r, []string{"k"}, noon.Add(time.Minute)); err != nil {
		t.Error(err)
	}
	refused(t, s.Verify(r, []string{"k"}, noon.Add(61*time.Second)), "at most 1m0s")
}

func TestMalformedTimestamps(t *testing.T) {
	for _, ts := range []string{"soon", "-1", "1e9", "99999999999999999999", "0x10", " 1", "1.5", "٣"} {
		s, r := profile(t, "slack"), newRequest("{}")
		if err := source.Sign(s, "k", &r, noon); err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Slack-Request-Timestamp", ts)
		refused(t, s.Verify(r, []string{"k"}, noon), "malformed")
	}
}

func TestSignatureLists(t *testing.T) {
	s, key := profile(t, "pagerduty"), "k"
	r := newRequest("{}")
	if err := source.Sign(s, key, &r, noon); err != nil {
		t.Fatal(err)
	}
	good := r.Header.Get("X-PagerDuty-Signature")
	other := "v1=" + strings.Repeat("00", 32)
	for _, c := range []struct {
		header string
		ok     bool
	}{
		{good, true},
		{other + "," + good, true},
		{good + ", " + other, true},
		{"v2=zz," + good, true},
		{"v1=short," + good, true},
		{other, false},
		{"v0=" + strings.TrimPrefix(good, "v1="), false},
		{strings.Repeat(other+",", 15) + good, true},  // the sixteenth is looked at
		{strings.Repeat(other+",", 16) + good, false}, // the seventeenth is not
		{strings.Repeat(",", 1<<16), false},
	} {
		r.Header.Set("X-PagerDuty-Signature", c.header)
		if err := s.Verify(r, []string{key}, noon); (err == nil) != c.ok {
			t.Errorf("%.60q: %v", c.header, err)
		}
	}
}

// TestRotation lets both secrets in while one replaces the other.
func TestRotation(t *testing.T) {
	s := profile(t, "github")
	for _, signer := range []string{"old", "new"} {
		r := newRequest("{}")
		if err := source.Sign(s, signer, &r, noon); err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(r, []string{"old", "new"}, noon); err != nil {
			t.Errorf("signed with %s: %v", signer, err)
		}
	}
}

// TestHubSpotURL has the percent encodings that HubSpot undoes before signing,
// in the path only.
func TestHubSpotURL(t *testing.T) {
	s := profile(t, "hubspot")
	sign := func(raw string) source.Request {
		r := newRequest("{}")
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		r.URL = u
		if err := source.Sign(s, "k", &r, noon); err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := sign("https://u.example/hooks/a:b@c")
	r.URL, _ = url.Parse("https://u.example/hooks/a%3Ab%40c")
	if err := s.Verify(r, []string{"k"}, noon); err != nil {
		t.Error(err)
	}
	r = sign("https://u.example/hooks/x?q=a:b")
	r.URL, _ = url.Parse("https://u.example/hooks/x?q=a%3Ab")
	refused(t, s.Verify(r, []string{"k"}, noon), "does not match")
	r.URL = nil
	refused(t, s.Verify(r, []string{"k"}, noon), "URL")
}

func TestBasicForms(t *testing.T) {
	s := profile(t, "basic")
	for _, c := range []struct {
		header, secret string
		ok             bool
	}{
		{"Basic d3JpdGVLZXk6", "writeKey", true},    // writeKey:
		{"basic d3JpdGVLZXk6", "writeKey", true},    // the scheme's case
		{"Basic d3JpdGVLZXk=", "writeKey", true},    // without the colon
		{"Basic dXNlcjpwYXNz", "user:pass", true},   // user:pass
		{"Basic dXNlcjpwYXNz", "user", false},       // a password must match
		{"Basic d3JpdGVLZXk6", "writeKey2", false},  //
		{"Basic !!", "writeKey", false},             //
		{"Basic ", "writeKey", false},               //
		{"Bearer writeKey", "writeKey", false},      //
		{"Basic Og==", "writeKey", false},           // an empty user
		{"Basicd3JpdGVLZXk6", "writeKey", false},    //
		{"Basic d3JpdGVLZXk6 x", "writeKey", false}, //
	} {
		r := newRequest("")
		r.Header.Set("Authorization", c.header)
		if err := s.Verify(r, []string{c.secret}, noon); (err == nil) != c.ok {
			t.Errorf("%q against %q: %v", c.header, c.secret, err)
		}
	}
}

func TestZeroSchemeRefuses(t *testing.T) {
	refused(t, source.Scheme{}.Verify(newRequest("{}"), []string{"k"}, noon), "no way to authenticate")
	refused(t, source.Scheme{Kind: "open"}.Verify(newRequest("{}"), []string{"k"}, noon), "no way to authenticate")
}

func TestSchemeCheck(t *testing.T) {
	for _, c := range []struct {
		s    source.Scheme
		says string
	}{
		{source.Scheme{}, "kind"},
		{source.Scheme{Kind: "hmac"}, "needs a header"},
		{source.Scheme{Kind: "query"}, "needs a parameter"},
		{source.Scheme{Header: "X", Algorithm: "md5"}, "algorithm"},
		{source.Scheme{Header: "X", Encoding: "base32"}, "encoding"},
		{source.Scheme{Header: "X", TimestampUnit: "min"}, "timestamp_unit"},
		{source.Scheme{Header: "X", Secret: "hex"}, "secret"},
		{source.Scheme{Header: "X", Signed: "{body"}, "brace"},
		{source.Scheme{Header: "X", Signed: "{}"}, "brace"},
		{source.Scheme{Header: "X", Signed: "{boddy}"}, "there is no {boddy}"},
		{source.Scheme{Header: "X", Signed: "{ts}{body}"}, "timestamp_header"},
		{source.Scheme{Header: "X", Signed: "{id}{body}"}, "id_header"},
		{source.Scheme{Header: "X", Signed: "{nonce}"}, "nonce_header"},
		{source.Scheme{Header: "X", Tolerance: -1}, "tolerance"},
		{source.Scheme{Header: "X", Tolerance: 25 * time.Hour}, "tolerance"},
		{source.Scheme{Any: []source.Scheme{{Kind: "bearer"}, {}}}, "kind"},
		{source.Scheme{Header: "X"}, ""},
		{source.Scheme{Header: "X", Tolerance: 24 * time.Hour}, ""},
	} {
		err := c.s.Check()
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%+v: %v, want %q", c.s, err, c.says)
		}
	}
	for secret, ok := range map[string]bool{"": false, "whsec_": false, "whsec_!!": false, "whsec_YWJj": true, "YWJj": true} {
		if err := profile(t, "svix").CheckSecret(secret); (err == nil) != ok {
			t.Errorf("secret %q: %v", secret, err)
		}
	}
	if _, err := source.Profile("nobody"); err == nil || !strings.Contains(err.Error(), "zendesk") {
		t.Errorf("an unknown profile must list the known ones: %v", err)
	}
	if !slices.IsSorted(source.Profiles()) {
		t.Error("profiles are not sorted")
	}
}

func TestHandshakes(t *testing.T) {
	m, err := source.FromMapping("slack.yaml", []byte("name: slack\nformat: json\nverify: slack\nrecords: empty\n"))
	if err != nil {
		t.Fatal(err)
	}
	a, ok := m.Handshake(source.Request{Method: "POST", Body: []byte(`{"type":"url_verification","challenge":"3eZ"}`)})
	if !ok || !a.NeedsAuth || string(a.Body) != `{"challenge":"3eZ"}` {
		t.Errorf("slack: %v %v %s", ok, a.NeedsAuth, a.Body)
	}
	if _, ok := m.Handshake(source.Request{Method: "POST", Body: []byte(`{"type":"event_callback"}`)}); ok {
		t.Error("an event is no handshake")
	}
	gh, _ := source.Lookup("github")
	ping := source.Request{Method: "POST", Header: http.Header{"X-Github-Event": {"ping"}}}
	if a, ok := gh.Handshake(ping); !ok || !a.NeedsAuth || a.Status != 200 {
		t.Errorf("github ping: %v %+v", ok, a)
	}
}

func FuzzSignatureHeaders(f *testing.F) {
	f.Add("v1=00", "1", "Basic eDo=", "body")
	f.Add("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "1614265330", "Bearer x", "")
	f.Add("sha256=zz", "2026-11-02T12:00:00Z", "Basic", "{}")
	f.Fuzz(func(t *testing.T, signature, ts, auth, body string) {
		for _, name := range source.Profiles() {
			s, err := source.Profile(name)
			if err != nil {
				t.Fatal(err)
			}
			r := newRequest(body)
			r.Header.Set("Authorization", auth)
			for _, one := range append(s.Any, s) {
				for _, h := range []string{one.Header, one.NonceHeader, one.IDHeader} {
					if h != "" {
						r.Header.Set(h, signature)
					}
				}
				if one.TimestampHeader != "" {
					r.Header.Set(one.TimestampHeader, ts)
				}
			}
			err = s.Verify(r, []string{"a secret that nobody guesses", "whsec_bm9ib2R5IGd1ZXNzZXMgdGhpcw=="}, noon)
			if err == nil {
				t.Fatalf("%s: let in", name)
			}
			if !fault.Is(err, fault.Unauthorized) {
				t.Fatalf("%s: kind %v: %v", name, fault.KindOf(err), err)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, name := range []string{"zendesk", "github", "standard-webhooks"} {
		b.Run(name, func(b *testing.B) {
			s, _ := source.Profile(name)
			r := newRequest(fmt.Sprintf("%2000d", 1))
			if err := source.Sign(s, secretFor(name), &r, noon); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Verify(r, []string{secretFor(name)}, noon); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
