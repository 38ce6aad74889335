package awsenv

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

const (
	firstPoll      = 100 * time.Millisecond
	longestPoll    = 2 * time.Second
	queryTimeout   = 10 * time.Minute
	queryPatience  = time.Minute      // with throttling, for one call
	stopWithin     = 10 * time.Second // for the clean-up after a context's end
	athenaAttempts = 4                // at a lake that a compaction changes
	longestReuse   = 7 * 24 * time.Hour
)

// QuerierOptions say where queries run. Only Workgroup is required.
type QuerierOptions struct {
	Workgroup string // has the place of the results and the limit of bytes
	Database  string // that names without one are looked up in
	Catalog   string // AwsDataCatalog when empty

	Timeout time.Duration // of one query, queueing included; 0 is 10 minutes
	Poll    time.Duration // the first wait between two looks, 0 is 100 ms; it grows to 2 s
	Reuse   time.Duration // how old a result of the same text may be, in whole minutes; 0: always computed

	Clock  env.Clock                                  // nil is the system's
	Sleep  func(context.Context, time.Duration) error // nil is a timer
	Random io.Reader                                  // for request tokens; nil is crypto/rand

	// OnStats is called once for every query that ended, whichever way. Many
	// queries may run at once.
	OnStats func(QueryStats)
}

// Querier answers SQL by Athena. Queries only read; a query whose context ends
// is stopped. It is safe for concurrent use.
type Querier struct {
	api *athena.Client
	o   QuerierOptions
}

var _ env.Querier = (*Querier)(nil)

