package envtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// Store runs the suite of env.Store. open returns an empty store each time.
func Store(t *testing.T, open func(t *testing.T) env.Store) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, env.Store)
	}{
		{"round trip", storeRoundTrip},
		{"missing keys", storeMissing},
		{"wrong keys", storeWrongKeys},
		{"order of a listing", storeOrder},
		{"prefixes", storePrefixes},
		{"changes during a listing", storeListChanges},
		{"failed writes change nothing", storeFailedWrites},
		{"opened objects keep their content", storeOpened},
		{"create once", storeCreate},
		{"create once among many", storeCreateRace},
		{"replace what was listed", storeReplace},
		{"replace once among many", storeReplaceRace},
		{"readers see old or new", storeAtomic},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// storeRoundTrip: bytes come back as they went in, in whole and in part.
func storeRoundTrip(t *testing.T, s env.Store) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for key, body := range map[string][]byte{
		"a": []byte("x"), "empty": {}, "nul": {0, 255, 0}, "deep/er/and/deeper": []byte("y"), "big": big,
		"events/tier=hot/dt=2026-11-01/ab12.parquet": []byte("PAR1"),
		"outbox/weekly 2026-W47 pm+1@example.com ü":  []byte("z"),
	} {
		put(t, s, key, body)
		if got := get(t, s, key); !bytes.Equal(got, body) {
			t.Errorf("%s: got %d bytes back, put %d", key, len(got), len(body))
		}
	}
	put(t, s, "a", []byte("second"))
	if got := get(t, s, "a"); string(got) != "second" {
		t.Errorf("a put over an object left %q", got)
	}
	o, err := s.Open(t.Context(), "big")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = o.Close() }()
	if o.Size() != int64(len(big)) {
		t.Errorf("size %d, want %d", o.Size(), len(big))
	}
	part := make([]byte, 5)
	if _, err := o.ReadAt(part, 10); err != nil || string(part) != "abcde" {
		t.Errorf("read in the middle: %q, %v", part, err)
	}
	if n, err := o.ReadAt(part, o.Size()-2); n != 2 || !errors.Is(err, io.EOF) {
		t.Errorf("read across the end: %d, %v, want 2 and EOF", n, err)
	}
}

// storeMissing: reading what is not there is ErrNotExist, removing it is nothing. A
// folder, where the adapter has such things, is no object.
func storeMissing(t *testing.T, s env.Store) {
	put(t, s, "here/a", []byte("x"))
	for _, key := range []string{"missing", "here", "here/b", "here/a/b"} {
		if _, err := s.Open(t.Context(), key); !errors.Is(err, env.ErrNotExist) {
			t.Errorf("open %s: %v, want ErrNotExist", key, err)
		}
		if err := s.Remove(t.Context(), key); err != nil {
			t.Errorf("remove %s, which is no object: %v", key, err)
		}
	}
	if err := s.Remove(t.Context(), "here/a"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), "here/a"); !errors.Is(err, env.ErrNotExist) {
		t.Errorf("open after remove: %v, want ErrNotExist", err)
	}
	for info, err := range s.List(t.Context(), "") {
		t.Errorf("an empty store lists %v, %v", info, err)
	}
}

// storeWrongKeys: what env.CheckKey refuses is refused by every method, and the
// longest keys that it allows can be kept.
func storeWrongKeys(t *testing.T, s env.Store) {
	for _, key := range []string{
		"", "/", "/abs", "a/", "a//b", ".", "..", "../a", "a/../b", "a/..", "a/.hidden", ".tmp/x",
		"nul\x00", "line\nbreak", "del\x7f", `back\slash`, "bad\xffutf8",
		strings.Repeat("x", 256), strings.Repeat("x/", 512) + "x",
	} {
		_, err := s.Open(t.Context(), key)
		for doing, err := range map[string]error{
			"open":    err,
			"put":     s.Put(t.Context(), key, strings.NewReader("x")),
			"create":  s.Create(t.Context(), key, strings.NewReader("x")),
			"replace": s.Replace(t.Context(), key, "v", strings.NewReader("x")),
			"remove":  s.Remove(t.Context(), key),
		} {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%s %q: %v, want a fault of kind Invalid", doing, key, err)
			}
		}
	}
	if got := keys(t, s, ""); len(got) != 0 {
		t.Errorf("wrong keys left objects: %q", got)
	}
	put(t, s, strings.Repeat("x", 255), []byte("x"))
	put(t, s, strings.Repeat("x/", 511)+"xx", []byte("x"))
}

