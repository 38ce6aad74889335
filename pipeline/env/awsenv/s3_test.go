package awsenv_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/env/envtest"
	"upshot.dev/upshot/pipeline/fault"
)

// TestStore runs the suite that every store passes against an S3 server.
func TestStore(t *testing.T) {
	srv := standin.S3(t)
	cfg := standin.Config(t, srv.Endpoint)
	t.Run("bucket without versions", func(t *testing.T) {
		envtest.Store(t, func(t *testing.T) env.Store {
			return awsenv.NewStore(cfg, awsenv.StoreOptions{Bucket: srv.Bucket(t, "plain")})
		})
	})
	t.Run("bucket with versions", func(t *testing.T) {
		envtest.Store(t, func(t *testing.T) env.Store {
			return deviations{awsenv.NewStore(cfg, awsenv.StoreOptions{Bucket: srv.VersionedBucket(t, "versioned")})}
		})
	})
}

// deviations makes up for the two ways in which versitygw 1.8.0 differs from
// S3 on a bucket with versions: it fails to delete the name of a folder, where
// S3 answers 204, and it takes a delete marker for an object when it is asked
// to write only a new one, or to replace one, where S3 looks at the current
// version.
type deviations struct{ *awsenv.Store }

func (d deviations) Remove(ctx context.Context, key string) error {
	o, err := d.Open(ctx, key)
	if errors.Is(err, env.ErrNotExist) {
		return nil
	}
	if err == nil {
		_ = o.Close()
	}
	return d.Store.Remove(ctx, key)
}

func (d deviations) Create(ctx context.Context, key string, body io.Reader) error {
	err := d.Store.Create(ctx, key, body)
	if errors.Is(err, env.ErrExist) {
		if _, openErr := d.Open(ctx, key); errors.Is(openErr, env.ErrNotExist) {
			return d.Put(ctx, key, body)
		}
	}
	return err
}

func (d deviations) Replace(ctx context.Context, key, version string, body io.Reader) error {
	if _, err := d.Open(ctx, key); errors.Is(err, env.ErrNotExist) {
		return env.ErrChanged
	}
	return d.Store.Replace(ctx, key, version, body)
}

// bucket is a store on a new bucket, behind a front when f is given.
func bucket(t *testing.T, o awsenv.StoreOptions, f func(w http.ResponseWriter, r *http.Request, next http.Handler)) (*awsenv.Store, *standin.S3Server) {
	t.Helper()
	srv := standin.S3(t)
	if o.Bucket == "" {
		o.Bucket = srv.Bucket(t, "lake")
	}
	at := srv.Endpoint
	if f != nil {
		at = standin.Front(t, at, f)
	}
	cfg := standin.Config(t, at)
	cfg.Retryer = awsenv.Impatient
	return awsenv.NewStore(cfg, o), srv
}

func put(t *testing.T, s env.Store, key, body string) {
	t.Helper()
	if err := s.Put(t.Context(), key, strings.NewReader(body)); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, s env.Store, key string) string {
	t.Helper()
	o, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = o.Close() }()
	b, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func keys(t *testing.T, s env.Store, prefix string) []string {
	t.Helper()
	var out []string
	for info, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, info.Key)
	}
	return out
}

// TestStoresShareABucket: each sees what is below its own prefix.
func TestStoresShareABucket(t *testing.T) {
	name := standin.S3(t).Bucket(t, "shared")
	whole, _ := bucket(t, awsenv.StoreOptions{Bucket: name}, nil)
	lake, _ := bucket(t, awsenv.StoreOptions{Bucket: name, Prefix: "lake/"}, nil)
	put(t, lake, "events/a", "1")
	put(t, whole, "other/b", "2")
	if diff := cmp.Diff([]string{"events/a"}, keys(t, lake, "")); diff != "" {
		t.Errorf("below the prefix (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"lake/events/a", "other/b"}, keys(t, whole, "")); diff != "" {
		t.Errorf("in the bucket (-want +got):\n%s", diff)
	}
	if err := lake.Remove(t.Context(), "events/a"); err != nil || len(keys(t, whole, "")) != 1 {
		t.Errorf("removed below the prefix: %v, left %q", err, keys(t, whole, ""))
	}
}

// TestListPages: nothing is lost or doubled between pages, and a page is asked
// for only when it is needed.
func TestListPages(t *testing.T) {
	var calls atomic.Int32
	s, _ := bucket(t, awsenv.StoreOptions{}, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Query().Get("list-type") != "" {
			calls.Add(1)
		}
		next.ServeHTTP(w, r)
	})
	s.SetPage(3)
	var want []string
	for i := range 11 {
		want = append(want, fmt.Sprintf("d%02d/x", i))
		put(t, s, want[i], "x")
	}
	if diff := cmp.Diff(want, keys(t, s, "d")); diff != "" || calls.Load() != 4 {
		t.Errorf("%d calls, want 4 (-want +got):\n%s", calls.Load(), diff)
	}
	calls.Store(0)
	for range s.List(t.Context(), "d") {
		break
	}
	if calls.Load() != 1 {
		t.Errorf("%d calls for the first key, want 1", calls.Load())
	}
}

// TestEncryption: every kind of write names the key.
func TestEncryption(t *testing.T) {
	var named atomic.Int32
	s, _ := bucket(t, awsenv.StoreOptions{KMSKey: "alias/upshot"}, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Header.Get("x-amz-server-side-encryption") == "aws:kms" && r.Header.Get("x-amz-server-side-encryption-aws-kms-key-id") == "alias/upshot" {
			named.Add(1)
		}
		next.ServeHTTP(w, r)
	})
	s.SetPart(5 << 20)
	put(t, s, "small", "x")
	put(t, s, "large", strings.Repeat("x", 6<<20))
	if named.Load() != 2 {
		t.Errorf("the key was named in %d writes, want 2", named.Load())
	}
}

// TestForeignListings: what others put into the bucket is passed over, and a
// bucket that does not list in order, as directory buckets do not, is refused:
// stages merge listings.
func TestForeignListings(t *testing.T) {
	list := func(names ...string) (got []string, err error) {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `<ListBucketResult><IsTruncated>false</IsTruncated>`)
			for _, name := range names {
				_, _ = fmt.Fprintf(w, `<Contents><Key>lake/%s</Key><Size>1</Size><LastModified>2026-11-01T12:00:00.000Z</LastModified></Contents>`, name)
			}
			_, _ = io.WriteString(w, `</ListBucketResult>`)
		}))
		defer srv.Close()
		s := awsenv.NewStore(standin.Config(t, standin.Endpoint{Service: "S3", URL: srv.URL}), awsenv.StoreOptions{Bucket: "acme", Prefix: "lake/"})
		for info, err := range s.List(t.Context(), "") {
			if err != nil {
				return got, err
			}
			got = append(got, info.Key)
		}
		return got, nil
	}
	got, err := list("", ".hidden/x", "a/", "a/b", "c//d", "e")
	if diff := cmp.Diff([]string{"a/b", "e"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	got, err = list("b", "a")
	if !fault.Is(err, fault.Permanent) || !strings.Contains(err.Error(), "general purpose bucket") || len(got) != 1 {
		t.Errorf("out of order: %q, %v", got, err)
	}
}
