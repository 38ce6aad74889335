package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
)

func TestNewNeedsItsParts(t *testing.T) {
	if _, err := New(Options{}); !fault.Is(err, fault.Permanent) {
		t.Errorf("got %v", err)
	}
}

// api is a delivery of the first-party API.
func api(t testing.TB, id, body string) env.Message {
	t.Helper()
	return delivery(t, id, "api", noon, "/v1/records", body)
}

// process runs one batch and gives what is in the lake.
func process(t testing.TB, msgs ...env.Message) (*memenv.Store, Result) {
	t.Helper()
	store := memenv.NewStore(memenv.NewClock(noon))
	res, err := newProcessor(t, store).Process(context.Background(), msgs)
	if err != nil {
		t.Fatal(err)
	}
	return store, res
}

// TestBadInput holds each bad delivery against its line in the ledger and the
// reason in rejects. A good delivery stands beside each and must get through.
func TestBadInput(t *testing.T) {
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	track := func(rest string) string { return `{"event":"E","userId":"u",` + rest + `}` }
	for _, c := range []struct {
		name, source, path, body string
		records, ignored         int
		reason                   string // part of the one reject's reason, "" for none
	}{
		{"broken JSON", "segment", "/v1/batch", `{"batch":[`, 0, 0, "cut off"},
		{"10,000 deep", "segment", "/v1/batch", `{"batch":` + deep + `}`, 0, 0, "deep"},
		{"10,000 deep, first-party", "api", "/v1/records", deep, 0, 0, "deep"},
		{"invalid UTF-8", "zendesk", "/", "{\"type\":\"\xff\"}", 0, 0, "UTF-8"},
		{"invalid UTF-8 in a properties text", "segment", "/v1/track", "{\"event\":\"\xff\",\"userId\":\"u\"}", 0, 0, "UTF-8"},
		{"a raw NUL byte", "segment", "/v1/track", "{\"event\":\"a\x00b\"}", 0, 0, "not valid JSON"},
		{"an escaped NUL", "segment", "/v1/track", track(`"messageId":"m","properties":{"k":"a\u0000b"}`), 1, 0, ""},
		{"nothing at all", "zendesk", "/", "", 0, 0, "empty"},
		{"an empty batch", "segment", "/v1/batch", `{"batch":[]}`, 0, 1, ""},
		{"an empty array", "api", "/v1/records", `[]`, 0, 1, ""},
		{"not for us", "zendesk", "/", `{"type":"zen:event-type:user.created"}`, 0, 1, ""},
		{"the year 0001", "segment", "/v1/track", track(`"timestamp":"0001-01-01T00:00:00Z"`), 1, 0, ""},
		{"the year 9999", "segment", "/v1/track", track(`"timestamp":"9999-12-31T23:59:59Z"`), 1, 0, ""},
		{"beyond 2^53", "api", "/v1/records", `{"table":"events","kind":"track","name":"n","user_id":9007199254740993,"properties":{"n":9007199254740993}}`, 1, 0, ""},
		{"duplicate keys", "api", "/v1/records", `{"table":"events","kind":"track","name":"a","name":"b"}`, 0, 0, "twice"},
		{"a parser that panics", "panics", "/", `{}`, 0, 0, "parser failed"},
		{"a source that is gone", "gone", "/", `{}`, 0, 0, "not configured"},
		{"a table out of the payload", "odd", "/", `anna@example.org`, 0, 0, "[email]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, res := process(t, delivery(t, "bad", c.source, noon, c.path, c.body),
				api(t, "good", `{"table":"events","kind":"track","name":"Good","event_id":"g"}`))
			rejected := 0
			if c.reason != "" {
				rejected = 1
			}
			if diff := cmp.Diff(Result{Records: c.records + 1, Rejected: rejected, Ignored: c.ignored}, res); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			var outcomes []string
			for _, l := range table(t, store, lake.Ledger) {
				if l["delivery_id"] == "bad" {
					outcomes = append(outcomes, l["outcome"])
					if l["source"] != c.source || strings.Contains(l["table"], "@") {
						t.Errorf("the receipt says %v", l)
					}
				}
			}
			if len(outcomes) != 1 {
				t.Errorf("receipts %v, want one", outcomes)
			}
			rejects := table(t, store, lake.Rejects)
			if len(rejects) != rejected {
				t.Fatalf("rejects %v", rejects)
			}
			if rejected == 1 && !strings.Contains(rejects[0]["reason"], c.reason) {
				t.Errorf("reason %q, want %q", rejects[0]["reason"], c.reason)
			}
			if good := look(t, store)["events"]; len(good) != c.records+1 {
				t.Errorf("%d events", len(good))
			}
		})
	}
}

