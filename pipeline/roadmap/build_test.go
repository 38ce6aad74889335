package roadmap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"upshot.dev/upshot/pipeline/metric"
)

// lake answers the two queries of a roadmap: intents and quotes.
type lake struct {
	asked []string
	err   error
}

func (l *lake) Query(_ context.Context, sql string) (array.RecordReader, error) {
	l.asked = append(l.asked, sql)
	if l.err != nil {
		return nil, l.err
	}
	rows := [][]string{{"export", "bug", "30"}, {"export", "praise", "2"}, {"billing", "question", "9"}}
	if strings.Contains(sql, "sentence") {
		rows = [][]string{
			{"export", "It stops.", "desk", "2026-11-18", "e1"},
			{"export", "It stops.", "desk", "2026-11-18", "e2"},
			{"export", "Nothing comes out of it.", "desk", "2026-11-19", "e3"},
		}
	}
	var fields []arrow.Field
	for i := range rows[0] {
		fields = append(fields, arrow.Field{Name: fmt.Sprint(i), Type: arrow.BinaryTypes.String, Nullable: true})
	}
	schema := arrow.NewSchema(fields, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, row := range rows {
		for i, cell := range row {
			b.Field(i).(*array.StringBuilder).Append(cell)
		}
	}
	return array.NewRecordReader(schema, []arrow.RecordBatch{b.NewRecordBatch()})
}

func theme(period, id string, items, people, negative float64, partial bool) metric.Row {
	return metric.Row{Period: period, Dims: map[string]string{"theme": id}, Partial: partial, Stats: map[string]float64{"items": items, "people": people, "negative": negative}}
}

// answers gives 1,000 active users, 80 items about export by 60 people, growing,
// and 20 about billing by 15.
func answers(_ context.Context, name string, p metric.Params) (Answer, error) {
	switch name + " " + p.Grain {
	case "active_users all":
		return Answer{Rows: []metric.Row{{Stats: map[string]float64{"users": 1000}}}}, nil
	case "themes all":
		return Answer{Rows: []metric.Row{theme(p.From, "billing", 20, 15, 5, false), theme(p.From, "export", 80, 60, 50, false), theme(p.From, "", 0, 0, 0, false)}}, nil
	case "themes week":
		var rows []metric.Row
		from, _ := time.Parse(time.DateOnly, p.From)
		for w := range Weeks {
			items := 3.0
			if w >= Weeks-lately {
				items = 13
			}
			rows = append(rows, theme(from.AddDate(0, 0, 7*w).Format(time.DateOnly), "export", items, items, items, false))
		}
		return Answer{Rows: append(rows, theme("2026-11-23", "export", 99, 9, 9, true))}, nil
	}
	return Answer{}, fmt.Errorf("unexpected metric %s by %s", name, p.Grain)
}

func window(t *testing.T) Window {
	t.Helper()
	w, err := WindowEnding(time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC), "Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWindowEnding(t *testing.T) {
	w := window(t)
	if got := w.From.Format(time.DateOnly) + " " + w.To.Format(time.DateOnly); got != "2026-08-24 2026-11-23" {
		t.Errorf("window %s", got)
	}
	// Summer time at the start, winter time at the end.
	if w.Start.Format(time.RFC3339) != "2026-08-23T22:00:00Z" || w.End.Format(time.RFC3339) != "2026-11-22T23:00:00Z" {
		t.Errorf("moments %v to %v", w.Start, w.End)
	}
	late, err := WindowEnding(time.Date(2026, 11, 22, 22, 59, 59, 0, time.UTC), "Europe/Berlin")
	if err != nil || late.To.Format(time.DateOnly) != "2026-11-16" {
		t.Errorf("a second before the week is over: %v, %v", late.To, err)
	}
	if _, err := WindowEnding(time.Time{}, "Nowhere/Else"); err == nil {
		t.Error("an unknown zone has no error")
	}
}

func TestBuild(t *testing.T) {
	l := &lake{}
	r, err := Build(t.Context(), Deps{Ask: answers, Query: l, ThemeName: func(id string) string {
		if id == "export" {
			return "Export"
		}
		return ""
	}}, window(t))
	if err != nil {
		t.Fatal(err)
	}
	if r.Active != 1000 || len(r.Items) != 2 || r.Window != "the 13 weeks to 22 November 2026" {
		t.Fatalf("%+v", r)
	}
	first, second := r.Items[0], r.Items[1]
	if first.Name != "Export" || second.Name != "billing" {
		t.Errorf("names %s, %s", first.Name, second.Name)
	}
	if first.People != 60 || first.Severity.N != 32 || *first.Growth.Value < 3.5 || *first.Growth.Value > 4.5 {
		t.Errorf("export %+v", first)
	}
	if first.Quote == nil || first.Quote.Text != "It stops." || second.Quote != nil {
		t.Errorf("quotes %+v, %+v", first.Quote, second.Quote)
	}
	if !strings.Contains(first.Why, "30 of 32 mentions report a bug") || !strings.Contains(first.Why, "growing") {
		t.Errorf("why: %s", first.Why)
	}
	if strings.Contains(second.Why, "mentions") || second.Growth.Value != nil {
		t.Errorf("billing: %s", second.Why)
	}
	for _, sql := range l.asked {
		for _, want := range []string{"dt >= date '2026-08-23'", "dt <= date '2026-11-22'", "occurred_at >= timestamp '2026-08-23 22:00:00.000'", "NOT excluded_person"} {
			if !strings.Contains(sql, want) {
				t.Errorf("no %q in %s", want, sql)
			}
		}
	}
}

func TestQuotesAreNotRepeated(t *testing.T) {
	q, err := Quotes(t.Context(), &lake{}, Span{}, 5)
	if err != nil || len(q["export"]) != 2 || q["export"][1].EventID != "e3" {
		t.Errorf("%+v, %v", q, err)
	}
	one, err := Quotes(t.Context(), &lake{}, Span{}, 1)
	if err != nil || len(one["export"]) != 1 {
		t.Errorf("%+v, %v", one, err)
	}
}

func TestBuildPassesErrorsOn(t *testing.T) {
	broken := errors.New("broken")
	for _, stop := range []string{"active_users", "themes"} {
		ask := func(ctx context.Context, name string, p metric.Params) (Answer, error) {
			if name == stop {
				return Answer{}, broken
			}
			return answers(ctx, name, p)
		}
		if _, err := Build(t.Context(), Deps{Ask: ask, Query: &lake{}}, window(t)); !errors.Is(err, broken) {
			t.Errorf("%s: %v", stop, err)
		}
	}
	if _, err := Build(t.Context(), Deps{Ask: answers, Query: &lake{err: broken}}, window(t)); !errors.Is(err, broken) {
		t.Errorf("query: %v", err)
	}
	run := func(context.Context, string, metric.Params) (*metric.Result, error) { return nil, broken }
	if _, err := Asking(run)(t.Context(), "nps", metric.Params{}); !errors.Is(err, broken) {
		t.Errorf("run: %v", err)
	}
	ok := func(context.Context, string, metric.Params) (*metric.Result, error) {
		return &metric.Result{Title: "NPS", Unit: "score"}, nil
	}
	if a, err := Asking(ok)(t.Context(), "nps", metric.Params{}); err != nil || a.Title != "NPS" || a.Unit != "score" {
		t.Errorf("%+v, %v", a, err)
	}
}
