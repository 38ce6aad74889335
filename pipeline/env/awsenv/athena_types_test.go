package awsenv_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/fault"
)

// canned is an Athena whose every query has one result.
func canned(t *testing.T, statement, resultSet string) *awsenv.Querier {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		switch strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonAthena.") {
		case "StartQueryExecution":
			_, _ = fmt.Fprint(w, `{"QueryExecutionId":"q1"}`)
		case "GetQueryExecution":
			_, _ = fmt.Fprintf(w, `{"QueryExecution":{"QueryExecutionId":"q1","StatementType":%q,"Status":{"State":"SUCCEEDED"}}}`, statement)
		default:
			_, _ = fmt.Fprintf(w, `{"ResultSet":%s}`, resultSet)
		}
	}))
	t.Cleanup(s.Close)
	return awsenv.NewQuerier(athenaConfig(s.URL), awsenv.QuerierOptions{Workgroup: "upshot"})
}

// oneCell is a result of one column and one row.
func oneCell(t *testing.T, kind, value string) *awsenv.Querier {
	t.Helper()
	v, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return canned(t, "DML", fmt.Sprintf(`{"ResultSetMetadata":{"ColumnInfo":[{"Name":"c","Type":%q}]},"Rows":[{"Data":[{"VarCharValue":"c"}]},{"Data":[{"VarCharValue":%s}]}]}`, kind, v))
}

// TestAthenaCells: every type's text, as Athena writes it.
func TestAthenaCells(t *testing.T) {
	for _, c := range []struct{ kind, text, want string }{
		{"tinyint", "-128", "int64 -128"},
		{"int", "7", "int64 7"},
		{"bigint", "-9223372036854775808", "int64 -9223372036854775808"},
		{"double", "1.0E10", "float64 1e+10"},
		{"double", "-Infinity", "float64 -Inf"},
		{"double", "NaN", "float64 NaN"},
		{"real", "0.1", "float64 0.10000000149011612"},
		{"float", "0.1", "float64 0.10000000149011612"},
		{"decimal", "-12.50", "float64 -12.5"},
		{"decimal(38,0)", "12345678901234567890", "float64 1.2345678901234567e+19"},
		{"boolean", "true", "bool true"},
		{"char(3)", "a  ", "utf8 a  "},
		{"json", `{"a":1}`, `utf8 {"a":1}`},
		{"uuid", "12151fd2-7586-11e9-8f9e-2a86e4085a59", "utf8 12151fd2-7586-11e9-8f9e-2a86e4085a59"},
		{"date", "1969-12-31", "date32 1969-12-31"},
		{"timestamp", "2026-11-01 10:00:00.001", "timestamp[us] 2026-11-01T10:00:00.001"},
		{"timestamp", "2026-11-01 10:00:00.123456789", "timestamp[us] 2026-11-01T10:00:00.123456"},
		{"timestamp", "2026-11-01 10:00:00", "timestamp[us] 2026-11-01T10:00:00"},
		{"timestamp with time zone", "2026-11-01 10:00:00.000 UTC", "timestamp[us, tz=UTC] 2026-11-01T10:00:00"},
		{"timestamp with time zone", "2026-11-01 10:00:00.500 +02:00", "timestamp[us, tz=UTC] 2026-11-01T08:00:00.5"},
		{"timestamp(3) with time zone", "2026-11-01 10:00:00.000 Z", "timestamp[us, tz=UTC] 2026-11-01T10:00:00"},
		{"varbinary", "68 c3 a9", "binary [104 195 169]"},
		{"varbinary", "", "binary []"},
	} {
		r, err := oneCell(t, c.kind, c.text).Query(t.Context(), "SELECT 1")
		if err != nil || !r.Next() {
			t.Errorf("%s %q: %v", c.kind, c.text, err)
			continue
		}
		if got := cell(r.RecordBatch().Column(0)); got != c.want {
			t.Errorf("%s %q is %s, want %s", c.kind, c.text, got, c.want)
		}
		r.Release()
	}
}

