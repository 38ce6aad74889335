package localenv

import (
	"strings"
	"testing"

	"upshot.dev/upshot/pipeline/fault"
)

// TestArrowTypes asks for one value of every type that the engine returns.
func TestArrowTypes(t *testing.T) {
	q := openQuerier(t, t.TempDir())
	for _, c := range []struct{ sql, typ, value string }{
		{"TRUE", "bool", "true"},
		{"CAST(NULL AS boolean)", "bool", "-"},
		{"CAST(-1 AS tinyint)", "int64", "-1"},
		{"CAST(300 AS smallint)", "int64", "300"},
		{"1", "int64", "1"},
		{"CAST(200 AS utinyint)", "int64", "200"},
		{"CAST(60000 AS usmallint)", "int64", "60000"},
		{"CAST(4000000000 AS uinteger)", "int64", "4000000000"},
		{"CAST(9223372036854775807 AS ubigint)", "int64", "9223372036854775807"},
		{"sum(CAST(4611686018427387904 AS bigint))", "int64", "4611686018427387904"},
		{"count(*)", "int64", "1"},
		{"1.25", "float64", "1.25"},
		{"CAST(1.5 AS real)", "float64", "1.5"},
		{"1e0 / 3", "float64", "0.3333333333333333"},
		{"'ünï'", "utf8", "ünï"},
		{"''", "utf8", ""},
		{"date '2026-02-28'", "date32", "2026-02-28"},
		{"date '1969-12-31'", "date32", "1969-12-31"},
		{"timestamp '2026-02-28 23:59:59.999'", "timestamp[us]", "2026-02-28T23:59:59.999"},
		{"at_timezone(with_timezone(timestamp '2026-11-01 05:00:00', 'UTC'), 'America/New_York')", "timestamp[us]", "2026-11-01T01:00:00"},
		{"with_timezone(timestamp '2026-11-01 05:00:00', 'UTC')", "timestamp[us, tz=UTC]", "2026-11-01T05:00:00Z"},
		{"CAST('ab' AS blob)", "binary", "YWI="},
		{"[1, NULL, 3]", "list<item: int64, nullable>", "[1,null,3]"},
		{"[['a'], []]", "list<item: list<item: utf8, nullable>, nullable>", `[["a"],[]]`},
		{"array_value(1, 2)", "list<item: int64, nullable>", "[1,2]"},
		{"{'a': 1, 'b': ['x']}", "struct<a: int64 nullable, b: list<item: utf8, nullable> nullable>", `{"a":1,"b":["x"]}`},
		{"map(['z', 'a'], [1, NULL])", "map<utf8, int64, items_nullable>", `[{"key":"a","value":null},{"key":"z","value":1}]`},
		{"interval '3' day", "utf8", "P3D"},
		{"interval '-1500' millisecond", "utf8", "PT-1.5S"},
		{"interval '0' day", "utf8", "PT0S"},
		{"time '10:20:30.5'", "utf8", "10:20:30.5"},
		{"CAST('6f3c6a3e-8d3b-4c63-9a4e-0a0b0c0d0e0f' AS uuid)", "utf8", "6f3c6a3e-8d3b-4c63-9a4e-0a0b0c0d0e0f"},
		{`json_parse('{"b": [1, "x"], "a": null}')`, "utf8", `{"a":null,"b":[1,"x"]}`},
		{`json_parse('"text"')`, "utf8", `"text"`},
		{"CAST('b' AS ENUM ('a', 'b'))", "utf8", "b"},
		{"CAST(NULL AS varchar[])", "list<item: utf8, nullable>", "-"},
		{"json_extract_scalar('{\"n\": 7}', '$.n')", "utf8", "7"},
		{"7 / 2", "int64", "3"},
	} {
		r, err := q.Query(t.Context(), "SELECT "+c.sql+" AS x")
		if err != nil {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		if got := r.Schema().Field(0).Type.String(); got != c.typ {
			t.Errorf("%s is a %s, want %s", c.sql, got, c.typ)
		}
		if !r.Next() {
			t.Errorf("%s: no row: %v", c.sql, r.Err())
			r.Release()
			continue
		}
		col := r.RecordBatch().Column(0)
		got := "-"
		if !col.IsNull(0) {
			got = col.ValueStr(0)
		}
		if got != c.value {
			t.Errorf("%s is %s, want %s", c.sql, got, c.value)
		}
		if r.Next() {
			t.Errorf("%s: a second row", c.sql)
		}
		r.Release()
	}
}

func TestArrowBatches(t *testing.T) {
	q := openQuerier(t, t.TempDir())
	for _, n := range []int{0, 1, batchRows - 1, batchRows, batchRows + 1, 3 * batchRows} {
		sql := "SELECT range AS i, CASE WHEN range % 3 > 0 THEN 'x' END AS s FROM range(" + text(int64(n)) + ")"
		r, err := q.Query(t.Context(), sql)
		if err != nil {
			t.Fatal(err)
		}
		rows, nulls := 0, 0
		for r.Next() {
			b := r.RecordBatch()
			if b.NumRows() > batchRows {
				t.Errorf("a batch of %d rows", b.NumRows())
			}
			if first := b.Column(0).ValueStr(0); first != text(int64(rows)) {
				t.Errorf("a batch begins with %s after %d rows", first, rows)
			}
			rows += int(b.NumRows())
			nulls += b.Column(1).NullN()
		}
		if r.Err() != nil || rows != n || nulls != (n+2)/3 {
			t.Errorf("%d rows and %d nulls of %d: %v", rows, nulls, n, r.Err())
		}
		r.Release()
	}
	// Given back unread, or half read: Close would wait for it otherwise.
	for range 2 {
		r, err := q.Query(t.Context(), "SELECT * FROM range(100000)")
		if err != nil {
			t.Fatal(err)
		}
		r.Retain()
		r.Release()
		r.Next()
		r.Release()
	}
}

func TestTooLargeNumbers(t *testing.T) {
	q := openQuerier(t, t.TempDir())
	for _, sql := range []string{"SELECT CAST(9223372036854775808 AS hugeint) AS x", "SELECT CAST(18446744073709551615 AS ubigint) AS x"} {
		r, err := q.Query(t.Context(), sql)
		if err != nil {
			t.Fatal(err)
		}
		if r.Next() || !fault.Is(r.Err(), fault.Invalid) || !strings.Contains(r.Err().Error(), "column x") {
			t.Errorf("%s: %v", sql, r.Err())
		}
		r.Release()
	}
}