func TestRejectsPointIntoTheArchive(t *testing.T) {
	store, _ := process(t, api(t, "b", `[]`), api(t, "a", `[]`), api(t, "c", `{"table":"?"}`))
	rejects := table(t, store, lake.Rejects)
	if len(rejects) != 1 || rejects[0]["archive_line"] != "3" {
		t.Fatalf("%v", rejects)
	}
	envs, err := ReadArchive(t.Context(), store, rejects[0]["archive_object"])
	if err != nil || len(envs) != 3 || envs[2].ID != "c" || string(envs[2].Body) != `{"table":"?"}` {
		t.Errorf("%v, %v", envs, err)
	}
}

func TestPoisonIsLeftOut(t *testing.T) {
	future := bytes.Replace(api(t, "future", `[]`).Body, []byte(`"v":1`), []byte(`"v":2`), 1)
	store, res := process(t,
		env.Message{ID: "text", Body: []byte("text")}, env.Message{ID: "empty", Body: []byte("{}")},
		env.Message{ID: "future", Body: future}, api(t, "good", `[]`))
	want := Result{Ignored: 1, Poison: []Poison{
		{"text", "the queued message is no envelope"},
		{"empty", "the queued message is no envelope"},
		{"future", "envelope version 2 is newer than this program"},
	}}
	if diff := cmp.Diff(want, res); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := len(table(t, store, lake.Ledger)); n != 1 {
		t.Errorf("%d receipts", n)
	}
	store, res = process(t, env.Message{ID: "only", Body: nil})
	if len(res.Poison) != 1 {
		t.Errorf("%+v", res)
	}
	for info := range store.List(t.Context(), "") {
		t.Errorf("%s was written", info.Key)
	}
}

// TestSameDeliveryTwiceInABatch: of two envelopes with one id the earlier one
// stands, in whatever order they come.
func TestSameDeliveryTwiceInABatch(t *testing.T) {
	body := `{"table":"events","kind":"track","name":"N","event_id":"e"}`
	early := delivery(t, "d", "api", noon, "/v1/records", body)
	late := delivery(t, "d", "api", noon.Add(time.Hour), "/v1/records", body)
	one, res := process(t, early, late, early)
	other, _ := process(t, late, early)
	if res.Records != 1 || len(table(t, one, lake.Ledger)) != 1 {
		t.Errorf("%+v", res)
	}
	if diff := cmp.Diff(dump(t, one), dump(t, other)); diff != "" {
		t.Errorf("order matters:\n%s", diff)
	}
}

// dump is a whole store.
func dump(t testing.TB, s env.Blobs) map[string]string {
	t.Helper()
	out := map[string]string{}
	for info, err := range s.List(context.Background(), "") {
		if err != nil {
			t.Fatal(err)
		}
		out[info.Key] = string(content(t, s, info.Key))
	}
	return out
}

// TestSameBytes: a batch in another order, on other numbers of goroutines,
// gives the same objects byte for byte.
func TestSameBytes(t *testing.T) {
	var msgs []env.Message
	for i, f := range fixtures(t) {
		msgs = append(msgs, f.message(t, fmt.Sprintf("d%03d", i), f.body))
	}
	var want map[string]string
	for _, workers := range []int{1, 2, 7} {
		for range 2 {
			store := memenv.NewStore(memenv.NewClock(noon))
			p := newProcessor(t, store)
			p.o.Workers = workers
			if _, err := p.Process(t.Context(), msgs); err != nil {
				t.Fatal(err)
			}
			got := dump(t, store)
			if want == nil {
				want = got
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%d workers:\n%s", workers, diff)
			}
			msgs[0], msgs[len(msgs)-1] = msgs[len(msgs)-1], msgs[0]
		}
	}
	if len(want) < 6 {
		t.Errorf("only %d objects", len(want))
	}
}

