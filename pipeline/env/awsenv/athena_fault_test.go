package awsenv_test

import (
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/internal/standin/athena"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/fault"
)

// TestAthenaOutcomes: each way in which a query ends says whose fault it was and
// quotes Athena.
func TestAthenaOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		fault athena.Fault
		kind  fault.Kind
		words string
	}{
		"a user's error":    {athena.Fault{Fail: &athena.Failure{Category: 2, Type: 1006, Reason: "COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved"}}, fault.Invalid, "Column 'x' cannot be resolved"},
		"a system's error":  {athena.Fault{Fail: &athena.Failure{Category: 1, Type: 100, Reason: "Internal service error"}}, fault.Retry, "Internal service error"},
		"another, passing":  {athena.Fault{Fail: &athena.Failure{Category: 3, Retryable: true, Reason: "GENERIC_USER_ERROR"}}, fault.Retry, "GENERIC"},
		"another, lasting":  {athena.Fault{Fail: &athena.Failure{Category: 3, Reason: "EXCEEDED_LOCAL_MEMORY_LIMIT"}}, fault.Permanent, "EXCEEDED"},
		"no access":         {athena.Fault{Fail: &athena.Failure{Category: 2, Reason: "COLUMN_NOT_FOUND: line 1:8: Insufficient permissions to execute the query. User is not authorized"}}, fault.Permanent, "may not read"},
		"no access to S3":   {athena.Fault{Fail: &athena.Failure{Category: 2, Reason: "HIVE_CANNOT_OPEN_SPLIT: s3://lake/x.parquet: Access Denied (Service: Amazon S3)"}}, fault.Permanent, "may not read"},
		"a corrupt file":    {athena.Fault{Fail: &athena.Failure{Category: 2, Reason: "HIVE_BAD_DATA: Error opening Hive split s3://lake/x.parquet: not a Parquet file"}}, fault.Permanent, "x.parquet"},
		"S3 is busy":        {athena.Fault{Fail: &athena.Failure{Category: 2, Reason: "HIVE_CANNOT_OPEN_SPLIT: Please reduce your request rate (Status Code: 503; Error Code: SlowDown)"}}, fault.Retry, "too busy"},
		"always vanishing":  {athena.Fault{Fail: &athena.Failure{Category: 2, Reason: "HIVE_CANNOT_OPEN_SPLIT: NoSuchKey"}}, fault.Retry, "removed while it was read"},
		"cancelled":         {athena.Fault{Cancel: "Query cancelled by user"}, fault.Retry, "cancelled"},
		"the limit":         {athena.Fault{Scanned: 12_345_678_901}, fault.Permanent, "after 12.3 GB: the workgroup upshot lets one query scan 10 GB"},
		"the limit's words": {athena.Fault{Fail: &athena.Failure{Category: 2, Reason: "Bytes scanned limit was exceeded"}}, fault.Permanent, "BytesScannedCutoffPerQuery"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFaulty(t, awsenv.QuerierOptions{})
			f.server.Inject(c.fault)
			_, err := f.query(t.Context(), "SELECT 1 AS n")
			if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v (%v), want %v with %q", err, fault.KindOf(err), c.kind, c.words)
			}
			if got, want := errors.Is(err, awsenv.ErrQueryCancelled), c.fault.Cancel != ""; got != want {
				t.Errorf("ErrQueryCancelled is in it: %v", got)
			}
			if len(f.stats) == 0 || f.stats[0].State == "SUCCEEDED" || f.stats[0].QueryID == "" {
				t.Errorf("reported %+v", f.stats)
			}
		})
	}
}

// TestAthenaVanishedObject: a query that a compaction got in the way of is asked
// again.
func TestAthenaVanishedObject(t *testing.T) {
	f := newFaulty(t, awsenv.QuerierOptions{})
	f.server.Inject(athena.Fault{Times: 3, Fail: &athena.Failure{Category: 1, Reason: "HIVE_CANNOT_OPEN_SPLIT: com.amazonaws: The specified key does not exist. (Error Code: NoSuchKey)"}})
	if n, err := f.query(t.Context(), "SELECT 1 AS n"); n != 1 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	if n := f.server.Calls("StartQueryExecution"); n != 4 {
		t.Errorf("asked %d times", n)
	}
}

