package acceptance

import (
	"bytes"
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/internal/standin/athena"
	"upshot.dev/upshot/internal/standin/trino"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/queries"
	"upshot.dev/upshot/testdata/company"
)

// onTrino has every metric, its text unchanged, computed by a Trino behind the
// endpoint of Athena over the very files that the functions wrote, and holds the
// results against those of DuckDB.
func (c *cloud) onTrino(calm *site) {
	t := c.t
	if os.Getenv("UPSHOT_TRINO") != "1" {
		t.Log("NOT checked: that Trino gives the same answers over what the functions wrote; make e2e does")
		return
	}
	server := trino.Running(t)
	lake, err := server.OpenLake(t.Context(), c.Lake, trino.Days{First: c.Parameters["FirstDay"]})
	if err != nil {
		t.Fatal(err)
	}
	endpoint := athena.New(athena.Options{
		Engine: lake, Workgroups: map[string]athena.Workgroup{"trino": {Output: "s3://results/"}}, Clock: env.ClockFunc(time.Now),
	})
	defer endpoint.Close()
	cfg := standin.Config(t, standin.Endpoint{Service: "Athena", URL: c.Serve(endpoint)})
	asked := awsenv.NewQuerier(cfg, awsenv.QuerierOptions{Workgroup: "trino", Database: lake.Schema(), Clock: env.ClockFunc(time.Now)})
	conf := settings(t, calm.dir)
	duck := querier(t, settings(t, c.site.dir))
	catalog, err := metric.Load(queries.Metrics())
	if err != nil {
		t.Fatal(err)
	}
	list := table.NewWriter()
	list.AppendHeader(table.Row{"metric", "by", "rows", "on Trino", "DuckDB s", "Trino s"})
	for _, name := range catalog.Names() {
		m, err := catalog.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		// Once each, by its first dimension where it has one: every text on every
		// kind of row is compared by make trino.
		for _, by := range [][]string{m.By[:min(1, len(m.By))]} {
			// Completeness counts what was received, which is now.
			p := metric.Params{From: "2026-10-05", To: "2026-12-07", TZ: company.Zone, Grain: "week", By: by}
			var out [2]bytes.Buffer
			var took [2]time.Duration
			rows := 0
			for i, q := range []env.Querier{duck, asked} {
				begin := time.Now()
				res, err := catalog.Run(t.Context(), q, name, conf.Product, p)
				if err != nil {
					t.Fatalf("%s by %v: %v", name, by, err)
				}
				took[i], rows = time.Since(begin), len(res.Rows())
				if err := res.Write(&out[i], "json", false); err != nil {
					t.Fatal(err)
				}
			}
			equal := "equal"
			if a, b := out[0].String(), out[1].String(); a != b || rows == 0 {
				equal = "DIFFERENT"
				t.Errorf("%s by %v, %d rows: DuckDB\n%.1500s\nTrino\n%.1500s", name, by, rows, a, b)
			}
			list.AppendRow(table.Row{name, by, rows, equal, seconds(took[0]), seconds(took[1])})
		}
	}
	t.Logf("over the files that the functions wrote:\n%s", list.Render())
}

func seconds(d time.Duration) float64 { return d.Round(10 * time.Millisecond).Seconds() }
