package process

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
)

// BenchmarkProcess is a batch of 500 deliveries as one machine sees them: most
// are SDK batches of usage events, some are tickets, ratings and releases. It
// measures everything from the queued message to the bytes of the files.
func BenchmarkProcess(b *testing.B) {
	msgs := load(b, 500)
	bytes := 0
	for _, m := range msgs {
		bytes += len(m.Body)
	}
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	records := 0
	p := newProcessor(b, memenv.NewStore(memenv.NewClock(noon)))
	for b.Loop() {
		p.o.Store = memenv.NewStore(memenv.NewClock(noon))
		res, err := p.Process(context.Background(), msgs)
		if err != nil || res.Rejected > 0 {
			b.Fatal(res, err)
		}
		records += res.Records
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(records)/float64(b.N), "records/op")
}

var complaints = []string{
	"The export stops at 90% since this morning. CSV works. Please mail me at anna@example.org or call +49 151 23456789.",
	"How do I invite a colleague? I looked in the settings, but there is nothing about users or roles.",
	"Your last update is terrible: the dashboard takes a minute to load and then shows an error. We pay for this!",
	"Thanks a lot, the new search is great and so much faster than before.",
}

// load makes n deliveries: of ten, six are batches of ten events, three are
// tickets with text, one is a rating.
func load(tb testing.TB, n int) []env.Message {
	var msgs []env.Message
	for i := range n {
		id := fmt.Sprintf("d%06d", i)
		at := noon.Add(time.Duration(i) * time.Second)
		stamp := at.Format(time.RFC3339)
		switch {
		case i%10 < 6:
			var items []string
			for j := range 10 {
				items = append(items, fmt.Sprintf(`{"type":"track","messageId":"m-%d-%d","event":"Report Exported","userId":"u%d","anonymousId":"cbe4028c-7239-495d-b020-f223485160%02d","timestamp":%q,"context":{"locale":"en-GB","app":{"version":"4.12.%d"},"device":{"type":"ios"}},"properties":{"format":"pdf","rows":%d,"path":"/reports/%d","url":"https://app.example.com/reports/%d?tab=all","plan":"pro"}}`,
					i, j, i%97, i%100, stamp, i%9, i*j, i, i))
			}
			msgs = append(msgs, delivery(tb, id, "segment", at, "/v1/batch", `{"batch":[`+strings.Join(items, ",")+`],"sentAt":"`+stamp+`"}`))
		case i%10 < 9:
			msgs = append(msgs, delivery(tb, id, "zendesk", at, "/hooks/zendesk", fmt.Sprintf(
				`{"id":"z%d","time":%q,"type":"zen:event-type:ticket.created","detail":{"id":"%d","status":"OPEN","priority":"NORMAL","subject":"Export %d","description":%q,"tags":["export","beta"],"via":{"channel":"email"}},"event":{}}`,
				i, stamp, i, i, complaints[i%len(complaints)])))
		default:
			msgs = append(msgs, delivery(tb, id, "delighted", at, "/hooks/delighted", fmt.Sprintf(
				`{"event_type":"survey_response.created","event_id":"v%d","event_data":{"id":"%d","survey_type":"nps","score":%d,"comment":%q,"updated_at":%d,"person":{"email":"p%d@example.org"},"person_properties":{"plan":"pro"}}}`,
				i, i, i%11, complaints[i%len(complaints)], at.Unix(), i)))
		}
	}
	return msgs
}
