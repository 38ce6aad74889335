package metric

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/record"
)

// BenchmarkMetrics computes each metric by week over 26 weeks of 200,000 usage
// events by 3,000 people, 6,000 ticket changes and 1,200 answers.
func BenchmarkMetrics(b *testing.B) {
	w := &world{r: rand.New(rand.NewPCG(1, 7)), loc: time.UTC}
	start := time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
	for range 200_000 {
		at := start.Add(time.Duration(w.r.Int64N(182*24*3600*1000)) * time.Millisecond).UnixMicro()
		who := w.r.IntN(3000)
		e := record.EventRow{Row: w.row("e", at), Kind: "track", Name: w.pick("Opened", "Report Exported", "Other"), Properties: `{"format":"pdf","pages":2}`}
		e.UserKey, e.EmailKey, e.AnonymousKey, e.Excluded = fmt.Sprint("u", who), "", fmt.Sprint("a", who), false
		if w.r.IntN(3) == 0 {
			e.UserKey = ""
		}
		w.events = append(w.events, e)
	}
	for i := range 1500 {
		w.ticket(i)
	}
	for i := range 1200 {
		w.survey(i)
	}
	q := w.write(b)
	c := catalog(b)
	p := Params{From: "2026-05-04", To: "2026-11-02", TZ: "Europe/Berlin", Grain: "week"}
	for _, name := range c.Names() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				res, err := c.Run(b.Context(), q, name, product, p)
				if err != nil {
					b.Fatal(err)
				}
				res.Record.Release()
			}
		})
	}
}
