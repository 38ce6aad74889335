package process

import (
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
)

// What a faulty store does at one of its calls.
const (
	failBefore = iota // the call fails and did nothing
	failAfter         // the call fails though it did its work
	dieBefore         // the process ends before the call
	dieAfter          // the process ends after it
	faultKinds
)

var errStore = errors.New("the store fails")

// faulty is a store that misbehaves at chosen calls, counted from 0.
type faulty struct {
	env.Store
	faults map[int]int // call -> what happens
	calls  int
	always error // every Put fails with it
}

func (f *faulty) do(call func() error) error {
	kind, wrong := f.faults[f.calls]
	f.calls++
	if !wrong {
		return call()
	}
	if kind == dieBefore {
		runtime.Goexit()
	}
	if kind == failBefore {
		return errStore
	}
	if err := call(); err != nil {
		return err
	}
	if kind == dieAfter {
		runtime.Goexit()
	}
	return errStore
}

func (f *faulty) Put(ctx context.Context, key string, body io.Reader) error {
	if f.always != nil {
		return f.always
	}
	return f.do(func() error { return f.Store.Put(ctx, key, body) })
}

func (f *faulty) Remove(ctx context.Context, key string) error {
	return f.do(func() error { return f.Store.Remove(ctx, key) })
}

// outlive runs f, which may die; it reports whether it lived.
func outlive(f func()) (lived bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
		lived = true
	}()
	<-done
	return lived
}

// bench is a worker over stores in memory.
type bench struct {
	store *faulty
	queue *memenv.Queue
	clock *memenv.Clock
	work  *Worker
}

func newBench(t testing.TB) *bench {
	t.Helper()
	clock := memenv.NewClock(noon)
	b := &bench{store: &faulty{Store: memenv.NewStore(clock)}, queue: memenv.NewQueue(clock), clock: clock}
	b.work = &Worker{Processor: newProcessor(t, b.store), Queue: b.queue, Store: b.store, Lease: time.Minute}
	return b
}

func (b *bench) send(t testing.TB, msgs ...env.Message) {
	t.Helper()
	for _, m := range msgs {
		if err := b.queue.Send(context.Background(), m); err != nil {
			t.Fatal(err)
		}
	}
}

func (b *bench) depth(t testing.TB) env.Depth {
	t.Helper()
	d, err := b.queue.Depth(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return d
}
