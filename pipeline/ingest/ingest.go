// Package ingest is the door: one http.Handler that takes deliveries, the same
// on one machine and behind a gateway. It asks who is calling, bounds what may
// come, and puts what is authentic into the queue as an envelope; it parses
// nothing but the first-party API, whose callers want to hear at once what is
// wrong. A 2xx means that the bytes are durable, never less. What it does not
// know, it refuses; what it cannot take right now, it asks to send again.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/source"
)

// Options is what a Handler is made of.
type Options struct {
	// Sources are the configured senders by their names.
	Sources map[string]*source.Source
	// Secrets are asked at every delivery.
	Secrets env.Secrets
	// Queue makes deliveries durable.
	Queue env.Sender
	Clock env.Clock
	// Random makes delivery ids unique; reads are serialised. It need not be
	// secret, but two processes that share a queue must not share a seed.
	Random io.Reader

	// Log gets one line for each refused request: never a body, a signature, a
	// secret or a query. nil drops them.
	Log *slog.Logger
	// Gauge answers /v1/status; nil makes it 404.
	Gauge env.Gauge
	// Ready says why deliveries cannot be taken, for /readyz; nil is ready.
	Ready func(context.Context) error
	// BasePath stands before every path, like "/prod"; usually empty.
	BasePath string
	// Fallback answers paths that are none of the handler's; nil is 404.
	Fallback http.Handler
	Limits   Limits
}

// Limits bound what one request and all requests together may take. A zero
// field has the default that its comment names.
type Limits struct {
	Wire    int64 // bytes of a body as sent, 1 MiB
	Plain   int64 // bytes of a body decompressed, 16 MiB
	Flight  int64 // requests at work at once, their bodies read, 2,048
	Memory  int64 // bytes of their bodies together, 256 MiB
	Headers int   // bytes of a request's headers, 64 KiB
	// HeaderTime and BodyTime are how long a client may take to send either;
	// 10 s and 30 s. AnswerTime is for the work and the answer after that, 30 s.
	HeaderTime, BodyTime, AnswerTime time.Duration
}

func (l Limits) withDefaults() Limits {
	set(&l.Wire, 1<<20)
	set(&l.Plain, 16<<20)
	set(&l.Flight, 2048)
	set(&l.Memory, 256<<20)
	set(&l.Headers, 64<<10)
	set(&l.HeaderTime, 10*time.Second)
	set(&l.BodyTime, 30*time.Second)
	set(&l.AnswerTime, 30*time.Second)
	return l
}

func set[T int | int64 | time.Duration](p *T, d T) {
	if *p <= 0 {
		*p = d
	}
}

// Handler takes deliveries. Make it with New.
type Handler struct {
	opts      Options
	hooks     map[string]target
	endpoints map[string][]target // by path, each list sorted by name
	ids       *ids
	gzips     gzips
	looks     chan struct{} // places for looking into strangers' bodies

	flight, memory atomic.Int64 // in use, against Limits
}

// target is a configured source that a request may be for.
type target struct {
	name string
	src  *source.Source
}

// api reports whether the source is the first-party API, which is checked and
// answered in its own way.
func (t target) api() bool { return t.src.Type == "api" }

// New makes a handler or says which option is missing.
func New(opts Options) (*Handler, error) {
	switch {
	case opts.Secrets == nil:
		return nil, errors.New("ingest: Secrets is missing")
	case opts.Queue == nil:
		return nil, errors.New("ingest: Queue is missing")
	case opts.Clock == nil:
		return nil, errors.New("ingest: Clock is missing")
	case opts.Random == nil:
		return nil, errors.New("ingest: Random is missing")
	case opts.BasePath != "" && (opts.BasePath[0] != '/' || strings.HasSuffix(opts.BasePath, "/")):
		return nil, fmt.Errorf("ingest: BasePath %q must start with a slash and not end with one", opts.BasePath)
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	opts.Limits = opts.Limits.withDefaults()
	h := &Handler{
		opts: opts, ids: newIDs(opts.Random),
		hooks: map[string]target{}, endpoints: map[string][]target{},
		looks: make(chan struct{}, maxLooks),
	}
	for _, name := range slices.Sorted(maps.Keys(opts.Sources)) {
		t := target{name, opts.Sources[name]}
		if t.src == nil || name == "" || strings.Contains(name, "/") {
			return nil, fmt.Errorf("ingest: source %q has a name with a slash, or is nil", name)
		}
		h.hooks[name] = t
		for _, path := range t.src.Endpoints {
			if _, ours := fixed[path]; ours || strings.HasPrefix(path, hooksPath) || strings.HasPrefix(path, sdkPath) {
				return nil, fmt.Errorf("ingest: source %q wants the path %s, which is taken", name, path)
			}
			h.endpoints[path] = append(h.endpoints[path], t)
		}
	}
	return h, nil
}

type receivedAtKey struct{}

// WithReceivedAt makes the handler take t for the time at which requests with
// this context arrive, for signatures, ids and envelopes alike. It is for runs
// that replay a past; nothing that a client sends can set it.
func WithReceivedAt(ctx context.Context, t time.Time) context.Context {
	return context.WithValue(ctx, receivedAtKey{}, t)
}

// receivedAt is now, in the form that envelopes keep.
func (h *Handler) receivedAt(ctx context.Context) time.Time {
	t, ok := ctx.Value(receivedAtKey{}).(time.Time)
	if !ok {
		t = h.opts.Clock.Now()
	}
	return t.UTC().Truncate(time.Millisecond)
}
