package awsenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// object is an opened object. Reads end with the context it was opened with.
type object struct {
	s       *Store
	ctx     context.Context //nolint:containedctx // io.ReaderAt has no place for it
	key     string
	size    int64
	etag    *string
	version *string // nil on a bucket without versions
	small   []byte  // the content, when size is at most smallObject
	closed  atomic.Bool
}

// Open asks for the whole object: a small one comes with the answer. Of a
// larger one the answer is only its size and version, and parts are read as
// they are asked for. Reading the object ends with ctx.
func (s *Store) Open(ctx context.Context, key string) (env.Object, error) {
	if err := env.CheckKey(key); err != nil {
		return nil, err
	}
	o := &object{s: s, ctx: ctx, key: key}
	err := again(ctx, func() error { return o.open(ctx) })
	if err != nil {
		return nil, s.explain(ctx, "open", key, err)
	}
	return o, nil
}

func (o *object) open(ctx context.Context) error {
	out, err := o.s.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &o.s.o.Bucket, Key: o.s.key(o.key), ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return err
	}
	defer func() { _ = out.Body.Close() }()
	o.size, o.etag = aws.ToInt64(out.ContentLength), out.ETag
	if v := aws.ToString(out.VersionId); v != "" && v != "null" {
		o.version = out.VersionId
	}
	if o.size > smallObject {
		return nil
	}
	o.small = make([]byte, o.size)
	if _, err := io.ReadFull(out.Body, o.small); err != nil {
		return broken{err}
	}
	// The end of the body is where the checksum is compared.
	if n, err := out.Body.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		return broken{fmt.Errorf("the end of %d bytes: %w", o.size, err)}
	}
	return nil
}

// Size is the number of bytes.
func (o *object) Size() int64 { return o.size }

// Close gives the memory back; reading afterwards is an error.
func (o *object) Close() error {
	if o.closed.Swap(true) {
		return fmt.Errorf("close %s: %w", o.s.name(o.key), fs.ErrClosed)
	}
	o.s.cache.drop(o)
	return nil
}

// ReadAt reads by blocks that are kept in the store's cache; what is longer
// than a block is read past it.
func (o *object) ReadAt(p []byte, off int64) (int, error) {
	switch {
	case o.closed.Load():
		return 0, fmt.Errorf("read %s: %w", o.s.name(o.key), fs.ErrClosed)
	case off < 0:
		return 0, fault.Invalidf("read %s at %d", o.s.name(o.key), off)
	case off >= o.size:
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), o.size-off)]
	n, err := o.read(want, off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// read fills p, which lies within the object.
func (o *object) read(p []byte, off int64) (int, error) {
	if o.small != nil {
		return copy(p, o.small[off:]), nil
	}
	if len(p) >= blockBytes {
		if err := o.fetch(p, off); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	n := 0
	for n < len(p) {
		number := (off + int64(n)) / blockBytes
		block, err := o.s.cache.get(blockKey{o, number}, func() ([]byte, error) {
			b := make([]byte, min(blockBytes, o.size-number*blockBytes))
			return b, o.fetch(b, number*blockBytes)
		})
		if err != nil {
			return n, err
		}
		n += copy(p[n:], block[off+int64(n)-number*blockBytes:])
	}
	return n, nil
}

// fetch reads a range of the very version that was opened.
func (o *object) fetch(p []byte, off int64) error {
	in := &s3.GetObjectInput{
		Bucket: &o.s.o.Bucket, Key: o.s.key(o.key), VersionId: o.version,
		Range: aws.String(fmt.Sprintf("bytes=%d-%d", off, off+int64(len(p))-1)),
	}
	if o.version == nil {
		in.IfMatch = o.etag
	}
	err := again(o.ctx, func() error {
		out, err := o.s.client.GetObject(o.ctx, in)
		if err != nil {
			return err
		}
		defer func() { _ = out.Body.Close() }()
		if n := aws.ToInt64(out.ContentLength); n != int64(len(p)) {
			return broken{fmt.Errorf("asked for %d bytes, S3 sends %d", len(p), n)}
		}
		if _, err := io.ReadFull(out.Body, p); err != nil {
			return broken{err}
		}
		return nil
	})
	if code, _ := codeOf(err); code == codePrecondition || code == codeRange {
		return fault.Retryf("read %s: it was overwritten while it was open, and the bucket keeps no versions: %w", o.s.name(o.key), err)
	}
	return o.s.explain(o.ctx, "read", o.key, err)
}

// broken is a body that ended early or does not match its checksum. The SDK
// repeats requests, not bodies.
type broken struct{ error }

func (b broken) Unwrap() error { return b.error }

// again repeats f while bodies break off, a few times, at once: the server had
// answered.
func again(ctx context.Context, f func() error) error {
	for n := 1; ; n++ {
		err := f()
		if b := (broken{}); n == readAttempts || ctx.Err() != nil || !errors.As(err, &b) {
			return err
		}
	}
}
