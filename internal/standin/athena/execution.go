package athena

import (
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/fault"
)

// The states of a query.
const (
	queued    = "QUEUED"
	running   = "RUNNING"
	succeeded = "SUCCEEDED"
	failed    = "FAILED"
	cancelled = "CANCELLED"
)

// errLimit is the reason of a query that read more than the workgroup allows.
const errLimit = "Bytes scanned limit was exceeded"

// execution is one query. All but its result is guarded by Server.mu; the
// result is written before the state says that it is there.
type execution struct {
	id, sql, workgroup string
	database, catalog  string
	statement          string // DML, DDL or UTILITY
	fault              Fault
	cancel             context.CancelFunc

	state     string
	reason    string
	failure   *Failure
	scanned   int64
	reused    bool
	submitted time.Time
	completed time.Time
	engine    time.Duration
	result    *result
}

func (e *execution) over() bool {
	return e.state == succeeded || e.state == failed || e.state == cancelled
}

// begin runs a query in the background; s.mu is held.
func (s *Server) begin(e *execution) {
	e.id, e.state, e.submitted = newID(), queued, s.clock.Now()
	e.fault = s.fault(e.sql)
	var ctx context.Context
	ctx, e.cancel = context.WithCancel(s.ctx)
	s.executions[e.id] = e
	s.busy++
	s.running.Go(func() {
		defer s.work(-1)
		defer e.cancel()
		s.run(ctx, e)
	})
}

// run asks the engine and keeps what it answers.
func (s *Server) run(ctx context.Context, e *execution) {
	s.mu.Lock()
	if !e.over() {
		e.state = running
	}
	s.mu.Unlock()
	began := s.clock.Now()
	res, err := s.ask(ctx, e)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.over() { // stopped meanwhile
		return
	}
	e.completed, e.engine = s.clock.Now(), s.clock.Now().Sub(began)
	if res != nil {
		e.scanned = res.scanned
	}
	if e.fault.Scanned > 0 {
		e.scanned = e.fault.Scanned
	}
	cutoff := s.workgroups[e.workgroup].Cutoff
	switch {
	case e.fault.Fail != nil:
		e.state, e.failure, e.reason = failed, e.fault.Fail, e.fault.Fail.Reason
	case e.fault.Cancel != "":
		e.state, e.reason = cancelled, e.fault.Cancel
	case err != nil:
		e.state, e.failure, e.reason = failed, failureOf(err), err.Error()
	case cutoff > 0 && e.scanned > cutoff:
		e.state, e.reason = cancelled, errLimit
	default:
		if e.statement == "DML" {
			res.rows = append([]row{res.header()}, res.rows...)
		}
		e.state, e.result = succeeded, res
	}
}

func (s *Server) ask(ctx context.Context, e *execution) (*result, error) {
	if e.fault.Hold != nil {
		if err := s.hold(ctx, e.fault.Hold); err != nil {
			return nil, err
		}
	}
	if e.fault.Fail != nil || e.fault.Cancel != "" {
		return nil, nil
	}
	r, err := s.engine.Query(ctx, e.sql)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	return collect(ctx, r)
}

// hold waits for a fault to let go.
func (s *Server) hold(ctx context.Context, until <-chan struct{}) error {
	s.work(-1)
	defer s.work(1)
	select {
	case <-until:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// failureOf says whose mistake an engine's error is.
func failureOf(err error) *Failure {
	if fault.Is(err, fault.Invalid) {
		return &Failure{Category: 2, Type: 1006, Reason: err.Error()}
	}
	return &Failure{Category: 1, Type: 100, Retryable: !fault.Is(err, fault.Permanent), Reason: err.Error()}
}

var (
	leading   = regexp.MustCompile(`^(?:\s+|--[^\n]*(?:\n|$)|/\*(?s:.*?)\*/|\()+`)
	firstWord = regexp.MustCompile(`^[A-Za-z]+`)
)

// statementType is what Athena calls the kind of a statement. Only a DML's
// result begins with the names of its columns.
func statementType(sql string) string {
	switch strings.ToUpper(firstWord.FindString(sql[len(leading.FindString(sql)):])) {
	case "SELECT", "WITH", "VALUES", "TABLE", "INSERT", "DELETE", "UPDATE", "MERGE", "UNLOAD":
		return "DML"
	case "CREATE", "DROP", "ALTER", "MSCK":
		return "DDL"
	default:
		return "UTILITY"
	}
}

// newID is a random UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
