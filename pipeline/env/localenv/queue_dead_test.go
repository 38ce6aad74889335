package localenv_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/env/memenv"
)

// What was set aside is listed in its order, with the reason, until it is put back.
func TestQueueListsDeadLetters(t *testing.T) {
	clock := memenv.NewClock(time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC))
	q := openQueue(t, filepath.Join(t.TempDir(), "q.db"), clock, localenv.QueueLimits{})
	send(t, q, "a", "b", "c")
	sent := clock.Now()
	aside := clock.Advance(time.Minute)
	for id, reason := range map[string]string{"c": "no envelope", "a": "it killed the process"} {
		if err := q.SetAside(t.Context(), reason, id); err != nil {
			t.Fatal(err)
		}
	}
	got, err := q.Dead(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if got[i].Bytes == 0 || got[i].SentAt.After(sent) {
			t.Errorf("%+v", got[i])
		}
		got[i].Bytes, got[i].SentAt = 0, time.Time{}
	}
	want := []localenv.DeadLetter{{ID: "a", SetAside: aside, Reason: "it killed the process"}, {ID: "c", SetAside: aside, Reason: "no envelope"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got, err := q.Dead(t.Context(), 1); err != nil || len(got) != 1 || got[0].ID != "a" {
		t.Errorf("the first is %v, %v", got, err)
	}
	if n, err := q.Redrive(t.Context()); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	if got, err := q.Dead(t.Context(), 10); err != nil || len(got) != 0 {
		t.Errorf("after the redrive %v, %v", got, err)
	}
}
