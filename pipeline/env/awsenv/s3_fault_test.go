package awsenv_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/fault"
)

// etagOfX is the entity tag of the object "x".
const etagOfX = `"9dd4e461268c8034f5c8564e155c67a6"`

// operations are all the ways in which a store asks S3.
var operations = map[string]func(context.Context, env.Store) error{
	"open": func(ctx context.Context, s env.Store) error {
		_, err := s.Open(ctx, "dir/key")
		return err
	},
	"put":    func(ctx context.Context, s env.Store) error { return s.Put(ctx, "dir/key", strings.NewReader("x")) },
	"create": func(ctx context.Context, s env.Store) error { return s.Create(ctx, "dir/new", strings.NewReader("x")) },
	"replace": func(ctx context.Context, s env.Store) error {
		return s.Replace(ctx, "dir/key", etagOfX, strings.NewReader("y"))
	},
	"put large": func(ctx context.Context, s env.Store) error { return s.Put(ctx, "dir/key", stream(noise(9*mib))) },
	"remove":    func(ctx context.Context, s env.Store) error { return s.Remove(ctx, "dir/key") },
	"list": func(ctx context.Context, s env.Store) error {
		for _, err := range s.List(ctx, "dir/key") {
			return err
		}
		return nil
	},
}

// TestThrottlingPasses: S3 that says SlowDown for half a minute costs time and
// nothing else. The delays themselves are added up, not slept.
func TestThrottlingPasses(t *testing.T) {
	var bridged time.Duration
	for attempt := 1; attempt < awsenv.MaxAttempts; attempt++ {
		d, err := awsenv.NewRetryer().RetryDelay(attempt, errors.New("SlowDown"))
		if err != nil {
			t.Fatal(err)
		}
		bridged += d
	}
	if bridged < 30*time.Second || bridged > time.Minute {
		t.Errorf("the attempts of one call bridge %v, want 30 s to 1 min", bridged)
	}
	for name, do := range operations {
		t.Run(name, func(t *testing.T) {
			var refused atomic.Int32
			var refuse atomic.Bool
			s, _ := bucket(t, awsenv.StoreOptions{}, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if refuse.Load() && refused.Add(1) < awsenv.MaxAttempts {
					standin.S3Error(w, r, http.StatusServiceUnavailable, "SlowDown")
					return
				}
				next.ServeHTTP(w, r)
			})
			put(t, s, "dir/key", "x")
			refuse.Store(true)
			if err := do(t.Context(), s); err != nil {
				t.Error(err)
			}
			if refused.Load() < awsenv.MaxAttempts {
				t.Errorf("S3 was asked %d times", refused.Load())
			}
		})
	}
}

// TestRefusals: what S3 refuses is told with the object, the right retry
// decision, and what to do.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		code   string
		kind   fault.Kind
		says   map[string][]string // by operation; "" is all
	}{
		{"throttled for too long", http.StatusServiceUnavailable, "SlowDown", fault.Retry, nil},
		{"a timeout that comes as a bad request", http.StatusBadRequest, "RequestTimeout", fault.Retry, nil},
		{"internal error", http.StatusInternalServerError, "InternalError", fault.Retry, nil},
		{"denied", http.StatusForbidden, "AccessDenied", fault.Permanent, map[string][]string{
			"open": {"s3:GetObject", "s3:ListBucket"}, "put": {"s3:PutObject"}, "put large": {"s3:PutObject"},
			"create": {"s3:PutObject"}, "remove": {"s3:DeleteObject"}, "list": {"s3:ListBucket"},
		}},
		{"no bucket", http.StatusNotFound, "NoSuchBucket", fault.Permanent, map[string][]string{"": {"no such bucket"}}},
		{"another region", http.StatusMovedPermanently, "PermanentRedirect", fault.Permanent, nil},
		{"key disabled", http.StatusBadRequest, "KMS.DisabledException", fault.Permanent, map[string][]string{"": {"KMS key"}}},
		{"credentials ended", http.StatusBadRequest, "ExpiredToken", fault.Retry, nil},
		{"too long", http.StatusBadRequest, "KeyTooLongError", fault.Invalid, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				standin.S3Error(w, r, c.status, c.code)
			}))
			defer srv.Close()
			cfg := standin.Config(t, standin.Endpoint{Service: "S3", URL: srv.URL})
			cfg.Retryer = awsenv.Impatient
			s := awsenv.NewStore(cfg, awsenv.StoreOptions{Bucket: "acme", Prefix: "lake/"})
			for name, do := range operations {
				err := do(t.Context(), s)
				if !fault.Is(err, c.kind) {
					t.Errorf("%s: %v, want a fault of kind %v", name, err, c.kind)
					continue
				}
				for _, want := range append(append([]string{"s3://acme/lake/dir/"}, c.says[name]...), c.says[""]...) {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%s: %v, want it to say %q", name, err, want)
					}
				}
			}
		})
	}
}

