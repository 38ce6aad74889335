package lake

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// TestSpillTellsDamage: whatever happens to a temporary file, its rows come back
// as they were written or not at all.
func TestSpillTellsDamage(t *testing.T) {
	raw := []byte(fmt.Sprint(usage(20, 0)))
	for _, whole := range []bool{true, false} {
		s, err := newSpill(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.write([]byte("before"), 1); err != nil {
			t.Fatal(err)
		}
		seg, err := s.write(raw, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, got, err := seg.read(nil, nil); err != nil || !bytes.Equal(got, raw) {
			t.Fatalf("it came back as %q, %v", got, err)
		}
		if whole {
			one := make([]byte, 1)
			for at := seg.off; at < s.end; at++ {
				if _, err := s.f.ReadAt(one, at); err != nil {
					t.Fatal(err)
				}
				if _, err := s.f.WriteAt([]byte{one[0] ^ 4}, at); err != nil {
					t.Fatal(err)
				}
				if _, _, err := seg.read(nil, nil); !errors.Is(err, errTempChanged) {
					t.Fatalf("a bit at %d was turned over: %v", at, err)
				}
				if _, err := s.f.WriteAt(one, at); err != nil {
					t.Fatal(err)
				}
			}
		} else {
			for size := s.end - 1; size >= 0; size -= 7 {
				if err := s.f.Truncate(size); err != nil {
					t.Fatal(err)
				}
				if _, _, err := seg.read(nil, nil); !errors.Is(err, errTempChanged) {
					t.Fatalf("cut to %d bytes: %v", size, err)
				}
			}
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
}
