package awsenv_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/fault"
)

const mib = 1 << 20

// noise is content in which every place is another.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// stream hides everything of a reader but Read.
func stream(b []byte) io.Reader { return struct{ io.Reader }{bytes.NewReader(b)} }

// TestLargeObjects: bodies of unknown length around the sizes of parts come
// back as they were, read in any way.
func TestLargeObjects(t *testing.T) {
	s, srv := bucket(t, awsenv.StoreOptions{}, nil)
	all := noise(18 * mib)
	for _, size := range []int{8*mib - 1, 8 * mib, 8*mib + 1, 16 * mib, len(all)} {
		body := all[:size]
		if err := s.Put(t.Context(), "k", stream(body)); err != nil {
			t.Fatal(size, err)
		}
		if got := get(t, s, "k"); got != string(body) {
			t.Errorf("%d bytes came back as %d others", size, len(got))
		}
	}
	o, err := s.Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = o.Close() }()
	if err := iotest.TestReader(io.NewSectionReader(o, 3*mib-100, 200), all[3*mib-100:3*mib+100]); err != nil {
		t.Error(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	var wg sync.WaitGroup
	for range 8 {
		off, n := random.IntN(len(all)), random.IntN(3*mib)
		wg.Go(func() {
			p := make([]byte, n)
			got, err := o.ReadAt(p, int64(off))
			want := all[off:min(off+n, len(all))]
			if !bytes.Equal(p[:got], want) || errors.Is(err, io.EOF) != (len(want) < n) || err != nil && !errors.Is(err, io.EOF) {
				t.Errorf("read %d at %d: %d bytes, %v", n, off, got, err)
			}
		})
	}
	wg.Wait()
	noUploads(t, srv, s)
}

// noUploads makes sure that S3 keeps no parts of an unfinished upload, which
// would be paid for and never seen.
func noUploads(t *testing.T, srv *standin.S3Server, s *awsenv.Store) {
	t.Helper()
	client := s3.NewFromConfig(standin.Config(t, srv.Endpoint), func(o *s3.Options) { o.UsePathStyle = true })
	out, err := client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String(s.Bucket())})
	if err != nil || len(out.Uploads) != 0 {
		t.Errorf("%d uploads are left, %v", len(out.Uploads), err)
	}
}

// TestLargeWritesThatFail: the old content stands, and no parts are left.
func TestLargeWritesThatFail(t *testing.T) {
	s, srv := bucket(t, awsenv.StoreOptions{}, nil)
	put(t, s, "k", "old")
	brokenOff := errors.New("the body broke off")
	body := io.MultiReader(stream(noise(17*mib)), iotest.ErrReader(brokenOff))
	if err := s.Put(t.Context(), "k", body); !errors.Is(err, brokenOff) {
		t.Errorf("put of a broken body: %v", err)
	}
	if err := s.Create(t.Context(), "k", stream(noise(17*mib))); !errors.Is(err, env.ErrExist) {
		t.Errorf("create of a taken key: %v", err)
	}
	if got := get(t, s, "k"); got != "old" {
		t.Errorf("%d bytes stand where the old content should", len(got))
	}
	if err := s.Create(t.Context(), "k2", stream(noise(17*mib))); err != nil {
		t.Errorf("create of a large object: %v", err)
	}
	noUploads(t, srv, s)
}

// TestPartsThatFail: an error of one part ends the upload.
func TestPartsThatFail(t *testing.T) {
	s, srv := bucket(t, awsenv.StoreOptions{}, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Query().Get("partNumber") == "2" {
			standin.S3Error(w, r, http.StatusBadRequest, "InvalidArgument")
			return
		}
		next.ServeHTTP(w, r)
	})
	read := 0
	body := io.TeeReader(io.LimitReader(zeros{}, 200*mib), count{&read})
	if err := s.Put(t.Context(), "k", body); !fault.Is(err, fault.Permanent) || !strings.Contains(err.Error(), "InvalidArgument") {
		t.Errorf("put with a part that is refused: %v", err)
	}
	if read > 100*mib {
		t.Errorf("%d MiB of the body were read after the end", read/mib)
	}
	noUploads(t, srv, s)
}

