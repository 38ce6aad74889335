package localenv

import (
	"testing"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/envtest"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
)

func TestQuerier(t *testing.T) {
	envtest.Querier(t, func(t *testing.T, events []envtest.QuerierEvent) env.Querier {
		dir := t.TempDir()
		s := openTestStore(t, dir)
		days := map[string][]record.EventRow{}
		for _, e := range events {
			at := e.At.UnixMicro()
			dt := e.At.Format("2006-01-02")
			days[dt] = append(days[dt], record.EventRow{
				Row:  record.Row{EventID: e.ID, Source: "app", OccurredAt: at, ReceivedAt: at, DeliveryID: "d"},
				Kind: "track", Name: e.Name, Properties: e.Properties,
			})
		}
		for dt, rows := range days {
			if err := lake.WriteHot(t.Context(), s, "events", dt, "batch", rows); err != nil {
				t.Fatal(err)
			}
		}
		return openQuerier(t, dir)
	})
}
