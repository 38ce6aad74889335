package process

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/record"
)

// TestArchiveRoundTrip: any bytes come back as they came, and the same batch
// gives the same object.
func TestArchiveRoundTrip(t *testing.T) {
	used := compressor(t) // for all batches, as a Processor does
	rapid.Check(t, func(rt *rapid.T) {
		envs := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) record.Envelope {
			return record.Envelope{
				Version: record.EnvelopeVersion, ID: rapid.StringMatching(`[a-z0-9]{1,50}`).Draw(rt, "id"), Source: "s",
				ReceivedAt: noon, Method: "POST", Path: "/p",
				Header: map[string]string{"A": "1", "B": rapid.StringMatching(`[ -~]*`).Draw(rt, "header")},
				Body:   rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(rt, "body"),
			}
		}), 1, 20).Draw(rt, "envelopes")
		a, b := memenv.NewStore(memenv.NewClock(noon)), memenv.NewStore(memenv.NewClock(noon))
		key, err := archive(context.Background(), a, used, "batch", envs)
		if err != nil {
			rt.Fatal(err)
		}
		if _, err := archive(context.Background(), b, compressor(t), "batch", envs); err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(dump(t, a), dump(t, b)); diff != "" {
			rt.Fatalf("other bytes:\n%s", diff)
		}
		if key != "archive/dt=2026-11-02/batch.jsonl.zst" {
			rt.Fatalf("key %s", key)
		}
		got, err := ReadArchive(context.Background(), a, key)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(envs, got); diff != "" {
			rt.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// TestDamagedArchive damages an object in every way: each is found, and called
// permanent; a store that fails is not.
func TestDamagedArchive(t *testing.T) {
	ctx := t.Context()
	store := memenv.NewStore(memenv.NewClock(noon))
	key, err := archive(ctx, store, compressor(t), "batch", []record.Envelope{{Version: 1, ID: "a", Source: "s", ReceivedAt: noon, Body: bytes.Repeat([]byte("ab"), 500)}})
	if err != nil {
		t.Fatal(err)
	}
	whole := content(t, store, key)
	damaged := map[string][]byte{"empty line": compressed(t, "\n"), "no JSON": compressed(t, "{\"v\":1\n"), "no zstd": []byte("plain text")}
	for i := range whole {
		damaged["cut"+string(rune('a'+i%26))] = whole[:i]
	}
	delete(damaged, "cuta") // nothing at all is an archive without envelopes
	for name, b := range damaged {
		if err := store.Put(ctx, key, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadArchive(ctx, store, key); len(b) > 0 && !fault.Is(err, fault.Permanent) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 0x40
	if err := store.Put(ctx, key, bytes.NewReader(flipped)); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadArchive(ctx, store, key); !fault.Is(err, fault.Permanent) {
		t.Errorf("a flipped bit: got %v", err)
	}
	if _, err := ReadArchive(ctx, store, "archive/none"); !errors.Is(err, env.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := ReadArchive(ctx, failing{store}, key); !errors.Is(err, errStore) || fault.Is(err, fault.Permanent) {
		t.Errorf("a failing store: got %v", err)
	}
}

func compressed(t *testing.T, s string) []byte {
	t.Helper()
	return compressor(t).EncodeAll([]byte(s), nil)
}

func compressor(t *testing.T) *zstd.Encoder {
	t.Helper()
	z, err := newCompressor()
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// failing opens objects that cannot be read.
type failing struct{ env.Blobs }

func (f failing) Open(ctx context.Context, key string) (env.Object, error) {
	o, err := f.Blobs.Open(ctx, key)
	return failingObject{o}, err
}

type failingObject struct{ env.Object }

func (failingObject) ReadAt([]byte, int64) (int, error) { return 0, errStore }