// TestCancelledUploads: a caller who leaves in the middle leaves no object.
func TestCancelledUploads(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, _ := bucket(t, awsenv.StoreOptions{}, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Query().Get("partNumber") == "2" {
			cancel()
		}
		next.ServeHTTP(w, r)
	})
	put(t, s, "k", "old")
	if err := s.Put(ctx, "k", stream(noise(30*mib))); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	if got := get(t, s, "k"); got != "old" {
		t.Errorf("%d bytes stand where the old content should", len(got))
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type count struct{ n *int }

func (c count) Write(p []byte) (int, error) { *c.n += len(p); return len(p), nil }

// TestOpenedLargeObjects: a version stays readable; without versions the
// reader is told what happened, and never gets bytes of another content.
func TestOpenedLargeObjects(t *testing.T) {
	first, second := noise(3*mib), bytes.Repeat([]byte("x"), 3*mib)
	srv := standin.S3(t)
	versioned, _ := bucket(t, awsenv.StoreOptions{Bucket: srv.VersionedBucket(t, "versioned")}, nil)
	plain, _ := bucket(t, awsenv.StoreOptions{}, nil)
	for _, c := range []struct {
		name      string
		s         *awsenv.Store
		overwrite func(error) bool
		remove    func(error) bool
	}{
		{"versioned", versioned, isNil, isNil},
		{
			"plain", plain,
			func(err error) bool {
				return fault.Is(err, fault.Retry) && strings.Contains(err.Error(), "overwritten while it was open")
			},
			func(err error) bool { return errors.Is(err, env.ErrNotExist) },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			check := func(doing string, o env.Object, ok func(error) bool) {
				p := make([]byte, 100)
				n, err := o.ReadAt(p, 2*mib)
				if !ok(err) || err == nil && !bytes.Equal(p[:n], first[2*mib:2*mib+100]) {
					t.Errorf("after %s: %q, %v", doing, p[:min(n, 5)], err)
				}
			}
			put(t, c.s, "k", string(first))
			o, err := c.s.Open(t.Context(), "k")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = o.Close() }()
			put(t, c.s, "k", string(second))
			check("an overwrite", o, c.overwrite)
			if err := c.s.Remove(t.Context(), "k"); err != nil {
				t.Fatal(err)
			}
			check("a remove", o, c.remove)
		})
	}
}

func isNil(err error) bool { return err == nil }

// TestReadsAreGrouped: a file that is read in small pieces, by many at once,
// costs one request for each MiB, and the cache keeps to its limit.
func TestReadsAreGrouped(t *testing.T) {
	var gets atomic.Int32
	s, _ := bucket(t, awsenv.StoreOptions{CacheBytes: 4 * mib}, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Header.Get("Range") != "" {
			gets.Add(1)
		}
		next.ServeHTTP(w, r)
	})
	all := noise(3*mib + 10)
	put(t, s, "a", string(all))
	put(t, s, "b", string(all))
	a, err := s.Open(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := iotest.TestReader(iotest.HalfReader(io.NewSectionReader(a, 0, a.Size())), all); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if gets.Load() != 4 {
		t.Errorf("%d requests for 4 blocks", gets.Load())
	}
	b, err := s.Open(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 100)
	for off := int64(0); off < b.Size(); off += mib / 2 {
		if _, err := b.ReadAt(p[:10], off); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Cached(); n > 4*mib || n < 3*mib {
		t.Errorf("the cache has %d bytes, its limit is %d", n, 4*mib)
	}
	_, _ = a.Close(), b.Close()
	if n := s.Cached(); n != 0 {
		t.Errorf("%d bytes are kept of closed objects", n)
	}
	if _, err := b.ReadAt(p, 0); err == nil {
		t.Error("a closed object is read")
	}
}
