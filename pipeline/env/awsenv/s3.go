package awsenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"upshot.dev/upshot/pipeline/env"
)

// StoreOptions say where a store keeps its objects.
type StoreOptions struct {
	Bucket string
	// Prefix is put before every key: empty, or ending with a slash. S3 allows
	// 1,024 bytes for prefix and key together.
	Prefix string
	// KMSKey encrypts new objects with this key (an ARN or alias). Without it
	// the bucket's own rule holds.
	KMSKey string
	// CacheBytes bounds what the open objects of this store keep in memory of
	// what they have read; 64 MiB when zero. Objects of up to 256 KiB are held
	// as a whole while they are open and do not count.
	CacheBytes int
}

// Store is env.Store on a bucket of S3. Many goroutines and processes may use
// one bucket at the same time.
//
// An opened object is pinned to what was found: on a versioned bucket to its
// version, which stays readable after it was overwritten or removed. On a
// bucket without versions an object of more than 256 KiB that is overwritten
// while it is open cannot be read any more; reading says so with a fault of
// kind Retry, and with ErrNotExist in the chain when it was removed.
//
// Every write carries a CRC-32C that S3 checks and keeps; an object that is
// read as a whole is checked against it.
type Store struct {
	client *s3.Client
	o      StoreOptions
	cache  *blockCache
	token  func() string // marks a write, to know it again after a lost answer
	part   int           // bytes of a part of a multipart upload; smaller objects are put at once
	page   int32         // keys asked for at a time
}

var _ env.Store = (*Store)(nil)

// The sizes of S3's protocol that are chosen here. S3 allows parts of 5 MiB to
// 5 GiB, 10,000 of them, and pages of 1,000 keys.
const (
	partBytes    = 8 << 20
	maxParts     = 10_000
	pageKeys     = 1_000
	cacheBytes   = 64 << 20
	smallObject  = 256 << 10
	readAttempts = 4
)

// NewStore makes a store; it asks nothing of S3 yet.
func NewStore(cfg aws.Config, o StoreOptions) *Store {
	if o.CacheBytes == 0 {
		o.CacheBytes = cacheBytes
	}
	client := s3.NewFromConfig(cfg, func(so *s3.Options) {
		// An endpoint of one's own has no host name for each bucket.
		so.UsePathStyle = so.BaseEndpoint != nil
		// Two conditional writes met each other: repeating tells who was first.
		so.Retryer = retry.AddWithErrorCodes(so.Retryer, codeConflict, "OperationAborted")
		so.DisableLogOutputChecksumValidationSkipped = true // ranges have none
	})
	return &Store{client: client, o: o, cache: newBlockCache(o.CacheBytes), token: rand.Text, part: partBytes, page: pageKeys}
}

// Remove deletes key; on a versioned bucket the versions stay.
func (s *Store) Remove(ctx context.Context, key string) error {
	if err := env.CheckKey(key); err != nil {
		return err
	}
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.o.Bucket, Key: s.key(key)})
	err = s.explain(ctx, "remove", key, err)
	if errors.Is(err, env.ErrNotExist) {
		return nil
	}
	return err
}

// key is the whole key in the bucket.
func (s *Store) key(key string) *string { return aws.String(s.o.Prefix + key) }

// name is how errors name an object.
func (s *Store) name(key string) string {
	return fmt.Sprintf("s3://%s/%s%s", s.o.Bucket, s.o.Prefix, key)
}
