package ingest

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// DeadLettersHeader is a header of GET /v1/status: how many deliveries were set
// aside. It is no part of the body, whose zeros mean that all is in the lake.
const DeadLettersHeader = "Upshot-Dead-Letters"

// healthz says that the process answers.
func (h *Handler) healthz(context.Context) answer {
	return answer{status: http.StatusOK, body: []byte(`{"status":"ok"}`)}
}

// readyz says whether deliveries are taken.
func (h *Handler) readyz(ctx context.Context) answer {
	if h.opts.Ready != nil {
		if err := h.opts.Ready(ctx); err != nil {
			return busy("not ready: " + err.Error())
		}
	}
	return answer{status: http.StatusOK, body: []byte(`{"status":"ready"}`)}
}

// status says how much of what was accepted is not in the lake yet.
func (h *Handler) status(ctx context.Context) answer {
	if h.opts.Gauge == nil {
		return answer{status: http.StatusNotFound, reason: "no gauge"}
	}
	d, err := h.opts.Gauge.Depth(ctx)
	if err != nil {
		return busy("measure the queue: " + err.Error())
	}
	body, err := json.Marshal(struct {
		Queued   int     `json:"queued"`
		InFlight int     `json:"in_flight"`
		Oldest   float64 `json:"oldest_seconds"`
	}{d.Queued, d.InFlight, d.Oldest.Truncate(time.Millisecond).Seconds()})
	if err != nil {
		return busy("write the status: " + err.Error())
	}
	return answer{status: http.StatusOK, body: body, dead: strconv.Itoa(d.Dead)}
}
