package process

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"upshot.dev/upshot/pipeline/env"
)

// mixed are deliveries of every kind, with repetitions: the same delivery
// again under another id and later, the same event in other deliveries, and
// what cannot be understood.
func mixed(t testing.TB) []env.Message {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	track := func(id, user, day string) string {
		return fmt.Sprintf(`{"messageId":%q,"type":"track","event":"Opened","userId":%q,"timestamp":"2026-%sT10:00:00Z","context":{"traits":{"email":"%s@example.org"}}}`, id, user, day, user)
	}
	batch := `{"batch":[` + track("e1", "u1", "10-30") + `,` + track("e2", "u2", "10-31") + `,` + track("e3", "u1", "11-01") + `,{"type":"track"}]}`
	ticket := func(id, change, text string) string {
		return fmt.Sprintf(`{"table":"tickets","event_id":%q,"ticket_id":"7","change":%q,"email":"Anna@Example.org","occurred_at":"2026-11-01T08:00:00Z","subject":"Export","text":%q}`, id, change, text)
	}
	return []env.Message{
		delivery(t, "d01", "segment", at(0), "/v1/batch", batch),
		delivery(t, "d02", "segment", at(1), "/v1/batch", batch),
		delivery(t, "d03", "segment", at(2), "/v1/track", track("e2", "u9", "10-31")),
		delivery(t, "d04", "segment", at(3), "/v1/identify", `{"userId":"u1","anonymousId":"a1","traits":{"email":"u1@own.example","name":"Anna"}}`),
		delivery(t, "d05", "segment", at(4), "/v1/identify", `{"userId":"u1","anonymousId":"a1","traits":{"email":"u1@own.example","name":"Anna"}}`),
		delivery(t, "d06", "api", at(5), "/v1/records", "["+ticket("t1", "created", "The export is broken, call +49 151 23456789.")+","+ticket("t1", "commented", "again")+"]"),
		delivery(t, "d07", "api", at(6), "/v1/records", ticket("t1", "created", "other words")),
		delivery(t, "d08", "api", at(7), "/v1/records", `{"table":"surveys","response_id":"r","kind":"nps","score":11}`),
		delivery(t, "d09", "api", at(8), "/v1/records", `{"table":"surveys","response_id":"r","kind":"nps","score":9,"text":"Great."}`),
		delivery(t, "d10", "github", at(9), "/hooks/github", `{"action":"published","release":{"id":5,"tag_name":"v1.2","published_at":"2026-11-01T09:00:00Z"},"repository":{"full_name":"o/r"}}`),
		delivery(t, "d11", "zendesk", at(10), "/hooks/zendesk", `{"broken`),
		delivery(t, "d12", "segment", at(11), "/v1/batch", `{"batch":[]}`),
		delivery(t, "d13", "gone", at(12), "/hooks/gone", `{}`),
		delivery(t, "d14", "panics", at(13), "/hooks/panics", `{}`),
		{ID: "d15", Body: []byte("not an envelope")},
	}
}

// undisturbed is what one batch of everything gives.
func undisturbed(t testing.TB, msgs []env.Message) sight {
	t.Helper()
	b := newBench(t)
	b.send(t, msgs...)
	if _, err := b.work.Drain(context.Background()); err != nil {
		t.Fatal(err)
	}
	return look(t, b.store)
}

// finish lets a mended system work until nothing waits.
func (b *bench) finish(t testing.TB) {
	t.Helper()
	b.store.faults, b.store.always = nil, nil
	for range 50 {
		if _, err := b.work.Drain(context.Background()); err != nil {
			t.Fatal(err)
		}
		if d := b.depth(t); d.Queued+d.InFlight == 0 {
			return
		}
		b.clock.Advance(maxDelay)
	}
	t.Fatalf("still waiting: %+v", b.depth(t))
}

// TestEveryCallMayFail lets each single call of the store fail or be the
// process's last, before and after it took effect, and lets the deliveries
// come again one by one and in pairs.
func TestEveryCallMayFail(t *testing.T) {
	msgs := mixed(t)
	want := undisturbed(t, msgs)
	calls := func() int {
		b := newBench(t)
		b.send(t, msgs...)
		_, _ = b.work.Drain(t.Context())
		return b.store.calls
	}()
	if calls < 12 {
		t.Fatalf("only %d calls of the store", calls)
	}
	for call := range calls {
		for kind := range faultKinds {
			b := newBench(t)
			b.send(t, msgs...)
			b.store.faults = map[int]int{call: kind}
			lived := outlive(func() { _, _ = b.work.Drain(context.Background()) })
			if lived == (kind >= dieBefore) {
				t.Fatalf("call %d, fault %d: lived is %v", call, kind, lived)
			}
			b.clock.Advance(2 * time.Minute)
			b.work.Batch = 1 + call%2
			b.finish(t)
			if diff := cmp.Diff(want, look(t, b.store)); diff != "" {
				t.Fatalf("call %d, fault %d (-want +got):\n%s", call, kind, diff)
			}
			if d := b.depth(t); d.Dead != 1 {
				t.Fatalf("call %d, fault %d: %d dead letters, want the one that is no envelope", call, kind, d.Dead)
			}
		}
	}
}

// TestAnyHistory draws histories: order, batch sizes, faults, repetitions of
// whole deliveries, leases that run out while a batch is worked on.
func TestAnyHistory(t *testing.T) {
	msgs := mixed(t)
	want := undisturbed(t, msgs)
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		order := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "order"), 1)).Perm(len(msgs))
		deaths := 0
		for len(order) > 0 {
			n := rapid.IntRange(1, len(order)).Draw(rt, "sent")
			for _, i := range order[:n] {
				b.send(t, msgs[i])
			}
			order = order[n:]
			for range rapid.IntRange(0, 3).Draw(rt, "steps") {
				b.work.Batch = rapid.IntRange(1, len(msgs)).Draw(rt, "batch")
				b.store.calls, b.store.faults = 0, map[int]int{}
				if rapid.Bool().Draw(rt, "faulty") {
					kind := rapid.IntRange(0, faultKinds-1).Draw(rt, "kind")
					if kind >= dieBefore {
						deaths++
					}
					if deaths <= deadly {
						b.store.faults[rapid.IntRange(0, 15).Draw(rt, "call")] = kind
					}
				}
				outlive(func() { _, _ = b.work.Step(context.Background()) })
				b.clock.Advance(time.Duration(rapid.IntRange(0, 120).Draw(rt, "pause")) * time.Second)
			}
			// A sender's retry after an answer that got lost.
			b.send(t, msgs[rapid.IntRange(0, len(msgs)-1).Draw(rt, "again")])
		}
		b.send(t, msgs...)
		b.clock.Advance(2 * time.Minute)
		b.finish(t)
		if diff := cmp.Diff(want, look(t, b.store)); diff != "" {
			rt.Fatalf("(-want +got):\n%s", diff)
		}
	})
}
