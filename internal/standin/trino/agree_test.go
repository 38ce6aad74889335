package trino

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/go-cmp/cmp"
	"github.com/jedib0t/go-pretty/v6/table"

	"upshot.dev/upshot/internal/catalog"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/queries"
)

// answer is a result as text: the columns with their types, then the rows in
// order of their text. A relation has no order; a metric's rows are sorted by
// whoever reads them. The last digits of a sum of doubles vary with the order
// of adding: twelve are compared.
func answer(ctx context.Context, q env.Querier, sql string) (head string, lines []string, err error) {
	r, err := q.Query(ctx, sql)
	if err != nil {
		return "", nil, err
	}
	defer r.Release()
	for _, f := range r.Schema().Fields() {
		head += fmt.Sprintf("%s:%s ", f.Name, f.Type)
	}
	for r.Next() {
		batch := r.RecordBatch()
		for i := range int(batch.NumRows()) {
			var b strings.Builder
			for _, c := range batch.Columns() {
				b.WriteString(value(c, i) + "|")
			}
			lines = append(lines, b.String())
		}
	}
	slices.Sort(lines)
	return head, lines, r.Err()
}

func value(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return "-"
	}
	switch a := a.(type) {
	case *array.Float64:
		if a.Value(i) == math.Trunc(a.Value(i)) {
			return strconv.FormatFloat(a.Value(i), 'f', 0, 64)
		}
		return strconv.FormatFloat(a.Value(i), 'e', 11, 64)
	case *array.List:
		from, to := a.ValueOffsets(i)
		var out []string
		for j := from; j < to; j++ {
			out = append(out, value(a.ListValues(), int(j)))
		}
		return "[" + strings.Join(out, ",") + "]"
	case *array.String:
		return text(a.Value(i))
	default:
		return strconv.Quote(a.ValueStr(i))
	}
}

// text is a text; in a list of numbers, which the engines write in different
// ways, each is written the same way. The metrics read them as numbers.
func text(s string) string {
	words := strings.Fields(s)
	for i, w := range words {
		n, err := strconv.ParseFloat(w, 64)
		if err != nil {
			return strconv.Quote(s)
		}
		words[i] = strconv.FormatFloat(n, 'g', -1, 64)
	}
	return strconv.Quote(strings.Join(words, " "))
}

// pair is one lake behind both engines.
type pair struct {
	trino *Lake
	duck  *localenv.Querier
}

func openBoth(t *testing.T, dir string, days Days) pair {
	t.Helper()
	var p pair
	var err error
	if p.trino, err = Running(t).OpenLake(t.Context(), dir, days); err != nil {
		t.Fatal(err)
	}
	if p.duck, err = localenv.OpenQuerier(t.Context(), dir, localenv.QuerierOptions{Threads: 1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.duck.Close() })
	return p
}

// agree asks both engines the same text and says how many rows came; equal is
// false, and the test fails, when any differs.
func (p pair) agree(t *testing.T, what, sql string) (rows int, equal bool) {
	t.Helper()
	var duckHead, trinoHead string
	var duck, trino []string
	var duckErr, trinoErr error
	var both sync.WaitGroup
	both.Go(func() { duckHead, duck, duckErr = answer(t.Context(), p.duck, sql) })
	both.Go(func() { trinoHead, trino, trinoErr = answer(t.Context(), p.trino, sql) })
	both.Wait()
	if duckErr != nil || trinoErr != nil {
		t.Errorf("%s: DuckDB: %v; Trino: %v\n%s", what, duckErr, trinoErr, sql)
		return 0, false
	}
	if duckHead != trinoHead {
		t.Errorf("%s: DuckDB gives %s, Trino %s", what, duckHead, trinoHead)
		return len(duck), false
	}
	if !slices.Equal(duck, trino) {
		t.Errorf("%s: %d rows of DuckDB's %d are not Trino's, which has %d:\n%s", what,
			len(without(duck, trino)), len(duck), len(trino), difference(duck, trino))
		return len(duck), false
	}
	return len(duck), true
}