// TestAthenaRefusals: what Athena refuses to begin is the statement's or the
// deployment's fault.
func TestAthenaRefusals(t *testing.T) {
	for group, words := range map[string]string{"unknown": "WorkGroup unknown is not found", "bare": "No output location"} {
		f := newFaulty(t, awsenv.QuerierOptions{Workgroup: group})
		if _, err := f.query(t.Context(), "SELECT 1 AS n"); !fault.Is(err, fault.Permanent) || !strings.Contains(err.Error(), words) {
			t.Errorf("workgroup %s: %v", group, err)
		}
	}
	f := newFaulty(t, awsenv.QuerierOptions{})
	long := "SELECT '" + strings.Repeat("x", 262144) + "' AS v"
	if _, err := f.query(t.Context(), long); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "262144") || f.server.Calls("StartQueryExecution") != 0 {
		t.Errorf("a long statement: %v", err)
	}
	if n, err := f.query(t.Context(), long[:262144-len("' AS v")]+"' AS v"); n != 1 || err != nil {
		t.Errorf("the longest statement: %d rows, %v", n, err)
	}
	for status, c := range map[int]struct {
		code, words string
		kind        fault.Kind
	}{
		400: {"AccessDeniedException", "lacks a right", fault.Permanent},
		403: {"UnrecognizedClientException", "lacks a right", fault.Permanent},
		404: {"ResourceNotFoundException", "ResourceNotFound", fault.Permanent},
		503: {"ServiceUnavailable", "ServiceUnavailable", fault.Retry},
	} {
		clock := newManual()
		q := awsenv.NewQuerier(athenaConfig(refusing(t, status, c.code)), awsenv.QuerierOptions{Workgroup: "upshot", Clock: clock, Sleep: clock.sleep})
		if _, err := q.Query(t.Context(), "SELECT 1 AS n"); !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v (%v)", c.code, err, fault.KindOf(err))
		}
	}
}

// refusing answers every call with an error.
func refusing(t *testing.T, status int, code string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"__type":"` + code + `","Message":"said the server"}`))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestAthenaAmbiguousColumns: what cannot be read back is refused, with what to
// write instead; and that works.
func TestAthenaAmbiguousColumns(t *testing.T) {
	f := newFaulty(t, awsenv.QuerierOptions{})
	for _, sql := range []string{"SELECT ARRAY['a', 'b'] AS c", "SELECT themes AS c FROM tickets", "SELECT map(ARRAY['k'], ARRAY[1]) AS c", "SELECT {'a': 1} AS c"} {
		_, err := f.query(t.Context(), sql)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "json_format(CAST(c AS json))") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{"SELECT array_join(ARRAY['a', 'b'], ',') AS c", "SELECT json_format(CAST(ARRAY['a, b', 'c'] AS json)) AS c"} {
		if n, err := f.query(t.Context(), sql); n != 1 || err != nil {
			t.Errorf("%s: %d rows, %v", sql, n, err)
		}
	}
}

// TestAthenaStats: bytes and cost come as Athena bills them.
func TestAthenaStats(t *testing.T) {
	for scanned, cost := range map[int64]float64{1: 5e-5, 10e6: 5e-5, 10e6 + 1: 5.5e-5, 2e9: 0.01, 9_999_999_999: 0.05} {
		f := newFaulty(t, awsenv.QuerierOptions{})
		f.server.Inject(athena.Fault{Scanned: scanned})
		if _, err := f.query(t.Context(), "SELECT 1 AS n"); err != nil {
			t.Fatal(err)
		}
		if len(f.stats) != 1 || f.stats[0].BytesScanned != scanned || math.Abs(f.stats[0].Cost-cost) > 1e-12 || f.stats[0].State != "SUCCEEDED" {
			t.Errorf("%d bytes: %+v, want %v USD", scanned, f.stats, cost)
		}
	}
}

// TestAthenaReuse: an older result is taken only when that was asked for, and
// costs nothing.
func TestAthenaReuse(t *testing.T) {
	for _, reuse := range []time.Duration{0, time.Minute} {
		f := newFaulty(t, awsenv.QuerierOptions{Reuse: reuse})
		for range 2 {
			if n, err := f.query(t.Context(), "SELECT 1 AS n"); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
		if len(f.stats) != 2 || f.stats[0].Reused || f.stats[1].Reused != (reuse > 0) || (f.stats[1].Cost == 0) != (reuse > 0) {
			t.Errorf("reuse %v: %+v", reuse, f.stats)
		}
	}
}