// NewQuerier makes a querier; it calls nothing.
func NewQuerier(cfg aws.Config, o QuerierOptions) *Querier {
	if o.Catalog == "" {
		o.Catalog = "AwsDataCatalog"
	}
	if o.Timeout <= 0 {
		o.Timeout = queryTimeout
	}
	if o.Poll <= 0 {
		o.Poll = firstPoll
	}
	if o.Clock == nil {
		o.Clock = env.ClockFunc(time.Now)
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	// patiently repeats, by the clock given; two layers of it would multiply.
	api := athena.NewFromConfig(cfg, func(c *athena.Options) { c.Retryer = aws.NopRetryer{} })
	return &Querier{api: api, o: o}
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Query implements env.Querier. The reader fetches pages of at most 1,000 rows
// as they are asked for, under ctx. Columns have the types that DuckDB gives on
// one machine: whole numbers are int64, decimals float64, times microseconds;
// arrays, maps and rows are refused, since Athena's text of them cannot be read
// back.
//
// Faults: Invalid for a wrong statement; Retry when Athena failed, throttles or
// took longer than Timeout, and for a query that somebody cancelled
// (ErrQueryCancelled); Permanent for the workgroup's limit and for missing
// rights. A query that met an object which a compaction had removed is asked
// again.
func (q *Querier) Query(ctx context.Context, text string) (array.RecordReader, error) {
	text, err := readingStatement(text)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		done, err := q.execute(ctx, text)
		if err == nil {
			return q.open(ctx, done)
		}
		if attempt == athenaAttempts || !errors.Is(err, errVanished) {
			return nil, err
		}
	}
}

// execute runs a statement to its end.
func (q *Querier) execute(ctx context.Context, text string) (*types.QueryExecution, error) {
	deadline := q.o.Clock.Now().Add(q.o.Timeout)
	id, err := q.begin(ctx, text)
	if err != nil {
		return nil, err
	}
	done, err := q.wait(ctx, id, deadline)
	if err != nil {
		q.abandon(ctx, id)
		return nil, err
	}
	q.report(done)
	return done, q.outcome(ctx, done)
}

// begin starts a query. The token makes every repetition of the call mean the
// same query.
func (q *Querier) begin(ctx context.Context, text string) (string, error) {
	var token [24]byte
	if _, err := io.ReadFull(q.o.Random, token[:]); err != nil {
		return "", fmt.Errorf("query: make a request token: %w", err)
	}
	in := &athena.StartQueryExecutionInput{
		QueryString: &text, ClientRequestToken: aws.String(hex.EncodeToString(token[:])), WorkGroup: &q.o.Workgroup,
		QueryExecutionContext: &types.QueryExecutionContext{Catalog: &q.o.Catalog},
	}
	if q.o.Database != "" {
		in.QueryExecutionContext.Database = &q.o.Database
	}
	if minutes := int32(min(q.o.Reuse, longestReuse) / time.Minute); minutes > 0 { //nolint:gosec // bounded
		in.ResultReuseConfiguration = &types.ResultReuseConfiguration{
			ResultReuseByAgeConfiguration: &types.ResultReuseByAgeConfiguration{Enabled: true, MaxAgeInMinutes: &minutes},
		}
	}
	out, err := patiently(ctx, q, func() (*athena.StartQueryExecutionOutput, error) { return q.api.StartQueryExecution(ctx, in) })
	if err != nil {
		return "", startFault(err)
	}
	return aws.ToString(out.QueryExecutionId), nil
}

// wait looks at the query, less and less often, until it is over.
func (q *Querier) wait(ctx context.Context, id string, deadline time.Time) (*types.QueryExecution, error) {
	for pause := q.o.Poll; ; pause = min(pause*3/2, max(longestPoll, q.o.Poll)) {
		e, err := q.look(ctx, id)
		if err != nil {
			return nil, err
		}
		switch e.Status.State {
		case types.QueryExecutionStateSucceeded, types.QueryExecutionStateFailed, types.QueryExecutionStateCancelled:
			return e, nil
		}
		left := deadline.Sub(q.o.Clock.Now())
		if left <= 0 {
			return nil, fault.Retryf("query %s: Athena did not answer within %v and was told to stop; narrow dt or raise the timeout", id, q.o.Timeout)
		}
		if err := q.o.Sleep(ctx, min(pause, left)); err != nil {
			return nil, fmt.Errorf("query %s: %w", id, err)
		}
	}
}

// look is the state of a query.
func (q *Querier) look(ctx context.Context, id string) (*types.QueryExecution, error) {
	out, err := patiently(ctx, q, func() (*athena.GetQueryExecutionOutput, error) {
		return q.api.GetQueryExecution(ctx, &athena.GetQueryExecutionInput{QueryExecutionId: &id})
	})
	if err != nil {
		return nil, callFault("query "+id, err)
	}
	if out.QueryExecution == nil || out.QueryExecution.Status == nil {
		return nil, fault.Retryf("query %s: Athena's answer has no state", id)
	}
	return out.QueryExecution, nil
}

// abandon stops a query that nobody waits for any more, and reports what it
// cost until then. Nothing can be done about its own failure: the caller has an
// error already, and the workgroup's limit holds.
func (q *Querier) abandon(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	_, _ = patiently(ctx, q, func() (*athena.StopQueryExecutionOutput, error) {
		return q.api.StopQueryExecution(ctx, &athena.StopQueryExecutionInput{QueryExecutionId: &id})
	})
	if q.o.OnStats == nil {
		return
	}
	if e, err := q.look(ctx, id); err == nil {
		q.report(e)
	}
}

// patiently repeats a call that was throttled or did not get through, for a
// minute, with waits that grow.
func patiently[T any](ctx context.Context, q *Querier, call func() (T, error)) (T, error) {
	until := q.o.Clock.Now().Add(queryPatience)
	for pause := q.o.Poll; ; pause = min(pause*2, max(longestPoll, q.o.Poll)) {
		out, err := call()
		if err == nil || ctx.Err() != nil || !passing(err) || !q.o.Clock.Now().Before(until) {
			return out, err
		}
		if stop := q.o.Sleep(ctx, pause); stop != nil {
			return out, stop
		}
	}
}
