package doctor_test

import (
	"context"
	"iter"
	"strings"
	"testing"

	"upshot.dev/upshot/internal/doctor"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
)

// unlisted is a store that cannot be listed.
type unlisted struct{ env.Store }

func (unlisted) List(context.Context, string) iter.Seq2[env.Info, error] {
	return func(yield func(env.Info, error) bool) { yield(env.Info{}, errDenied) }
}

// TestDays: rows of days before the first that Athena looks for are found.
func TestDays(t *testing.T) {
	store := memenv.NewStore(memenv.NewClock(now))
	for _, key := range []string{
		"events/tier=hot/dt=2026-01-01/a.parquet", "surveys/tier=base/dt=2025-12-31/0000-of-0001.parquet", "events/tier=hot/dt=2025-06-30/b.parquet",
		"archive/dt=2020-01-01/b.jsonl.zst", "reports/latest/report.json",
	} {
		if err := store.Put(t.Context(), key, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		first      string
		lake       env.Blobs
		status     doctor.Status
		detail, do string
	}{
		{"2026-01-01", store, doctor.Warn, "2 files of days before 2026-01-01, the earliest 2025-06-30", "FirstDay=2025-06-30"},
		{"2025-12-31", store, doctor.Warn, "1 files of days before 2025-12-31", "FirstDay=2025-06-30"},
		{"2025-06-30", store, doctor.OK, "from 2025-06-30 on", ""},
		{"2026-01-01", memenv.NewStore(memenv.NewClock(now)), doctor.OK, "nothing is older", ""},
		{"2026-01-01", unlisted{store}, doctor.Fail, "access denied", "cannot work"},
		{"", store, doctor.Skipped, "no parameter FirstDay", ""},
	} {
		d := well(t)
		d.More = append(d.More, doctor.Days(c.lake, c.first))
		found := doctor.Look(t.Context(), d)
		f := found[len(found)-1]
		if f.Check != "days" || f.Status != c.status || !strings.Contains(f.Detail, c.detail) || !strings.Contains(f.Do, c.do) {
			t.Errorf("from %q: %+v", c.first, f)
		}
		if doctor.Well(found) == (c.status == doctor.Fail) {
			t.Errorf("from %q: well is %v", c.first, doctor.Well(found))
		}
	}
}
