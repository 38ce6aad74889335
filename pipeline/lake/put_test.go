package lake

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
)

// refusing is a store whose Put gives up after it has read a little.
type refusing struct{ env.Store }

func (r refusing) Put(_ context.Context, _ string, body io.Reader) error {
	_, _ = body.Read(make([]byte, 1))
	return errDied
}

// TestPutEndsItsWriter: when the store gives up, whoever made the bytes has ended
// before put returns. It uses memory and files that are given back then, and it
// renews the lock, which may have been released by then.
func TestPutEndsItsWriter(t *testing.T) {
	var ended atomic.Bool
	err := put(t.Context(), refusing{memenv.NewStore(memenv.NewClock(noon))}, "events/x", func(w io.Writer) error {
		_, err := w.Write(make([]byte, 1<<20))
		time.Sleep(50 * time.Millisecond)
		ended.Store(true)
		return err
	})
	if !errors.Is(err, errDied) || !ended.Load() {
		t.Errorf("put gave %v while its writer had ended: %v", err, ended.Load())
	}
}
