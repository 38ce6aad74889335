package awsenv

import (
	"context"
	"iter"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// List yields all objects whose key starts with prefix, page by page: what is
// written or removed meanwhile may or may not be seen. Objects that no store
// could have written, like the empty "folder/" of a console, are left out.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[env.Info, error] {
	return func(yield func(env.Info, error) bool) {
		pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{
			Bucket: &s.o.Bucket, Prefix: s.key(prefix), MaxKeys: &s.page,
		})
		last := ""
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(env.Info{}, s.explain(ctx, "list", prefix, err))
				return
			}
			for _, o := range page.Contents {
				key := strings.TrimPrefix(aws.ToString(o.Key), s.o.Prefix)
				if env.CheckKey(key) != nil {
					continue
				}
				if key <= last {
					yield(env.Info{}, fault.Permanentf("list %s: %q comes after %q: the lake needs a general purpose bucket, which lists in order", s.name(prefix), key, last))
					return
				}
				last = key
				if !yield(env.Info{Key: key, Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified), Version: aws.ToString(o.ETag)}, nil) {
					return
				}
			}
		}
	}
}
