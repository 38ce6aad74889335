package source_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	webhook "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"upshot.dev/upshot/pipeline/source"
)

// TestStandardWebhooksLibrary signs with the specification's own library and
// verifies here, and the other way round. The library reads the real clock, so
// both sides do in this test.
func TestStandardWebhooksLibrary(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	lib, err := webhook.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, name := range []string{"standard-webhooks", "formbricks", "api"} {
		s := profile(t, name)
		body := []byte(`{"table":"events","kind":"page"}`)
		signature, err := lib.Sign("msg_1", now, body)
		if err != nil {
			t.Fatal(err)
		}
		r := newRequest(string(body))
		r.Header = http.Header{}
		r.Header.Set("webhook-id", "msg_1")
		r.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
		r.Header.Set("webhook-signature", "v1a,bm90IG91cnM= "+signature)
		if err := s.Verify(r, []string{secret}, now); err != nil {
			t.Errorf("%s: theirs, here: %v", name, err)
		}
		r.Header.Set("webhook-id", "msg_2")
		refused(t, s.Verify(r, []string{secret}, now), "does not match")
	}
	mine := newRequest(`{"a":1}`)
	if err := source.Sign(profile(t, "standard-webhooks"), secret, &mine, now); err != nil {
		t.Fatal(err)
	}
	if err := lib.Verify(mine.Body, mine.Header); err != nil {
		t.Errorf("ours, there: %v", err)
	}
}
