package lake

import (
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"
)

// TestAWriteEndsItsWriter: when the store gives up after it has read a little,
// whoever made the bytes has ended before stream returns. It uses memory and files that are given back then, and it
// renews the lock, which may have been released by then.
func TestAWriteEndsItsWriter(t *testing.T) {
	var ended atomic.Bool
	err := stream(func(w io.Writer) error {
		_, err := w.Write(make([]byte, 1<<20))
		time.Sleep(50 * time.Millisecond)
		ended.Store(true)
		return err
	}, func(r io.Reader) error {
		_, _ = r.Read(make([]byte, 1))
		return errDied
	})
	if !errors.Is(err, errDied) || !ended.Load() {
		t.Errorf("it gave %v while its writer had ended: %v", err, ended.Load())
	}
}
