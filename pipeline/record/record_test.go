package record_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"upshot.dev/upshot/pipeline/record"
)

func TestParseTime(t *testing.T) {
	for in, want := range map[string]string{
		"2026-11-01T09:30:00Z":                 "2026-11-01T09:30:00.000Z",
		"2026-11-01T09:30:00.123456789Z":       "2026-11-01T09:30:00.123Z",
		"2026-11-01T09:30:00.9999Z":            "2026-11-01T09:30:00.999Z",
		"2026-11-01T10:30:00+01:00":            "2026-11-01T09:30:00.000Z",
		"2019-02-15T19:01:52.971-0800":         "2019-02-16T03:01:52.971Z",
		"2021-02-25 21:23:34 UTC":              "2021-02-25T21:23:34.000Z",
		"2020-03-03 13:05:57 +0100":            "2020-03-03T12:05:57.000Z",
		"2026-11-01 09:30:00":                  "2026-11-01T09:30:00.000Z",
		"2026-11-01t09:30:00z":                 "2026-11-01T09:30:00.000Z",
		"2026-11-01":                           "2026-11-01T00:00:00.000Z",
		"2015-2-02T10:00:00.000Z":              "2015-02-02T10:00:00.000Z",
		"2016-12-31T23:59:60Z":                 "2016-12-31T23:59:59.999Z",
		"2016-12-31T23:59:60.5Z":               "2016-12-31T23:59:59.999Z",
		"1539023564.69":                        "2018-10-08T18:32:44.690Z",
		"1539023564":                           "2018-10-08T18:32:44.000Z",
		"1539023564690":                        "2018-10-08T18:32:44.690Z",
		"99999999999":                          "5138-11-16T09:46:39.000Z",
		"100000000000":                         "1973-03-03T09:46:40.000Z",
		"-1":                                   "1969-12-31T23:59:59.000Z",
		"-0.0001":                              "1969-12-31T23:59:59.999Z",
		"1.5e9":                                "2017-07-14T02:40:00.000Z",
		"0001-01-01T00:00:00Z":                 "0001-01-01T00:00:00.000Z",
		"9999-12-31T23:59:59.9999Z":            "9999-12-31T23:59:59.999Z",
		"Sun, 01 Nov 2026 09:30:00 GMT":        "2026-11-01T09:30:00.000Z",
		" 2026-11-01T09:30:00.000000001+00:00": "2026-11-01T09:30:00.000Z",
	} {
		got, err := record.ParseTime(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if s := got.Format("2006-01-02T15:04:05.000Z"); s != want {
			t.Errorf("%q is %s, want %s", in, s, want)
		}
	}
	for _, in := range []string{
		"", "yesterday", "2026", "2026-13-01", "2026-02-30T00:00:00Z", "1e99", "NaN", "0x10",
		"10000-01-01T00:00:00Z", "99999999999999999999", strings.Repeat("9", 100),
	} {
		if got, err := record.ParseTime(in); err == nil {
			t.Errorf("%q was read as %v", in, got)
		}
	}
}

func TestResolveTime(t *testing.T) {
	at := func(s string) time.Time {
		if s == "" {
			return time.Time{}
		}
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	const received = "2026-11-01T12:00:00Z"
	for _, c := range []struct {
		name, occurred, sent, want string
		adjusted                   bool
	}{
		{"stands", "2026-11-01T11:00:00.1239Z", "", "2026-11-01T11:00:00.123Z", false},
		{"late by a week stands", "2026-10-25T11:00:00Z", "2026-11-01T11:59:30Z", "2026-10-25T11:00:00Z", false},
		{"clock right to the minute", "2026-11-01T11:00:00Z", "2026-11-01T11:59:00Z", "2026-11-01T11:00:00Z", false},
		{"clock slow", "2026-11-01T10:58:00Z", "2026-11-01T11:58:59.999Z", "2026-11-01T10:59:00.001Z", true},
		{"clock fast", "2026-11-01T14:00:00Z", "2026-11-01T15:00:00Z", "2026-11-01T11:00:00Z", true},
		{"clock never set", "1970-01-01T00:10:00Z", "1970-01-01T00:20:00Z", "2026-11-01T11:50:00Z", true},
		{"absent", "", "", received, true},
		{"absent with a wrong clock", "", "2026-11-01T15:00:00Z", received, true},
		{"before 2000", "1999-12-31T23:59:59.999Z", "", received, true},
		{"2000 itself", "2000-01-01T00:00:00Z", "", "2000-01-01T00:00:00Z", false},
		{"future within tolerance", "2026-11-01T12:01:00Z", "", "2026-11-01T12:01:00Z", false},
		{"future", "2026-11-01T12:01:00.001Z", "", received, true},
		{"year 1", "0001-01-01T00:00:01Z", "", received, true},
		{"year 9999", "9999-12-31T23:59:59Z", "", received, true},
	} {
		got, adjusted := record.ResolveTime(at(c.occurred), at(c.sent), at(received))
		if !got.Equal(at(c.want)) || adjusted != c.adjusted {
			t.Errorf("%s: %v adjusted %v, want %s %v", c.name, got, adjusted, c.want, c.adjusted)
		}
	}
}

// TestRetryLandsOnTheSameMoment: when sender and content are the same, only
// sentAt and receivedAt move together, and the resolved time does not.
func TestRetryLandsOnTheSameMoment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
		occurred := base.Add(-time.Duration(rapid.Int64Range(0, 7*24*3600).Draw(t, "age")) * time.Second)
		skew := time.Duration(rapid.Int64Range(-100000, 100000).Draw(t, "skew")) * time.Second
		retry := time.Duration(rapid.Int64Range(0, 7*24*3600).Draw(t, "retry")) * time.Second
		a, adjA := record.ResolveTime(occurred.Add(skew), base.Add(skew), base)
		b, adjB := record.ResolveTime(occurred.Add(skew), base.Add(skew).Add(retry), base.Add(retry))
		if adjA != adjB || !a.Equal(b) {
			t.Fatalf("first %v %v, retry %v %v", a, adjA, b, adjB)
		}
	})
}

