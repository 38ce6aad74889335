package envtest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/env"
)

// QueueService runs what holds for every queue, also for one that runs by its
// own clock, keeps the order only about, takes an id twice, and does not tell
// the age of its messages: a service. Queue is stricter. open returns an empty
// queue.
func QueueService(t *testing.T, open func(t *testing.T) FullQueue) {
	for _, c := range []struct {
		name string
		run  func(*serviceCase)
	}{
		{"content", serviceContent},
		{"limits", serviceLimits},
		{"leases", serviceLeases},
		{"delete", serviceDelete},
		{"set aside and redrive", serviceDead},
		{"many at once", serviceMany},
		{"contexts", serviceContexts},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(&serviceCase{t, open(t)}) })
	}
}

type serviceCase struct {
	*testing.T
	q FullQueue
}

// serviceContent: every byte comes back, with the time and no attempts.
func serviceContent(c *serviceCase) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	bodies := map[string][]byte{
		"empty": {}, "text": []byte(`{"v":1}`), "bytes": all, "nul": {0}, "space": []byte(" \r\n\t "), "wide": []byte("ä€😀"),
		"noncharacters": []byte("\uFFFE\uFFFF\uFFFD"), "surrogate": []byte("\xed\xa0\x80"), "cut": []byte("\xe2\x82"), "markup": []byte("<a>&amp;]]>"),
		"base64": []byte("YWJj"), "large": bytes.Repeat([]byte("x"), 300<<10), "larger": bytes.Repeat(all, 8<<10),
	}
	for id, b := range bodies {
		c.send(env.Message{ID: id, Body: b})
	}
	got := c.all(100, time.Hour)
	for _, m := range got {
		if age := time.Since(m.SentAt); !bytes.Equal(m.Body, bodies[m.ID]) || m.Attempts != 0 || age < -time.Minute || age > 5*time.Minute {
			c.Errorf("%s: %d bytes of %d, attempts %d, %v ago", m.ID, len(m.Body), len(bodies[m.ID]), m.Attempts, age)
		}
	}
	if len(got) != len(bodies) {
		c.Errorf("%d of %d came back", len(got), len(bodies))
	}
}

// serviceLimits: never more than asked for, however many there are.
func serviceLimits(c *serviceCase) {
	var want []string
	for i := range 25 {
		want = append(want, fmt.Sprintf("m%02d", i))
		c.send(env.Message{ID: want[i], Body: []byte("x")})
	}
	first, err := c.q.Receive(c.Context(), 12, time.Hour)
	if c.must(err); len(first) == 0 || len(first) > 12 {
		c.Errorf("asked for 12 of 25, got %d", len(first))
	}
	none, err := c.q.Receive(c.Context(), 0, time.Hour)
	if c.must(err); len(none) != 0 {
		c.Errorf("asked for none, got %d", len(none))
	}
	c.wantIDs(slices.Concat(first, c.all(7, time.Hour)), want...)
}

// serviceLeases: what is leased is hidden, and comes back when the lease ends
// or it is released, with its attempts counted.
func serviceLeases(c *serviceCase) {
	c.send(env.Message{ID: "a", Body: []byte("a")})
	c.send(env.Message{ID: "b", Body: []byte("b")})
	c.wantIDs(c.all(9, time.Hour), "a", "b")
	c.wantIDs(c.all(9, time.Hour))
	c.must(c.q.Release(c.Context(), time.Hour, "a"))
	c.wantIDs(c.all(9, time.Hour))
	c.must(c.q.Release(c.Context(), 0, "b", "unknown"))
	c.must(c.q.Release(c.Context(), 0))
	got := c.all(9, time.Second)
	if c.wantIDs(got, "b"); len(got) == 1 && got[0].Attempts < 1 {
		c.Errorf("after its release: %+v", got)
	}
	ctx, cancel := context.WithTimeout(c.Context(), 20*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if got, err := c.q.Receive(ctx, 9, time.Hour); err != nil || len(got) > 0 {
			c.must(err)
			if c.wantIDs(got, "b"); len(got) == 1 && got[0].Attempts < 2 {
				c.Errorf("after its lease: %+v", got)
			}
			return
		}
	}
	c.Error("a message whose lease ended does not come back")
}

// serviceDelete: deleting is for good, unknown and repeated ids are no error.
func serviceDelete(c *serviceCase) {
	var ids []string
	for i := range 23 {
		ids = append(ids, fmt.Sprintf("m%02d", i))
		c.send(env.Message{ID: ids[i], Body: []byte("x")})
	}
	c.wantIDs(c.all(100, time.Hour), ids...)
	c.must(c.q.Delete(c.Context(), append(ids[1:], "unknown", ids[1], ids[1])...))
	c.must(c.q.Delete(c.Context(), ids[1]))
	c.must(c.q.Delete(c.Context()))
	c.must(c.q.Release(c.Context(), 0, ids...))
	c.wantIDs(c.all(100, time.Hour), ids[0])
	c.must(c.q.Delete(c.Context(), ids[0]))
	c.empty()
}

