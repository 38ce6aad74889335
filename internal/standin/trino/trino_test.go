package trino

import (
	"fmt"
	"os"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/envtest"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := Shutdown(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// TestQuerier runs the suite of env.Querier.
func TestQuerier(t *testing.T) {
	s := Running(t)
	envtest.Querier(t, func(t *testing.T, events []envtest.QuerierEvent) env.Querier {
		dir := t.TempDir()
		writeEvents(t, dir, events)
		l, err := s.OpenLake(t.Context(), dir, Days{First: "2026-10-01", Last: "2026-12-01"})
		if err != nil {
			t.Fatal(err)
		}
		return l
	})
}

func writeEvents(t *testing.T, dir string, events []envtest.QuerierEvent) {
	t.Helper()
	s, err := localenv.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	days := map[string][]record.EventRow{}
	for i, e := range events {
		dt := e.At.Format(time.DateOnly)
		days[dt] = append(days[dt], record.EventRow{
			Row:  record.Row{EventID: e.ID, Source: "app", OccurredAt: e.At.UnixMicro(), ReceivedAt: e.At.UnixMicro(), DeliveryID: "d", DeliverySeq: int32(i)},
			Kind: "track", Name: e.Name, Properties: e.Properties,
		})
	}
	for dt, rows := range days {
		if err := lake.WriteHot(t.Context(), s, "events", dt, "b", rows); err != nil {
			t.Fatal(err)
		}
	}
}
