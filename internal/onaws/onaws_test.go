package onaws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/internal/onaws"
	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/internal/standin/lambda"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/record"
)

// TestMain makes the test's own binary a function where a Lambda host runs it.
func TestMain(m *testing.M) {
	if needs, ok := os.LookupEnv("TEST_NEEDS"); ok {
		b := onaws.Open(strings.Fields(needs)...)
		b.Sources()
		if os.Getenv("TEST_KEY") != "" {
			_, err := b.IdentityKey(context.Background())
			b.Check(err)
		}
		b.Check(errors.New("the test needs no more: " + b.Place.Stage + " " + b.Config.Timezone))
	}
	os.Exit(m.Run())
}

const conf = "timezone: Europe/Berlin\nsources:\n  app: {type: segment}\n  held: {type: api, secrets: [one-that-is-held-here]}\n"

// TestOpen: what is wrong at the start is one line in the log, which names it,
// and the end of the process.
func TestOpen(t *testing.T) {
	bucket := "UPSHOT_LAKE_BUCKET=a-bucket"
	for _, c := range []struct {
		name, needs, conf string
		env               []string
		says              []string
	}{
		{"all is well", "UPSHOT_QUEUE_URL", conf, []string{bucket, "UPSHOT_QUEUE_URL=https://sqs.invalid/1/q", "UPSHOT_STAGE=trial"}, []string{"the test needs no more: trial Europe/Berlin"}},
		{"no bucket", "", conf, nil, []string{"UPSHOT_LAKE_BUCKET", "template.yaml sets"}},
		{"all that is missing at once", "UPSHOT_QUEUE_URL UPSHOT_SECRETS", conf, nil, []string{"UPSHOT_LAKE_BUCKET", "UPSHOT_QUEUE_URL", "UPSHOT_SECRETS"}},
		{"wrong forms, all at once", "", conf, []string{"UPSHOT_LAKE_BUCKET=A_Bucket", "UPSHOT_SECRETS=vault:/x", "UPSHOT_QUEUE_URL=queue"}, []string{"UPSHOT_LAKE_BUCKET", "UPSHOT_SECRETS", "UPSHOT_QUEUE_URL"}},
		{"no region", "", conf, []string{bucket, "AWS_REGION="}, []string{"AWS_REGION"}},
		{"no configuration", "", "", []string{bucket}, []string{"upshot.yaml"}},
		{"a wrong configuration", "", "timezone: Mars\n", []string{bucket}, []string{"upshot.yaml:1", "timezone"}},
		{"a source that is unknown", "", "timezone: UTC\nsources:\n  desk: {type: zendisk}\n", []string{bucket}, []string{"sources.desk.type", "zendisk"}},
		{"no identity key and no place for it", "", conf, []string{bucket, "TEST_KEY=1"}, []string{"identity key", "UPSHOT_SECRETS"}},
		{"no identity key in its place", "", conf, []string{bucket, "TEST_KEY=1", "UPSHOT_SECRETS=ssm:/upshot/nowhere"}, []string{"/upshot/nowhere/identity_key", "does not exist"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "upshot.yaml")
			if c.conf != "" {
				if err := os.WriteFile(file, []byte(c.conf), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			log, err := os.Create(filepath.Join(t.TempDir(), "log"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = log.Close() }()
			// GOCOVERDIR: a binary that counts coverage complains on its log without it.
			environ := append(standin.Environ(), "TEST_NEEDS="+c.needs, "UPSHOT_CONFIG="+file, "GOCOVERDIR="+t.TempDir())
			if strings.Contains(strings.Join(c.env, " "), "UPSHOT_SECRETS=ssm") {
				environ = append(environ, standin.Environ(standin.Moto(t).Endpoint)...)
			}
			h := lambda.New()
			defer h.Close()
			h.Add(lambda.Function{Name: "f", Bootstrap: self, Env: append(environ, c.env...), Log: log})
			if err := h.Warm(t.Context(), "f"); err == nil || !strings.Contains(err.Error(), "exit status 1") {
				t.Errorf("the init: %v", err)
			}
			b, err := os.ReadFile(log.Name())
			if err != nil || bytes.Count(b, []byte("\n")) != 1 || !bytes.Contains(b, []byte(`"msg":"the function cannot start"`)) {
				t.Errorf("logged %s, %v", b, err)
			}
			for _, says := range c.says {
				if !bytes.Contains(b, []byte(says)) {
					t.Errorf("logged %s, want %q", b, says)
				}
			}
		})
	}
}

// base is a Base of a test's own, whose metrics and log lie in buffers.
func base(t *testing.T, conf string) (b *onaws.Base, clock *memenv.Clock, metrics, log *bytes.Buffer) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "upshot.yaml")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.LoadPacked(file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	clock, metrics, log = memenv.NewClock(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)), &bytes.Buffer{}, &bytes.Buffer{}
	return &onaws.Base{
		Config: c, Clock: clock, Log: slog.New(slog.NewJSONHandler(log, nil)),
		Metrics: awsenv.NewMetrics(metrics, "Test", "trial", clock),
	}, clock, metrics, log
}

