package metric

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/apache/arrow-go/v18/arrow/array"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/fault"
)

// TestReadList: both engines' ways of writing doubles are read to the same bits.
func TestReadList(t *testing.T) {
	c, err := readList("0.001 1.0E-3 1.5E0 1.5 3600 3.6E3 1.2345678901234567E10 12345678901.234567")
	want := []float64{0.001, 0.001, 1.5, 1.5, 3600, 3600, 12345678901.234567, 12345678901.234567}
	if err != nil || !slices.Equal(c.list, want) {
		t.Errorf("%v, %v, want %v", c.list, err, want)
	}
	if c, err := readList(""); err != nil || len(c.list) != 0 {
		t.Errorf("nothing: %v, %v", c.list, err)
	}
	for _, bad := range []string{"1,2", "[1.0, 2.0]", "1 x"} {
		if c, err := readList(bad); err == nil {
			t.Errorf("%q was read as %v", bad, c.list)
		}
	}
}

// listMetric returns the numbers behind its median as the SQL given.
func listMetric(t *testing.T, column string) *Catalog {
	t.Helper()
	c, err := Load(fstest.MapFS{"m.sql": {Data: []byte(`-- name: m
-- title: M
-- description: M.
-- owner: support
-- unit: seconds
-- better: down
-- value: stat(p50)
-- interval: percentile(all, 0.5)
-- n: n
-- statistics: p50
-- hidden: all
-- by: plan
SELECT d.period, 2e0 AS p50, count(*) AS n, ` + column + ` AS "all"
FROM days AS d
WHERE d.dt >= :dt_from AND d.dt <= :dt_to
GROUP BY d.period
`)}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var oneWeek = Params{From: "2026-11-02", To: "2026-11-09", Grain: "week"}

// TestListsAreText: a list comes as text; as an array, which Athena does not
// give back unchanged, it is refused with what to write.
func TestListsAreText(t *testing.T) {
	q, err := localenv.OpenQuerier(t.Context(), t.TempDir(), localenv.QuerierOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	numbers := "array_agg(CAST(day_of_week(d.day) AS double) ORDER BY d.day)"
	res, err := listMetric(t, "array_join("+numbers+", ' ')").Run(t.Context(), q, "m", product, oneWeek)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Record.Release()
	rows := res.Rows()
	if len(rows) != 1 || rows[0].Low == nil || rows[0].High == nil || math.Abs(*rows[0].High-*rows[0].Low) < 1 {
		t.Errorf("%+v has no interval of seven days", rows)
	}
	_, err = listMetric(t, numbers).Run(t.Context(), q, "m", product, oneWeek)
	if !fault.Is(err, fault.Permanent) || !strings.Contains(err.Error(), "array_join(all, ' ')") {
		t.Errorf("an array: %v", err)
	}
}

// cutOff is a querier whose readers fail after the first batch.
type cutOff struct{ env.Querier }

type cutOffReader struct{ array.RecordReader }

func (q cutOff) Query(ctx context.Context, sql string) (array.RecordReader, error) {
	r, err := q.Querier.Query(ctx, sql)
	return cutOffReader{r}, err
}

func (cutOffReader) Err() error { return fault.Retryf("the second page did not come") }

// TestResultThatBreaksOff: whose fault it is stays known.
func TestResultThatBreaksOff(t *testing.T) {
	q, err := localenv.OpenQuerier(t.Context(), t.TempDir(), localenv.QuerierOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	if _, err := catalog(t).Run(t.Context(), cutOff{q}, "active_users", product, oneWeek); !fault.Is(err, fault.Retry) {
		t.Errorf("%v is %v", err, fault.KindOf(err))
	}
}
