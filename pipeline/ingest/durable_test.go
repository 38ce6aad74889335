package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/ingest"
)

// No 2xx before the queue has said that the bytes are durable.
func TestAnswersWhenDurable(t *testing.T) {
	var durable atomic.Bool
	inside, release := make(chan struct{}), make(chan struct{})
	g := newRig(t, func(o *ingest.Options) {
		o.Queue = senderFunc(func(context.Context, env.Message) error {
			close(inside)
			<-release
			durable.Store(true)
			return nil
		})
	})
	type seen struct {
		status  int
		durable bool
	}
	got := make(chan seen, 1)
	go func() {
		r := g.do("POST", "/hooks/support", ticket, zendesk(t, "zendesk-new", ticket, noon)...)
		got <- seen{r.status, durable.Load()}
	}()
	<-inside
	select {
	case s := <-got:
		t.Fatalf("answered %+v while the queue was still writing", s)
	default:
	}
	close(release)
	if s := <-got; s.status != 202 || !s.durable {
		t.Errorf("got %+v", s)
	}
}

func TestQueueFailures(t *testing.T) {
	for name, failure := range map[string]error{
		"full":      fault.Retryf("the queue is full"),
		"permanent": fault.Permanentf("the file is damaged: secret path"),
		"unknown":   errors.New("secret path"),
	} {
		for path, header := range map[string][]string{
			"/hooks/support": zendesk(t, "zendesk-new", "{}", noon),
			"/v1/batch":      {basic("wk_app:")},
			"/v1/records":    {"Authorization: Bearer api-secret"},
		} {
			g := newRig(t, func(o *ingest.Options) {
				o.Queue = senderFunc(func(context.Context, env.Message) error { return failure })
			})
			body := "{}"
			if path == "/v1/records" {
				body = answerRecord
			}
			got := g.do("POST", path, body, header...)
			if got.status != 503 || got.header.Get("Retry-After") == "" || strings.Contains(got.body, "secret path") {
				t.Errorf("%s, %s: %+v", name, path, got)
			}
			if !strings.Contains(g.log.String(), failure.Error()) {
				t.Errorf("%s, %s: the log does not say why", name, path)
			}
		}
	}
}

type brokenSecrets struct{}

func (brokenSecrets) Secrets(context.Context, string) ([]string, error) {
	return nil, errors.New("the parameter store does not answer")
}

// Without its secrets or its randomness the handler can promise nothing.
func TestOtherFailures(t *testing.T) {
	for name, spoil := range map[string]func(*ingest.Options){
		"secrets":    func(o *ingest.Options) { o.Secrets = brokenSecrets{} },
		"randomness": func(o *ingest.Options) { o.Random = iotest.ErrReader(errors.New("no entropy")) },
	} {
		g := newRig(t, spoil)
		got := g.do("POST", "/hooks/support", ticket, zendesk(t, "zendesk-new", ticket, noon)...)
		if got.status != 503 || got.header.Get("Retry-After") == "" || len(g.envelopes()) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestRepeatedDeliveriesGetTheSameAnswer(t *testing.T) {
	g := newRig(t, nil)
	first := g.do("POST", "/hooks/support", ticket, zendesk(t, "zendesk-new", ticket, noon)...)
	for range 5 {
		again := g.do("POST", "/hooks/support", ticket, zendesk(t, "zendesk-new", ticket, noon)...)
		if again.status != first.status || again.body != first.body {
			t.Errorf("first %+v, again %+v", first, again)
		}
	}
	if n := len(g.envelopes()); n != 6 {
		t.Errorf("%d of 6 stored: telling them apart is for processing", n)
	}
}

// Many clients at once, good and bad: every good delivery is stored once, no
// bad one is, and all places and bytes are given back.
func TestManyAtOnce(t *testing.T) {
	g := newRig(t, nil)
	const clients, each = 16, 30
	var wg sync.WaitGroup
	var accepted atomic.Int64
	for c := range clients {
		wg.Go(func() {
			for i := range each {
				body := fmt.Sprintf(`{"id":"%d-%d"}`, c, i)
				want := 202
				header := zendesk(t, "zendesk-new", body, noon)
				switch i % 5 {
				case 3:
					body, want = body+" ", 401
				case 4:
					body = gzipped(t, []byte(body))
					header = zendesk(t, "zendesk-new", body, noon)
				}
				if got := g.do("POST", "/hooks/support", body, header...); got.status != want {
					t.Errorf("got %d, want %d", got.status, want)
				} else if want == 202 {
					accepted.Add(1)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	ids := map[string]bool{}
	for _, e := range g.envelopes() {
		seen[string(e.Body)] = true
		ids[e.ID] = true
	}
	if int64(len(seen)) != accepted.Load() || len(ids) != len(seen) {
		t.Errorf("%d accepted, %d different bodies and %d ids stored", accepted.Load(), len(seen), len(ids))
	}
	if flight, memory := g.handler.Load(); flight != 0 || memory != 0 {
		t.Errorf("%d places and %d bytes were not given back", flight, memory)
	}
}

// Ids are unique and sort by time, within a millisecond by order.
func TestIDs(t *testing.T) {
	next := ingest.NewIDs(rand.NewChaCha8([32]byte{2}))
	last := ""
	for ms := range 200 {
		for range 50 {
			id, err := next(noon.Add(time.Duration(ms) * time.Millisecond))
			if err != nil {
				t.Fatal(err)
			}
			if id <= last || len(id) != 26 || strings.ToLower(id) != id {
				t.Fatalf("%q after %q", id, last)
			}
			last = id
		}
	}
	// A clock that steps back makes other ids, not the same.
	if id, err := next(noon); err != nil || id >= last {
		t.Errorf("%q, %v", id, err)
	}
	// Two processes at the same time differ.
	a, _ := ingest.NewIDs(rand.NewChaCha8([32]byte{3}))(noon)
	b, _ := ingest.NewIDs(rand.NewChaCha8([32]byte{4}))(noon)
	if a[:9] != b[:9] || a == b {
		t.Errorf("%q and %q", a, b)
	}
}
