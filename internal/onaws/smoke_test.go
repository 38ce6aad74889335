package onaws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"upshot.dev/upshot/internal/onaws"
	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/ingest"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/pipeline/source"
)

const secret = "whsec_bWFkZSB1cCBmb3IgYSB0ZXN0IG9mIHRoZSBzbW9rZQ=="

// trial is a deployment whose ingest is the real one; its process parses what it
// gets and keeps the ids of the records, which are the lake.
type trial struct {
	t       *testing.T
	base    *onaws.Base
	clock   *memenv.Clock
	secrets memenv.Secrets // of ingest
	queue   *memenv.Queue
	lake    map[string]bool
	pauses  int

	// What goes wrong; nil is nothing.
	invoke func(function string) ([]byte, error)
	query  error
	stop   int // pauses after which the time is over
}

func newTrial(t *testing.T) *trial {
	b, clock, _, _ := base(t, conf)
	return &trial{t: t, base: b, clock: clock, secrets: memenv.Secrets{record.SmokeSource: {secret}}, queue: memenv.NewQueue(clock), lake: map[string]bool{}, stop: 10}
}

// smoke is the smoke test of the deployment.
func (d *trial) smoke() onaws.Smoke {
	return onaws.Smoke{
		Base: d.base, Ingest: "ingest:2", Process: "process:7", Query: d, Random: bytes.NewReader(bytes.Repeat([]byte("random"), 10)),
		Secret: func(context.Context) (string, error) { return secret, nil },
		Invoke: d.call, Pause: d.pause,
	}
}

// call invokes a function.
func (d *trial) call(ctx context.Context, function string, event []byte) ([]byte, error) {
	if d.invoke != nil {
		if out, err := d.invoke(function); out != nil || err != nil {
			return out, err
		}
	}
	switch function {
	case "ingest:2":
		h, err := ingest.New(ingest.Options{Sources: d.base.Sources(), Secrets: d.secrets, Queue: d.queue, Clock: d.clock, Random: strings.NewReader(strings.Repeat("r", 1000)), Log: d.base.Log})
		if err != nil {
			d.t.Fatal(err)
		}
		return awsenv.HTTPHandler(h, d.base.Log)(ctx, event)
	case "process:7":
		q := awsenv.NewQueue(standin.Config(d.t), awsenv.QueueOptions{URL: "http://127.0.0.1:1/1/q", Clock: d.clock})
		return awsenv.QueueHandler(q, d.process, d.base.Log)(ctx, event)
	}
	d.t.Errorf("invoked %s", function)
	return nil, errors.New("there is no such function")
}

// process puts the records of messages into the lake.
func (d *trial) process(_ context.Context, msgs []env.Message) (failed []string, err error) {
	for _, m := range msgs {
		e, err := record.DecodeEnvelope(m.Body)
		if err != nil || e.Source != record.SmokeSource {
			failed = append(failed, m.ID)
			continue
		}
		p := source.Parse(d.base.Sources()[e.Source], source.Delivery{Source: e.Source, Method: e.Method, Path: e.Path, Header: http.Header{}, Body: e.Body, ReceivedAt: e.ReceivedAt})
		for _, r := range p.Records {
			if r.UserID != onaws.SmokePerson || len(p.Rejects) > 0 {
				d.t.Errorf("the record is %+v, rejects %v", r, p.Rejects)
			}
			d.lake[r.EventID] = true
		}
	}
	return failed, nil
}

// pause is the time in which the queue is processed: in the second one.
func (d *trial) pause(ctx context.Context, _ time.Duration) error {
	d.pauses++
	if d.pauses > d.stop {
		return context.DeadlineExceeded
	}
	if d.pauses < 2 {
		return nil
	}
	msgs, err := d.queue.Receive(ctx, 10, time.Minute)
	if err != nil {
		return err
	}
	_, err = d.process(ctx, msgs)
	return err
}

var quoted = regexp.MustCompile(`'((?:process|ingest)-[0-9a-f]{32})'`)

// Query counts those ids of the question that are in the lake.
func (d *trial) Query(_ context.Context, sql string) (array.RecordReader, error) {
	if d.query != nil {
		return nil, d.query
	}
	if !strings.Contains(sql, "dt >= date '2026-11-22' AND source = 'smoke'") {
		d.t.Errorf("asked %s", sql)
	}
	n := int64(0)
	for _, id := range quoted.FindAllStringSubmatch(sql, -1) {
		if d.lake[id[1]] {
			n++
		}
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.Int64Builder).Append(n)
	return array.NewRecordReader(schema, []arrow.RecordBatch{b.NewRecordBatch()})
}

// TestSmokeFinds its signed deliveries once the queue was processed.
func TestSmokeFinds(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*onaws.Smoke)
		rows   int
		pauses int
	}{
		{"both", func(*onaws.Smoke) {}, 2, 2},
		{"process alone is not waited for", func(s *onaws.Smoke) { s.Ingest = "" }, 1, 0},
		{"ingest alone", func(s *onaws.Smoke) { s.Process = "" }, 1, 2},
	} {
		d := newTrial(t)
		s := d.smoke()
		c.change(&s)
		if err := s.Run(t.Context()); err != nil || len(d.lake) != c.rows || d.pauses != c.pauses {
			t.Errorf("%s: %v; %d rows after %d pauses", c.name, err, len(d.lake), d.pauses)
		}
	}
}

