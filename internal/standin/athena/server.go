package athena

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/array"

	"upshot.dev/upshot/pipeline/env"
)

const (
	// service comes before the operation in the header X-Amz-Target.
	service = "AmazonAthena."
	// bodyLimit is more than any request that Athena takes.
	bodyLimit = 1 << 20
)

// Engine answers SQL. A reader that has a method BytesScanned() int64 says with
// it, after its last row, how much was read.
type Engine interface {
	Query(ctx context.Context, sql string) (array.RecordReader, error)
}

// Workgroup is what the endpoint knows of a workgroup.
type Workgroup struct {
	Output string // s3:// address of the results; nothing is written there
	Cutoff int64  // bytes that one query may scan; 0 is no limit
}

// Options make a Server.
type Options struct {
	Engine     Engine
	Workgroups map[string]Workgroup
	Clock      env.Clock
}

// Server is the endpoint: an http.Handler. Close ends what still runs.
type Server struct {
	engine     Engine
	workgroups map[string]Workgroup
	clock      env.Clock
	ctx        context.Context
	cancel     context.CancelFunc
	running    sync.WaitGroup

	mu         sync.Mutex
	settled    *sync.Cond
	busy       int // queries that the engine works on
	executions map[string]*execution
	tokens     map[string]*execution // by ClientRequestToken
	faults     []*Fault
	throttles  map[string]*throttle // by operation
	calls      map[string]int       // by operation
}

// New makes an endpoint. Its queries run until they end, are stopped, or the
// server is closed.
func New(o Options) *Server {
	s := &Server{
		engine: o.Engine, workgroups: o.Workgroups, clock: o.Clock,
		executions: map[string]*execution{}, tokens: map[string]*execution{}, throttles: map[string]*throttle{}, calls: map[string]int{},
	}
	s.settled = sync.NewCond(&s.mu)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Settle waits until the engine has done all that it can: what still runs is
// held by a fault. A test whose clock moves by hand calls it before it moves.
func (s *Server) Settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.busy > 0 {
		s.settled.Wait()
	}
}

// work counts the queries that the engine works on.
func (s *Server) work(change int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy += change
	s.settled.Broadcast()
}

// Close stops all queries and waits for them.
func (s *Server) Close() {
	s.cancel()
	s.running.Wait()
}

// Calls is how often an operation, like "StopQueryExecution", was called.
func (s *Server) Calls(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[operation]
}

// apiError is an error as Athena answers it.
type apiError struct {
	Status  int    `json:"-"`
	Type    string `json:"__type"`
	Code    string `json:"AthenaErrorCode,omitempty"`
	Message string `json:"Message"`
}

func (e *apiError) Error() string { return e.Type + ": " + e.Message }

func invalid(code, message string) error {
	return &apiError{http.StatusBadRequest, "InvalidRequestException", code, message}
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := s.call(r)
	status := http.StatusOK
	if err != nil {
		e, ok := errors.AsType[*apiError](err)
		if !ok {
			e = &apiError{http.StatusInternalServerError, "InternalServerException", "", err.Error()}
		}
		answer, status = e, e.Status
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *Server) call(r *http.Request) (any, error) {
	operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), service)
	if r.Method != http.MethodPost || !ok {
		return nil, &apiError{http.StatusBadRequest, "UnknownOperationException", "", "not a call to Athena"}
	}
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
		return nil, &apiError{http.StatusForbidden, "MissingAuthenticationTokenException", "", "Missing Authentication Token"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, bodyLimit))
	if err != nil {
		return nil, &apiError{http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "", err.Error()}
	}
	if err := s.throttled(operation); err != nil {
		return nil, err
	}
	switch operation {
	case "StartQueryExecution":
		return answer(body, s.start)
	case "GetQueryExecution":
		return answer(body, s.get)
	case "GetQueryResults":
		return answer(body, s.results)
	case "StopQueryExecution":
		return answer(body, s.stop)
	case "GetWorkGroup":
		return answer(body, s.workgroup)
	default:
		return nil, &apiError{http.StatusBadRequest, "UnknownOperationException", "", operation + " is not answered here"}
	}
}

// answer reads a call's input and runs it.
func answer[In, Out any](body []byte, f func(In) (Out, error)) (any, error) {
	var in In
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &apiError{http.StatusBadRequest, "SerializationException", "", err.Error()}
	}
	return f(in)
}
