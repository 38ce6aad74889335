package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

var (
	errTooLarge = errors.New("the body is too large")
	errNoMemory = errors.New("too many bytes in flight")
)

// textTypes are content types that some sender is known to use. Browser SDKs
// send JSON as text/plain, and one SDK sends gzip as a form.
var textTypes = map[string]bool{
	"": true, "application/json": true, "application/x-ndjson": true, "application/ndjson": true,
	"application/jsonl": true, "application/x-json-stream": true, "application/csv": true,
	"application/x-www-form-urlencoded": true, "multipart/form-data": true,
	"text/plain": true, "text/json": true, "text/csv": true,
}

// checkForm refuses what no source reads: media types that are not text, and
// encodings other than gzip. The API's callers are told more strictly.
func checkForm(header http.Header, api bool) (answer, bool) {
	media, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	media = strings.ToLower(strings.TrimSpace(media))
	known := textTypes[media] || strings.HasSuffix(media, "+json") && strings.HasPrefix(media, "application/")
	// curl and many scripts say form where they send JSON: the API looks at the
	// body, which has to be JSON.
	if api && (media == "multipart/form-data" || strings.HasSuffix(media, "/csv")) {
		known = false
	}
	if !known {
		return answer{
			status: http.StatusUnsupportedMediaType, reason: "content type",
			detail: "send application/json", accept: "application/json",
		}, false
	}
	encodings := header.Values("Content-Encoding")
	if len(encodings) > 1 {
		encodings = []string{strings.Join(encodings, ",")}
	}
	if len(encodings) == 1 {
		switch strings.ToLower(strings.TrimSpace(encodings[0])) {
		case "", "identity", "gzip", "x-gzip":
		default:
			return answer{
				status: http.StatusUnsupportedMediaType, reason: "content encoding",
				detail: "send the body plain or gzip-compressed, once", acceptEncoding: "gzip",
			}, false
		}
	}
	return answer{}, true
}

// readWire reads the body as it came, within the limits of size, time and
// memory.
func (h *Handler) readWire(w http.ResponseWriter, r *http.Request, m *meter) ([]byte, error) {
	limit := h.opts.Limits.Wire
	if r.ContentLength > limit {
		return nil, errTooLarge
	}
	// Not every writer has deadlines (a test recorder, a gateway's adapter);
	// those bodies lie in memory already.
	deadline := http.NewResponseController(w)
	if err := deadline.SetReadDeadline(time.Now().Add(h.opts.Limits.BodyTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, fmt.Errorf("limit the time for the body: %w", err)
	}
	return readAll(r.Body, r.ContentLength, limit, m)
}

// readAll reads at most limit bytes. hint is how many are said to come: it is
// believed only so far, so that announcing a lot and sending nothing takes
// little. Memory is accounted for before it is taken.
func readAll(r io.Reader, hint, limit int64, m *meter) ([]byte, error) {
	size := min(max(hint, 0), 4<<10) + 1 // one more, to see the end without growing
	if !m.take(size) {
		return nil, errNoMemory
	}
	buf := make([]byte, 0, size)
	for {
		if len(buf) == cap(buf) {
			// One byte over the limit is enough to see that it is passed.
			more := min(int64(cap(buf)), limit+1-int64(cap(buf)))
			if !m.take(more) {
				return nil, errNoMemory
			}
			grown := make([]byte, len(buf), int64(cap(buf))+more)
			copy(grown, buf)
			buf = grown
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return nil, errTooLarge
		}
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// decompress undoes gzip where the body is gzip, whatever its headers say:
// one SDK forgets them, and some proxies decompress and leave them. Of a body
// that breaks off nothing is given.
func (h *Handler) decompress(wire []byte, m *meter) ([]byte, error) {
	if !bytes.HasPrefix(wire, []byte{0x1f, 0x8b}) {
		return wire, nil
	}
	z, err := h.gzips.get(wire)
	if err != nil {
		return nil, err
	}
	defer h.gzips.put(z)
	return readAll(z, 4*int64(len(wire)), h.opts.Limits.Plain, m)
}

// gzips keeps decompressors, which are large, for the next request.
type gzips struct{ pool sync.Pool }

func (g *gzips) get(body []byte) (*gzip.Reader, error) {
	if z, ok := g.pool.Get().(*gzip.Reader); ok {
		return z, z.Reset(bytes.NewReader(body))
	}
	return gzip.NewReader(bytes.NewReader(body))
}

func (g *gzips) put(z *gzip.Reader) { g.pool.Put(z) }

// bodyAnswer maps an error of reading a body.
func bodyAnswer(err error) answer {
	switch {
	case errors.Is(err, errTooLarge):
		return answer{status: http.StatusRequestEntityTooLarge, reason: errTooLarge.Error(), hangUp: true}
	case errors.Is(err, errNoMemory):
		return busy(errNoMemory.Error())
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return answer{status: http.StatusRequestTimeout, reason: "the body came too slowly", hangUp: true}
	}
	return answer{status: http.StatusBadRequest, reason: "the body broke off", detail: "the body ended before its announced end", hangUp: true}
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}

// meter is one request's share of what all requests may take together.
type meter struct {
	h       *Handler
	entered bool
	bytes   int64
}

// enter takes a place among the requests at work. Those whose body is still
// coming have none: slow clients must not keep others out.
func (m *meter) enter() bool {
	m.entered = true
	return m.h.flight.Add(1) <= m.h.opts.Limits.Flight
}

// take accounts for n more bytes.
func (m *meter) take(n int64) bool {
	m.bytes += n
	return m.h.memory.Add(n) <= m.h.opts.Limits.Memory
}

// done gives everything back.
func (m *meter) done() {
	m.h.memory.Add(-m.bytes)
	if m.entered {
		m.h.flight.Add(-1)
	}
}
