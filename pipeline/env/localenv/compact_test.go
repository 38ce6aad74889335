package localenv_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
)

// TestTempIsForCompaction: temporary files of a compaction lie in the store's own
// folder for such, and nothing of them is left.
func TestTempIsForCompaction(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	for _, batch := range []string{"a", "b"} {
		rows := []record.EventRow{{Kind: "track", Row: record.Row{EventID: batch, Source: "s"}}}
		if err := lake.WriteHot(t.Context(), s, "events", "2026-11-01", batch, rows); err != nil {
			t.Fatal(err)
		}
	}
	o := lake.CompactOptions{Clock: env.ClockFunc(time.Now), Memory: 1, Temp: s.Temp()}
	if rel, err := filepath.Rel(dir, o.Temp); err != nil || !filepath.IsLocal(rel) {
		t.Errorf("%s is not in %s", o.Temp, dir)
	}
	rep, err := lake.Compact(t.Context(), s, o)
	if err != nil || rep.Tables[2].RowsOut != 2 {
		t.Fatalf("%+v, %v", rep, err)
	}
	if left, err := os.ReadDir(o.Temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
