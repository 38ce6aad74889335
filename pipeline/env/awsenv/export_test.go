package awsenv

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// NewRetryer is what Load gives every client.
var NewRetryer = newRetryer

// MaxAttempts of one call.
const MaxAttempts = maxAttempts

// Impatient is NewRetryer without its delays.
func Impatient() aws.Retryer { return impatient{newRetryer()} }

type impatient struct{ aws.Retryer }

func (impatient) RetryDelay(int, error) (time.Duration, error) { return 0, nil }

// SetPage makes listings short, so that they have many pages.
func (s *Store) SetPage(keys int32) { s.page = keys }

// SetPart sets the size of the parts of a multipart upload.
func (s *Store) SetPart(bytes int) { s.part = bytes }

// Cached is the number of bytes in the cache.
func (s *Store) Cached() int {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	return s.cache.bytes
}

// BlockBytes is what is read at least of a large object.
const BlockBytes = blockBytes

// SmallObject is the largest size that is read as a whole.
const SmallObject = smallObject

// Bucket is the store's bucket.
func (s *Store) Bucket() string { return s.o.Bucket }

// NoWait makes looks into an empty queue short.
func (q *Queue) NoWait() *Queue { q.wait = 0; return q }

// Age is how long a process has run, as files of the system tell it.
var Age = age
