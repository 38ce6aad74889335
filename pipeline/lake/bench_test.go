package lake

import (
	"fmt"
	"testing"

	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/record"
)

// usage makes rows of a day like those of a busy product: 3,000 people, 20
// kinds of event, sessions of 15, JSON properties.
func usage(n, from int) []record.EventRow {
	rows := make([]record.EventRow, n)
	for i := range rows {
		k := from + i
		h := uint64(k) * 0x9E3779B97F4A7C15
		at := noon.UnixMicro() + int64(k)*4_000_000/10
		person := h % 3000
		rows[i] = record.EventRow{
			Kind: "track", Name: fmt.Sprint("Event ", h>>40%20), SessionID: fmt.Sprintf("s-%d-%d", person, k/15000),
			Properties: fmt.Sprintf(`{"format":"%s","count":%d}`, []string{"pdf", "csv", "png"}[h>>20%3], h>>30%500),
			Row: record.Row{
				EventID: fmt.Sprintf("%016x-%08x", h, k), Source: "app", OccurredAt: at / 1000 * 1000, ReceivedAt: at/1000*1000 + 2_000_000,
				DeliveryID: fmt.Sprintf("01JC%022d", k/20), DeliverySeq: int32(k % 20),
				UserKey: fmt.Sprintf("%016x%016x", person*0xABCDEF12345, person), Plan: []string{"free", "pro", "team"}[person%3],
				Country: []string{"DE", "US", "FR", "JP"}[person%4], Platform: []string{"web", "ios", "android"}[person%3], AppVersion: "4.2.1",
			},
		}
	}
	return rows
}

// BenchmarkWriteHot reports rows per second and bytes per row of usage events.
func BenchmarkWriteHot(b *testing.B) {
	rows := usage(100_000, 0)
	clock := memenv.NewClock(noon)
	var size int64
	b.ResetTimer()
	for range b.N {
		s := memenv.NewStore(clock)
		if err := WriteHot(b.Context(), s, "events", testDay, "b", rows); err != nil {
			b.Fatal(err)
		}
		for info, err := range s.List(b.Context(), "events/") {
			if err != nil {
				b.Fatal(err)
			}
			size = info.Size
		}
	}
	b.ReportMetric(float64(b.N)*float64(len(rows))/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(size)/float64(len(rows)), "B/row")
}

// BenchmarkCompact merges 20 hot files of 5,000 rows into a base of 100,000.
func BenchmarkCompact(b *testing.B) {
	clock := memenv.NewClock(noon)
	const base, hot, each = 100_000, 20, 5_000
	for range b.N {
		b.StopTimer()
		s := memenv.NewStore(clock)
		write := func(batch string, rows []record.EventRow) {
			if err := WriteHot(b.Context(), s, "events", testDay, batch, rows); err != nil {
				b.Fatal(err)
			}
		}
		opts := CompactOptions{Clock: clock}
		write("base", usage(base, 0))
		if _, err := Compact(b.Context(), s, opts); err != nil {
			b.Fatal(err)
		}
		for i := range hot {
			write(fmt.Sprint("hot-", i), usage(each, base+i*each))
		}
		b.StartTimer()
		rep, err := Compact(b.Context(), s, opts)
		if err != nil || rep.Tables[2].RowsOut != base+hot*each {
			b.Fatal(rep, err)
		}
	}
	b.ReportMetric(float64(b.N)*(base+hot*each)/b.Elapsed().Seconds(), "rows/s")
}
