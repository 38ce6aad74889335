package acceptance

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/internal/template"
	"upshot.dev/upshot/testdata/company"
)

// TestOnAWSBroken deploys templates that are wrong in a way that no linter sees,
// and holds that one delivery shows it; and that it does not where nothing is
// wrong.
func TestOnAWSBroken(t *testing.T) {
	if os.Getenv("UPSHOT_E2E") == "" {
		t.Skip("NOT checked: that a deployment of wrong templates fails on the stand-ins; make e2e does")
	}
	for _, b := range []struct {
		name, stack string
		spoil       func(set template.Set)
		want        string // what is seen
	}{
		{"nothing", "b-nothing", func(template.Set) {}, "stored"},
		{"a variable of a wrong name", "b-variable", func(set template.Set) {
			v := variables(set, "IngestFunction")
			v["UPSHOT_QUEUE"] = v["UPSHOT_QUEUE_URL"]
			delete(v, "UPSHOT_QUEUE_URL")
		}, "answered 500"},
		{"no event source", "b-source", func(set template.Set) {
			for id, r := range set["template.yaml"].Resources {
				if r.Type == "AWS::Lambda::EventSourceMapping" {
					delete(set["template.yaml"].Resources, id)
				}
			}
		}, "never processed"},
		{"a permission too few", "b-permission", func(set template.Set) {
			withdraw(set, "ProcessRole", "Rows")
		}, "process may not s3:PutObject on arn:aws:s3:::b-permission-storage-lake/lake/"},
		{"secrets of another deployment", "b-secrets", func(set template.Set) {
			variables(set, "IngestFunction")["UPSHOT_SECRETS"] = "ssm:/upshot/other"
		}, "ingest may not ssm:GetParameter on arn:aws:ssm:us-east-1:123456789012:parameter/upshot/other/"},
	} {
		t.Run(b.name, func(t *testing.T) {
			set := templates(t)
			b.spoil(set)
			c := newCloud(t, set, b.stack)
			if got := c.oneDelivery(); !strings.Contains(got, b.want) {
				t.Errorf("seen: %s, want %s\n%s", got, b.want, tail(c.log.String()))
			}
		})
	}
}

// oneDelivery posts one and tells what became of it.
func (c *cloud) oneDelivery() string {
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.site.url+"/v1/records",
		strings.NewReader(`{"table":"events","event_id":"one","occurred_at":"2026-11-20T10:00:00Z","user_id":"u1","kind":"track","name":"Opened"}`))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+company.Secrets()["api"])
	resp, err := c.site.client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = resp.Body.Close()
	denied := func() string { return strings.Join(c.Denied(), "; ") }
	if resp.StatusCode != http.StatusAccepted {
		return "answered " + resp.Status + " " + denied()
	}
	c.Start()
	defer c.Stop()
	for end := time.Now().Add(8 * time.Second); time.Now().Before(end) && denied() == ""; time.Sleep(100 * time.Millisecond) {
		if _, err := os.Stat(c.Lake); err == nil && c.deliveries() == 0 && c.stored("one") == "1" {
			return "stored " + denied()
		}
	}
	return "never processed " + denied()
}

// variables are those of a function's environment.
func variables(set template.Set, function string) map[string]any {
	environment, _ := set["template.yaml"].Resources[function].Properties["Environment"].(map[string]any)
	v, _ := environment["Variables"].(map[string]any)
	return v
}

// withdraw takes a statement out of a role.
func withdraw(set template.Set, role, sid string) {
	for _, p := range set["infra/roles.yaml"].Resources[role].Properties["Policies"].([]any) {
		document, _ := p.(map[string]any)["PolicyDocument"].(map[string]any)
		var kept []any
		for _, s := range document["Statement"].([]any) {
			if m, _ := s.(map[string]any); m["Sid"] != sid {
				kept = append(kept, s)
			}
		}
		document["Statement"] = kept
	}
}