func without(a, b []string) (out []string) {
	have := map[string]int{}
	for _, s := range b {
		have[s]++
	}
	for _, s := range a {
		if have[s]--; have[s] < 0 {
			out = append(out, s)
		}
	}
	return out
}

// difference shows the first few rows that only one has.
func difference(duck, trino []string) string {
	var b strings.Builder
	for _, side := range []struct {
		name string
		rows []string
	}{{"DuckDB", without(duck, trino)}, {"Trino", without(trino, duck)}} {
		for _, r := range side.rows[:min(4, len(side.rows))] {
			fmt.Fprintf(&b, "  only %s: %.600s\n", side.name, r)
		}
	}
	return b.String()
}

// question is one text for both engines, with what it is called in the table.
type question struct {
	label table.Row
	sql   string
}

// same asks both engines everything, two questions at a time, prints a table of
// what was compared, and says how many answers had no rows.
func (p pair) same(t *testing.T, header table.Row, questions []question) (empty int) {
	t.Helper()
	answers := make([]table.Row, len(questions))
	next := make(chan int)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for i := range next {
				began := time.Now()
				n, equal := p.agree(t, fmt.Sprint(questions[i].label...), questions[i].sql)
				answers[i] = table.Row{n, equal, fmt.Sprintf("%.1f", time.Since(began).Seconds())}
			}
		})
	}
	for i := range questions {
		next <- i
	}
	close(next)
	all.Wait()
	w := table.NewWriter()
	w.AppendHeader(append(slices.Clone(header), "rows", "equal", "s"))
	for i, q := range questions {
		w.AppendRow(append(slices.Clone(q.label), answers[i]...))
		if answers[i][0] == 0 {
			empty++
		}
	}
	t.Logf("%d answers compared, %d of them without rows\n%s", len(questions), empty, w.Render())
	return empty
}

// ask is one way to ask for a metric.
type ask struct {
	p      metric.Params
	first  bool // cut by the metric's first dimensions
	second bool // and by its last one
}

func (a ask) params(m *metric.Metric) metric.Params {
	p := a.p
	if a.first {
		p.By = m.By[:min(2, len(m.By))]
	}
	if a.second {
		p.By = m.By[len(m.By)-1:]
	}
	return p
}

// sameMetrics holds every metric asked in every way on both engines against
// each other.
func (p pair) sameMetrics(t *testing.T, product config.Product, asks []ask) {
	t.Helper()
	c, err := metric.Load(queries.Metrics())
	if err != nil {
		t.Fatal(err)
	}
	var list []question
	for _, name := range c.Names() {
		m, err := c.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range asks {
			params := a.params(m)
			sql, err := c.SQL(name, product, params)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, question{table.Row{name, params.Grain, params.TZ, strings.Join(params.By, ", ")}, sql})
		}
	}
	if empty := p.same(t, table.Row{"metric", "grain", "time zone", "by"}, list); empty > len(list)/5 || len(list) < 10 {
		t.Errorf("%d of %d answers have no rows: they compare nothing", empty, len(list))
	}
}

// sameViews holds every row of every view against each other, or of those that
// are meant for people only.
func (p pair) sameViews(t *testing.T, onlyPeople bool) {
	t.Helper()
	var list []question
	for _, v := range catalog.Views() {
		if onlyPeople && !v.People {
			continue
		}
		list = append(list, question{table.Row{v.Name}, "SELECT * FROM " + v.Name})
	}
	p.same(t, table.Row{"view"}, list)
}