// serviceDead: what is set aside comes back by redrive only, as if new.
func serviceDead(c *serviceCase) {
	body := []byte("nul\x00\xff")
	var ids []string
	for i := range 13 {
		ids = append(ids, fmt.Sprintf("m%02d", i))
		c.send(env.Message{ID: ids[i], Body: body})
	}
	c.send(env.Message{ID: "good", Body: body})
	c.wantIDs(c.all(100, time.Hour), append([]string{"good"}, ids...)...)
	c.must(c.q.SetAside(c.Context(), "cannot be read: \x00\xff ä 😀", append(ids, "unknown")...))
	c.must(c.q.SetAside(c.Context(), "", "unknown"))
	c.must(c.q.Delete(c.Context(), "good"))
	d, err := c.q.Depth(c.Context())
	if c.must(err); d.Dead != len(ids) || d.InFlight != 0 {
		c.Errorf("depth %+v, want %d dead and nothing else", d, len(ids))
	}
	c.wantIDs(c.all(100, time.Hour))
	n, err := c.q.Redrive(c.Context())
	if c.must(err); n != len(ids) {
		c.Errorf("redrive moved %d, want %d", n, len(ids))
	}
	got := c.all(100, time.Hour)
	c.wantIDs(got, ids...)
	for _, m := range got {
		if m.Attempts != 0 || !bytes.Equal(m.Body, body) {
			c.Errorf("after redrive: %+v", m)
		}
	}
	if n, err := c.q.Redrive(c.Context()); n != 0 || err != nil {
		c.Errorf("second redrive: %d, %v", n, err)
	}
	c.must(c.q.Delete(c.Context(), ids...))
	c.empty()
}

// serviceMany: with many senders and receivers at once, every message is seen;
// a service may give one to two receivers now and then.
func serviceMany(c *serviceCase) {
	const senders, each, receivers = 8, 25, 3
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				c.send(env.Message{ID: fmt.Sprintf("%d-%02d", s, i), Body: []byte("x")})
			}
		})
	}
	wg.Wait()
	var mu sync.Mutex
	var seen []string
	for range receivers {
		wg.Go(func() {
			for {
				msgs, err := c.q.Receive(c.Context(), 17, time.Hour)
				if c.must(err); len(msgs) == 0 {
					return
				}
				for _, m := range msgs {
					mu.Lock()
					seen = append(seen, m.ID)
					mu.Unlock()
					c.must(c.q.Delete(c.Context(), m.ID))
				}
			}
		})
	}
	wg.Wait()
	slices.Sort(seen)
	if once := slices.Compact(slices.Clone(seen)); len(once) != senders*each || len(seen) > len(once)+len(once)/20 {
		c.Errorf("%d messages of %d were received, %d times", len(once), senders*each, len(seen))
	}
	// Of one that went to two at once a copy may be left, hidden until its lease
	// ends; then it would be processed once more, which is harmless.
	d, err := c.q.Depth(c.Context())
	if c.must(err); d.Queued != 0 || d.InFlight > senders*each/20 {
		c.Errorf("depth %+v, want next to nothing in flight", d)
	}
}

// serviceContexts: nothing is begun for a caller who has left.
func serviceContexts(c *serviceCase) {
	ctx, cancel := context.WithCancel(c.Context())
	cancel()
	if err := c.q.Send(ctx, env.Message{ID: "a", Body: []byte("x")}); err == nil {
		c.Error("send with an ended context succeeds")
	}
	if _, err := c.q.Receive(ctx, 1, time.Minute); err == nil {
		c.Error("receive with an ended context succeeds")
	}
	c.empty()
}

func (c *serviceCase) must(err error) {
	c.Helper()
	if err != nil {
		c.Error(err)
	}
}

func (c *serviceCase) send(m env.Message) {
	c.Helper()
	c.must(c.q.Send(c.Context(), m))
}

// all receives until nothing more comes.
func (c *serviceCase) all(limit int, lease time.Duration) (out []env.Message) {
	c.Helper()
	for {
		msgs, err := c.q.Receive(c.Context(), limit, lease)
		if c.must(err); len(msgs) > limit {
			c.Errorf("asked for %d, got %d", limit, len(msgs))
		}
		if len(msgs) == 0 {
			return out
		}
		out = append(out, msgs...)
	}
}

// wantIDs compares in any order.
func (c *serviceCase) wantIDs(msgs []env.Message, ids ...string) {
	c.Helper()
	var got []string
	for _, m := range msgs {
		got = append(got, m.ID)
	}
	slices.Sort(got)
	ids = slices.Sorted(slices.Values(ids))
	if diff := cmp.Diff(ids, got); diff != "" {
		c.Errorf("received (-want +got):\n%s", diff)
	}
}

func (c *serviceCase) empty() {
	c.Helper()
	d, err := c.q.Depth(c.Context())
	if c.must(err); d != (env.Depth{}) {
		c.Errorf("depth %+v, want nothing", d)
	}
}
