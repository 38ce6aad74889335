package athena_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"
	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/internal/standin/athena"
)

// TestResultText: values are written as Athena writes them.
func TestResultText(t *testing.T) {
	e := start(t)
	q := e.run(t, `SELECT CAST(1 AS bigint) AS n, 1e0 AS d, 1.5e-4 AS small, 123456789e0 AS big, TRUE AS b, 'x' AS v, date '2026-11-01' AS day,
  timestamp '2026-11-01 10:00:00.1239' AS at, with_timezone(timestamp '2026-11-01 10:00:00', 'UTC') AS tz, CAST(NULL AS varchar) AS nothing,
  ARRAY['a', NULL, 'b'] AS list, to_utf8('hi') AS raw, CAST('Infinity' AS double) AS inf, CAST('-Infinity' AS double) AS neg, map(ARRAY['k'], ARRAY[2e0]) AS m`)
	if q.Status.State != types.QueryExecutionStateSucceeded {
		t.Fatal(aws.ToString(q.Status.StateChangeReason))
	}
	out, err := e.client.GetQueryResults(t.Context(), &sdk.GetQueryResultsInput{QueryExecutionId: q.QueryExecutionId})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, c := range out.ResultSet.ResultSetMetadata.ColumnInfo {
		value := "(none)"
		if v := out.ResultSet.Rows[1].Data[i].VarCharValue; v != nil {
			value = *v
		}
		if head := *out.ResultSet.Rows[0].Data[i].VarCharValue; head != *c.Name {
			t.Errorf("the head of %s is %s", *c.Name, head)
		}
		got = append(got, fmt.Sprintf("%s %s(%d) %s", *c.Name, *c.Type, c.Precision, value))
	}
	want := []string{
		"n bigint(19) 1", "d double(17) 1.0", "small double(17) 1.5E-4", "big double(17) 1.23456789E8", "b boolean(0) true", "v varchar(2147483647) x",
		"day date(0) 2026-11-01", "at timestamp(3) 2026-11-01 10:00:00.124", "tz timestamp with time zone(3) 2026-11-01 10:00:00.000 UTC",
		"nothing varchar(2147483647) (none)", "list array(0) [a, null, b]", "raw varbinary(1073741824) 68 69", "inf double(17) Infinity", "neg double(17) -Infinity", "m map(0) {k=2.0}",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestPages: the names count as a row of the first of pages of a thousand.
func TestPages(t *testing.T) {
	e := start(t)
	q := e.run(t, "SELECT n FROM UNNEST(sequence(1, 2500)) AS t(n)")
	var sizes []int
	var last string
	for p := sdk.NewGetQueryResultsPaginator(e.client, &sdk.GetQueryResultsInput{QueryExecutionId: q.QueryExecutionId}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(page.ResultSet.Rows))
		last = *page.ResultSet.Rows[len(page.ResultSet.Rows)-1].Data[0].VarCharValue
	}
	if diff := cmp.Diff([]int{1000, 1000, 501}, sizes); diff != "" || last != "2500" {
		t.Errorf("last %s, %s", last, diff)
	}
	for _, in := range []*sdk.GetQueryResultsInput{
		{QueryExecutionId: q.QueryExecutionId, NextToken: aws.String("nonsense")},
		{QueryExecutionId: q.QueryExecutionId, MaxResults: aws.Int32(1001)},
		{QueryExecutionId: aws.String("unknown")},
		{QueryExecutionId: e.run(t, "SELECT nothing").QueryExecutionId},
	} {
		if _, err := e.client.GetQueryResults(t.Context(), in); !invalidRequest(err) {
			t.Errorf("%v: %v", in, err)
		}
	}
}

func invalidRequest(err error) bool {
	return err != nil && strings.Contains(err.Error(), "InvalidRequestException")
}

// TestRequestTokens: the same token begins one query.
func TestRequestTokens(t *testing.T) {
	e := start(t)
	token := strings.Repeat("t", 32)
	first, err1 := e.start(t, "SELECT 1 AS n", token)
	second, err2 := e.start(t, "SELECT 1 AS n", token)
	if err1 != nil || err2 != nil || first != second {
		t.Errorf("%s, %v and %s, %v", first, err1, second, err2)
	}
	if _, err := e.start(t, "SELECT 2 AS n", token); !invalidRequest(err) {
		t.Errorf("another text under the token: %v", err)
	}
	if other, err := e.start(t, "SELECT 1 AS n", ""); err != nil || other == first {
		t.Errorf("without a token: %s, %v", other, err)
	}
	if _, err := e.start(t, "SELECT 1 AS n", "short"); !invalidRequest(err) {
		t.Errorf("a short token: %v", err)
	}
}

// TestRefusedStarts: what Athena refuses before it runs anything.
func TestRefusedStarts(t *testing.T) {
	e := start(t)
	for what, sql := range map[string]string{"nothing": " ", "too long": "SELECT '" + strings.Repeat("x", 262144) + "'"} {
		if _, err := e.start(t, sql, ""); !invalidRequest(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, group := range []string{"unknown", "bare"} {
		if _, err := e.client.StartQueryExecution(t.Context(), &sdk.StartQueryExecutionInput{QueryString: aws.String("SELECT 1"), WorkGroup: &group}); !invalidRequest(err) {
			t.Errorf("workgroup %s: %v", group, err)
		}
	}
	g, err := e.client.GetWorkGroup(t.Context(), &sdk.GetWorkGroupInput{WorkGroup: aws.String("upshot")})
	if err != nil || aws.ToInt64(g.WorkGroup.Configuration.BytesScannedCutoffPerQuery) != 20e6 || *g.WorkGroup.Configuration.ResultConfiguration.OutputLocation != "s3://results/" {
		t.Errorf("%+v, %v", g, err)
	}
	if _, err := e.client.GetWorkGroup(t.Context(), &sdk.GetWorkGroupInput{WorkGroup: aws.String("unknown")}); !invalidRequest(err) {
		t.Errorf("an unknown workgroup: %v", err)
	}
}

// TestRunningAndStopped: a query runs until it is stopped, and stays as it ended.
func TestRunningAndStopped(t *testing.T) {
	e := start(t)
	e.Inject(athena.Fault{Match: "held", Times: 1, Hold: make(chan struct{})})
	id, err := e.start(t, "SELECT 'held' AS v", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.client.GetQueryResults(t.Context(), &sdk.GetQueryResultsInput{QueryExecutionId: &id}); !invalidRequest(err) {
		t.Errorf("results of a running query: %v", err)
	}
	for range 2 {
		if _, err := e.client.StopQueryExecution(t.Context(), &sdk.StopQueryExecutionInput{QueryExecutionId: &id}); err != nil {
			t.Fatal(err)
		}
	}
	if q := e.end(t, id); q.Status.State != types.QueryExecutionStateCancelled || q.Status.CompletionDateTime == nil {
		t.Errorf("%+v", q.Status)
	}
	done := e.run(t, "SELECT 'held' AS v") // the fault was for one
	if _, err := e.client.StopQueryExecution(t.Context(), &sdk.StopQueryExecutionInput{QueryExecutionId: done.QueryExecutionId}); err != nil {
		t.Error(err)
	}
	if q := e.end(t, *done.QueryExecutionId); q.Status.State != types.QueryExecutionStateSucceeded {
		t.Errorf("stopped after its end: %+v", q.Status)
	}
}

// TestInjected: faults end queries as they say, and count bytes.
func TestInjected(t *testing.T) {
	e := start(t)
	e.Inject(athena.Fault{Match: "system", Fail: &athena.Failure{Category: 1, Type: 100, Retryable: true, Reason: "INTERNAL"}})
	e.Inject(athena.Fault{Match: "cancel", Cancel: "by an administrator"})
	e.Inject(athena.Fault{Match: "large", Scanned: 20e6 + 1})
	e.Inject(athena.Fault{Match: "small", Scanned: 20e6})
	for sql, want := range map[string]string{
		"SELECT 'system' AS v": "FAILED INTERNAL 1", "SELECT 'cancel' AS v": "CANCELLED by an administrator 0",
		"SELECT 'large' AS v": "CANCELLED Bytes scanned limit was exceeded 0", "SELECT 'small' AS v": "SUCCEEDED  0",
	} {
		q := e.run(t, sql)
		category := int32(0)
		if q.Status.AthenaError != nil {
			category = *q.Status.AthenaError.ErrorCategory
		}
		if got := fmt.Sprintf("%s %s %d", q.Status.State, aws.ToString(q.Status.StateChangeReason), category); got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
	q := e.run(t, "SELECT no_such_column")
	if q.Status.State != types.QueryExecutionStateFailed || *q.Status.AthenaError.ErrorCategory != 2 || q.Status.AthenaError.Retryable {
		t.Errorf("a wrong statement: %+v", q.Status)
	}
	e.Throttle("GetQueryExecution", "TooManyRequestsException", 1)
	if _, err := e.client.GetQueryExecution(t.Context(), &sdk.GetQueryExecutionInput{QueryExecutionId: q.QueryExecutionId}); err == nil || !strings.Contains(err.Error(), "TooManyRequestsException") {
		t.Errorf("throttled: %v", err)
	}
	e.end(t, *q.QueryExecutionId)
}

// TestLakeGrows: a query sees what is in the folder when it is asked, even the
// folder itself.
func TestLakeGrows(t *testing.T) {
	e := start(t)
	count := func() string {
		q := e.run(t, "SELECT count(*) AS n FROM events")
		out, err := e.client.GetQueryResults(t.Context(), &sdk.GetQueryResultsInput{QueryExecutionId: q.QueryExecutionId})
		if err != nil {
			t.Fatal(err, aws.ToString(q.Status.StateChangeReason))
		}
		return *out.ResultSet.Rows[1].Data[0].VarCharValue
	}
	if n := count(); n != "0" {
		t.Errorf("%s events in no lake", n)
	}
	if err := os.Rename(smallLake(t), e.dir); err != nil {
		t.Fatal(err)
	}
	if n := count(); n == "0" {
		t.Error("no events in the lake")
	}
	if err := os.RemoveAll(filepath.Join(e.dir, "events")); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != "0" {
		t.Errorf("%s events after they went", n)
	}
}

// TestNoCalls: what is no signed call of Athena's is answered as AWS does.
func TestNoCalls(t *testing.T) {
	e := start(t)
	for _, c := range []struct{ target, auth, body, want string }{
		{"", "AWS4-HMAC-SHA256 x", "{}", "UnknownOperationException"},
		{"AmazonAthena.DropEverything", "AWS4-HMAC-SHA256 x", "{}", "UnknownOperationException"},
		{"AmazonAthena.GetQueryExecution", "", "{}", "MissingAuthenticationTokenException"},
		{"AmazonAthena.GetQueryExecution", "AWS4-HMAC-SHA256 x", "{", "SerializationException"},
		{"AmazonAthena.GetQueryExecution", "AWS4-HMAC-SHA256 x", "{}", "InvalidRequestException"},
		{"AmazonAthena.GetQueryExecution", "AWS4-HMAC-SHA256 x", strings.Repeat(" ", 1<<20) + "{}", "RequestEntityTooLargeException"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.url, bytes.NewReader([]byte(c.body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", c.target)
		r.Header.Set("Authorization", c.auth)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		var got struct {
			Type string `json:"__type"`
		}
		if err := json.Unmarshal(body, &got); err != nil || got.Type != c.want || res.StatusCode < 400 {
			t.Errorf("%s %s: %d %s, want %s", c.target, c.auth, res.StatusCode, body, c.want)
		}
	}
}
