package catalog

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
)

// TestOutside counts the tables' files of days before the first, no others.
func TestOutside(t *testing.T) {
	s := memenv.NewStore(memenv.NewClock(time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)))
	for _, key := range []string{
		"events/tier=hot/dt=2025-12-31/a.parquet", "tickets/tier=base/dt=2025-06-30/0000-of-0001.parquet",
		"events/tier=hot/dt=2026-01-01/a.parquet", "links/tier=base/dt=2026-02-01/0000-of-0001.parquet",
		"archive/dt=2025-01-01/b.jsonl.zst", "reports/2025/report.json",
	} {
		if err := s.Put(t.Context(), key, bytes.NewReader([]byte("x"))); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Outside(s.List(t.Context(), ""), "2026-01-01")
	if want := (Unseen{Files: 2, First: "2025-06-30"}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if got, err := Outside(s.List(t.Context(), ""), "2020-01-01"); err != nil || got != (Unseen{}) {
		t.Errorf("nothing lies before 2020, got %+v, %v", got, err)
	}
	broken := errors.New("no listing")
	if _, err := Outside(func(yield func(env.Info, error) bool) { yield(env.Info{}, broken) }, "2026-01-01"); !errors.Is(err, broken) {
		t.Errorf("the error of the listing is %v", err)
	}
}
