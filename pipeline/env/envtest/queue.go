package envtest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/env"
)

// FullQueue is everything that a queue is to all its users together.
type FullQueue interface {
	env.Sender
	env.Receiver
	env.DeadLetters
	env.Gauge
}

// Queue runs the suite of the queue's interfaces. open returns an empty queue
// that tells time by clock.
func Queue(t *testing.T, open func(t *testing.T, clock env.Clock) FullQueue) {
	for _, c := range []struct {
		name string
		run  func(*queueCase)
	}{
		{"order and content", queueOrder},
		{"leases end", queueLease},
		{"release", queueRelease},
		{"delete", queueDelete},
		{"repeated ids", queueRepeated},
		{"set aside and redrive", queueDead},
		{"depth", queueDepth},
		{"many at once", queueMany},
		{"contexts", queueContext},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := &clock{now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
			c.run(&queueCase{t, open(t, clock), clock})
		})
	}
}

type queueCase struct {
	*testing.T
	q     FullQueue
	clock *clock
}

// clock stands still until a case moves it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// queueOrder: oldest first, with the body, the time and no attempts.
func queueOrder(c *queueCase) {
	bodies := []string{"first", "", "nul\x00\xff", `{"v":1}`}
	for i, b := range bodies {
		c.must(c.q.Send(c.Context(), env.Message{ID: fmt.Sprint("m", i), Body: []byte(b)}))
		c.clock.Advance(time.Second)
	}
	got := c.receive(3, time.Minute)
	for i, m := range got {
		want := time.Date(2026, 11, 1, 12, 0, i, 0, time.UTC)
		if m.ID != fmt.Sprint("m", i) || string(m.Body) != bodies[i] || m.Attempts != 0 || !m.SentAt.Equal(want) {
			c.Errorf("message %d is %+v", i, m)
		}
	}
	c.want(3, "m3") // the first three are leased
	c.want(3)
	if len(got) != 3 {
		c.Errorf("asked for 3 of 4, got %d", len(got))
	}
}

// queueLease: a message comes back when its lease has ended, not before, and its
// attempts are counted.
func queueLease(c *queueCase) {
	c.send("a", "b")
	c.wantLease(1, time.Minute, "a")
	c.clock.Advance(time.Minute - time.Millisecond)
	c.wantLease(9, 2*time.Minute, "b")
	c.clock.Advance(time.Millisecond)
	again := c.receive(9, time.Minute)
	if len(again) != 1 || again[0].ID != "a" || again[0].Attempts != 1 {
		c.Errorf("after its lease: %+v, want a with 1 attempt", again)
	}
	c.clock.Advance(2 * time.Minute)
	c.send("c")
	last := c.receive(9, time.Minute)
	var seen []string
	for _, m := range last {
		seen = append(seen, fmt.Sprint(m.ID, m.Attempts))
	}
	if diff := cmp.Diff([]string{"a2", "b1", "c0"}, seen); diff != "" {
		c.Errorf("all again, oldest first, with attempts (-want +got):\n%s", diff)
	}
}

// queueRelease: what is given back is visible after its delay, measured to the
// millisecond.
func queueRelease(c *queueCase) {
	c.send("a", "b", "c")
	c.want(9, "a", "b", "c")
	c.must(c.q.Release(c.Context(), 0, "b"))
	c.must(c.q.Release(c.Context(), 10*time.Second, "a", "unknown"))
	c.want(9, "b")
	c.clock.Advance(10*time.Second - time.Millisecond)
	c.want(9)
	c.clock.Advance(time.Millisecond)
	c.want(9, "a")
	c.must(c.q.Release(c.Context(), 0))
	c.want(9)
}

// queueDelete: deleting is for good, unknown and repeated ids are no error, and a queue
// that ran empty goes on.
func queueDelete(c *queueCase) {
	c.send("a", "b", "c", "d", "e")
	c.want(4, "a", "b", "c", "d")
	c.must(c.q.Delete(c.Context(), "a", "c", "unknown", "a"))
	c.must(c.q.Delete(c.Context(), "a"))
	c.must(c.q.Delete(c.Context()))
	c.clock.Advance(time.Hour)
	c.want(9, "b", "d", "e")
	c.must(c.q.Delete(c.Context(), "b", "d", "e"))
	c.clock.Advance(time.Hour)
	c.want(9)
	// A queue that ran empty takes and gives again.
	c.send("f")
	c.want(9, "f")
	c.must(c.q.Delete(c.Context(), "f"))
	c.depth(env.Depth{})
}

// queueRepeated: an id that is queued, in flight or set aside is not queued again.
func queueRepeated(c *queueCase) {
	c.send("a", "b", "a")
	c.want(9, "a", "b")
	c.send("a") // in flight
	c.must(c.q.SetAside(c.Context(), "test", "a"))
	c.send("a") // set aside
	c.want(9)
	c.depth(env.Depth{InFlight: 1, Dead: 1})
}

