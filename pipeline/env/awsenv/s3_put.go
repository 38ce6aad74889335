package awsenv

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"upshot.dev/upshot/pipeline/env"
)

// tokenName is the user metadata in which a write keeps its token.
const tokenName = "upshot-write"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// write is one Put or Create on its way.
type write struct {
	s     *Store
	op    string // "put", "create" or "replace"
	key   string
	token string
	was   *string // what a replacement replaces
}

// Put stores body under key, in parts when it is longer than 8 MiB. It keeps
// at most five parts in memory.
func (s *Store) Put(ctx context.Context, key string, body io.Reader) error {
	return s.write(ctx, write{op: "put", key: key}, body)
}

// Create stores body under key unless there is something.
func (s *Store) Create(ctx context.Context, key string, body io.Reader) error {
	return s.write(ctx, write{op: "create", key: key}, body)
}

// Replace stores body under key if what is there has this version, the entity
// tag of its content.
func (s *Store) Replace(ctx context.Context, key, version string, body io.Reader) error {
	return s.write(ctx, write{op: "replace", key: key, was: &version}, body)
}

func (s *Store) write(ctx context.Context, w write, body io.Reader) error {
	if err := env.CheckKey(w.key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", w.op, s.name(w.key), err)
	}
	w.s, w.token = s, s.token()
	size := 0
	if b, ok := body.(interface{ Len() int }); ok { // as those in memory say
		size = b.Len()
	}
	first, last, err := readPart(body, s.part, size)
	if err != nil {
		return fmt.Errorf("%s %s: read the body: %w", w.op, s.name(w.key), err)
	}
	if last {
		return w.settle(ctx, w.whole(ctx, first))
	}
	return w.settle(ctx, w.multipart(ctx, first, body))
}

// whole puts a small object at once.
func (w write) whole(ctx context.Context, body []byte) error {
	in := &s3.PutObjectInput{
		Bucket: &w.s.o.Bucket, Key: w.s.key(w.key), IfNoneMatch: w.condition(), IfMatch: w.was,
		Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body))),
		ChecksumCRC32C: sum(crc32.Checksum(body, castagnoli)),
		Metadata:       map[string]string{tokenName: w.token},
	}
	if w.s.o.KMSKey != "" {
		in.ServerSideEncryption, in.SSEKMSKeyId, in.BucketKeyEnabled = types.ServerSideEncryptionAwsKms, &w.s.o.KMSKey, aws.Bool(true)
	}
	_, err := w.s.client.PutObject(ctx, in)
	return err
}

// condition is what makes a write a Create.
func (w write) condition() *string {
	if w.op == "create" {
		return aws.String("*")
	}
	return nil
}

// settle decides what an error of a write means. A write that was repeated
// because its first answer was lost finds its own object in the way, or its
// upload gone; the token tells that it had succeeded.
func (w write) settle(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	code, _ := codeOf(err)
	gone := w.was != nil && code == "NoSuchKey"
	if code != codePrecondition && code != codeNoUpload && code != codeConflict && !gone {
		return w.s.explain(ctx, w.op, w.key, err)
	}
	head, headErr := w.s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &w.s.o.Bucket, Key: w.s.key(w.key)})
	switch {
	case headErr == nil && head.Metadata[tokenName] == w.token:
		return nil
	case w.was != nil && (gone || code == codePrecondition):
		return fmt.Errorf("%s %s: %w", w.op, w.s.name(w.key), errors.Join(env.ErrChanged, err))
	case code == codePrecondition, headErr == nil && w.op == "create":
		return fmt.Errorf("%s %s: %w", w.op, w.s.name(w.key), errors.Join(env.ErrExist, err))
	}
	return w.s.explain(ctx, w.op, w.key, err)
}

// readPart reads up to n bytes and says whether the body ended with them. It
// makes room for the expected number at once.
func readPart(body io.Reader, n, expected int) (part []byte, last bool, err error) {
	var buf bytes.Buffer
	buf.Grow(min(expected, n) + bytes.MinRead)
	_, err = io.CopyN(&buf, body, int64(n))
	if errors.Is(err, io.EOF) {
		return buf.Bytes(), true, nil
	}
	return buf.Bytes(), false, err
}

// sum is a CRC-32C as S3 writes it.
func sum(crc uint32) *string {
	return aws.String(base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc)))
}
