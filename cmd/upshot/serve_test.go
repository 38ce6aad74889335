package main

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// start is when the servers of these tests think it is: a Monday, right before
// the weekly report.
var start = time.Date(2026, 11, 9, 7, 59, 58, 0, time.UTC)

const serveConfig = `identity_key: a long text for the tests, never changed
lake: ./lake
sources:
  support: {type: zendesk, secrets: [old-zendesk-secret, zendesk-secret]}
  survey:  {type: delighted, secrets: [delighted-secret]}
  app:     {type: segment, secrets: [wk_live_1]}
  github:  {type: github, secrets: [github-secret]}
  api:     {type: api, secrets: [api-secret]}
  acme:    {mapping: acme.yaml, secrets: [acme-secret]}
mail: {from: upshot@example.com, directory: ./outbox}
reports:
  weekly: {period: week, schedule: "0 8 * * MON", to: [pm@example.com]}
`

func mac(secret, text string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(text))
	return h.Sum(nil)
}

func packed(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

// deliveries are one of each sender, signed as the senders document it, with
// the given secrets' suffix: "" is right, anything else is a forgery.
func deliveries(at time.Time, forged string) map[string]delivery {
	zendesk := `{"id":"z1","type":"zen:event-type:ticket.created","time":"2026-11-05T09:14:03Z","subject":"zen:ticket:5158","zendesk_event_version":"2022-11-06",` +
		`"detail":{"id":"5158","subject":"PDF export stops at 90%","description":"The PDF export fails. Call ann@example.com","status":"OPEN","priority":"HIGH","requester_id":"7","via":{"channel":"web_service"}},"event":{}}`
	delighted := `{"event_type":"survey_response.created","event_id":"d1","event_data":{"id":"5435","person":{"id":"5975","email":"ann@example.com"},"survey_type":"nps","score":9,"created_at":1794043800}}`
	github := `{"action":"published","release":{"id":17372790,"tag_name":"v4.2.0","name":"Export mended","draft":false,"prerelease":false,"published_at":"2026-11-05T09:58:00Z"},"repository":{"full_name":"acme/app"}}`
	segment := `{"batch":[{"type":"track","event":"Report Exported","userId":"u1","messageId":"m1","timestamp":"2026-11-05T10:00:00Z"},` +
		`{"type":"identify","userId":"u1","messageId":"m2","timestamp":"2026-11-05T10:00:01Z","traits":{"email":"ann@example.com"}},` +
		`{"type":"sneeze","userId":"u1","messageId":"m3"}]}`
	api := `{"table":"surveys","event_id":"a1","occurred_at":"2026-11-05T10:00:00Z","response_id":"a1","kind":"csat","score":4,"scale_min":1,"scale_max":5}`
	acme := `{"event":"case.opened","id":"c1","at":"2026-11-05T10:00:00Z","case":{"number":1,"title":"Export","body":"stops","state":"open"}}`
	rfc, unix := at.Format(time.RFC3339), strconv.FormatInt(at.Unix(), 10)
	return map[string]delivery{
		"support": {path: "/hooks/support", body: zendesk, header: map[string]string{
			"X-Zendesk-Webhook-Signature-Timestamp": rfc,
			"X-Zendesk-Webhook-Signature":           base64.StdEncoding.EncodeToString(mac("zendesk-secret"+forged, rfc+zendesk)),
		}},
		"survey": {path: "/hooks/survey", body: delighted, header: map[string]string{
			"X-Delighted-Webhook-Signature": "sha256=" + hex.EncodeToString(mac("delighted-secret"+forged, delighted)),
		}},
		"github": {path: "/hooks/github", body: github, header: map[string]string{
			"X-GitHub-Event": "release", "X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac("github-secret"+forged, github)),
		}},
		"app": {path: "/v1/batch", body: packed(segment), header: map[string]string{
			"Content-Encoding": "gzip", "Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("wk_live_1"+forged+":")),
		}},
		"api": {path: "/v1/records", body: api, header: map[string]string{"Authorization": "Bearer api-secret" + forged}},
		"acme": {path: "/hooks/acme", body: acme, header: map[string]string{
			"X-Acme-Timestamp": unix, "X-Acme-Signature": "v1=" + hex.EncodeToString(mac("acme-secret"+forged, unix+"."+acme)),
		}},
	}
}

// serveFolder is a folder with a server's configuration and its mapping.
func serveFolder(t *testing.T) string {
	t.Helper()
	dir := folder(t, serveConfig)
	acme, err := os.ReadFile("../../testdata/sources/mapping/acme.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "acme.yaml"), acme, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestServe takes one delivery of every sender, each twice, refuses forgeries,
// writes the weekly report, and drains on SIGTERM.
func TestServe(t *testing.T) {
	t.Parallel()
	dir := serveFolder(t)
	s := serve(t, dir, "--now", start.Format(time.RFC3339))
	for name, d := range deliveries(start, "") {
		for range 2 {
			if code, body, _ := s.send(t, d); code/100 != 2 {
				t.Errorf("%s: %d %s", name, code, body)
			}
		}
	}
	for name, d := range deliveries(start, "x") {
		if code, body, _ := s.send(t, d); code != http.StatusUnauthorized {
			t.Errorf("forged %s: %d %s", name, code, body)
		}
	}
	for name, d := range deliveries(start.Add(-time.Hour), "") {
		code, body, _ := s.send(t, d)
		if stale := name == "support" || name == "acme"; stale && code != http.StatusUnauthorized {
			t.Errorf("stale %s: %d %s", name, code, body)
		} else if !stale && code/100 != 2 {
			t.Errorf("%s has no time in its signature: %d %s", name, code, body)
		}
	}
	s.settle(t)
	for _, c := range []struct {
		d    delivery
		want int
	}{
		{delivery{method: "GET", path: "/healthz"}, 200},
		{delivery{method: "GET", path: "/readyz"}, 200},
		{delivery{method: "GET", path: "/hooks/github"}, 405},
		{delivery{path: "/hooks/nosuch", body: "{}"}, 404},
		{delivery{path: "/hooks/github", body: "{}"}, 401},
		{delivery{path: "/hooks/github", body: strings.Repeat(" ", 1<<20+1)}, 413},
		{delivery{path: "/v1/records", body: `{"table":"surveys","kind":"nps","score":11,"response_id":"x"}`, header: map[string]string{"Authorization": "Bearer api-secret"}}, 400},
	} {
		if code, body, _ := s.send(t, c.d); code != c.want {
			t.Errorf("%s %s: %d, want %d: %s", c.d.method, c.d.path, code, c.want, body)
		}
	}
	checkLedger(t, dir)
	if got := upshot(t, dir, "metric", "csat", "--from", "2026-11-02", "--to", "2026-11-09", "--format", "csv"); !strings.Contains(got, "2026-11-02,1,1,") {
		t.Errorf("csat:\n%s", got)
	}
	if got := upshot(t, dir, "query", "--format", "csv", "SELECT text FROM tickets WHERE event_id = 'z1'"); !strings.Contains(got, "[email]") {
		t.Errorf("the text is not redacted: %s", got)
	}
	checkPage(t, s, dir)
	if code := s.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("SIGTERM: exit status %d\n%s", code, s.talk)
	}
	for _, secret := range []string{"zendesk-secret", "api-secret", "wk_live_1", "acme-secret"} {
		if strings.Contains(s.talk.String(), secret) {
			t.Errorf("the log shows a secret:\n%s", s.talk)
		}
	}
}

// checkLedger holds the account of TestServe: two right deliveries of each
// sender, and a third of those whose signature has no time in it.
func checkLedger(t *testing.T, dir string) {
	t.Helper()
	got := upshot(t, dir, "query", "--format", "csv",
		`SELECT source, CAST(sum(received) AS BIGINT) AS received, CAST(sum(stored) AS BIGINT) AS stored,
		   CAST(sum(duplicate) AS BIGINT) AS duplicate, CAST(sum(rejected) AS BIGINT) AS rejected, CAST(sum(ignored) AS BIGINT) AS ignored
		 FROM ledger GROUP BY source ORDER BY source`)
	want := "source,received,stored,duplicate,rejected,ignored\n" +
		"acme,2,1,1,0,0\n" + "api,3,1,2,0,0\n" + "app,9,2,4,3,0\n" + "github,3,1,2,0,0\n" + "support,2,1,1,0,0\n" + "survey,3,1,2,0,0\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
	upshot(t, dir, "ledger") // fails when the lake and the ledger disagree
}

// checkPage waits for the report of the week before on GET /.
func checkPage(t *testing.T, s *served, dir string) {
	t.Helper()
	page := delivery{method: http.MethodGet, path: "/"}
	s.until(t, "the page shows the report", func() bool {
		code, body, h := s.send(t, page)
		if code != http.StatusOK || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Fatalf("GET /: %d %v", code, h)
		}
		return !strings.Contains(body, "No report yet") && strings.Contains(body, "8 November 2026")
	})
	s.until(t, "the report is mailed", func() bool {
		mails, err := filepath.Glob(filepath.Join(dir, "outbox", "*.eml"))
		return err == nil && len(mails) == 1
	})
}

// TestServeFirstPage is GET / before any report, for this machine's browser
// and for a name that somebody else points here.
func TestServeFirstPage(t *testing.T) {
	t.Parallel()
	s := serve(t, serveFolder(t), "--now", "2026-11-04T12:00:00Z")
	if code, body, _ := s.send(t, delivery{method: http.MethodGet, path: "/"}); code != http.StatusOK || !strings.Contains(body, "No report yet") {
		t.Errorf("GET /: %d %s", code, body)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "rebound.example.com"
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("GET / by another name: %d", resp.StatusCode)
	}
}

func apiRecord(id string, padding int) delivery {
	return delivery{
		path: "/v1/records", header: map[string]string{"Authorization": "Bearer api-secret"},
		body: fmt.Sprintf(`{"table":"events","kind":"track","name":"Saved","user_id":"u","event_id":%q,"occurred_at":"2026-11-09T07:00:00Z","properties":{"pad":%q}}`,
			id, strings.Repeat("p", padding)),
	}
}

// TestServeKilled kills the server with SIGKILL in the middle of posting, three
// times. What got its 2xx is in the lake once; what did not is sent again, as
// senders do, and is in the lake once, too.
func TestServeKilled(t *testing.T) {
	t.Parallel()
	const all, senders = 400, 4
	dir := serveFolder(t)
	acked := make([]atomic.Bool, all)
	for round, limit := range []int64{60, 150, 250, all} {
		s := serve(t, dir, "--now", start.Add(24*time.Hour).Format(time.RFC3339))
		var next, taken atomic.Int64
		var wg sync.WaitGroup
		for range senders {
			wg.Go(func() {
				for i := next.Add(1) - 1; i < all; i = next.Add(1) - 1 {
					if acked[i].Load() {
						continue
					}
					code, _, _ := s.send(t, apiRecord(fmt.Sprintf("e%03d", i), 100))
					if code/100 != 2 {
						return // it was killed
					}
					acked[i].Store(true)
					if taken.Add(1) >= limit && round < 3 {
						_ = s.cmd.Process.Signal(syscall.SIGKILL)
					}
				}
			})
		}
		wg.Wait()
		if round < 3 {
			if code := s.end(t, syscall.SIGKILL); code != -1 {
				t.Fatalf("round %d: exit status %d\n%s", round, code, s.talk)
			}
			continue
		}
		s.settle(t)
		if code := s.end(t, syscall.SIGTERM); code != 0 {
			t.Errorf("SIGTERM: exit status %d\n%s", code, s.talk)
		}
	}
	want := map[string]int{}
	for i := range all {
		if !acked[i].Load() {
			t.Fatalf("delivery %d was never taken", i)
		}
		want[fmt.Sprintf("e%03d", i)] = 1
	}
	if diff := cmp.Diff(want, ids(t, dir, "events")); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	upshot(t, dir, "ledger")
}

// TestServeFullDisk fills the disk under a server: what it cannot keep it does
// not take, and what it took is in the lake when there is room again.
func TestServeFullDisk(t *testing.T) {
	t.Parallel()
	dir := serveFolder(t)
	lake := filepath.Join(dir, "lake")
	if err := os.Mkdir(lake, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := mount(lake, "24m"); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = unmount(lake) })
	s := serve(t, dir, "--now", start.Add(24*time.Hour).Format(time.RFC3339))
	filler := filepath.Join(lake, "filler")
	if err := os.WriteFile(filler, make([]byte, 20<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{}
	refused := false
	for i := 0; i < 400 && !refused; i++ {
		id := fmt.Sprintf("f%03d", i)
		code, body, h := s.send(t, apiRecord(id, 60_000))
		switch code {
		case http.StatusAccepted:
			want[id] = 1
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
			refused = true
			if h.Get("Retry-After") == "" {
				t.Error("refused without Retry-After")
			}
		default:
			t.Fatalf("delivery %d: %d %s\n%s", i, code, body, s.talk)
		}
	}
	if !refused || len(want) == 0 {
		t.Fatalf("taken %d, refused %v", len(want), refused)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	s.settle(t)
	s.until(t, "there is room again", func() bool {
		code, _, _ := s.send(t, apiRecord("last", 10))
		return code == http.StatusAccepted
	})
	want["last"] = 1
	s.settle(t)
	if code := s.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("SIGTERM: exit status %d\n%s", code, s.talk)
	}
	if diff := cmp.Diff(want, ids(t, dir, "events")); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestServeTwice starts a second server on the same lake, and one on a port
// that is taken: both say so and take nothing.
func TestServeTwice(t *testing.T) {
	t.Parallel()
	dir := serveFolder(t)
	s := serve(t, dir, "--now", start.Add(24*time.Hour).Format(time.RFC3339))
	for _, c := range []struct{ addr, want string }{
		{"127.0.0.1:0", "another process is using it, end that one or choose another folder"},
		{strings.TrimPrefix(s.url, "http://"), "is in use by another program; choose another with --listen"},
		{"127.0.0.1:99999", "listen on 127.0.0.1:99999"},
	} {
		cmd := command(t, dir, "serve", "--listen", c.addr)
		out, err := cmd.CombinedOutput()
		if err == nil || cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v\n%s", c.addr, err, out)
		}
	}
	if code, _, _ := s.send(t, delivery{method: http.MethodGet, path: "/readyz"}); code != http.StatusOK {
		t.Errorf("the first server suffers: %d", code)
	}
}
