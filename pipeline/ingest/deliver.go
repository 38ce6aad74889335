package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/pipeline/source"
)

// deliver takes one request for known sources through the gates, cheapest and
// least revealing first: form, size, authenticity, and only then its content.
func (h *Handler) deliver(w http.ResponseWriter, r *http.Request, rt route, m *meter) answer {
	if r.Method != http.MethodPost {
		return h.otherMethod(r, rt)
	}
	if a, ok := checkForm(r.Header, rt.api()); !ok {
		return a
	}
	wire, err := h.readWire(w, r, m)
	if err != nil {
		return bodyAnswer(err)
	}
	if !m.enter() {
		return busy("too many requests at once")
	}
	d := delivery{h: h, r: r, path: rt.path, req: request(r, wire), now: h.receivedAt(r.Context()), meter: m}
	// Of several sources behind one path the one whose key it is; without any
	// the first refusal stands for all of them.
	var refused error
	for _, d.target = range rt.targets {
		if a, ok := d.handshake(false); ok {
			return a
		}
		err := d.verify()
		if err == nil {
			return d.accept()
		}
		if over, ok := errors.AsType[*overError](err); ok {
			return over.answer
		}
		if refused == nil {
			refused = err
		}
	}
	a := answer{status: http.StatusUnauthorized, reason: refused.Error(), size: len(wire)}
	if rt.api() {
		a.challenge = "Bearer"
	}
	return a
}

// otherMethod is for what some senders do besides POST when a webhook is set
// up.
func (h *Handler) otherMethod(r *http.Request, rt route) answer {
	for _, t := range rt.targets {
		d := delivery{h: h, target: t, r: r, path: rt.path, req: request(r, nil), now: h.receivedAt(r.Context())}
		if a, ok := d.handshake(false); ok {
			return a
		}
		if a, ok := d.handshake(true); ok && d.verify() == nil {
			return a
		}
	}
	return answer{status: http.StatusMethodNotAllowed, reason: "method", allow: http.MethodPost}
}

// delivery is one request on its way in.
type delivery struct {
	h *Handler
	target
	r     *http.Request
	path  string
	req   source.Request
	now   time.Time
	meter *meter

	plain    []byte // the body decompressed, once it was
	unpacked bool
	broken   error // why it could not be decompressed
}

// handshake gives the sender's expected answer to a call that is no delivery.
func (d *delivery) handshake(authentic bool) (answer, bool) {
	if d.src.Handshake == nil {
		return answer{}, false
	}
	a, ok := d.src.Handshake(d.req)
	if !ok || a.NeedsAuth && !authentic {
		return answer{}, false
	}
	return answer{status: a.Status, contentType: a.ContentType, body: a.Body}, true
}

// overError ends a request with an answer, whatever other sources there are.
type overError struct{ answer answer }

func (e *overError) Error() string { return e.answer.reason }

// verify authenticates. A nil error means yes, an *overError ends the request,
// any other error is this source's refusal.
func (d *delivery) verify() error {
	secrets, err := d.h.opts.Secrets.Secrets(d.r.Context(), d.name)
	if err != nil {
		return &overError{busy(fmt.Sprintf("secrets of %s: %v", d.name, err))}
	}
	// A key that stands in the body can only be seen after decompression. The
	// header goes first: then a stranger makes nobody decompress anything.
	if d.src.Key == nil || d.src.Key(d.req, nil) != "" {
		return d.src.Verify(d.req, d.plain, secrets, d.now)
	}
	select {
	case d.h.looks <- struct{}{}:
		defer func() { <-d.h.looks }()
	case <-d.r.Context().Done():
		return &overError{busy("the client left")}
	}
	if a, ok := d.unpack(); !ok {
		return &overError{a}
	}
	return d.src.Verify(d.req, d.plain, secrets, d.now)
}

// maxLooks is how many bodies are looked into for a key at once. Nobody is
// known yet at that point, parsing a body can take many times its size, and
// more at once would not make it faster.
const maxLooks = 2

// unpack decompresses the body, once. A body that cannot be is left as it
// came: it may still be authentic, and then it is for processing to reject.
func (d *delivery) unpack() (answer, bool) {
	if d.unpacked {
		return answer{}, true
	}
	plain, err := d.h.decompress(d.req.Body, d.meter)
	if errors.Is(err, errTooLarge) || errors.Is(err, errNoMemory) {
		a := bodyAnswer(err)
		a.source, a.size = d.name, len(d.req.Body)
		return a, false
	}
	if err != nil {
		plain = d.req.Body
	}
	d.plain, d.unpacked, d.broken = plain, true, err
	return answer{}, true
}

// accept queues an authentic delivery and gives the answer the sender expects.
func (d *delivery) accept() answer {
	if a, ok := d.handshake(true); ok {
		return a
	}
	if a, ok := d.unpack(); !ok {
		return a
	}
	good := answer{status: d.src.Status, contentType: d.src.ContentType, body: []byte(d.src.Body)}
	if good.status == 0 {
		good.status = http.StatusAccepted
	}
	if d.src.Body == "" {
		good.body = []byte("{}")
	}
	if d.api() {
		n, bad, ok := d.checkRecords()
		if !ok {
			return bad
		}
		good.body = strconv.AppendInt([]byte(`{"accepted":`), int64(n), 10)
		good.body = append(good.body, '}')
	}
	if err := d.queue(d.r.Context()); err != nil {
		a := busy(err.Error())
		a.source, a.size = d.name, len(d.req.Body)
		return a
	}
	return good
}

// checkRecords validates what the first-party API got and counts it.
func (d *delivery) checkRecords() (int, answer, bool) {
	bad := answer{status: http.StatusBadRequest, source: d.name, size: len(d.req.Body)}
	if d.broken != nil {
		bad.reason = "the gzip body is broken: " + d.broken.Error()
		bad.detail = "the body is marked as gzip and cannot be decompressed to its end"
		return 0, bad, false
	}
	records, faults := source.Records(d.plain)
	if len(faults) > 0 {
		bad.reason = fmt.Sprintf("%d faults in the records", len(faults))
		bad.detail = "nothing was stored: every record of a request must be valid"
		bad.faults = faults
		return 0, bad, false
	}
	return len(records), answer{}, true
}

// queue makes the delivery durable.
func (d *delivery) queue(ctx context.Context) error {
	id, err := d.h.ids.next(d.now)
	if err != nil {
		return err
	}
	e := record.Envelope{
		Version: record.EnvelopeVersion, ID: id, Source: d.name, ReceivedAt: d.now,
		Method: d.req.Method, Path: d.path, Body: d.plain,
	}
	for _, name := range d.src.Keep {
		name = http.CanonicalHeaderKey(name)
		if v := d.req.Header.Get(name); v != "" {
			if e.Header == nil {
				e.Header = map[string]string{}
			}
			e.Header[name] = v
		}
	}
	body, err := e.Encode()
	if err != nil {
		return fault.Permanentf("encode the envelope: %w", err)
	}
	return d.h.opts.Queue.Send(ctx, env.Message{ID: id, Body: body, SentAt: d.now})
}
