package localenv_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/envtest"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
)

var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func openQueue(t testing.TB, path string, clock env.Clock, limits localenv.QueueLimits) *localenv.Queue {
	t.Helper()
	q, err := localenv.OpenQueueLimited(path, clock, limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	return q
}

func send(t *testing.T, q env.Sender, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := q.Send(t.Context(), env.Message{ID: id, Body: []byte(id)}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestQueue(t *testing.T) {
	envtest.Queue(t, func(t *testing.T, clock env.Clock) envtest.FullQueue {
		return openQueue(t, filepath.Join(t.TempDir(), "new", "what? 100%.db"), clock, localenv.QueueLimits{})
	})
}

func TestQueueOpenedAgain(t *testing.T) {
	path, clock := filepath.Join(t.TempDir(), "queue.db"), memenv.NewClock(noon)
	q := openQueue(t, path, clock, localenv.QueueLimits{Messages: 4})
	send(t, q, "a", "b", "c", "d")
	if _, err := q.Receive(t.Context(), 3, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(q.Delete(t.Context(), "a"), q.SetAside(t.Context(), "why", "b"), q.Close()); err != nil {
		t.Fatal(err)
	}
	if err := q.Send(t.Context(), env.Message{ID: "e"}); !fault.Is(err, fault.Retry) {
		t.Errorf("send to a closed queue: %v", err)
	}
	if err := q.Ready(t.Context()); !fault.Is(err, fault.Retry) {
		t.Errorf("a closed queue says it is ready: %v", err)
	}
	q = openQueue(t, path, clock, localenv.QueueLimits{Messages: 4})
	msgs, err := q.Receive(t.Context(), 9, time.Hour)
	if err != nil || len(msgs) != 2 || msgs[0].ID != "c" || msgs[0].Attempts != 1 || msgs[1].ID != "d" || msgs[1].Attempts != 0 {
		t.Errorf("opened again: %+v, %v, want c after one attempt, at once, and d", msgs, err)
	}
	if n, err := q.Redrive(t.Context()); n != 1 || err != nil {
		t.Errorf("redrive after opening again: %d, %v", n, err)
	}
	if err := q.Ready(t.Context()); err != nil {
		t.Errorf("there is room, but the queue says: %v", err)
	}
	// 3 are stored: the counts against the limit were found again.
	send(t, q, "f")
	if err := q.Send(t.Context(), env.Message{ID: "g"}); !fault.Is(err, fault.Retry) {
		t.Errorf("the limit was forgotten: %v", err)
	}
}

func TestQueueLimits(t *testing.T) {
	for name, c := range map[string]struct {
		limits localenv.QueueLimits
		fits   int // messages of 10 bytes
	}{
		"messages": {localenv.QueueLimits{Messages: 3}, 3},
		"bytes":    {localenv.QueueLimits{Bytes: 45}, 4},
		"exactly":  {localenv.QueueLimits{Bytes: 40}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			q := openQueue(t, filepath.Join(t.TempDir(), "q"), memenv.NewClock(noon), c.limits)
			msg := func(i int) env.Message {
				return env.Message{ID: fmt.Sprint(i), Body: []byte("0123456789")}
			}
			for i := range c.fits {
				if err := q.Send(t.Context(), msg(i)); err != nil {
					t.Fatalf("message %d of %d: %v", i+1, c.fits, err)
				}
			}
			if err := q.Ready(t.Context()); c.limits.Bytes == 0 && !fault.Is(err, fault.Retry) {
				t.Errorf("a full queue says it is ready: %v", err)
			}
			for range 3 { // a refusal takes no room
				err := q.Send(t.Context(), msg(99))
				if !fault.Is(err, fault.Retry) || !strings.Contains(err.Error(), "full") {
					t.Errorf("one more: %v, want a fault of kind Retry that says full", err)
				}
			}
			// A repeated id takes no room either: delete one, repeat one, add one.
			if err := q.Delete(t.Context(), "0"); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err := q.Send(t.Context(), msg(1)); err != nil {
					t.Errorf("a repeated message: %v", err)
				}
			}
			if err := q.Send(t.Context(), msg(98)); err != nil {
				t.Errorf("after a delete: %v", err)
			}
			if err := q.Send(t.Context(), msg(97)); !fault.Is(err, fault.Retry) {
				t.Errorf("full again: %v", err)
			}
			// Dead messages do not close the door.
			if err := q.SetAside(t.Context(), "why", "98"); err != nil {
				t.Fatal(err)
			}
			if err := q.Send(t.Context(), msg(96)); err != nil {
				t.Errorf("after setting one aside: %v", err)
			}
		})
	}
}

func TestQueueReceiveIsBoundedInBytes(t *testing.T) {
	q := openQueue(t, filepath.Join(t.TempDir(), "q"), memenv.NewClock(noon), localenv.QueueLimits{})
	body := bytes.Repeat([]byte("x"), 12<<20)
	for i := range 4 {
		if err := q.Send(t.Context(), env.Message{ID: fmt.Sprint(i), Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []int{2, 2, 0} {
		msgs, err := q.Receive(t.Context(), 10, time.Hour)
		if err != nil || len(msgs) != want {
			t.Errorf("receive %d: %d messages of 12 MiB, %v, want %d", i, len(msgs), err, want)
		}
	}
}

func TestQueueHasOneOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.db")
	q := openQueue(t, path, memenv.NewClock(noon), localenv.QueueLimits{})
	send(t, q, "a")
	_, err := localenv.OpenQueue(path, memenv.NewClock(noon))
	if !fault.Is(err, fault.Permanent) || !strings.Contains(err.Error(), "another process") || !strings.Contains(err.Error(), path) {
		t.Errorf("second owner in this process: %v", err)
	}
	out, err := child(t, "open", path).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "another process") {
		t.Errorf("second owner in another process: %v\n%s", err, out)
	}
	send(t, q, "b") // the owner is not disturbed
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	openQueue(t, path, memenv.NewClock(noon), localenv.QueueLimits{})
}

func TestQueueRefusesOtherFiles(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"text": text, "folder": dir, "below a file": filepath.Join(text, "q")} {
		if _, err := localenv.OpenQueue(path, memenv.NewClock(noon)); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want an error that names it", name, err)
		}
	}
	if b, _ := os.ReadFile(text); len(b) != 15_000 {
		t.Error("the other file was changed")
	}
}

// With no room the senders are told to try again, what was acknowledged stays,
// and it works again when there is room.
func TestQueueOnAFullDisk(t *testing.T) {
	t.Run("tiny disk", func(t *testing.T) {
		dir := tinyDisk(t, "6m")
		ballast := filepath.Join(dir, "ballast")
		if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		q := openQueue(t, filepath.Join(dir, "queue.db"), memenv.NewClock(noon), localenv.QueueLimits{})
		queueFillsUp(t, q, func() error { return os.Remove(ballast) })
	})
	t.Run("quota", func(t *testing.T) {
		q := openQueue(t, filepath.Join(t.TempDir(), "queue.db"), memenv.NewClock(noon), localenv.QueueLimits{})
		send(t, q, "a")
		if err := q.Quota(100); err != nil {
			t.Fatal(err)
		}
		queueFillsUp(t, q, func() error { return q.Quota(-1) })
	})
}

func queueFillsUp(t *testing.T, q *localenv.Queue, makeRoom func() error) {
	t.Helper()
	body := bytes.Repeat([]byte("x"), 4096)
	var mu sync.Mutex
	acked, refused := map[string]bool{}, 0
	try := func(id string) error {
		err := q.Send(t.Context(), env.Message{ID: id, Body: body})
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			acked[id] = true
		case fault.Is(err, fault.Retry) && strings.Contains(err.Error(), "full"):
			refused++
		default:
			t.Errorf("%s: %v, want a fault of kind Retry that says full", id, err)
		}
		return err
	}
	var wg sync.WaitGroup
	for s := range 8 {
		wg.Go(func() {
			for i := range 400 {
				if try(fmt.Sprintf("%d-%03d", s, i)) != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	if refused == 0 || len(acked) == 0 {
		t.Fatalf("%d acknowledged, %d refused: the disk did not fill up", len(acked), refused)
	}
	if err := makeRoom(); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := try(fmt.Sprint("after-", i)); err != nil {
			t.Errorf("there is room again, but: %v", err)
		}
	}
	for {
		msgs, err := q.Receive(t.Context(), 100, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if len(msgs) == 0 {
			break
		}
		for _, m := range msgs {
			delete(acked, m.ID)
		}
	}
	if len(acked) != 0 {
		t.Errorf("%d acknowledged messages are lost", len(acked))
	}
}

// The settings that durability hangs on are those in force, not those asked
// for.
func TestQueueFlushesEveryCommit(t *testing.T) {
	q := openQueue(t, filepath.Join(t.TempDir(), "q"), memenv.NewClock(noon), localenv.QueueLimits{})
	const full = 2
	if got, err := q.Pragma("synchronous"); got != full || err != nil {
		t.Errorf("synchronous is %d, %v, want FULL (%d)", got, err, full)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(q.Path()), "q-wal")); err != nil {
		t.Errorf("there is no write-ahead log: %v", err)
	}
}
