// Package process turns queued deliveries into rows of the lake: it archives
// the raw batch, parses, redacts, enriches and writes hot Parquet, rejects and
// the ledger's receipts. Every object's name derives from the deliveries in
// it and every row from one delivery alone, so running a batch twice, or the
// same delivery in two batches, changes no number.
package process

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"

	"upshot.dev/upshot/pipeline/enrich"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/pipeline/source"
)

// Options are what a Processor needs.
type Options struct {
	Store    env.Blobs
	Sources  map[string]*source.Source // by configured name
	Enricher *enrich.Enricher
	Keys     *record.Keyring
	Exclude  record.Exclusion
	// Workers bounds the goroutines that parse and enrich; 0 is one per core.
	Workers int
}

// Processor runs batches. It is safe for concurrent use.
type Processor struct {
	o Options
	z *zstd.Encoder
}

// New checks the options.
func New(o Options) (*Processor, error) {
	if o.Store == nil || o.Enricher == nil || o.Keys == nil {
		return nil, fault.Permanentf("process: store, enricher and keys are required")
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	z, err := newCompressor()
	if err != nil {
		return nil, fault.Permanentf("process: %w", err)
	}
	return &Processor{o, z}, nil
}

// Poison is a message that can never be processed; it belongs among the dead
// letters.
type Poison struct {
	ID     string
	Reason string
}

// Result says what became of a batch.
type Result struct {
	// Records, Rejected and Ignored count what the batch yielded. A record
	// may still turn out to be a duplicate.
	Records, Rejected, Ignored int
	// Poison are messages that were left out; all others are in the lake.
	Poison []Poison
}

// Process puts the messages into the lake. When it returns nil, everything but
// Result.Poison is durable there and the messages may be deleted. After an
// error nothing may be deleted: the same messages come again, in this or any
// other grouping. A fault of kind Permanent means that one of the deliveries
// cannot be written however often it is tried; whatever the store reports is
// of kind Retry, because no delivery is to blame for it.
func (p *Processor) Process(ctx context.Context, msgs []env.Message) (Result, error) {
	var res Result
	envs, poison := p.decode(msgs)
	res.Poison = poison
	if len(envs) == 0 {
		return res, nil
	}
	batch := batchName(envs)
	store := &watched{Blobs: p.o.Store}
	// Parsing goes on while the archive is written; rows wait for both.
	yields := make(chan []yield, 1)
	go func() { yields <- p.yields(envs) }()
	object, err := archive(ctx, store, p.z, batch, envs)
	parsed := <-yields
	if err != nil {
		return res, store.judge(err)
	}
	b := newBuilder(object)
	for i, y := range parsed {
		b.add(&envs[i], int64(i+1), y)
		res.Records += len(y.rows)
		res.Rejected += len(y.rejects)
		res.Ignored += y.ignored
	}
	if err := b.write(ctx, store, batch); err != nil {
		return res, store.judge(err)
	}
	return res, nil
}

// decode reads the messages' envelopes and gives them in a fixed order, each
// delivery once: a queue may hand the same one over twice in one batch.
func (p *Processor) decode(msgs []env.Message) (envs []record.Envelope, poison []Poison) {
	all := make([]record.Envelope, len(msgs))
	errs := make([]error, len(msgs))
	p.parallel(len(msgs), func(i int) { all[i], errs[i] = record.DecodeEnvelope(msgs[i].Body) })
	envs = make([]record.Envelope, 0, len(msgs))
	for i, e := range all {
		switch {
		case errs[i] == nil && e.Version > record.EnvelopeVersion:
			poison = append(poison, Poison{msgs[i].ID, fmt.Sprintf("envelope version %d is newer than this program", e.Version)})
		case errs[i] != nil || e.ID == "" || e.Source == "" || e.ReceivedAt.IsZero():
			poison = append(poison, Poison{msgs[i].ID, "the queued message is no envelope"})
		default:
			envs = append(envs, e)
		}
	}
	// Two envelopes of one id differ only where a sender chose the id, as an
	// import does; the earlier one stands, as it does between batches.
	slices.SortFunc(envs, func(a, b record.Envelope) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), a.ReceivedAt.Compare(b.ReceivedAt), bytes.Compare(a.Body, b.Body))
	})
	return slices.CompactFunc(envs, func(a, b record.Envelope) bool { return a.ID == b.ID }), poison
}

