package metric_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/pipeline/record"
)

func ask(t *testing.T, dir, name string, p config.Product, params metric.Params) []metric.Row {
	t.Helper()
	r, err := loadMetrics(t).Run(t.Context(), openQuerier(t, dir), name, p, params)
	if err != nil {
		t.Fatal(err)
	}
	return r.Rows()
}

// TestSkippedDay: Samoa had no 30 December 2011. The day has its row, and
// nothing in it.
func TestSkippedDay(t *testing.T) {
	p := metric.Params{From: "2011-12-30", To: "2011-12-31", TZ: "Pacific/Apia", Grain: "day"}
	c := loadMetrics(t)
	q := openQuerier(t, t.TempDir())
	for _, name := range c.Names() {
		r, err := c.Run(t.Context(), q, name, product, p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, row := range r.Rows() {
			if row.N != 0 || row.Period != "2011-12-30" {
				t.Errorf("%s: %v", name, row)
			}
		}
	}
}

// TestReceiptsOfHalfHourZones: days of India begin at half past an hour of UTC.
func TestReceiptsOfHalfHourZones(t *testing.T) {
	w := &world{r: newWorld(0).r}
	for i, at := range []string{"2026-10-31T18:29:59.999Z", "2026-10-31T18:30:00Z", "2026-10-31T18:59:00Z", "2026-11-01T18:29:59.999Z", "2026-11-01T18:30:00Z"} {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		w.receipts = append(w.receipts, record.ReceiptRow{
			DeliveryID: fmt.Sprint(i), Source: "app", Table: "events", ReceivedAt: when.UnixMicro(), Outcome: record.OutcomeRecord, EventKey: int64(i + 1),
		})
	}
	rows := ask(t, w.lake(t), "completeness", product, metric.Params{From: "2026-10-31", To: "2026-11-03", TZ: "Asia/Kolkata", Grain: "day"})
	var got []int64
	for _, r := range rows {
		got = append(got, r.N)
	}
	if !slices.Equal(got, []int64{1, 3, 1}) {
		t.Errorf("received by day %v, want 1, 3, 1", got)
	}
}

// TestProperties: an event is of a feature when a property equals the value as
// JSON, whatever else is among the properties.
func TestProperties(t *testing.T) {
	props := []string{
		"", "null", "[]", `"k"`, "1", "{}", `{"k":null}`, `{"k":[1]}`, `{"k":{"k":1}}`, `{"k":"1"}`, `{"k":1}`, `{"k":1.0}`, `{"k":true}`,
		`{"k":"true"}`, `{"k":"ä'\"\n"}`, `{"k":"\u00e4'\"\n"}`, `{"K":1}`, `{"k":1,"a":[1,{"b":"c"}]}`, `{"k":1e0}`, `{"k":"null"}`, `{"k":""}`, `{"k":-0.5}`,
		`{"k":9007199254740992}`, `{"k.k":1}`, `{"x":{"k":1}}`, `{"k":"[1]"}`,
	}
	for _, c := range []struct {
		want any
		same []string
	}{
		{1, []string{`{"k":1}`, `{"k":1.0}`, `{"k":1,"a":[1,{"b":"c"}]}`, `{"k":1e0}`}},
		{1.0, []string{`{"k":1}`, `{"k":1.0}`, `{"k":1,"a":[1,{"b":"c"}]}`, `{"k":1e0}`}},
		{"1", []string{`{"k":"1"}`}},
		{true, []string{`{"k":true}`}},
		{"true", []string{`{"k":"true"}`}},
		{"null", []string{`{"k":"null"}`}},
		{"", []string{`{"k":""}`}},
		{"[1]", []string{`{"k":"[1]"}`}},
		{-0.5, []string{`{"k":-0.5}`}},
		{uint64(9007199254740992), []string{`{"k":9007199254740992}`}},
		{"ä'\"\n", []string{`{"k":"ä'\"\n"}`, `{"k":"\u00e4'\"\n"}`}},
	} {
		w := &world{r: newWorld(0).r}
		for i, p := range props {
			w.events = append(w.events, record.EventRow{
				Row:  record.Row{EventID: fmt.Sprint(i), Source: "app", OccurredAt: worldStart.UnixMicro(), UserKey: p + " "},
				Kind: "track", Name: "Used", Properties: p,
			})
		}
		p := config.Product{Features: map[string]config.Matcher{"f": {Events: []string{"Used"}, Where: map[string]any{"k": c.want}}}}
		rows := ask(t, w.lake(t), "adoption", p, metric.Params{From: "2026-10-12", To: "2026-10-13", TZ: "UTC", Grain: "all"})
		if len(rows) != 1 || int(rows[0].Stats["users"]) != len(c.same) || int(rows[0].N) != len(props) {
			t.Errorf("%v (%T): %v, want %d of %d", c.want, c.want, rows, len(c.same), len(props))
		}
	}
}