// TestLostAnswers: a write that S3 has done, and whose answer was lost, is
// repeated and finds itself. It must not think that another was first, or a
// claim would be held by nobody.
func TestLostAnswers(t *testing.T) {
	for name, body := range map[string][]byte{"small": []byte("x"), "large": noise(9 * mib)} {
		t.Run(name, func(t *testing.T) {
			var lost atomic.Bool
			s, srv := bucket(t, awsenv.StoreOptions{}, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				// The write that makes the object appear is the conditional one.
				conditional := r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Match") != "" && r.Method != http.MethodGet
				if !conditional || lost.Swap(true) {
					next.ServeHTTP(w, r)
					return
				}
				next.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			})
			if err := s.Create(t.Context(), "k", stream(body)); err != nil {
				t.Errorf("create: %v", err)
			}
			if !lost.Load() {
				t.Error("no answer was lost")
			}
			if err := s.Create(t.Context(), "k", stream(body)); !errors.Is(err, env.ErrExist) {
				t.Errorf("second create: %v, want ErrExist", err)
			}
			version := func() (v string) {
				for info, err := range s.List(t.Context(), "k") {
					if v = info.Version; err != nil {
						t.Fatal(err)
					}
				}
				return v
			}
			lost.Store(false)
			was := version()
			body = append([]byte("new "), body...)
			if err := s.Replace(t.Context(), "k", was, stream(body)); err != nil || !lost.Load() {
				t.Errorf("replace: %v", err)
			}
			if err := s.Replace(t.Context(), "k", was, stream(body)); !errors.Is(err, env.ErrChanged) {
				t.Errorf("second replace: %v, want ErrChanged", err)
			}
			if get(t, s, "k") != string(body) {
				t.Error("the content is another")
			}
			noUploads(t, srv, s)
		})
	}
}

// TestConflicts: two conditional writes that met are told 409 and must ask
// again who was first.
func TestConflicts(t *testing.T) {
	var conflicts atomic.Int32
	s, _ := bucket(t, awsenv.StoreOptions{}, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Header.Get("If-None-Match") != "" && conflicts.Add(1)%3 != 0 {
			standin.S3Error(w, r, http.StatusConflict, "ConditionalRequestConflict")
			return
		}
		next.ServeHTTP(w, r)
	})
	if err := s.Create(t.Context(), "k", strings.NewReader("1")); err != nil {
		t.Errorf("create: %v", err)
	}
	if err := s.Create(t.Context(), "k", strings.NewReader("2")); !errors.Is(err, env.ErrExist) {
		t.Errorf("second create: %v, want ErrExist", err)
	}
	if got := get(t, s, "k"); got != "1" || conflicts.Load() != 6 {
		t.Errorf("content %q after %d conditional writes", got, conflicts.Load())
	}
}

// TestConflictsForEver end as ErrExist when there is an object, and otherwise
// may be tried again.
func TestConflictsForEver(t *testing.T) {
	s, _ := bucket(t, awsenv.StoreOptions{}, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Header.Get("If-None-Match") != "" {
			standin.S3Error(w, r, http.StatusConflict, "ConditionalRequestConflict")
			return
		}
		next.ServeHTTP(w, r)
	})
	if err := s.Create(t.Context(), "k", strings.NewReader("1")); errors.Is(err, env.ErrExist) || !fault.Is(err, fault.Retry) {
		t.Errorf("create: %v, want a fault of kind Retry", err)
	}
	put(t, s, "k", "1")
	if err := s.Create(t.Context(), "k", strings.NewReader("2")); !errors.Is(err, env.ErrExist) {
		t.Errorf("create of a taken key: %v, want ErrExist", err)
	}
}

// damage changes the bodies of the first n answers to GET.
func damage(n int, change func([]byte) []byte) func(w http.ResponseWriter, r *http.Request, next http.Handler) {
	var gets atomic.Int32
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodGet {
			next.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		if gets.Add(1) <= int32(n) {
			body = change(bytes.Clone(body))
		}
		maps.Copy(w.Header(), rec.Header())
		w.WriteHeader(rec.Code)
		_, _ = w.Write(body)
		if len(body) < rec.Body.Len() {
			panic(http.ErrAbortHandler) // the connection breaks off
		}
	}
}

func flip(b []byte) []byte { b[len(b)/2] ^= 1; return b }

func cut(b []byte) []byte { return b[:len(b)/2] }

// TestDamagedBodies are noticed and read again; one that stays damaged is an
// error, never content.
func TestDamagedBodies(t *testing.T) {
	small, large := "some content of a small object", string(noise(3*mib))
	for _, c := range []struct {
		name    string
		content string
		times   int
		change  func([]byte) []byte
		fails   bool
	}{
		{"a bit is another, once", small, 1, flip, false},
		{"a bit is another, always", small, 1e6, flip, true},
		{"cut off, once", small, 1, cut, false},
		{"cut off, always", small, 1e6, cut, true},
		{"large, cut off, twice", large, 2, cut, false},
		{"large, cut off, always", large, 1e6, cut, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := bucket(t, awsenv.StoreOptions{}, damage(c.times, c.change))
			put(t, s, "k", c.content)
			o, err := s.Open(t.Context(), "k")
			var got []byte
			if err == nil {
				got, err = io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
			}
			switch {
			case c.fails && !fault.Is(err, fault.Retry):
				t.Errorf("read %d bytes, %v, want a fault of kind Retry", len(got), err)
			case !c.fails && (err != nil || string(got) != c.content):
				t.Errorf("read %d bytes, %v", len(got), err)
			}
		})
	}
}

// TestVanished: what a listing named may be gone when it is opened.
func TestVanished(t *testing.T) {
	s, _ := bucket(t, awsenv.StoreOptions{}, nil)
	put(t, s, "a", "x")
	for info, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Remove(t.Context(), info.Key); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(t.Context(), info.Key); !errors.Is(err, env.ErrNotExist) {
			t.Errorf("open: %v, want ErrNotExist", err)
		}
	}
}

// TestTheContextEndsTheRetries: a caller with little time does not wait for
// all attempts.
func TestTheContextEndsTheRetries(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var calls atomic.Int32
	s, _ := bucket(t, awsenv.StoreOptions{}, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		if calls.Add(1) == 3 {
			cancel()
		}
		standin.S3Error(w, r, http.StatusServiceUnavailable, "SlowDown")
	})
	err := s.Put(ctx, "k", strings.NewReader("x"))
	if !errors.Is(err, context.Canceled) || calls.Load() != 3 {
		t.Errorf("%d calls, %v", calls.Load(), err)
	}
}