// storeOrder: listings are in the order of the bytes of the keys, which is not the
// order in which a tree of folders is walked.
func storeOrder(t *testing.T, s env.Store) {
	// Plain byte order: "-" and "." sort before "/", "0" and "a" after it.
	want := []string{"a-b", "a.b", "a/a", "a/b/c", "a/b0", "a0", "aa", "b", "ä"}
	for i := range want {
		put(t, s, want[(i*5+3)%len(want)], []byte(want[i]))
	}
	if diff := cmp.Diff(want, keys(t, s, "")); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	for info, err := range s.List(t.Context(), "b") {
		if err != nil || info.Key != "b" || info.Size == 0 || info.Modified.IsZero() {
			t.Errorf("got %+v, %v, want key, size and time", info, err)
		}
	}
}

// storePrefixes: a prefix is a piece of text and need not end at a slash.
func storePrefixes(t *testing.T, s env.Store) {
	for _, k := range []string{"events/dt=1/a", "events/dt=1/b", "events/dt=10/c", "events2/x", "even", "tickets/y"} {
		put(t, s, k, []byte("x"))
	}
	for prefix, want := range map[string][]string{
		"events/dt=1/":  {"events/dt=1/a", "events/dt=1/b"},
		"events/dt=1":   {"events/dt=1/a", "events/dt=1/b", "events/dt=10/c"},
		"events/":       {"events/dt=1/a", "events/dt=1/b", "events/dt=10/c"},
		"events":        {"events/dt=1/a", "events/dt=1/b", "events/dt=10/c", "events2/x"},
		"even":          {"even", "events/dt=1/a", "events/dt=1/b", "events/dt=10/c", "events2/x"},
		"events/dt=1/a": {"events/dt=1/a"},
		"even/":         nil,
		"tickets/y/":    nil,
		"none/at/all":   nil,
		"/":             nil,
		"../":           nil,
		".":             nil,
	} {
		if diff := cmp.Diff(want, keys(t, s, prefix)); diff != "" {
			t.Errorf("prefix %q (-want +got):\n%s", prefix, diff)
		}
	}
}

// storeListChanges: whoever lists may write and remove meanwhile, stop early, and be
// cancelled.
func storeListChanges(t *testing.T, s env.Store) {
	for i := range 20 {
		put(t, s, fmt.Sprintf("d/%02d/x", i), []byte("x"))
	}
	n := 0
	for info, err := range s.List(t.Context(), "d/") {
		if err != nil {
			t.Fatal(err)
		}
		// A consumer may remove what it was given, and write beside it.
		if err := s.Remove(t.Context(), info.Key); err != nil {
			t.Fatal(err)
		}
		put(t, s, "e/"+info.Key, []byte("x"))
		n++
	}
	if n != 20 || len(keys(t, s, "d/")) != 0 || len(keys(t, s, "e/")) != 20 {
		t.Errorf("listed %d of 20 while changing, left %q", n, keys(t, s, "d/"))
	}
	for _, err := range s.List(t.Context(), "e/") {
		if err != nil {
			t.Fatal(err)
		}
		break // stopping early is allowed
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range s.List(ctx, "") {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled listing goes on: %v", err)
		}
	}
}