// TestCompany compares over a lake that the whole line wrote: the bundled
// company, posted, processed and compacted as upshot demo does it, the last
// three weeks of it.
func TestCompany(t *testing.T) {
	Running(t)
	dir := t.TempDir()
	bin := filepath.Join(dir, "upshot")
	run(t, "go", "build", "-o", bin, "upshot.dev/upshot/cmd/upshot")
	run(t, bin, "--quiet", "demo", "--scale", "0.1", "--dir", filepath.Join(dir, "demo"))
	c, err := config.Load(filepath.Join(dir, "demo", "upshot.yaml"), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	const first = "2026-11-02"
	forget(t, c.Path(c.Lake), first)
	p := openBoth(t, c.Path(c.Lake), Days{First: first, Last: "2026-11-24"})
	t.Run("views", func(t *testing.T) { p.sameViews(t, true) })
	t.Run("columns", p.sameColumns)
	t.Run("named queries", func(t *testing.T) { p.sameNamed(t, "2026-11-23") })
	t.Run("metrics", func(t *testing.T) {
		p.sameMetrics(t, c.Product, []ask{
			{p: metric.Params{From: "2026-11-02", To: "2026-11-23", TZ: "Europe/Berlin", Grain: "month"}, second: true},
			{p: metric.Params{From: "2026-11-04", To: "2026-11-23", TZ: "America/New_York", Grain: "all"}},
		})
	})
}

// forget removes the days before first from a lake, so that fewer files have
// to be opened.
func forget(t *testing.T, dir, first string) {
	t.Helper()
	days, err := filepath.Glob(filepath.Join(dir, "*", "tier=*", "dt=*"))
	if err != nil || len(days) == 0 {
		t.Fatal("no days", err)
	}
	for _, d := range days {
		if filepath.Base(d) < "dt="+first {
			if err := os.RemoveAll(d); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// sameColumns holds the columns that the tables and views have in Trino
// against those that the template promises to Athena.
func (p pair) sameColumns(t *testing.T) {
	want, err := catalog.Describe(t.Context(), p.duck)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range lake.Tables() {
		want[catalog.TableName(table)] = append(lake.Columns(table), lake.Column{Name: "tier", Type: "varchar"}, lake.Column{Name: "dt", Type: "date"})
	}
	for name, columns := range want {
		_, lines, err := answer(t.Context(), p.trino, fmt.Sprintf(`SELECT 'c' || lpad(CAST(ordinal_position AS varchar), 3, '0') AS place, column_name, data_type
FROM information_schema.columns WHERE table_schema = '%s' AND table_name = '%s'`, p.trino.Schema(), name))
		if err != nil {
			t.Fatal(err)
		}
		var have []string
		for i, c := range columns {
			have = append(have, fmt.Sprintf("%q|%q|%q|", fmt.Sprintf("c%03d", i+1), c.Name, strings.ReplaceAll(c.Type, "timestamp(6)", "timestamp(3)")))
		}
		for i := range lines { // a text of bounded length is a text
			lines[i] = bounded.ReplaceAllString(lines[i], "varchar")
		}
		if diff := cmp.Diff(have, lines); diff != "" {
			t.Errorf("%s (-promised +Trino):\n%s", name, diff)
		}
	}
}

var bounded = regexp.MustCompile(`varchar\(\d+\)`)

// sameNamed runs the named queries of the metrics: each as if it were today,
// and the first as it stands.
func (p pair) sameNamed(t *testing.T, today string) {
	named, err := catalog.Queries()
	if err != nil {
		t.Fatal(err)
	}
	var list []question
	for _, q := range named {
		if !strings.HasPrefix(q.Name, "metric ") {
			continue // the views were created by the very texts
		}
		if len(list) == 0 {
			list = append(list, question{table.Row{q.Name + ", as it stands"}, q.SQL})
		}
		list = append(list, question{table.Row{q.Name}, strings.ReplaceAll(q.SQL, "current_date", "date '"+today+"'")})
	}
	// Without features adoption has no rows, and what stands depends on the day.
	if empty := p.same(t, table.Row{"named query"}, list); empty > 3 || len(list) < 10 {
		t.Errorf("%d of %d named queries have no rows", empty, len(list))
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = io.Discard, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out.Bytes())
	}
}
