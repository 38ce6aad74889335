package cost

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"upshot.dev/upshot/pipeline/fault"
)

func prices(t testing.TB) Prices {
	t.Helper()
	p, err := Listed()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func estimate(t *testing.T, v Volume) Estimate {
	t.Helper()
	e, err := Of(prices(t), v)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestFloors holds the price that the design promises where nothing but the
// stages costs, at the volume where batches are full.
func TestFloors(t *testing.T) {
	single := estimate(t, Volume{Deliveries: 1e9, Records: 1, Bytes: 1000, Front: FunctionURL, Days: 365, Window: 20})
	if single.PerMillion > 0.75 || single.PerMillion < 0.6 {
		t.Errorf("a million webhooks cost %.3f USD, promised are at most 0.75; less than 0.60 would be the queue and the invocation alone", single.PerMillion)
	}
	batched := estimate(t, Volume{Deliveries: 1e7, Records: 20, Bytes: 16000, Front: FunctionURL, Days: 365, Window: 20})
	if batched.PerMillionRecords > 0.15 {
		t.Errorf("a million batched events cost %.3f USD, promised are at most 0.15", batched.PerMillionRecords)
	}
}

// TestByHand computes one bill with pencil and paper.
func TestByHand(t *testing.T) {
	e := estimate(t, Volume{Deliveries: 1e8, Records: 1, Bytes: 1000, Front: HTTPAPI, Days: 365, Window: 20})
	want := map[string]float64{
		"HTTP API":                  100,             // 100 M x 1.00 per million
		"ingest: invocations":       20,              // 100 M x 0.20
		"queue: send":               40,              // 100 M x 0.40, each below 64 KB
		"queue: receive and delete": 8,               // 10 M each
		"ingest: time":              3.33335,         // 250,000 GB-s
		"lake: writes":              131_328 * 25e-6, // a batch every 20 s, 5 objects each
		"process: time":             (131_328*.5 + 1e8*.0002) * 13.3334e-6,
		"dashboard":                 3,
		"alarms":                    1.6,
	}
	for _, l := range e.Lines {
		if w, ok := want[l.Item]; ok {
			if math.Abs(l.USD-w) > 1e-3*w {
				t.Errorf("%s: %.4f USD, by hand %.4f", l.Item, l.USD, w)
			}
			delete(want, l.Item)
		}
	}
	for item := range want {
		t.Errorf("no line %q", item)
	}
	if e.Largest != "HTTP API" || e.Lines[0].Item != e.Largest {
		t.Errorf("the largest item is %q, first in the list %q", e.Largest, e.Lines[0].Item)
	}
}

// TestProperties: a bill is the sum of its lines, grows with the traffic, and a
// larger month never makes a single webhook dearer.
func TestProperties(t *testing.T) {
	p := prices(t)
	rapid.Check(t, func(t *rapid.T) {
		v := Volume{
			Deliveries: rapid.Float64Range(1, 1e10).Draw(t, "deliveries"), Records: rapid.Float64Range(1, 1000).Draw(t, "records"),
			Bytes: rapid.Float64Range(1, 16<<20).Draw(t, "bytes"), Days: rapid.Float64Range(0, 4000).Draw(t, "days"),
			Window: rapid.Float64Range(1, 300).Draw(t, "window"),
			Front:  rapid.SampledFrom([]Front{HTTPAPI, FunctionURL}).Draw(t, "front"),
		}
		e, err := Of(p, v)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for i, l := range e.Lines {
			sum += l.USD
			if l.USD < 0 || math.IsNaN(l.USD) {
				t.Errorf("%s costs %v", l.Item, l.USD)
			}
			if i > 0 && l.USD > e.Lines[i-1].USD {
				t.Errorf("%s is dearer than the line before it", l.Item)
			}
		}
		if math.Abs(sum-e.Month) > 1e-6*sum || math.Abs(e.Fixed+e.PerMillion*v.Deliveries/1e6-e.Month) > 1e-6*sum {
			t.Errorf("lines sum to %v, the month is %v, fixed %v", sum, e.Month, e.Fixed)
		}
		double := v
		double.Deliveries *= 2
		d, err := Of(p, double)
		if err != nil {
			t.Fatal(err)
		}
		if d.Month < e.Month || d.PerMillion > e.PerMillion*(1+1e-9) {
			t.Errorf("twice the traffic: %v after %v a month, %v after %v a million", d.Month, e.Month, d.PerMillion, e.PerMillion)
		}
	})
}

func TestRefuses(t *testing.T) {
	ok := Volume{Deliveries: 1, Records: 1, Bytes: 1, Front: HTTPAPI, Window: 20}
	for name, change := range map[string]func(*Volume){
		"0 webhooks": func(v *Volume) { v.Deliveries = 0 },
		"NaN":        func(v *Volume) { v.Deliveries = math.NaN() },
		"half":       func(v *Volume) { v.Records = .5 },
		"too large":  func(v *Volume) { v.Bytes = 16<<20 + 1 },
		"no bytes":   func(v *Volume) { v.Bytes = 0 },
		"window 0":   func(v *Volume) { v.Window = 0 },
		"window 301": func(v *Volume) { v.Window = 301 },
		"front":      func(v *Volume) { v.Front = "pigeon" },
	} {
		v := ok
		change(&v)
		if _, err := Of(prices(t), v); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Of(prices(t), ok); err != nil {
		t.Error(err)
	}
	for text, part := range map[string]string{
		"date: x\nregion: y\nprices: {}":                           "lacks",
		"date: x\nregion: y\nprices: {lambda_request: -1}":         "not a price",
		"region: y\nprices: {}":                                    "date",
		"date: x\nregion: y\nprize: {}":                            "prize",
		strings.Replace(string(listed), "0.0000002 ", "cheap ", 1): "cheap",
	} {
		if _, err := ParsePrices([]byte(text)); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: %v", text[:20], err)
		}
	}
}
