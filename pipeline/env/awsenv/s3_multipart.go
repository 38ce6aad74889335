package awsenv

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"upshot.dev/upshot/pipeline/fault"
)

// uploads is how many parts are on their way at once.
const uploads = 3

// upload is one multipart upload. Nothing is to be seen under the key until it
// is completed.
type upload struct {
	write
	id    *string
	crc   uint32 // of everything read so far
	slots chan struct{}
	group sync.WaitGroup

	mu    sync.Mutex
	parts []types.CompletedPart
	err   error // the first one
}

// multipart uploads first and then the rest of body. When anything fails the
// upload is aborted, and S3 forgets the parts.
func (w write) multipart(ctx context.Context, first []byte, body io.Reader) error {
	in := &s3.CreateMultipartUploadInput{
		Bucket: &w.s.o.Bucket, Key: w.s.key(w.key), Metadata: map[string]string{tokenName: w.token},
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, ChecksumType: types.ChecksumTypeFullObject,
	}
	if w.s.o.KMSKey != "" {
		in.ServerSideEncryption, in.SSEKMSKeyId, in.BucketKeyEnabled = types.ServerSideEncryptionAwsKms, &w.s.o.KMSKey, aws.Bool(true)
	}
	started, err := w.s.client.CreateMultipartUpload(ctx, in)
	if err != nil {
		return err
	}
	u := &upload{write: w, id: started.UploadId, slots: make(chan struct{}, uploads)}
	err = u.send(ctx, first, body)
	if err == nil {
		err = u.complete(ctx)
	}
	if code, _ := codeOf(err); err != nil && code != codeNoUpload {
		u.abort(ctx)
	}
	return err
}

// send reads the body part by part and returns when all parts have arrived, or
// one has failed and the others are no longer on their way: S3 may keep a part
// that arrives after its upload was aborted.
func (u *upload) send(ctx context.Context, part []byte, body io.Reader) error {
	last := false
	for len(part) > 0 && u.failed() == nil {
		if len(u.parts) == maxParts {
			u.fail(fault.Permanentf("the object has more than %d parts of %d bytes", maxParts, u.s.part))
			break
		}
		u.start(ctx, part)
		if last {
			break
		}
		var err error
		if part, last, err = readPart(body, u.s.part, u.s.part); err != nil {
			u.fail(fmt.Errorf("read the body: %w", err))
		}
	}
	u.group.Wait()
	return u.failed()
}

// start uploads a part beside the others, as soon as there is a free slot.
func (u *upload) start(ctx context.Context, part []byte) {
	u.crc = crc32.Update(u.crc, castagnoli, part)
	u.slots <- struct{}{}
	u.mu.Lock()
	number := aws.Int32(int32(len(u.parts) + 1)) //nolint:gosec // at most maxParts
	u.parts = append(u.parts, types.CompletedPart{PartNumber: number, ChecksumCRC32C: sum(crc32.Checksum(part, castagnoli))})
	in := &s3.UploadPartInput{
		Bucket: &u.s.o.Bucket, Key: u.s.key(u.key), UploadId: u.id, PartNumber: number,
		Body: bytes.NewReader(part), ContentLength: aws.Int64(int64(len(part))),
		ChecksumCRC32C: u.parts[*number-1].ChecksumCRC32C,
	}
	u.mu.Unlock()
	u.group.Go(func() {
		defer func() { <-u.slots }()
		out, err := u.s.client.UploadPart(ctx, in)
		if err != nil {
			u.fail(err)
			return
		}
		u.mu.Lock()
		u.parts[*number-1].ETag = out.ETag
		u.mu.Unlock()
	})
}

// complete makes the object appear, if S3 has read the same bytes.
func (u *upload) complete(ctx context.Context) error {
	_, err := u.s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.s.o.Bucket, Key: u.s.key(u.key), UploadId: u.id, IfNoneMatch: u.condition(), IfMatch: u.was,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
		ChecksumCRC32C:  sum(u.crc), ChecksumType: types.ChecksumTypeFullObject,
	})
	return err
}

// abort throws the parts away, after the end of the caller's context, too.
// What it cannot throw away the bucket's lifecycle rule does.
func (u *upload) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, _ = u.s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &u.s.o.Bucket, Key: u.s.key(u.key), UploadId: u.id})
}

func (u *upload) fail(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err == nil {
		u.err = err
	}
}

func (u *upload) failed() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}
