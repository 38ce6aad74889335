package jobs_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/internal/jobs"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
)

var start = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)

// stepping is a clock that goes on by a second whenever it is asked.
func stepping() env.Clock {
	now := start
	return env.ClockFunc(func() time.Time { now = now.Add(time.Second); return now })
}

func TestRunMarksSuccessOnly(t *testing.T) {
	ctx, s, clock := t.Context(), memenv.NewStore(env.ClockFunc(func() time.Time { return start })), stepping()
	if err := jobs.Run(ctx, s, clock, "report-weekly", func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	failed := errors.New("no lake")
	for _, name := range []string{"report-weekly", "compact"} {
		if err := jobs.Run(ctx, s, clock, name, func(context.Context) error { return failed }); !errors.Is(err, failed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	got, err := jobs.Last(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	want := jobs.Mark{Name: "report-weekly", Finished: start.Add(2 * time.Second), Seconds: 1}
	if len(got) != 1 || got["report-weekly"] != want {
		t.Errorf("the marks are %+v", got)
	}
}

func TestLastNamesADamagedMark(t *testing.T) {
	s := memenv.NewStore(env.ClockFunc(func() time.Time { return start }))
	for _, body := range []string{"", "{}", "no", `{"name":"x"}`, strings.Repeat("[", 9999)} {
		if err := s.Put(t.Context(), "jobs/compact.json", strings.NewReader(body)); err != nil {
			t.Fatal(err)
		}
		if _, err := jobs.Last(t.Context(), s); !fault.Is(err, fault.Permanent) || !strings.Contains(err.Error(), "jobs/compact.json") {
			t.Errorf("%.20q: %v", body, err)
		}
	}
}
