package awsenv

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"
)

const (
	megabyte = 1_000_000
	// scanPrice is what Athena asks in USD for a terabyte (10^12 bytes).
	scanPrice = 5.0
	// leastBilled is what every query is billed at least.
	leastBilled = 10 * megabyte
)

// QueryStats is what one query took.
type QueryStats struct {
	QueryID      string
	State        string // SUCCEEDED, FAILED, CANCELLED
	BytesScanned int64
	EngineTime   time.Duration
	Reused       bool    // an older result was taken
	Cost         float64 // USD at 5 USD a terabyte, whole megabytes, 10 MB at least
}

// report hands a query's figures over.
func (q *Querier) report(e *types.QueryExecution) {
	if q.o.OnStats != nil {
		q.o.OnStats(statsOf(e))
	}
}

// statsOf reads a query's figures.
func statsOf(e *types.QueryExecution) QueryStats {
	s := QueryStats{QueryID: aws.ToString(e.QueryExecutionId)}
	if e.Status != nil {
		s.State = string(e.Status.State)
	}
	if t := e.Statistics; t != nil {
		s.BytesScanned = aws.ToInt64(t.DataScannedInBytes)
		s.EngineTime = time.Duration(aws.ToInt64(t.EngineExecutionTimeInMillis)) * time.Millisecond
		s.Reused = t.ResultReuseInformation != nil && t.ResultReuseInformation.ReusedPreviousResult
	}
	s.Cost = scanCost(s, e.StatementType)
	return s
}

// scanCost is what a query is billed: nothing when it failed, took an older
// result or only described something; what it read until then when it was
// cancelled.
func scanCost(s QueryStats, kind types.StatementType) float64 {
	if s.State == string(types.QueryExecutionStateFailed) || s.Reused || kind == types.StatementTypeDdl || kind == types.StatementTypeUtility {
		return 0
	}
	billed := (s.BytesScanned + megabyte - 1) / megabyte * megabyte
	return scanPrice * float64(max(billed, leastBilled)) / 1e12
}
