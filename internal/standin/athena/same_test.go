package athena_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/internal/standin/athena"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/ledger"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/pipeline/report"
	"upshot.dev/upshot/queries"
)

var (
	berlin  = "Europe/Berlin"
	now     = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	product = config.Product{
		ActiveEvents: []string{"Dashboard Viewed", "Document Scanned"},
		Features: map[string]config.Matcher{
			"scanner":    {Events: []string{"Document Scanned"}, Where: map[string]any{"pages": 2}},
			"dashboards": {Events: []string{"Dashboard Viewed"}},
		},
	}
)

// twoQueriers are the engine itself and the engine behind Athena's protocol,
// over the same lake.
func twoQueriers(t *testing.T, dir string) (local, remote env.Querier, stats *[]awsenv.QueryStats) {
	t.Helper()
	opts := localenv.QuerierOptions{Threads: 2}
	q, err := localenv.OpenQuerier(t.Context(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	engine := athena.OpenLake(dir, opts)
	server := athena.New(athena.Options{
		Engine: engine, Clock: env.ClockFunc(time.Now),
		Workgroups: map[string]athena.Workgroup{"upshot": {Output: "s3://results/"}},
	})
	front := httptest.NewServer(server)
	t.Cleanup(func() {
		front.Close()
		server.Close()
		_ = engine.Close()
		_ = q.Close()
	})
	stats = &[]awsenv.QueryStats{}
	return q, awsenv.NewQuerier(aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String(front.URL),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}, awsenv.QuerierOptions{
		Workgroup: "upshot", Database: "upshot", Poll: 2 * time.Millisecond,
		OnStats: func(s awsenv.QueryStats) { *stats = append(*stats, s) },
	}), stats
}

func metrics(t *testing.T) *metric.Catalog {
	t.Helper()
	c, err := metric.Load(queries.Metrics())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestMetricsAreTheSame: every metric, in every grain it has and cut by
// all its dimensions, is byte for byte the same by way of Athena's protocol.
func TestMetricsAreTheSame(t *testing.T) {
	local, remote, stats := twoQueriers(t, smallLake(t))
	c := metrics(t)
	if n := len(c.Names()); n < 14 {
		t.Fatalf("%d metrics", n)
	}
	for _, name := range c.Names() {
		m, err := c.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		rows, questions := 0, 0
		for _, grain := range m.Grains {
			for _, by := range [][]string{nil, m.By} {
				if by != nil && grain != "week" && grain != "all" {
					continue
				}
				p := metric.Params{From: "2026-09-28", To: "2026-11-23", TZ: berlin, Grain: grain, By: by}
				want, n := printed(t, c, local, name, p)
				got, _ := printed(t, c, remote, name, p)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s a %s by %v (-engine +protocol):\n%s", name, grain, by, diff)
				}
				rows, questions = rows+n, questions+1
			}
		}
		if rows == 0 {
			t.Errorf("%s: nothing was compared", name)
		}
		t.Logf("%-20s %3d questions, %5d rows the same", name, questions, rows)
	}
	for _, s := range *stats {
		if s.State != "SUCCEEDED" || s.BytesScanned == 0 || s.Cost < 5e-5 {
			t.Errorf("%+v", s)
		}
	}
}

// printed is a metric's result in all forms, and its number of rows.
func printed(t *testing.T, c *metric.Catalog, q env.Querier, name string, p metric.Params) (string, int) {
	t.Helper()
	r, err := c.Run(t.Context(), q, name, product, p)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer r.Record.Release()
	var b bytes.Buffer
	fmt.Fprintln(&b, r.Record.Schema())
	for _, format := range []string{"json", "csv"} {
		if err := r.Write(&b, format, false); err != nil {
			t.Fatal(err)
		}
	}
	return b.String(), len(r.Rows())
}

// TestReportsAreTheSame: whole reports are byte for byte the same, and so is the
// ledger.
func TestReportsAreTheSame(t *testing.T) {
	local, remote, stats := twoQueriers(t, smallLake(t))
	for _, period := range []string{"week", "month"} {
		want, got := files(t, local, period), files(t, remote, period)
		for _, name := range []string{"json", "html", "md", "eml"} {
			if !bytes.Equal(want[name], got[name]) {
				t.Errorf("the %s's report.%s differs:\n%s", period, name, cmp.Diff(string(want[name]), string(got[name])))
			}
		}
		if len(want["json"]) < 10_000 {
			t.Errorf("a report of %d bytes has nothing to compare", len(want["json"]))
		}
	}
	for _, q := range []env.Querier{local, remote} {
		book, err := ledger.Read(t.Context(), q)
		if err != nil || len(book.Rows) == 0 || !book.Total().Balanced() {
			t.Errorf("ledger: %d rows, %v", len(book.Rows), err)
		}
		if gaps, err := ledger.Gaps(t.Context(), q); err != nil || len(gaps) != 0 {
			t.Errorf("gaps %v, %v", gaps, err)
		}
	}
	cost := 0.0
	for _, s := range *stats {
		cost += s.Cost
	}
	t.Logf("%d queries, %.4f USD at the least that Athena bills", len(*stats), cost)
}

// files are the four forms of a report, built as the command line does.
func files(t *testing.T, q env.Querier, period string) map[string][]byte {
	t.Helper()
	c := metrics(t)
	r, err := report.Build(t.Context(), report.Deps{
		Query: q, ThemeName: strings.ToTitle,
		Run: func(ctx context.Context, name string, p metric.Params) (*metric.Result, error) {
			return c.Run(ctx, q, name, product, p)
		},
	}, report.Params{Period: period, TZ: berlin, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for name, render := range map[string]func() ([]byte, error){
		"json": r.JSON, "html": r.HTML, "md": r.Markdown,
		"eml": func() ([]byte, error) {
			return r.Mail(report.Envelope{From: "Upshot <upshot@example.com>", To: []string{"team@example.com"}})
		},
	} {
		if out[name], err = render(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