// TestDays: rows go to the day on which they happened, by a mended clock where
// the sender's was wrong, and receipts to the day of reception.
func TestDays(t *testing.T) {
	store, _ := process(t, delivery(t, "d", "segment", noon, "/v1/batch", `{"batch":[
		{"type":"track","event":"stands","timestamp":"2026-10-30T23:59:59.9999Z"},
		{"type":"track","event":"next day","timestamp":"2026-10-31T00:00:00Z"},
		{"type":"track","event":"clock an hour fast","timestamp":"2026-11-02T00:30:00Z","sentAt":"2026-11-02T13:00:00Z"},
		{"type":"track","event":"0001","timestamp":"0001-01-01T00:00:00Z"},
		{"type":"track","event":"9999","timestamp":"9999-12-31T23:59:59Z"},
		{"type":"track","event":"none"}]}`))
	got := map[string]string{}
	for _, l := range table(t, store, "events") {
		got[l["name"]] = l["dt"] + " " + l["time_adjusted"]
	}
	want := map[string]string{
		"stands": "2026-10-30 false", "next day": "2026-10-31 false", "clock an hour fast": "2026-11-01 true",
		"0001": "2026-11-02 true", "9999": "2026-11-02 true", "none": "2026-11-02 true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, l := range table(t, store, lake.Ledger) {
		if l["dt"] != "2026-11-02" {
			t.Errorf("receipt %v", l)
		}
	}
}

// TestRows holds one row of each table against what went in.
func TestRows(t *testing.T) {
	store, res := process(t, api(t, "d", `[
		{"table":"tickets","event_id":"t1","ticket_id":"5","change":"created","subject":"Re: Export &amp; import","text":"<p>The export is broken!</p>","tags":["vip","anna@example.org"],"user_id":"u","email":" Anna@Example.org ","assignee":"9"},
		{"table":"tickets","event_id":"t2","ticket_id":"5","change":"commented","subject":"Re: Export &amp; import","text":"Thanks.","public":false},
		{"table":"tickets","event_id":"t3","ticket_id":"5","change":"status","subject":"Export broken and terrible","status":"solved"},
		{"table":"surveys","event_id":"s1","response_id":"r","kind":"csat","score":4,"scale_min":1,"scale_max":5,"choice":"call +49 151 23456789","email":"x@own.example"},
		{"table":"releases","event_id":"r1","kind":"deploy","version":"10.0.0.1","started_at":"2026-11-02T11:00:00Z","url":"https://x.example/?token=abcdef123"},
		{"table":"events","event_id":"e1","kind":"track","name":"N","user_id":"robot","properties":{"n":9007199254740993,"name":"P"},"traits":{"name":"Anna","plan":"pro"}}]`))
	if res.Records != 6 || res.Rejected != 0 {
		t.Fatalf("%+v: %v", res, table(t, store, lake.Rejects))
	}
	rows := map[string]line{}
	for _, name := range record.Tables() {
		for _, l := range table(t, store, string(name)) {
			rows[l["event_id"]] = l
		}
	}
	keys := record.NewKeyring([]byte("test key"))
	for _, c := range []struct{ row, column, want string }{
		{"t1", "subject", "Export & import"},
		{"t1", "text", "The export is broken!"},
		{"t1", "tags.list.element", "vip|[email]"},
		{"t1", "user_key", keys.Key("u")},
		{"t1", "email_key", keys.Key("anna@example.org")},
		{"t1", "assignee_key", keys.Key("9")},
		{"t1", "public", "true"},
		{"t1", "language", "en"},
		{"t2", "subject", "Export & import"},
		{"t2", "text", "Thanks."},
		{"t2", "public", "false"},
		{"t2", "themes.list.element", ""}, // those of the subject count once, at the creation
		{"t3", "subject", "Export broken and terrible"},
		{"t3", "sentiment", ""},
		{"t3", "enrich_version", ""},
		{"s1", "choice", "call [phone]"},
		{"s1", "score", "4"},
		{"s1", "excluded", "true"},
		{"r1", "version", "10.0.0.1"},
		{"r1", "started_at", "1793617200000000"},
		{"r1", "ended_at", ""},
		{"r1", "url", "https://x.example/?token=[url]"},
		{"e1", "properties", `{"n":9007199254740993,"name":"P"}`},
		{"e1", "traits", `{"name":null,"plan":"pro"}`},
		{"e1", "excluded", "true"},
	} {
		if got := rows[c.row][c.column]; got != c.want {
			t.Errorf("%s.%s is %q, want %q", c.row, c.column, got, c.want)
		}
	}
	if rows["t1"]["sentiment"] == "" || rows["t1"]["themes.list.element"] == "" {
		t.Errorf("not enriched: %v", rows["t1"])
	}
	links := table(t, store, lake.Links)
	if len(links) != 3 { // u with an e-mail, and the two that are excluded
		t.Errorf("links %v", links)
	}
}