// TestSmokeFails, and says which part is at fault.
func TestSmokeFails(t *testing.T) {
	down := errors.New("made for a test")
	answers := func(name, out string, err error) func(string) ([]byte, error) {
		return func(function string) ([]byte, error) {
			if !strings.HasPrefix(function, name) {
				return nil, nil
			}
			return []byte(out), err
		}
	}
	for _, c := range []struct {
		name   string
		change func(*trial, *onaws.Smoke)
		kind   fault.Kind
		says   []string
	}{
		{"nothing to try", func(_ *trial, s *onaws.Smoke) { s.Ingest, s.Process = "", "" }, fault.Permanent, []string{"UPSHOT_SMOKE_INGEST", "UPSHOT_SMOKE_PROCESS"}},
		{"no random ids", func(_ *trial, s *onaws.Smoke) { s.Random = strings.NewReader("short") }, fault.Retry, []string{io.ErrUnexpectedEOF.Error()}},
		{"another secret", func(d *trial, _ *onaws.Smoke) {
			d.secrets[record.SmokeSource] = []string{"whsec_YW5vdGhlciBvbmUsIHdoaWNoIGlzIG9mIGdvb2QgbGVuZ3Ro"}
		}, fault.Permanent, []string{"new version of ingest", "answered 401"}},
		{"no secret at ingest", func(d *trial, _ *onaws.Smoke) { d.secrets = memenv.Secrets{} }, fault.Permanent, []string{"new version of ingest", "answered 401"}},
		{"no secret at all", func(_ *trial, s *onaws.Smoke) {
			s.Secret = func(context.Context) (string, error) { return "", fault.Permanentf("no right to read it") }
		}, fault.Permanent, []string{"new version of ingest", "no right to read it"}},
		{"ingest answers an error", func(d *trial, _ *onaws.Smoke) { d.invoke = answers("ingest", `{"statusCode":503,"body":"later"}`, nil) }, fault.Permanent, []string{"503", "later", "want 202"}},
		{"ingest answers nonsense", func(d *trial, _ *onaws.Smoke) { d.invoke = answers("ingest", "[]", nil) }, fault.Permanent, []string{"new version of ingest"}},
		{"ingest cannot be invoked", func(d *trial, _ *onaws.Smoke) { d.invoke = answers("ingest", "", down) }, fault.Retry, []string{"new version of ingest", down.Error()}},
		{"process fails on it", func(d *trial, _ *onaws.Smoke) {
			d.invoke = answers("process", `{"batchItemFailures":[{"itemIdentifier":"x"}]}`, nil)
		}, fault.Permanent, []string{"new version of process", "not processed", "itemIdentifier"}},
		{"process answers nonsense", func(d *trial, _ *onaws.Smoke) { d.invoke = answers("process", "{}", nil) }, fault.Permanent, []string{"new version of process"}},
		{"process cannot be invoked", func(d *trial, _ *onaws.Smoke) { d.invoke = answers("process", "", down) }, fault.Retry, []string{"new version of process", down.Error()}},
		{"the lake cannot be asked", func(d *trial, _ *onaws.Smoke) { d.query = down }, fault.Retry, []string{"look into the lake", down.Error()}},
		{"the queue is not processed in time", func(d *trial, _ *onaws.Smoke) { d.stop = 1 }, fault.Permanent, []string{"1 of 2 deliveries", "not in the lake", context.DeadlineExceeded.Error()}},
	} {
		d := newTrial(t)
		s := d.smoke()
		c.change(d, &s)
		err := s.Run(t.Context())
		if err == nil || fault.KindOf(err) != c.kind {
			t.Errorf("%s: %v, kind %v, want %v", c.name, err, fault.KindOf(err), c.kind)
			continue
		}
		for _, says := range c.says {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v, want %q in it", c.name, err, says)
			}
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error tells the secret", c.name)
		}
	}
}

// TestSmokeSecret: one is made where there is none; of two that make one at the
// same time, both have the same.
func TestSmokeSecret(t *testing.T) {
	cfg := standin.Config(t, standin.Moto(t).Endpoint)
	location := fmt.Sprintf("ssm:/upshot/smoke%d", time.Now().UnixNano())
	hold := func() *onaws.Base {
		b, clock, _, _ := base(t, conf)
		b.Cloud, b.Place.Secrets = cfg, location
		s, err := awsenv.NewSecrets(cfg, awsenv.SecretsOptions{Location: location, Clock: clock})
		if err != nil {
			t.Fatal(err)
		}
		b.Hold(s)
		return b
	}
	first, second := hold(), hold()
	// Both have looked, and remember that there was none.
	for _, b := range []*onaws.Base{first, second} {
		if list, err := b.Secrets().Secrets(t.Context(), record.SmokeSource); err != nil || len(list) != 0 {
			t.Fatalf("%q, %v", list, err)
		}
	}
	made, err := first.SmokeSecret(strings.NewReader(strings.Repeat("a", 32)))(t.Context())
	if err != nil || len(made) < 32 {
		t.Fatalf("%d bytes, %v", len(made), err)
	}
	for name, b := range map[string]*onaws.Base{"who was second": second, "who comes later": hold()} {
		if got, err := b.SmokeSecret(strings.NewReader(strings.Repeat("b", 32)))(t.Context()); err != nil || got != made {
			t.Errorf("%s: has %d bytes, %v", name, len(got), err)
		}
	}
	if _, err := hold().SmokeSecret(strings.NewReader(""))(t.Context()); err != nil {
		t.Errorf("randomness is not needed where there is one: %v", err)
	}
}