// queueDead: what is set aside comes back by redrive only, in its old place.
func queueDead(c *queueCase) {
	c.send("a", "b", "c")
	c.want(9, "a", "b", "c")
	c.must(c.q.SetAside(c.Context(), "cannot be read", "b", "unknown"))
	c.clock.Advance(time.Hour)
	c.want(9, "a", "c")
	c.must(c.q.Delete(c.Context(), "c"))
	c.send("d")
	c.depth(env.Depth{Queued: 1, InFlight: 1, Dead: 1, Oldest: time.Hour})
	n, err := c.q.Redrive(c.Context())
	if c.must(err); n != 1 {
		c.Errorf("redrive moved %d, want 1", n)
	}
	got := c.receive(9, time.Minute)
	if len(got) != 2 || got[0].ID != "b" || got[0].Attempts != 0 || string(got[0].Body) != "b" || got[1].ID != "d" {
		c.Errorf("after redrive: %+v, want b in its old place without attempts, then d", got)
	}
	if n, err := c.q.Redrive(c.Context()); n != 0 || err != nil {
		c.Errorf("second redrive: %d, %v", n, err)
	}
}

// queueDepth: visible, in flight and dead are told apart, and the oldest one alive is
// the age.
func queueDepth(c *queueCase) {
	c.depth(env.Depth{})
	c.send("a")
	c.clock.Advance(5 * time.Second)
	c.send("b")
	c.depth(env.Depth{Queued: 2, Oldest: 5 * time.Second})
	c.want(1, "a")
	c.depth(env.Depth{Queued: 1, InFlight: 1, Oldest: 5 * time.Second})
	c.must(c.q.Release(c.Context(), time.Second, "a"))
	c.depth(env.Depth{Queued: 1, InFlight: 1, Oldest: 5 * time.Second})
	c.clock.Advance(time.Second)
	c.depth(env.Depth{Queued: 2, Oldest: 6 * time.Second})
	c.must(c.q.Delete(c.Context(), "a"))
	c.depth(env.Depth{Queued: 1, Oldest: time.Second})
	c.want(1, "b")
	c.must(c.q.SetAside(c.Context(), "test", "b"))
	c.depth(env.Depth{Dead: 1})
}

// queueMany has many senders and receivers at work at once: every message is
// seen, none by two receivers within its lease.
func queueMany(c *queueCase) {
	const senders, each, receivers = 8, 50, 3
	var mu sync.Mutex
	seen := map[string]int{}
	var senderGroup, all sync.WaitGroup
	done := make(chan struct{})
	for s := range senders {
		senderGroup.Go(func() {
			for i := range each {
				c.must(c.q.Send(c.Context(), env.Message{ID: fmt.Sprintf("%d-%03d", s, i), Body: []byte("x")}))
			}
		})
	}
	all.Go(func() { senderGroup.Wait(); close(done) })
	for range receivers {
		all.Go(func() {
			for last := false; ; {
				msgs, err := c.q.Receive(c.Context(), 7, time.Hour)
				if err != nil {
					c.Errorf("receive: %v", err)
					return
				}
				for _, m := range msgs {
					mu.Lock()
					seen[m.ID]++
					mu.Unlock()
					c.must(c.q.Delete(c.Context(), m.ID))
				}
				if len(msgs) > 0 {
					continue
				}
				if last {
					return
				}
				select {
				case <-done:
					last = true // one more look after the last sender
				default:
				}
			}
		})
	}
	all.Wait()
	for id, n := range seen {
		if n != 1 {
			c.Errorf("%s was received %d times within one lease", id, n)
		}
	}
	if len(seen) != senders*each {
		c.Errorf("received %d of %d", len(seen), senders*each)
	}
	c.depth(env.Depth{})
}

// queueContext: nothing is begun for a caller who has left.
func queueContext(c *queueCase) {
	ctx, cancel := context.WithCancel(c.Context())
	cancel()
	if err := c.q.Send(ctx, env.Message{ID: "a"}); err == nil {
		c.Error("send with an ended context succeeds")
	}
	if _, err := c.q.Receive(ctx, 1, time.Minute); err == nil {
		c.Error("receive with an ended context succeeds")
	}
}

func (c *queueCase) must(err error) {
	c.Helper()
	if err != nil {
		c.Error(err)
	}
}

func (c *queueCase) send(ids ...string) {
	c.Helper()
	for _, id := range ids {
		c.must(c.q.Send(c.Context(), env.Message{ID: id, Body: []byte(id)}))
	}
}

func (c *queueCase) receive(limit int, lease time.Duration) []env.Message {
	c.Helper()
	msgs, err := c.q.Receive(c.Context(), limit, lease)
	c.must(err)
	return msgs
}

func (c *queueCase) want(limit int, ids ...string) {
	c.Helper()
	c.wantLease(limit, time.Minute, ids...)
}

func (c *queueCase) wantLease(limit int, lease time.Duration, ids ...string) {
	c.Helper()
	var got []string
	for _, m := range c.receive(limit, lease) {
		got = append(got, m.ID)
	}
	if diff := cmp.Diff(ids, got); diff != "" {
		c.Errorf("received (-want +got):\n%s", diff)
	}
}

func (c *queueCase) depth(want env.Depth) {
	c.Helper()
	got, err := c.q.Depth(c.Context())
	c.must(err)
	if diff := cmp.Diff(want, got); diff != "" {
		c.Errorf("depth (-want +got):\n%s", diff)
	}
}