// TestLinksAreFew: of a day's links that say the same, a batch keeps the
// earliest.
func TestLinksAreFew(t *testing.T) {
	var items []string
	for i := range 9 {
		items = append(items, fmt.Sprintf(`{"table":"events","kind":"identify","event_id":"e%d","user_id":"u%d","anonymous_id":"a","occurred_at":"2026-11-0%dT0%d:00:00Z"}`, i, i%2, 1+i/5, 9-i),
			// The same person by an excluded address now and then: a link of its own.
			fmt.Sprintf(`{"table":"events","kind":"identify","event_id":"x%d","user_id":"u","email":"u@own.example","occurred_at":"2026-11-01T0%d:00:00Z"}`, i, 9-i),
			fmt.Sprintf(`{"table":"events","kind":"identify","event_id":"y%d","user_id":"robot","occurred_at":"2026-11-01T0%d:30:00Z"}`, i, 9-i))
	}
	store, _ := process(t, api(t, "d", "["+strings.Join(items, ",")+"]"))
	got := map[string]bool{}
	for _, l := range table(t, store, lake.Links) {
		got[l["dt"]+" "+l["event_id"]] = true
	}
	want := map[string]bool{"2026-11-01 e4": true, "2026-11-01 e3": true, "2026-11-02 e8": true, "2026-11-02 e7": true, "2026-11-01 x8": true, "2026-11-01 y8": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestStoreFailuresAreNobodysFault: also those that the store calls permanent.
func TestStoreFailuresAreNobodysFault(t *testing.T) {
	full := fault.Permanentf("the folder cannot be written")
	p := newProcessor(t, &faulty{Store: memenv.NewStore(memenv.NewClock(noon)), always: full})
	_, err := p.Process(t.Context(), []env.Message{api(t, "d", `[]`)})
	if !fault.Is(err, fault.Retry) || !errors.Is(err, full) {
		t.Errorf("got %v of kind %v", err, fault.KindOf(err))
	}
}

func TestEncoderPanicsAreTheDeliverysFault(t *testing.T) {
	type unknown struct{ X func() }
	err := writeDay(t.Context(), memenv.NewStore(memenv.NewClock(noon)), "events", "2026-11-02", "b", []unknown{{}})
	if !fault.Is(err, fault.Permanent) {
		t.Errorf("got %v", err)
	}
}

func TestSafeNames(t *testing.T) {
	if got := safeName("a/../b ü" + strings.Repeat("x", 99)); len(got) != 40 || strings.ContainsAny(got, "/. ") {
		t.Errorf("got %q", got)
	}
}

// TestFixturesGoThrough: what sources parse, tables can hold.
func TestFixturesGoThrough(t *testing.T) {
	for _, f := range fixtures(t) {
		store, res := process(t, f.message(t, "d", f.body))
		receipts := len(table(t, store, lake.Ledger))
		if res.Records+res.Rejected+res.Ignored != receipts || receipts == 0 {
			t.Errorf("%s/%s: %+v, %d receipts", f.source, f.name, res, receipts)
		}
		for _, l := range table(t, store, "events") {
			if p := l["properties"]; p != "" && !json.Valid([]byte(p)) {
				t.Errorf("%s: properties %s", f.name, p)
			}
		}
	}
}
