package athena

import "time"

type getOutput struct {
	QueryExecution queryExecution
}

type queryExecution struct {
	QueryExecutionID      string `json:"QueryExecutionId"`
	Query                 string
	StatementType         string
	WorkGroup             string
	QueryExecutionContext queryContext
	ResultConfiguration   struct{ OutputLocation string }
	Status                status
	Statistics            statistics
}

type status struct {
	State              string
	StateChangeReason  string       `json:",omitempty"`
	SubmissionDateTime float64      // seconds since 1970
	CompletionDateTime *float64     `json:",omitempty"`
	AthenaError        *athenaError `json:",omitempty"`
}

type athenaError struct {
	ErrorCategory, ErrorType int32
	Retryable                bool
	ErrorMessage             string
}

type statistics struct {
	DataScannedInBytes          int64
	EngineExecutionTimeInMillis int64
	TotalExecutionTimeInMillis  int64
	ResultReuseInformation      struct{ ReusedPreviousResult bool }
}

// get describes a query.
func (s *Server) get(in idInput) (*getOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(in.ID)
	if err != nil {
		return nil, err
	}
	q := queryExecution{
		QueryExecutionID: e.id, Query: e.sql, StatementType: e.statement, WorkGroup: e.workgroup,
		QueryExecutionContext: queryContext{e.database, e.catalog},
		Status:                status{State: e.state, StateChangeReason: e.reason, SubmissionDateTime: seconds(e.submitted)},
	}
	q.ResultConfiguration.OutputLocation = s.workgroups[e.workgroup].Output + e.id + ".csv"
	if e.fault.Polls != 0 { // it looks unfinished for a while
		e.fault.Polls--
		q.Status.State, q.Status.StateChangeReason = running, ""
		return &getOutput{q}, nil
	}
	if e.over() {
		done := seconds(e.completed)
		q.Status.CompletionDateTime = &done
		q.Statistics.TotalExecutionTimeInMillis = e.completed.Sub(e.submitted).Milliseconds()
	}
	q.Statistics.DataScannedInBytes, q.Statistics.EngineExecutionTimeInMillis = e.scanned, e.engine.Milliseconds()
	q.Statistics.ResultReuseInformation.ReusedPreviousResult = e.reused
	if f := e.failure; f != nil {
		q.Status.AthenaError = &athenaError{f.Category, f.Type, f.Retryable, f.Reason}
	}
	return &getOutput{q}, nil
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1e3 }
