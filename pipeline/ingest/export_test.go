package ingest

import (
	"io"
	"time"
)

// Load is how many places and bytes are taken.
func (h *Handler) Load() (flight, memory int64) { return h.flight.Load(), h.memory.Load() }

// NewIDs gives the generator of delivery ids.
func NewIDs(random io.Reader) func(time.Time) (string, error) { return newIDs(random).next }
