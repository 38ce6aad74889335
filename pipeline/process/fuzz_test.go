package process

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
)

// FuzzProcess: whatever a sender posts, the batch goes through, the delivery
// has at least one receipt, all text can be read by every engine, and the same
// again gives the same bytes.
func FuzzProcess(f *testing.F) {
	names := []string{"api", "delighted", "github", "mapping", "segment", "zendesk"}
	for _, c := range fixtures(f) {
		f.Add(uint8(slices.Index(names, c.source)), c.path, []byte(c.body))
	}
	p := newProcessor(f, memenv.NewStore(memenv.NewClock(noon)))
	f.Fuzz(func(t *testing.T, which uint8, path string, body []byte) {
		e := record.Envelope{
			Version: record.EnvelopeVersion, ID: "d", Source: names[int(which)%len(names)],
			ReceivedAt: noon, Path: path, Body: body,
		}
		raw, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var stores [2]*memenv.Store
		for i := range stores {
			stores[i] = memenv.NewStore(memenv.NewClock(noon))
			q := Processor{o: p.o, z: p.z}
			q.o.Store = stores[i]
			res, err := q.Process(context.Background(), []env.Message{{ID: "d", Body: raw}})
			if err != nil || len(res.Poison) > 0 {
				t.Fatal(res.Poison, err)
			}
			if n := res.Records + res.Rejected + res.Ignored; n == 0 || n != len(table(t, stores[i], lake.Ledger)) {
				t.Fatalf("%+v", res)
			}
		}
		if diff := cmp.Diff(dump(t, stores[0]), dump(t, stores[1])); diff != "" {
			t.Fatal(diff)
		}
		for _, name := range lake.Tables() {
			for _, l := range table(t, stores[0], name) {
				for column, text := range l {
					if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
						t.Fatalf("%s.%s is %q", name, column, text)
					}
				}
			}
		}
	})
}

// TestFiftyTimesOverAWeek delivers everything fifty times, each time under
// another id and later, in any order, while the store fails and the process
// dies now and then. No row is lost, doubled or other than after the first
// delivery alone.
func TestFiftyTimesOverAWeek(t *testing.T) {
	first := mixed(t)
	first = first[:len(first)-1] // without the message that is no envelope
	want := undisturbed(t, first)
	r := rand.New(rand.NewPCG(7, 50))
	b := newBench(t)
	all := slices.Clone(first)
	for _, m := range first {
		e, err := record.DecodeEnvelope(m.Body)
		if err != nil {
			t.Fatal(err)
		}
		for k := 1; k < 50; k++ {
			again := e
			again.ID = fmt.Sprintf("%s-again-%02d", e.ID, k)
			again.ReceivedAt = e.ReceivedAt.Add(time.Duration(k) * 7 * 24 * time.Hour / 50)
			raw, err := again.Encode()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, env.Message{ID: again.ID, Body: raw})
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for group := range slices.Chunk(all, 70) {
		b.send(t, group...)
		b.work.Batch = 1 + r.IntN(90)
		b.store.calls, b.store.faults = 0, map[int]int{r.IntN(20): r.IntN(faultKinds)}
		outlive(func() { _, _ = b.work.Drain(context.Background()) })
		b.clock.Advance(time.Minute)
	}
	b.work.Batch = 0
	b.finish(t)
	got := look(t, b.store)
	if n := len(got[lake.Ledger]); n != 50*len(want[lake.Ledger]) {
		t.Errorf("%d receipts, want 50 times %d", n, len(want[lake.Ledger]))
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if name == lake.Ledger || name == lake.Rejects {
			continue // these tell of every delivery
		}
		if diff := cmp.Diff(want[name], got[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
