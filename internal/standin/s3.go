package standin

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// S3Server is a running versitygw.
type S3Server struct {
	Endpoint
	Root string // folder with one folder per bucket
}

var buckets atomic.Int64

// Bucket makes an empty bucket and returns its name, which starts with name
// and is unique in this server. It is removed at the end of the test.
func (s *S3Server) Bucket(t testing.TB, name string) string {
	t.Helper()
	return s.Named(t, fmt.Sprintf("%s-%d", name, buckets.Add(1)))
}

// Named makes an empty bucket of that name, which must be free in this server. It
// is removed at the end of the test.
func (s *S3Server) Named(t testing.TB, name string) string {
	t.Helper()
	if _, err := s.client(t).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatalf("make bucket %s: %v", name, err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Join(s.Root, name)) })
	return name
}

// VersionedBucket is Bucket with versioning switched on.
func (s *S3Server) VersionedBucket(t testing.TB, name string) string {
	t.Helper()
	name = s.Bucket(t, name)
	s.Version(t, name)
	return name
}

// Version switches versioning of a bucket on.
func (s *S3Server) Version(t testing.TB, name string) {
	t.Helper()
	_, err := s.client(t).PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket:                  &name,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatalf("version bucket %s: %v", name, err)
	}
}

// client asks this server, path-style as it has no names for its buckets.
func (s *S3Server) client(t testing.TB) *s3.Client {
	return s3.NewFromConfig(Config(t, s.Endpoint), func(o *s3.Options) { o.UsePathStyle = true; o.BaseEndpoint = aws.String(s.URL) })
}
