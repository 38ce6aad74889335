package localenv_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/envtest"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/env/memenv"
)

// The queue on disk and its twin in memory answer every sequence of calls in
// the same way.
func TestQueueIsLikeItsTwin(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprint(n))
		clock := memenv.NewClock(noon)
		disk, err := localenv.OpenQueue(path, clock)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = disk.Close()
			_ = os.Remove(path)
		}()
		twin := memenv.NewQueue(clock)
		ids := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}), 0, 4)
		seconds := rapid.IntRange(0, 3)
		both := func(call func(envtest.FullQueue) (any, error)) {
			want, wantErr := call(twin)
			got, gotErr := call(disk)
			if diff := cmp.Diff(want, got); diff != "" || (wantErr == nil) != (gotErr == nil) {
				t.Fatalf("twin and disk differ (-twin +disk):\n%s\n%v, %v", diff, wantErr, gotErr)
			}
		}
		bg := context.Background()
		act := func(name string, call func(q envtest.FullQueue, ids []string, d time.Duration) (any, error)) (string, func(*rapid.T)) {
			return name, func(t *rapid.T) {
				chosen, d := ids.Draw(t, "ids"), time.Duration(seconds.Draw(t, "seconds"))*time.Second
				both(func(q envtest.FullQueue) (any, error) { return call(q, chosen, d) })
			}
		}
		actions := map[string]func(*rapid.T){
			"": func(*rapid.T) { both(func(q envtest.FullQueue) (any, error) { return q.Depth(bg) }) },
			"advance": func(t *rapid.T) {
				clock.Advance(time.Duration(seconds.Draw(t, "seconds")) * time.Second)
			},
		}
		add := func(name string, action func(*rapid.T)) { actions[name] = action }
		add(act("send", func(q envtest.FullQueue, ids []string, _ time.Duration) (any, error) {
			for _, id := range ids {
				if err := q.Send(bg, env.Message{ID: id, Body: []byte("body of " + id)}); err != nil {
					return nil, err
				}
			}
			return nil, nil
		}))
		add(act("receive", func(q envtest.FullQueue, ids []string, d time.Duration) (any, error) {
			return q.Receive(bg, len(ids), d)
		}))
		add(act("delete", func(q envtest.FullQueue, ids []string, _ time.Duration) (any, error) {
			return nil, q.Delete(bg, ids...)
		}))
		add(act("release", func(q envtest.FullQueue, ids []string, d time.Duration) (any, error) {
			return nil, q.Release(bg, d, ids...)
		}))
		add(act("set aside", func(q envtest.FullQueue, ids []string, _ time.Duration) (any, error) {
			return nil, q.SetAside(bg, "test", ids...)
		}))
		add(act("redrive", func(q envtest.FullQueue, _ []string, _ time.Duration) (any, error) {
			return q.Redrive(bg)
		}))
		t.Repeat(actions)
	})
}
