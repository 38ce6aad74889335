package lake

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"upshot.dev/upshot/pipeline/record"
)

// roundTrip writes rows and compares the values that are in the file with those
// of the rows, null by null. (Reading into structs is of no use here: the
// library gives pointers to zero for nulls in embedded structs.)
func roundTrip[T any](t *rapid.T, rows []T) {
	rows = sorted(rows)
	schema := parquet.SchemaOf(new(T))
	pointers := pointerColumns[T](schema)
	var wanted []parquet.Row
	for i := range rows {
		row := rows[i] // the library writes into what it takes apart
		held := heldBy(nil, &row, pointers)
		want := schema.Deconstruct(nil, &row)
		keepZeros(want, held, pointers)
		wanted = append(wanted, want)
	}
	var buf bytes.Buffer
	if err := encode(&buf, rows); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range f.RowGroups() {
		r := g.Rows()
		buf := make([]parquet.Row, 16)
		for {
			k, err := r.ReadRows(buf)
			for _, got := range buf[:k] {
				want := wanted[n]
				if diff := cmp.Diff(describeValues(want), describeValues(got)); diff != "" {
					t.Fatalf("row %d (-want +got):\n%s", n, diff)
				}
				n++
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n != len(rows) {
		t.Fatalf("%d rows written, %d read", len(rows), n)
	}
}

func describeValues(r parquet.Row) (out []string) {
	for _, v := range r {
		out = append(out, fmt.Sprintf("%+v", v))
	}
	return out
}

var (
	text   = rapid.SampledFrom([]string{"", "a", "b", "ünï", "long text of several words"})
	number = rapid.Ptr(rapid.Float64Range(-10, 10), true)
	micros = rapid.Int64Range(0, 1e15)
)

func drawRow(t *rapid.T) record.Row {
	return record.Row{
		EventID: text.Draw(t, "id"), Source: text.Draw(t, "source"),
		OccurredAt: micros.Draw(t, "at") / 1000 * 1000, ReceivedAt: micros.Draw(t, "received"),
		TimeAdjusted: rapid.Bool().Draw(t, "adjusted"), UserKey: text.Draw(t, "user"),
		Plan: text.Draw(t, "plan"), DeliverySeq: rapid.Int32().Draw(t, "seq"),
	}
}

// drawFeedback draws at most kinds redactions: into rows, the library takes a
// map apart in any order, which only the comparison above would notice.
func drawFeedback(t *rapid.T, kinds int) record.Feedback {
	n := rapid.IntRange(0, 3).Draw(t, "mentions")
	f := record.Feedback{
		Text: text.Draw(t, "text"), Sentiment: number.Draw(t, "sentiment"), Confidence: number.Draw(t, "confidence"),
		Redactions: rapid.MapOfN(text, rapid.Int64Range(0, 9), 0, kinds).Draw(t, "redactions"),
		Keyphrases: rapid.SliceOfN(text, 0, 3).Draw(t, "keyphrases"), Intent: text.Draw(t, "intent"),
	}
	for range n {
		f.Themes = append(f.Themes, text.Draw(t, "theme"))
		f.MentionSentences = append(f.MentionSentences, text.Draw(t, "sentence"))
		f.MentionSentiments = append(f.MentionSentiments, rapid.Float64Range(-1, 1).Draw(t, "mention"))
		f.MentionIntents = append(f.MentionIntents, text.Draw(t, "mention intent"))
	}
	return f
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "rows")
		var tickets []record.TicketRow
		var surveys []record.SurveyRow
		var events []record.EventRow
		var releases []record.ReleaseRow
		for range n {
			tickets = append(tickets, record.TicketRow{Row: drawRow(t), TicketID: text.Draw(t, "ticket"), Tags: rapid.SliceOfN(text, 0, 2).Draw(t, "tags"), Feedback: drawFeedback(t, 1)})
			surveys = append(surveys, record.SurveyRow{Row: drawRow(t), Kind: "nps", Score: number.Draw(t, "score"), ScaleMax: number.Draw(t, "max"), Feedback: drawFeedback(t, 1)})
			events = append(events, record.EventRow{Row: drawRow(t), Kind: "track", Revenue: number.Draw(t, "revenue"), Properties: text.Draw(t, "properties")})
			releases = append(releases, record.ReleaseRow{Row: drawRow(t), Kind: "deploy", StartedAt: rapid.Ptr(micros, true).Draw(t, "start"), EndedAt: rapid.Ptr(micros, true).Draw(t, "end"), RolloutPercent: number.Draw(t, "rollout")})
		}
		roundTrip(t, tickets)
		roundTrip(t, surveys)
		roundTrip(t, events)
		roundTrip(t, releases)
	})
}

// TestZeroIsNotNothing: the library writes pointers to zero in embedded structs
// as null, which the comparison of the round trip would not notice.
func TestZeroIsNotNothing(t *testing.T) {
	zero := 0.0
	f := record.Feedback{Sentiment: &zero, Confidence: &zero}
	for name, n := range map[string]int{
		"tickets": zeros(t, []record.TicketRow{{Feedback: f}, {}}),
		"surveys": zeros(t, []record.SurveyRow{{Feedback: f, Score: &zero}, {}}),
	} {
		want := 2
		if name == "surveys" {
			want = 3
		}
		if n != want {
			t.Errorf("%s: %d zeros of %d came back", name, n, want)
		}
	}
}

// zeros counts the zeros among the double columns of what was written.
func zeros[T any](t *testing.T, rows []T) (n int) {
	t.Helper()
	var buf bytes.Buffer
	if err := encode(&buf, rows); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	if err != nil {
		t.Fatal(err)
	}
	r := f.RowGroups()[0].Rows()
	defer r.Close()
	read := make([]parquet.Row, 4)
	k, err := r.ReadRows(read)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	for _, row := range read[:k] {
		for _, v := range row {
			if !v.IsNull() && v.Kind() == parquet.Double && v.Double() == 0 {
				n++
			}
		}
	}
	return n
}
