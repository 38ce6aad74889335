package awsenv_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"upshot.dev/upshot/internal/standin/athena"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/fault"
)

// TestAthenaThrottled: half a minute of throttling, at any call, delays an
// answer and loses nothing; longer than a minute is somebody else's turn.
func TestAthenaThrottled(t *testing.T) {
	for _, operation := range []string{"StartQueryExecution", "GetQueryExecution", "GetQueryResults"} {
		for _, code := range []string{"ThrottlingException", "TooManyRequestsException", "InternalServerException"} {
			f := newFaulty(t, awsenv.QuerierOptions{})
			f.server.Throttle(operation, code, 20)
			if n, err := f.query(t.Context(), "SELECT n FROM UNNEST(sequence(1, 1500)) AS t(n)"); n != 1500 || err != nil {
				t.Errorf("%s, %s: %d rows, %v", operation, code, n, err)
			}
			if took := f.clock.total(); took < 30*time.Second || took > 45*time.Second {
				t.Errorf("%s, %s: 20 refusals were waited for %v", operation, code, took)
			}
			if n := f.server.Calls("StartQueryExecution"); operation != "StartQueryExecution" && n != 1 {
				t.Errorf("%s, %s: started %d times", operation, code, n)
			}
		}
		f := newFaulty(t, awsenv.QuerierOptions{})
		f.server.Throttle(operation, "ThrottlingException", 1000)
		_, err := f.query(t.Context(), "SELECT 1 AS n")
		if !fault.Is(err, fault.Retry) || f.clock.total() < time.Minute {
			t.Errorf("%s: after %v: %v", operation, f.clock.total(), err)
		}
	}
}

// TestAthenaThrottledPage: the third page is as patient as the first.
func TestAthenaThrottledPage(t *testing.T) {
	f := newFaulty(t, awsenv.QuerierOptions{})
	r, err := f.Query(t.Context(), "SELECT n FROM UNNEST(sequence(1, 2500)) AS t(n)")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	if n := f.server.Calls("GetQueryResults"); n != 1 {
		t.Errorf("%d pages were fetched before anybody asked", n)
	}
	f.server.Throttle("GetQueryResults", "ThrottlingException", 20)
	sum := int64(0)
	for r.Next() {
		for _, v := range r.RecordBatch().Column(0).(*array.Int64).Int64Values() {
			sum += v
		}
		if r.RecordBatch().NumRows() > 1000 {
			t.Error("a batch is larger than a page")
		}
	}
	if sum != 2500*2501/2 || r.Err() != nil {
		t.Errorf("sum %d, %v", sum, r.Err())
	}
	if r2, err := f.Query(t.Context(), "SELECT n FROM UNNEST(sequence(1, 2500)) AS t(n)"); err != nil {
		t.Error(err)
	} else {
		f.server.Throttle("GetQueryResults", "ThrottlingException", 1000)
		for r2.Next() {
			continue
		}
		if !fault.Is(r2.Err(), fault.Retry) {
			t.Errorf("a page that never came: %v", r2.Err())
		}
		r2.Release()
	}
}

// TestAthenaPolls: looks are 100 ms apart at first, at most 2 s later, and end
// with the timeout, which stops the query.
func TestAthenaPolls(t *testing.T) {
	f := newFaulty(t, awsenv.QuerierOptions{})
	f.server.Inject(athena.Fault{Polls: 12, Times: 1})
	if _, err := f.query(t.Context(), "SELECT 1 AS n"); err != nil {
		t.Fatal(err)
	}
	if s := f.clock.slept; len(s) < 12 || s[0] != 100*time.Millisecond || s[1] != 150*time.Millisecond || s[11] != 2*time.Second {
		t.Errorf("waited %v", s)
	}
	f = newFaulty(t, awsenv.QuerierOptions{Timeout: 30 * time.Second})
	f.server.Inject(athena.Fault{Hold: make(chan struct{})})
	_, err := f.query(t.Context(), "SELECT 1 AS n")
	if !fault.Is(err, fault.Retry) || !strings.Contains(err.Error(), "30s") {
		t.Errorf("%v", err)
	}
	if took := f.clock.total(); took != 30*time.Second || f.server.Calls("StopQueryExecution") != 1 {
		t.Errorf("gave up after %v, stopped %d times", took, f.server.Calls("StopQueryExecution"))
	}
	if len(f.stats) != 1 || f.stats[0].State != "CANCELLED" {
		t.Errorf("reported %+v", f.stats)
	}
}

// TestAthenaContextEnds: a query whose asker has gone is stopped.
func TestAthenaContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	looks := 0
	q, server := athenaQuerier(t, nil, awsenv.QuerierOptions{Sleep: func(ctx context.Context, _ time.Duration) error {
		if looks++; looks == 3 {
			cancel()
		}
		return ctx.Err()
	}})
	server.Inject(athena.Fault{Hold: make(chan struct{})})
	_, err := q.Query(ctx, "SELECT 1 AS n")
	if !errors.Is(err, context.Canceled) || !fault.Is(err, fault.Retry) {
		t.Errorf("%v", err)
	}
	if n := server.Calls("StopQueryExecution"); n != 1 {
		t.Errorf("stopped %d times", n)
	}
}