// storeFailedWrites: a write whose body breaks off, or whose context ends, leaves the
// old content and no trace.
func storeFailedWrites(t *testing.T, s env.Store) {
	put(t, s, "k", []byte("old"))
	broken := errors.New("the body broke off")
	body := func() io.Reader {
		return io.MultiReader(strings.NewReader(strings.Repeat("new", 10_000)), iotest.ErrReader(broken))
	}
	if err := s.Put(t.Context(), "k", body()); !errors.Is(err, broken) {
		t.Errorf("put with a broken body: %v", err)
	}
	if err := s.Create(t.Context(), "k2", body()); !errors.Is(err, broken) {
		t.Errorf("create with a broken body: %v", err)
	}
	if err := s.Replace(t.Context(), "k", version(t, s, "k"), body()); !errors.Is(err, broken) {
		t.Errorf("replace with a broken body: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, "k", strings.NewReader("new")); !errors.Is(err, context.Canceled) {
		t.Errorf("put after the end of its context: %v", err)
	}
	if got := get(t, s, "k"); string(got) != "old" {
		t.Errorf("a failed put left %.20q", got)
	}
	if diff := cmp.Diff([]string{"k"}, keys(t, s, "")); diff != "" {
		t.Errorf("a failed write left objects (-want +got):\n%s", diff)
	}
}

// storeOpened: a reader is not disturbed by those who write.
func storeOpened(t *testing.T, s env.Store) {
	put(t, s, "k", []byte("first"))
	o, err := s.Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = o.Close() }()
	put(t, s, "k", []byte("second and longer"))
	if got := read(t, o); string(got) != "first" {
		t.Errorf("after an overwrite an opened object reads %q", got)
	}
	if err := s.Remove(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, o); string(got) != "first" {
		t.Errorf("after a remove an opened object reads %q", got)
	}
}

// storeCreate: the first one wins until the object is removed.
func storeCreate(t *testing.T, s env.Store) {
	ctx := t.Context()
	if err := s.Create(ctx, "a/b", strings.NewReader("1")); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(ctx, "a/b", strings.NewReader("2")); !errors.Is(err, env.ErrExist) {
		t.Errorf("second create: %v, want ErrExist", err)
	}
	if got := get(t, s, "a/b"); string(got) != "1" {
		t.Errorf("a refused create left %q", got)
	}
	put(t, s, "a/b", []byte("3"))
	if err := s.Remove(ctx, "a/b"); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(ctx, "a/b", strings.NewReader("4")); err != nil {
		t.Errorf("create after remove: %v", err)
	}
}

// storeCreateRace: of many at once exactly one wins. Claims of the outbox rest on it.
func storeCreateRace(t *testing.T, s env.Store) {
	for round := range 8 {
		var wins, taken atomic.Int32
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				err := s.Create(t.Context(), fmt.Sprintf("lock/%d", round), strings.NewReader(fmt.Sprint(i)))
				switch {
				case err == nil:
					wins.Add(1)
				case errors.Is(err, env.ErrExist):
					taken.Add(1)
				default:
					t.Errorf("create: %v", err)
				}
			})
		}
		wg.Wait()
		if wins.Load() != 1 || taken.Load() != 15 {
			t.Errorf("%d of 16 creates succeeded, %d found it taken, want 1 and 15", wins.Load(), taken.Load())
		}
	}
}

// storeReplace: only what was listed is replaced, also by many bytes, and also
// when it was written or removed since.
func storeReplace(t *testing.T, s env.Store) {
	ctx, large := t.Context(), strings.Repeat("0123456789abcdef", 9<<16)
	if err := s.Replace(ctx, "a/b", "none", strings.NewReader("0")); !errors.Is(err, env.ErrChanged) || len(keys(t, s, "")) != 0 {
		t.Errorf("replace of what is not there: %v, it left %q", err, keys(t, s, ""))
	}
	put(t, s, "a/b", []byte("1"))
	first := version(t, s, "a/b")
	if err := s.Replace(ctx, "a/b", first, strings.NewReader("2")); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"3", large} {
		if err := s.Replace(ctx, "a/b", first, strings.NewReader(body)); !errors.Is(err, env.ErrChanged) {
			t.Errorf("replace of an older version by %d bytes: %v, want ErrChanged", len(body), err)
		}
	}
	if got := get(t, s, "a/b"); string(got) != "2" {
		t.Errorf("a refused replace left %.20q", got)
	}
	if err := s.Replace(ctx, "a/b", version(t, s, "a/b"), strings.NewReader(large)); err != nil {
		t.Error(err)
	}
	second := version(t, s, "a/b")
	if got := get(t, s, "a/b"); string(got) != large {
		t.Errorf("a replace by %d bytes left %d", len(large), len(got))
	}
	put(t, s, "a/b", []byte("4"))
	if err := s.Replace(ctx, "a/b", second, strings.NewReader("5")); !errors.Is(err, env.ErrChanged) {
		t.Errorf("replace after a put: %v, want ErrChanged", err)
	}
	last := version(t, s, "a/b")
	if err := s.Remove(ctx, "a/b"); err != nil {
		t.Fatal(err)
	}
	if err := s.Replace(ctx, "a/b", last, strings.NewReader("6")); !errors.Is(err, env.ErrChanged) || len(keys(t, s, "")) != 0 {
		t.Errorf("replace after a remove: %v, it left %q", err, keys(t, s, ""))
	}
}