// cell is a column's type and first value.
func cell(a arrow.Array) string {
	var v any
	switch a := a.(type) {
	case *array.Timestamp:
		v = a.Value(0).ToTime(arrow.Microsecond).UTC().Format("2006-01-02T15:04:05.999999")
	case *array.Date32:
		v = a.Value(0).ToTime().Format(time.DateOnly)
	case *array.Binary:
		v = a.Value(0)
	case *array.Float64:
		v = a.Value(0)
	default:
		v = a.ValueStr(0)
	}
	return fmt.Sprint(a.DataType(), " ", v)
}

// TestAthenaWrongCells: what is not of its column's type is never guessed at.
func TestAthenaWrongCells(t *testing.T) {
	for _, c := range []struct{ kind, text string }{
		{"bigint", "1.5"},
		{"bigint", ""},
		{"bigint", "9223372036854775808"},
		{"double", "a"},
		{"boolean", "1"},
		{"date", "2026-02-30"},
		{"date", "+12026-01-01"},
		{"timestamp", "2026-11-01"},
		{"timestamp", "2026-11-01 24:00:00"},
		{"timestamp with time zone", "2026-11-01 02:30:00 Europe/Berlin"},
		{"timestamp with time zone", "soon"},
		{"varbinary", "6"},
	} {
		r, err := oneCell(t, c.kind, c.text).Query(t.Context(), "SELECT 1")
		if err != nil {
			t.Errorf("%s %q: %v", c.kind, c.text, err)
			continue
		}
		if r.Next() || !fault.Is(r.Err(), fault.Permanent) || !strings.Contains(r.Err().Error(), "column c") || r.Next() {
			t.Errorf("%s %q: %v", c.kind, c.text, r.Err())
		}
		r.Release()
	}
	for _, kind := range []string{"array", "map", "row", "array(varchar)"} {
		if _, err := oneCell(t, kind, "[a, b]").Query(t.Context(), "SELECT 1"); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestAthenaShapes: results of other statements, and broken ones.
func TestAthenaShapes(t *testing.T) {
	const one = `{"ResultSetMetadata":{"ColumnInfo":[{"Name":"c","Type":"varchar"}]},"Rows":[%s]}`
	for _, c := range []struct {
		statement, set string
		rows           int64
	}{
		{"DML", fmt.Sprintf(one, ""), 0},
		{"DML", fmt.Sprintf(one, `{"Data":[{"VarCharValue":"c"}]},{"Data":[{"VarCharValue":"c"}]}`), 1}, // a value like the name
		{"UTILITY", fmt.Sprintf(one, `{"Data":[{"VarCharValue":"a"}]},{"Data":[{}]}`), 2},
		{"UTILITY", fmt.Sprintf(one, `{"Data":[{"VarCharValue":"c"}]},{"Data":[{"VarCharValue":"a"}]}`), 1},
		{"DDL", `{"ResultSetMetadata":{"ColumnInfo":[]},"Rows":[]}`, 0},
		{"DDL", `{}`, 0},
	} {
		r, err := canned(t, c.statement, c.set).Query(t.Context(), "SHOW TABLES")
		if err != nil {
			t.Errorf("%s: %v", c.set, err)
			continue
		}
		n := int64(0)
		for r.Next() {
			n += r.RecordBatch().NumRows()
		}
		if n != c.rows || r.Err() != nil {
			t.Errorf("%s %s: %d rows, %v, want %d", c.statement, c.set, n, r.Err(), c.rows)
		}
		r.Release()
	}
	r, err := canned(t, "DML", fmt.Sprintf(one, `{"Data":[{"VarCharValue":"c"}]},{"Data":[]}`)).Query(t.Context(), "SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	if r.Next() || !fault.Is(r.Err(), fault.Permanent) {
		t.Errorf("a row without its value: %v", r.Err())
	}
	if _, err := canned(t, "DML", "null").Query(t.Context(), "SELECT 1"); !fault.Is(err, fault.Retry) {
		t.Errorf("no result: %v", err)
	}
}