func TestKeys(t *testing.T) {
	k := record.NewKeyring([]byte("key"))
	// HMAC-SHA256("key", "The quick brown fox jumps over the lazy dog"), the
	// widely published example, first 16 bytes.
	if got := k.Key("The quick brown fox jumps over the lazy dog"); got != "f7bc83f430538424b13298e6aa6fb143" {
		t.Errorf("Key = %s", got)
	}
	if k.Key("") != "" || k.EmailKey("  ") != "" {
		t.Error("nobody must have no key")
	}
	if k.EmailKey(" Ann@Example.COM ") != k.Key("ann@example.com") {
		t.Error("e-mail addresses are compared in lower case")
	}
	if record.NewKeyring([]byte("other")).Key("x") == k.Key("x") {
		t.Error("the key does not matter")
	}
}

func TestExclusion(t *testing.T) {
	x := record.Exclusion{EmailDomains: []string{"Example.test"}, UserIDs: []string{"u1"}}
	for _, c := range []struct {
		email, user string
		want        bool
	}{
		{"a@example.test", "", true},
		{"a@EXAMPLE.TEST ", "", true},
		{"a@b@example.test", "", true},
		{"a@sub.example.test", "", false},
		{"example.test", "", false},
		{"", "u1", true},
		{"", "u12", false},
		{"", "", false},
	} {
		if got := x.Match(c.email, c.user); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.email, c.user, got)
		}
	}
}

func TestContentID(t *testing.T) {
	if record.ContentID("s", []byte("ab"), []byte("c")) == record.ContentID("s", []byte("a"), []byte("bc")) {
		t.Error("parts run into each other")
	}
	if n := len(record.ContentID("s")); n != 32 {
		t.Errorf("%d characters", n)
	}
	if record.EventKey("a", "bc", "d") == record.EventKey("ab", "c", "d") {
		t.Error("source and table run into each other")
	}
}

