package memenv_test

import (
	"errors"
	"testing"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/envtest"
	"upshot.dev/upshot/pipeline/env/memenv"
)

func TestNotifier(t *testing.T) {
	envtest.Notifier(t, func(*testing.T) (env.Notifier, func() []env.Notice) {
		n := &memenv.Notifier{}
		return n, n.Notices
	})
}

func TestNotifierFailsAsTold(t *testing.T) {
	n, broken := &memenv.Notifier{}, errors.New("no route")
	n.Fail(broken)
	notice := env.Notice{Body: "x"}
	if err := n.Notify(t.Context(), notice); !errors.Is(err, broken) || len(n.Notices()) != 0 {
		t.Errorf("got %v and %d notices", err, len(n.Notices()))
	}
	n.Fail(nil)
	if err := n.Notify(t.Context(), notice); err != nil || len(n.Notices()) != 1 {
		t.Errorf("mended: got %v and %d notices", err, len(n.Notices()))
	}
}
