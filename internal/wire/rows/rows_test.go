package rows_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"upshot.dev/upshot/internal/wire"
	"upshot.dev/upshot/internal/wire/rows"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/ledger"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/queries"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// delivery is a queued delivery of one usage event.
func delivery(t *testing.T, id, source, person string) env.Message {
	t.Helper()
	e := record.Envelope{
		Version: record.EnvelopeVersion, ID: id, Source: source, ReceivedAt: noon, Method: "POST", Path: "/v1/records",
		Body: fmt.Appendf(nil, `{"table":"events","event_id":%q,"occurred_at":%q,"kind":"track","name":"Export","user_id":%q}`, id, noon.Format(time.RFC3339), person),
	}
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return env.Message{ID: id, Body: b}
}

// TestSmokeCountsNowhere: deliveries of the smoke test are rows of the lake and
// lines of the ledger, and no metric counts them, on a machine that has no such
// source. Whom they name counts as before.
func TestSmokeCountsNowhere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "upshot.yaml")
	if err := os.WriteFile(file, []byte("timezone: UTC\nsources:\n  app: {type: api}\nproduct:\n  exclude: {user_ids: [colleague]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.LoadPacked(file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	srcs, err := wire.Sources(c)
	if err != nil {
		t.Fatal(err)
	}
	store, err := localenv.OpenStore(filepath.Join(dir, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := rows.New(c, store, srcs, []byte("a-key-for-tests-of-good-length-0123456789"))
	if err != nil {
		t.Fatal(err)
	}
	if len(srcs) != 1 {
		t.Errorf("the sources that ingest serves are now %v", srcs)
	}
	o := p.Batch(t.Context(), []env.Message{
		delivery(t, "1", "app", "u1"), delivery(t, "2", "app", "u2"), delivery(t, "3", "app", "colleague"),
		delivery(t, "4", record.SmokeSource, "upshot-smoke"), delivery(t, "5", record.SmokeSource, "u5"), delivery(t, "6", record.SmokeSource, "u1"),
	})
	if o.Err != nil || len(o.Failed) > 0 || o.Records+o.Rejected != 6 {
		t.Fatalf("%+v", o)
	}
	q, err := localenv.OpenQuerier(t.Context(), filepath.Join(dir, "lake"), localenv.QuerierOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	catalog, err := metric.Load(queries.Metrics())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		stat string
		n    float64
	}{"active_users": {"n", 2}, "completeness": {"received", 3}} {
		r, err := catalog.Run(t.Context(), q, name, c.Product, metric.Params{From: "2026-11-16", To: "2026-11-23", TZ: "UTC", Grain: "week"})
		if err != nil || len(r.Rows()) != 1 {
			t.Fatalf("%s: %+v, %v", name, r, err)
		}
		row := r.Rows()[0]
		if got := row.Stats[want.stat]; got != want.n && !(want.stat == "n" && float64(row.N) == want.n) {
			t.Errorf("%s: %+v, want %s = %v", name, row, want.stat, want.n)
		}
	}
	book, err := ledger.Read(t.Context(), q)
	bySource := map[string]int64{}
	for _, r := range book.BySource() {
		bySource[r.Source] = r.Received
	}
	if err != nil || bySource["app"] != 3 || bySource[record.SmokeSource] != 3 {
		t.Errorf("the ledger has %v, %v", bySource, err)
	}
	if gaps, err := ledger.Gaps(t.Context(), q); err != nil || len(gaps) > 0 {
		t.Errorf("gaps %v, %v", gaps, err)
	}
}
