package enrich

import (
	"encoding/json"
	"testing"
)

// ticket is a typical ticket of 300 characters.
const ticket = "Hi there, since the last update the CSV export is broken for our whole team. It runs for a minute and then " +
	"shows an error message. We need these reports every Monday, so this is really frustrating. Could you please fix it " +
	"soon, or tell us how to get the old version back? You can reach me at jane@example.com."

func benchmarkEnrich(b *testing.B, keyphrases bool) {
	e, err := New(Options{Keyphrases: keyphrases})
	if err != nil {
		b.Fatal(err)
	}
	x := Text{Subject: "Export broken", Body: ticket}
	e.Enrich(x) // loads the tagger
	b.ReportAllocs()
	for b.Loop() {
		e.Enrich(x)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "texts/s")
}

func BenchmarkEnrich(b *testing.B) { benchmarkEnrich(b, false) }

// BenchmarkEnrichGerman is a text that is told by its words and not scored.
func BenchmarkEnrichGerman(b *testing.B) {
	e := shared()
	x := Text{Body: "Seit dem letzten Update funktioniert der Export unserer Berichte nicht mehr und niemand antwortet uns."}
	for b.Loop() {
		e.Enrich(x)
	}
}

func BenchmarkEnrichKeyphrases(b *testing.B) { benchmarkEnrich(b, true) }

// BenchmarkRedactJSON is the properties of a usage event with nothing to find,
// which is nearly all of them.
func BenchmarkRedactJSON(b *testing.B) {
	doc := json.RawMessage(`{"format":"pdf","rows":1250,"duration_ms":830,"project":"Q3 planning","session_id":"b7f1c2d4-9a1e-4c57-8f0b-2a6f1b0c9d3e",` +
		`"url":"https://app.example.com/projects/8812/reports?tab=weekly","at":"2026-10-19T08:15:30.123Z","app_version":"4.12.0","plan":"team"}`)
	e := shared()
	b.ReportAllocs()
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if _, found := e.RedactJSON(doc); found != nil {
			b.Fatal(found)
		}
	}
}
