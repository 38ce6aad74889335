package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
)

// newCompressor makes what archive compresses with. It is dear to make and works
// for one batch at a time, so a Processor keeps its own. A fixed level on one
// goroutine: the same batch gives the same bytes.
func newCompressor() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault))
}

// archive keeps the batch as it came, one envelope a line, before anything
// else is done with it: replay, re-enrichment and audit read it.
func archive(ctx context.Context, b env.Blobs, z *zstd.Encoder, batch string, envs []record.Envelope) (key string, err error) {
	key = lake.ArchiveKey(envs[0].ReceivedAt.UTC().Format(time.DateOnly), batch)
	size := 0
	for i := range envs {
		size += len(envs[i].Body)*4/3 + 512 // base64 and the other fields
	}
	raw := bytes.NewBuffer(make([]byte, 0, size))
	for i := range envs {
		line, err := envs[i].Encode()
		if err != nil {
			return "", fault.Permanentf("archive %s: encode delivery %s: %w", key, envs[i].ID, err)
		}
		raw.Write(line)
		raw.WriteByte('\n')
	}
	if err := b.Put(ctx, key, bytes.NewReader(z.EncodeAll(raw.Bytes(), nil))); err != nil {
		return "", fmt.Errorf("archive the batch: %w", err)
	}
	return key, nil
}

// maxArchiveWindow bounds the memory that reading an archive object takes.
const maxArchiveWindow = 64 << 20

// ReadArchive gives the envelopes of one archive object in their order; line n
// of a reject is the n-th of them, counted from 1. A damaged object is a fault
// of kind Permanent; one that cannot be read just now is of kind Retry.
func ReadArchive(ctx context.Context, b env.Blobs, key string) ([]record.Envelope, error) {
	o, err := b.Open(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("read archive %s: %w", key, err)
	}
	defer func() { _ = o.Close() }()
	in := &reading{r: io.NewSectionReader(o, 0, o.Size())}
	z, err := zstd.NewReader(in,
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxArchiveWindow))
	if err != nil {
		return nil, fault.Permanentf("read archive %s: %w", key, err)
	}
	defer z.Close()
	raw, err := io.ReadAll(z)
	if in.err != nil {
		return nil, fmt.Errorf("read archive %s: %w", key, in.err)
	}
	if err != nil {
		return nil, fault.Permanentf("read archive %s: %w", key, err)
	}
	var envs []record.Envelope
	for line := range bytes.Lines(raw) {
		e, err := record.DecodeEnvelope(line)
		if err != nil {
			return nil, fault.Permanentf("read archive %s, line %d: %w", key, len(envs)+1, err)
		}
		envs = append(envs, e)
	}
	return envs, nil
}

// reading notices when the store fails, to tell that from a damaged object.
type reading struct {
	r   io.Reader
	err error
}

// Read passes on and notes a failure.
func (r *reading) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}
