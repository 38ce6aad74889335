package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
)

// panicky is a store in whose stead the encoder panics over a certain day.
type panicky struct {
	env.Store
	day string
}

const panicText = "the encoder panics"

func (p *panicky) Put(ctx context.Context, key string, body io.Reader) error {
	if strings.HasPrefix(key, "events/") && strings.Contains(key, p.day) {
		panic(panicText)
	}
	return p.Store.Put(ctx, key, body)
}

// event is a delivery of one event, on its own day.
func event(t testing.TB, id, dt string) env.Message {
	t.Helper()
	return api(t, id, fmt.Sprintf(`{"table":"events","kind":"track","name":"N","event_id":%q,"occurred_at":"%sT00:00:00Z"}`, id, dt))
}

func events(t testing.TB, s env.Blobs) (ids []string) {
	t.Helper()
	for _, l := range table(t, s, string(record.Events)) {
		ids = append(ids, l["event_id"])
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// breaking makes the processor fail on one delivery as if its rows could not
// be written.
func breaking(b *bench, dt string) {
	b.work.Processor.o.Store = &panicky{b.store, "dt=" + dt}
}

// TestPoisonRows: a delivery whose rows cannot be written is found by halving,
// and set aside at once; all others are in the lake after the same step.
func TestPoisonRows(t *testing.T) {
	for _, n := range []int{1, 2, 9} {
		b := newBench(t)
		var log bytes.Buffer
		b.work.Log = slog.New(slog.NewTextHandler(&log, nil))
		var want []string
		for i := range n {
			b.send(t, event(t, fmt.Sprint("e", i), "2026-10-01"))
			want = append(want, fmt.Sprint("e", i))
		}
		b.send(t, event(t, "bad", "2026-10-13"), event(t, "last", "2026-10-01"))
		want = append(want, "last")
		breaking(b, "2026-10-13")
		done, err := b.work.Step(t.Context())
		if err != nil || done != n+2 {
			t.Errorf("%d: finished %d, %v", n, done, err)
		}
		if diff := cmp.Diff(want, events(t, b.store)); diff != "" {
			t.Errorf("%d (-want +got):\n%s", n, diff)
		}
		if d := b.depth(t); d != (env.Depth{Dead: 1}) {
			t.Errorf("%d: %+v", n, d)
		}
		if !strings.Contains(log.String(), "id=bad") || strings.Contains(log.String(), panicText) {
			t.Errorf("log: %s", &log)
		}
		// Once it is mended, the delivery goes through.
		b.work.Processor.o.Store = b.store
		if n, err := b.queue.Redrive(t.Context()); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		b.finish(t)
		if got := events(t, b.store); !slices.Contains(got, "bad") {
			t.Errorf("after redrive: %v", got)
		}
	}
}

// TestFullDisk: however long the store fails, whatever kind its errors are,
// nothing is set aside or lost, the pauses grow to their bound, and afterwards
// everything goes through in batches, not one by one.
func TestFullDisk(t *testing.T) {
	for _, failure := range []error{fault.Retryf("the disk is full"), fault.Permanentf("the folder cannot be written"), errors.New("odd")} {
		b := newBench(t)
		var want []string
		for i := range 60 {
			id := fmt.Sprintf("e%02d", i)
			b.send(t, event(t, id, "2026-10-01"))
			want = append(want, id)
		}
		b.store.always = failure
		var pauses []time.Duration
		for range 14 {
			n, err := b.work.Drain(t.Context())
			if n != 0 || !errors.Is(err, failure) || !strings.Contains(err.Error(), "trying again in") {
				t.Fatalf("finished %d, %v", n, err)
			}
			var pause time.Duration
			for b.depth(t).Queued == 0 {
				pause += time.Second
				b.clock.Advance(time.Second)
			}
			pauses = append(pauses, pause/time.Second)
		}
		if !slices.IsSorted(pauses) || pauses[0] != 1 || pauses[1] != 2 || pauses[13] != 300 {
			t.Errorf("pauses of %v seconds", pauses)
		}
		b.store.always = nil
		if n, err := b.work.Drain(t.Context()); n != 60 || err != nil {
			t.Errorf("finished %d, %v", n, err)
		}
		if diff := cmp.Diff(want, events(t, b.store)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		files := 0
		for info := range b.store.List(t.Context(), "") {
			files++
			if strings.HasPrefix(info.Key, markers) {
				t.Errorf("%s is left", info.Key)
			}
		}
		if d := b.depth(t); d != (env.Depth{}) || files != 3 {
			t.Errorf("%+v, %d files", d, files)
		}
	}
}

// TestDeadlyDelivery: one that ends the process whenever it is worked on, with
// innocent ones around it, is set aside after a few deaths; the others are in
// the lake, and no marker is left.
func TestDeadlyDelivery(t *testing.T) {
	b := newBench(t)
	var want []string
	for i := range 6 {
		b.send(t, event(t, fmt.Sprint("e", i), "2026-10-01"))
		want = append(want, fmt.Sprint("e", i))
		if i == 2 {
			b.send(t, event(t, "killer", "2026-10-13"))
		}
	}
	killer := &killing{Store: b.store}
	b.work.Processor.o.Store = killer
	deaths := 0
	for range 40 {
		if !outlive(func() { _, _ = b.work.Drain(context.Background()) }) {
			deaths++
		}
		b.clock.Advance(2 * time.Minute)
	}
	if deaths < deadly || deaths > suspectAfter+deadly {
		t.Errorf("the process died %d times", deaths)
	}
	if diff := cmp.Diff(want, events(t, b.store)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if d := b.depth(t); d != (env.Depth{Dead: 1}) {
		t.Errorf("%+v", d)
	}
	for info := range b.store.List(t.Context(), markers) {
		t.Errorf("%s is left", info.Key)
	}
	// Mended and put back, it is not judged by its past.
	b.work.Processor.o.Store = b.store
	if n, err := b.queue.Redrive(t.Context()); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	b.finish(t)
	if got := events(t, b.store); !slices.Contains(got, "killer") {
		t.Errorf("after redrive: %v", got)
	}
}

// killing ends the process when a certain day's rows are written.
type killing struct{ env.Store }

func (k *killing) Put(ctx context.Context, key string, body io.Reader) error {
	f := faulty{Store: k.Store, faults: map[int]int{}}
	if strings.HasPrefix(key, "events/tier=hot/dt=2026-10-13/") {
		f.faults[0] = dieBefore
	}
	return f.Put(ctx, key, body)
}

// TestMarkersThatCannotBeRead: rubbish is no marker, and a store that cannot
// list or read blames nobody.
func TestMarkersThatCannotBeRead(t *testing.T) {
	b := newBench(t)
	for key, text := range map[string]string{"a": "rubbish\nold", "b": "", "c": "-1\nold", "d": "99999999999999999999\nold"} {
		if err := b.store.Put(t.Context(), markers+key, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	old := event(t, "old", "2026-10-01")
	old.Attempts = 7
	if n, err := b.work.suspects(t.Context(), []env.Message{old}); n != 1 || err != nil {
		t.Errorf("finished %d, %v", n, err)
	}
	if got := events(t, b.store); len(got) != 1 {
		t.Errorf("%v", got)
	}
	for _, broken := range []env.Store{unreadable{b.store, true}, unreadable{b.store, false}} {
		b.work.Store = broken
		if n, err := b.work.suspects(t.Context(), []env.Message{old}); n != 0 || !errors.Is(err, errStore) {
			t.Errorf("finished %d, %v", n, err)
		}
	}
}

type unreadable struct {
	env.Store
	list bool
}

func (u unreadable) List(ctx context.Context, prefix string) iter.Seq2[env.Info, error] {
	if !u.list {
		return u.Store.List(ctx, prefix)
	}
	return func(yield func(env.Info, error) bool) { yield(env.Info{}, errStore) }
}

func (u unreadable) Open(context.Context, string) (env.Object, error) { return nil, errStore }

// TestStopping: a worker that is told to stop in the middle of a batch gives it
// back, and the next one finishes it.
func TestStopping(t *testing.T) {
	b := newBench(t)
	b.send(t, mixed(t)...)
	ctx, cancel := context.WithCancel(t.Context())
	b.work.Processor.o.Store = &stopping{b.store, cancel}
	if n, err := b.work.Drain(ctx); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("finished %d, %v", n, err)
	}
	if n, err := b.work.Drain(ctx); n != 0 || err != nil {
		t.Errorf("stopped already, and yet finished %d, %v", n, err)
	}
	if _, err := b.work.Step(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.work.Processor.o.Store = b.store
	b.clock.Advance(time.Second)
	b.finish(t)
	if diff := cmp.Diff(undisturbed(t, mixed(t)), look(t, b.store)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// stopping is a store during whose first write of rows somebody says stop.
type stopping struct {
	env.Store
	stop func()
}

func (s *stopping) Put(ctx context.Context, key string, body io.Reader) error {
	if !strings.HasPrefix(key, "archive/") {
		s.stop()
	}
	return s.Store.Put(ctx, key, body)
}

// stuck is a queue one of whose methods fails.
type stuck struct {
	Queue
	release, delete, aside error
}

func (q stuck) Release(ctx context.Context, d time.Duration, ids ...string) error {
	if q.release != nil {
		return q.release
	}
	return q.Queue.Release(ctx, d, ids...)
}

func (q stuck) Delete(ctx context.Context, ids ...string) error {
	if q.delete != nil {
		return q.delete
	}
	return q.Queue.Delete(ctx, ids...)
}

func (q stuck) SetAside(ctx context.Context, reason string, ids ...string) error {
	if q.aside != nil {
		return q.aside
	}
	return q.Queue.SetAside(ctx, reason, ids...)
}

// TestQueueFailures: when the queue does not take an answer, the deliveries
// come again when their lease ends, and nothing is counted twice.
func TestQueueFailures(t *testing.T) {
	errQueue := errors.New("the queue fails")
	for name, q := range map[string]stuck{
		"release": {release: errQueue}, "delete": {delete: errQueue}, "set aside": {aside: errQueue},
	} {
		b := newBench(t)
		b.send(t, mixed(t)...)
		q.Queue = b.queue
		b.work.Queue = q
		if name == "release" {
			b.store.always = errStore
		}
		if n, err := b.work.Drain(t.Context()); n != 0 || !errors.Is(err, errQueue) {
			t.Errorf("%s: finished %d, %v", name, n, err)
		}
		b.work.Queue = b.queue
		b.clock.Advance(2 * time.Minute)
		b.finish(t)
		if diff := cmp.Diff(undisturbed(t, mixed(t)), look(t, b.store)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	b := newBench(t)
	b.work.Queue = stuck{Queue: b.queue, aside: errQueue}
	b.send(t, event(t, "bad", "2026-10-13"))
	breaking(b, "2026-10-13")
	if n, err := b.work.Step(t.Context()); n != 0 || !errors.Is(err, errQueue) {
		t.Errorf("finished %d, %v", n, err)
	}
}

// TestReceiptsComeLast: whatever receipt is in the lake, its row is there.
func TestReceiptsComeLast(t *testing.T) {
	order := &recording{}
	b := newBench(t)
	order.Store = b.store
	b.work.Processor.o.Store = order
	b.send(t, mixed(t)...)
	if _, err := b.work.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(order.keys[0], "archive/") {
		t.Errorf("%s was first", order.keys[0])
	}
	receipts := false
	for _, key := range order.keys {
		is := strings.HasPrefix(key, lake.Ledger+"/")
		if receipts && !is {
			t.Errorf("%s was written after receipts", key)
		}
		receipts = receipts || is
	}
	if !receipts {
		t.Error("no receipts")
	}
}

type recording struct {
	env.Store
	keys []string
}

func (r *recording) Put(ctx context.Context, key string, body io.Reader) error {
	r.keys = append(r.keys, key)
	return r.Store.Put(ctx, key, body)
}
