package record

import (
	"time"
)

// clockTolerance is how far a sender's clock may be off, and how far in the
// future a time may lie, before it is mended.
const clockTolerance = 60 * time.Second

// earliest is the first time that is believed: what is older comes from clocks
// that were never set.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// ResolveTime decides when a record happened. A client's own time stands as it
// came, so that a retry lands on the same day. Only when its clock is plainly
// wrong is it mended, and adjusted is true:
//   - sentAt differs from receivedAt by more than a minute: both clocks are
//     compared and occurred is moved by the difference;
//   - absent, before 2000, or more than a minute after receivedAt (also after
//     that correction): receivedAt stands in.
//
// The result is UTC, cut down to milliseconds.
func ResolveTime(occurred, sentAt, receivedAt time.Time) (t time.Time, adjusted bool) {
	t = occurred
	if !t.IsZero() && !sentAt.IsZero() {
		if off := receivedAt.Sub(sentAt); off > clockTolerance || off < -clockTolerance {
			t, adjusted = t.Add(off), true
		}
	}
	if t.IsZero() || t.Before(earliest) || t.After(receivedAt.Add(clockTolerance)) {
		t, adjusted = receivedAt, true
	}
	return t.UTC().Truncate(time.Millisecond), adjusted
}
