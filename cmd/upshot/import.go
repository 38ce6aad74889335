package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"upshot.dev/upshot/internal/wire"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/ledger"
	"upshot.dev/upshot/pipeline/process"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/pipeline/source"
)

const (
	// importLines is how many lines make one delivery of an import.
	importLines = 2000
	// importBytes bounds such a delivery.
	importBytes = 4 << 20
	// importBatch is how many deliveries are processed at once.
	importBatch = 8
)

type importCmd struct {
	Map    string   `required:"" placeholder:"FILE" help:"The mapping file that says what the lines mean."`
	Source string   `placeholder:"NAME" help:"The source's name in the lake; the mapping's own name otherwise."`
	Data   []string `arg:"" help:"Files to bring in, also gzipped (.gz); - is standard input."`
}

// Help is shown by --help.
func (importCmd) Help() string {
	return `Each line, or each JSON document, goes through the mapping and then the same way as a
delivery. Running it again, or after it was cut off, brings in only what is missing.

  upshot import --map testdata/sources/mapping/acme.yaml orders.csv.gz`
}

// Run imports and ends with what became of the records.
func (i *importCmd) Run(ctx context.Context, a *app) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	src, err := wire.Mapping(i.Map)
	if err != nil {
		return err
	}
	name := i.Source
	if name == "" {
		name = src.Type
	}
	if name == record.SmokeSource {
		return fault.Invalidf("%s is the name of the smoke test's own source, which no metric counts; choose another by --source", name)
	}
	s, err := store(c)
	if err != nil {
		return err
	}
	p, err := a.processor(c, s, map[string]*source.Source{name: src})
	if err != nil {
		return err
	}
	before, err := a.booked(ctx, c, name)
	if err != nil {
		return err
	}
	run := &importRun{ctx: ctx, a: a, p: p, src: src, name: name, received: a.now.Now()}
	for _, file := range i.Data {
		if err := run.file(file); err != nil {
			return fmt.Errorf("import %s: %w", file, err)
		}
	}
	if err := run.flush(); err != nil {
		return err
	}
	after, err := a.booked(ctx, c, name)
	if err != nil {
		return err
	}
	imported := after.Stored - before.Stored
	_, err = fmt.Fprintf(a.out, "imported %d, duplicate %d, rejected %d\n",
		imported, int64(run.records)-imported, run.rejected)
	return err
}

// booked is what the ledger holds of a source.
func (a *app) booked(ctx context.Context, c *config.Config, name string) (ledger.Row, error) {
	q, err := a.querier(ctx, c)
	if err != nil {
		return ledger.Row{}, err
	}
	defer func() { _ = q.Close() }()
	book, err := ledger.Read(ctx, q)
	if err != nil {
		return ledger.Row{}, err
	}
	for _, r := range book.BySource() {
		if r.Source == name {
			return r, nil
		}
	}
	return ledger.Row{}, nil
}

// importRun gathers lines into deliveries and deliveries into batches.
type importRun struct {
	ctx               context.Context //nolint:containedctx // one run, one context
	a                 *app
	p                 *process.Processor
	src               *source.Source
	name              string
	received          time.Time
	waiting           []env.Message
	records, rejected int
	lines             int
	shown             time.Time
}

// file splits one file into deliveries.
func (r *importRun) file(name string) error {
	f, err := r.a.open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var in io.Reader = bufio.NewReaderSize(f, 1<<20)
	if head, _ := in.(*bufio.Reader).Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return fault.Invalidf("is not a whole gzip file: %w", err)
		}
		in = z
	}
	var chunk bytes.Buffer
	n := 0
	for line, err := range r.src.Lines(in) {
		if err != nil {
			return fault.New(fault.Invalid, err)
		}
		chunk.Write(line)
		chunk.WriteByte('\n')
		if n++; n >= importLines || chunk.Len() >= importBytes {
			if err := r.deliver(slices.Clone(chunk.Bytes())); err != nil {
				return err
			}
			chunk.Reset()
			n = 0
		}
	}
	if n == 0 {
		return nil
	}
	return r.deliver(slices.Clone(chunk.Bytes()))
}

// deliver queues one delivery. Its id comes from its content, so that the same
// file gives the same deliveries again, and those are duplicates of themselves.
func (r *importRun) deliver(body []byte) error {
	h := sha256.New()
	h.Write([]byte(r.name))
	h.Write([]byte{0})
	h.Write(body)
	e := record.Envelope{
		Version: record.EnvelopeVersion, ID: "import-" + hex.EncodeToString(h.Sum(nil)[:12]),
		Source: r.name, ReceivedAt: r.received, Path: "/import", Body: body,
		// Whatever the file was, its items are JSON lines by now.
		Header: map[string]string{"Content-Type": "application/x-ndjson"},
	}
	raw, err := e.Encode()
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	r.lines += bytes.Count(body, []byte{'\n'})
	r.waiting = append(r.waiting, env.Message{ID: e.ID, Body: raw})
	if len(r.waiting) >= importBatch {
		return r.flush()
	}
	return nil
}

// flush processes what is waiting.
func (r *importRun) flush() error {
	if len(r.waiting) == 0 {
		return nil
	}
	res, err := r.p.Process(r.ctx, r.waiting)
	if err != nil {
		return err
	}
	if len(res.Poison) > 0 {
		return errors.New(res.Poison[0].Reason)
	}
	r.records += res.Records
	r.rejected += res.Rejected
	r.waiting = nil
	if now := time.Now(); now.Sub(r.shown) > time.Second && r.lines > 0 {
		r.shown = now
		r.a.talk("%d lines", r.lines)
	}
	return nil
}
