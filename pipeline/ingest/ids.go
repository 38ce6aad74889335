package ingest

import (
	"bufio"
	"encoding/base32"
	"fmt"
	"io"
	"sync"
	"time"
)

// ids makes delivery ids: 26 lower-case letters and digits, of which the first
// 48 bits are the time in milliseconds and the other 80 random. They sort by
// time, and within one millisecond in the order they were made.
type ids struct {
	mu     sync.Mutex
	random *bufio.Reader
	last   int64
	id     [16]byte
}

// idText keeps the order of the bytes.
var idText = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

func newIDs(random io.Reader) *ids { return &ids{random: bufio.NewReaderSize(random, 512), last: -1} }

// next makes the id of a delivery that came at t.
func (i *ids) next(t time.Time) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	ms := max(t.UnixMilli(), 0)
	if ms != i.last || !i.increment() {
		if _, err := io.ReadFull(i.random, i.id[6:]); err != nil {
			i.last = -1
			return "", fmt.Errorf("make a delivery id: read randomness: %w", err)
		}
		i.id[6] &= 0x7f // room to count up
	}
	i.last = ms
	for b := range 6 {
		i.id[b] = byte(ms >> (40 - 8*b)) //nolint:gosec // cut to the byte on purpose
	}
	return idText.EncodeToString(i.id[:]), nil
}

// increment counts the random part up; false when it overflows.
func (i *ids) increment() bool {
	for b := len(i.id) - 1; b >= 6; b-- {
		if i.id[b]++; i.id[b] != 0 {
			return true
		}
	}
	return false
}