func TestCanonical(t *testing.T) {
	got, err := record.Canonical(json.RawMessage(`{"b": 1.50, "a": {"z": 12345678901234567890, "<": "&"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"a":{"<":"&","z":12345678901234567890},"b":1.50}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := record.Canonical(json.RawMessage(`{`)); err == nil {
		t.Error("broken JSON has a canonical form")
	}
}

func TestEnvelope(t *testing.T) {
	in := record.Envelope{
		Version: record.EnvelopeVersion, ID: "1", Source: "s", Body: []byte{0, 255, '\n'},
		ReceivedAt: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC), Method: "POST", Path: "/v1/batch",
		Header: map[string]string{"X-Github-Event": "ping"},
	}
	b, err := in.Encode()
	if err != nil {
		t.Fatal(err)
	}
	out, err := record.DecodeEnvelope(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Error(diff)
	}
	// A message that an earlier version left in the queue still opens.
	old, err := record.DecodeEnvelope([]byte(`{"id":"2","source":"s","received_at":"2026-01-02T03:04:05Z","body":"e30="}`))
	if err != nil || string(old.Body) != "{}" || old.ID != "2" {
		t.Errorf("old envelope: %+v, %v", old, err)
	}
}

func TestUnknownFieldSaysWhatWasMeant(t *testing.T) {
	_, errs := record.Decode([]byte(`{"table":"events","kind":"track","name":"X","usr_id":"1"}`))
	if len(errs) != 1 || !errs[0].Unknown || !strings.Contains(errs[0].Detail, "did you mean user_id?") {
		t.Errorf("%v", errs)
	}
	if got := errs[0].Error(); !strings.HasPrefix(got, "/usr_id: ") {
		t.Errorf("Error() = %q", got)
	}
}

// FuzzDecode: whatever comes in, a record that Decode accepts is written in a
// form that Decode reads as the same record, and holds only valid text.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"table":"tickets","ticket_id":"7","change":"created","text":"a\u0000b","tags":["x"]}`))
	f.Add([]byte(`{"table":"surveys","response_id":1,"kind":"nps","score":9,"occurred_at":1700000000}`))
	f.Add([]byte(`{"table":"events","kind":"track","name":"x","properties":{"a":[1,{"b":1e3}]}}`))
	f.Add([]byte(`{"table":"releases","kind":"deploy","started_at":"2026-01-01T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, errs := record.Decode(raw)
		if len(errs) > 0 {
			for _, e := range errs {
				if e.Detail == "" {
					t.Fatalf("an error without words: %+v", e)
				}
			}
			return
		}
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatalf("accepted but cannot be written: %v", err)
		}
		if !utf8.Valid(b) || strings.Contains(r.Text, "\x00") {
			t.Fatalf("unclean text in %q", b)
		}
		again, errs := record.Decode(b)
		if len(errs) > 0 {
			t.Fatalf("written form is refused: %v\n%s", errs, b)
		}
		b2, err := json.Marshal(again)
		if err != nil || string(b) != string(b2) {
			t.Fatalf("not stable:\n%s\n%s", b, b2)
		}
	})
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2026-11-01T09:30:00Z", "1539023564.69", "2016-12-31 23:59:60 UTC", "2015-2-02T00:00Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := record.ParseTime(s)
		if err != nil {
			return
		}
		if v.Location() != time.UTC || v.Nanosecond()%1e6 != 0 || v.Year() < 1 || v.Year() > 9999 {
			t.Fatalf("%q gave %v", s, v)
		}
		again, err := record.ParseTime(v.Format("2006-01-02T15:04:05.000Z"))
		if err != nil || !again.Equal(v) {
			t.Fatalf("%q gave %v, read again %v, %v", s, v, again, err)
		}
	})
}