// TestSlot: a slot is the wall clock's time where the deployment is, to the
// second, also on the days on which the clock is put forward and back.
func TestSlot(t *testing.T) {
	for _, c := range []struct{ zone, scheduled, want string }{
		{"UTC", "2026-11-02T07:00:00Z", "2026-11-02 07:00:00"},
		{"UTC", "2026-11-02T07:00:00.999999999Z", "2026-11-02 07:00:00"},
		{"UTC", "2026-11-02T08:00:00+01:00", "2026-11-02 07:00:00"},
		{"Europe/Berlin", "2026-11-02T06:00:00Z", "2026-11-02 07:00:00"},
		{"Europe/Berlin", "2026-07-06T05:00:30Z", "2026-07-06 07:00:30"},
		{"Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29 01:59:59"},
		{"Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29 03:00:00"},
		{"Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25 02:30:00"},
		{"Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25 02:30:00"}, // the hour that comes twice
		{"Asia/Kolkata", "2026-11-01T19:15:00Z", "2026-11-02 00:45:00"},
		{"America/Los_Angeles", "2026-11-02T07:00:00Z", "2026-11-01 23:00:00"},
		{"America/Los_Angeles", "", "2026-11-23 01:00:00"}, // by hand: now
	} {
		b, _, _, _ := base(t, "timezone: "+c.zone+"\n")
		var job awsenv.Job
		if c.scheduled != "" {
			at, err := time.Parse(time.RFC3339Nano, c.scheduled)
			if err != nil {
				t.Fatal(err)
			}
			job.Scheduled = at
		}
		got := b.Slot(job)
		if got.Format(time.DateTime) != c.want || got.Nanosecond() != 0 || got.Location() != time.UTC {
			t.Errorf("%s in %s: %v, want %s", c.scheduled, c.zone, got, c.want)
		}
	}
}

// TestSourcesHaveTheSmokeTests, whose records are of the first-party API.
func TestSourcesHaveTheSmokeTests(t *testing.T) {
	b, _, _, _ := base(t, conf)
	got := b.Sources()
	if len(got) != 3 || got["app"].Type != "segment" || got[record.SmokeSource].Type != "api" {
		t.Errorf("%v", got)
	}
}

// TestSecretsAndKey: what the configuration holds stands, all else is the
// deployment's.
func TestSecretsAndKey(t *testing.T) {
	b, clock, _, _ := base(t, conf)
	if got, err := b.Secrets().Secrets(t.Context(), "held"); err != nil || fmt.Sprint(got) != "[one-that-is-held-here]" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := b.Secrets().Secrets(t.Context(), "app"); err != nil || got != nil {
		t.Errorf("without a place for secrets: %q, %v", got, err)
	}
	cfg := standin.Config(t, standin.Moto(t).Endpoint)
	location := fmt.Sprintf("ssm:/upshot/onaws%d", time.Now().UnixNano())
	secrets, err := awsenv.NewSecrets(cfg, awsenv.SecretsOptions{Location: location, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	b.Hold(secrets)
	if _, err := b.IdentityKey(t.Context()); !fault.Is(err, fault.Permanent) {
		t.Errorf("a key that is nowhere: %v", err)
	}
	made, err := awsenv.MakeSecret(t.Context(), cfg, location, "identity_key", strings.NewReader(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Hour)
	if got, err := b.IdentityKey(t.Context()); err != nil || got != made {
		t.Errorf("the deployment's key: %v", err)
	}
	b.Config.IdentityKey = "the-key-of-the-configuration"
	if got, err := b.IdentityKey(t.Context()); err != nil || got != b.Config.IdentityKey {
		t.Errorf("the configuration's key: %v", err)
	}
}

// failing takes nothing.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("the pipe is broken") }

// TestEmitFails: that nothing is measured is told, and stops nothing.
func TestEmitFails(t *testing.T) {
	b, clock, _, log := base(t, conf)
	b.Metrics = awsenv.NewMetrics(failing{}, "Test", "trial", clock)
	b.Emit([]awsenv.Metric{awsenv.Count("Things", 1)})
	if !strings.Contains(log.String(), "metrics are lost") || !strings.Contains(log.String(), "the pipe is broken") {
		t.Errorf("logged %s", log.String())
	}
}