// watched notices when the store fails. Its errors may be permanent ones, like
// a folder without the right to write: that is for somebody to mend, and the
// deliveries wait for it.
type watched struct {
	env.Blobs
	failed bool
}

// Put stores the object and notes a failure.
func (w *watched) Put(ctx context.Context, key string, body io.Reader) error {
	err := w.Blobs.Put(ctx, key, body)
	w.failed = w.failed || err != nil
	return err
}

// judge says who is to blame for err: the store, or else a delivery.
func (w *watched) judge(err error) error {
	if w.failed {
		return fault.New(fault.Retry, err)
	}
	return err
}

// batchName is the first delivery's id, so that names sort by time, and a
// digest of all of them with their times of reception: the same batch
// overwrites itself, and nothing else does.
func batchName(envs []record.Envelope) string {
	h := sha256.New()
	for _, e := range envs {
		h.Write([]byte(e.ID))
		h.Write([]byte{0})
		h.Write([]byte(e.ReceivedAt.UTC().Format(time.RFC3339Nano)))
		h.Write([]byte{0})
	}
	return safeName(envs[0].ID) + "-" + hex.EncodeToString(h.Sum(nil)[:8])
}

// safeName keeps what is safe in a key on every store.
func safeName(id string) string {
	out := []byte(id)
	for i, c := range out {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			out[i] = '_'
		}
	}
	return string(out[:min(len(out), 40)])
}

// yields parses and enriches all envelopes, each on its own: the results stand
// in the order of the envelopes.
func (p *Processor) yields(envs []record.Envelope) []yield {
	out := make([]yield, len(envs))
	p.parallel(len(envs), func(i int) { out[i] = p.yield(&envs[i]) })
	return out
}

// parallel calls f for 0..n-1 on several cores and returns when all are done.
func (p *Processor) parallel(n int, f func(int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(p.o.Workers, n) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				f(int(i))
			}
		})
	}
	wg.Wait()
}

// yield is what one delivery gives.
type yield struct {
	rows    []any // *record.TicketRow, *record.SurveyRow, *record.EventRow, *record.ReleaseRow
	links   []record.LinkRow
	rejects []source.Reject
	ignored int // 1 when nothing came of it, as its sender meant
}

// yield parses one delivery. Whatever is in it, it ends as rows, rejects or
// one ignored delivery; it cannot fail or stop the others.
func (p *Processor) yield(e *record.Envelope) (y yield) {
	defer func() {
		if recover() != nil {
			// No detail: the value could quote the payload.
			y = yield{rejects: []source.Reject{{Reason: "processing failed on this delivery; the payload is in the archive"}}}
		}
	}()
	src, ok := p.o.Sources[e.Source]
	if !ok {
		return yield{rejects: []source.Reject{{Reason: "the source is not configured any more; the payload is in the archive"}}}
	}
	h := http.Header{}
	for k, v := range e.Header {
		h.Set(k, v)
	}
	parsed := source.Parse(src, source.Delivery{
		Source: e.Source, Method: e.Method, Path: e.Path, Header: h, Body: e.Body, ReceivedAt: e.ReceivedAt,
	})
	for i := range parsed.Records {
		row, link := p.row(e, int32(i), &parsed.Records[i])
		y.rows = append(y.rows, row)
		if link != nil {
			y.links = append(y.links, *link)
		}
	}
	y.rejects = parsed.Rejects
	for i := range y.rejects {
		y.rejects[i].Reason = p.reason(y.rejects[i].Reason)
		if !slices.Contains(record.Tables(), record.Table(y.rejects[i].Table)) {
			y.rejects[i].Table = "" // what the payload said stays in the archive
		}
	}
	if len(y.rows) == 0 && len(y.rejects) == 0 {
		y.ignored = 1
	}
	return y
}
