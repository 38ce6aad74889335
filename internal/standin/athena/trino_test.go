package athena_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/internal/standin/athena"
	"upshot.dev/upshot/internal/standin/trino"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/env/envtest"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := trino.Shutdown(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// overTrino is Athena's protocol with the engine behind it that Athena has.
func overTrino(t *testing.T, dir string) env.Querier {
	t.Helper()
	engine, err := trino.Running(t).OpenLake(t.Context(), dir, trino.Days{First: "2026-06-01", Last: "2026-12-01"})
	if err != nil {
		t.Fatal(err)
	}
	server := athena.New(athena.Options{
		Engine: engine, Clock: env.ClockFunc(time.Now),
		Workgroups: map[string]athena.Workgroup{"upshot": {Output: "s3://results/"}},
	})
	front := httptest.NewServer(server)
	t.Cleanup(func() { front.Close(); server.Close() })
	cfg := standin.Config(t, standin.Endpoint{Service: "Athena", URL: front.URL})
	return awsenv.NewQuerier(cfg, awsenv.QuerierOptions{Workgroup: "upshot", Poll: 5 * time.Millisecond})
}

// TestQuerierOverTrino: the suite, through the protocol, on Athena's own engine.
func TestQuerierOverTrino(t *testing.T) {
	trino.Running(t)
	envtest.Querier(t, func(t *testing.T, events []envtest.QuerierEvent) env.Querier {
		dir := t.TempDir()
		s, err := localenv.OpenStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		days := map[string][]record.EventRow{}
		for _, e := range events {
			at, dt := e.At.UnixMicro(), e.At.Format(time.DateOnly)
			days[dt] = append(days[dt], record.EventRow{
				Row:  record.Row{EventID: e.ID, Source: "app", OccurredAt: at, ReceivedAt: at, DeliveryID: "d"},
				Kind: "track", Name: e.Name, Properties: e.Properties,
			})
		}
		for dt, rows := range days {
			if err := lake.WriteHot(t.Context(), s, "events", dt, "batch", rows); err != nil {
				t.Fatal(err)
			}
		}
		return overTrino(t, dir)
	})
}

// TestReportOverTrino: a whole report, with every metric in it, is byte for byte
// the same on DuckDB, directly, and on Trino, by the protocol.
func TestReportOverTrino(t *testing.T) {
	trino.Running(t)
	dir := smallLake(t)
	local, err := localenv.OpenQuerier(t.Context(), dir, localenv.QuerierOptions{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = local.Close() }()
	want, got := files(t, local, "week"), files(t, overTrino(t, dir), "week")
	for name := range want {
		if diff := cmp.Diff(string(want[name]), string(got[name])); diff != "" {
			t.Errorf("report.%s (-DuckDB +Trino by the protocol):\n%s", name, diff)
		}
	}
}