// storeReplaceRace: of many at once exactly one wins. Compactions rest on it.
func storeReplaceRace(t *testing.T, s env.Store) {
	put(t, s, "k", []byte("first"))
	for round := range 8 {
		was := version(t, s, "k")
		var wins, changed atomic.Int32
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				err := s.Replace(t.Context(), "k", was, strings.NewReader(fmt.Sprint(round, "-", i)))
				switch {
				case err == nil:
					wins.Add(1)
				case errors.Is(err, env.ErrChanged):
					changed.Add(1)
				default:
					t.Errorf("replace: %v", err)
				}
			})
		}
		wg.Wait()
		if wins.Load() != 1 || changed.Load() != 15 {
			t.Errorf("%d of 16 replaced it, %d found it changed, want 1 and 15", wins.Load(), changed.Load())
		}
	}
}

// version is what a listing says of a key.
func version(t *testing.T, s env.Store, key string) string {
	t.Helper()
	for info, err := range s.List(t.Context(), key) {
		if err != nil || info.Version == "" {
			t.Errorf("the listing of %s has %+v, %v", key, info, err)
		}
		return info.Version
	}
	t.Errorf("%s is not listed", key)
	return ""
}

// storeAtomic: a reader beside a writer sees one content or the other, never a part.
func storeAtomic(t *testing.T, s env.Store) {
	// Two contents of different length, each of one letter: a mixture shows.
	bodies := [][]byte{bytes.Repeat([]byte("a"), 100_000), bytes.Repeat([]byte("b"), 60_000)}
	put(t, s, "k", bodies[0])
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 20 {
			if err := s.Put(t.Context(), "k", bytes.NewReader(bodies[i%2])); err != nil {
				t.Errorf("put: %v", err)
			}
		}
	})
	wg.Go(func() {
		for range 100 {
			got := get(t, s, "k")
			if !bytes.Equal(got, bodies[0]) && !bytes.Equal(got, bodies[1]) {
				t.Errorf("a reader saw %d bytes that nobody wrote", len(got))
			}
		}
	})
	wg.Wait()
}

func put(t *testing.T, s env.Store, key string, body []byte) {
	t.Helper()
	if err := s.Put(t.Context(), key, bytes.NewReader(body)); err != nil {
		t.Errorf("put %s: %v", key, err)
	}
}

func get(t *testing.T, s env.Store, key string) []byte {
	t.Helper()
	o, err := s.Open(t.Context(), key)
	if err != nil {
		t.Errorf("open %s: %v", key, err)
		return nil
	}
	defer func() { _ = o.Close() }()
	return read(t, o)
}

func read(t *testing.T, o env.Object) []byte {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	if err != nil || int64(len(b)) != o.Size() {
		t.Errorf("read %d of %d bytes: %v", len(b), o.Size(), err)
	}
	return b
}

func keys(t *testing.T, s env.Store, prefix string) []string {
	t.Helper()
	var out []string
	for info, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("list %q: %v", prefix, err)
		}
		out = append(out, info.Key)
	}
	return out
}
