package athena

import (
	"net/http"
	"strings"
)

// Fault is what shall happen to queries. The zero value of a field changes
// nothing.
type Fault struct {
	Match string // what the query's text contains
	Times int    // to how many queries it happens; 0 is all
	Polls int    // how many answers say that it still runs; negative: all
	// Fail ends it as FAILED, Cancel as CANCELLED with this reason.
	Fail   *Failure
	Cancel string
	// Scanned is how many bytes it read, whatever the engine says.
	Scanned int64
	// Hold keeps the query from the engine until it is closed or the query is
	// stopped.
	Hold <-chan struct{}
}

// Failure is an AthenaError.
type Failure struct {
	Category  int32 // 1 system, 2 user, 3 other
	Type      int32
	Retryable bool
	Reason    string
}

// Inject puts a fault in the way of later queries. Of several that match the
// first counts.
func (s *Server) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Times == 0 {
		f.Times = -1
	}
	s.faults = append(s.faults, &f)
}

// fault takes the fault for a query; s.mu is held.
func (s *Server) fault(sql string) Fault {
	for _, f := range s.faults {
		if f.Times != 0 && strings.Contains(sql, f.Match) {
			if f.Times > 0 {
				f.Times--
			}
			return *f
		}
	}
	return Fault{}
}

// throttle refuses calls.
type throttle struct {
	code string
	left int
}

// Throttle refuses the next n calls of an operation with an error's name, like
// ThrottlingException or TooManyRequestsException.
func (s *Server) Throttle(operation, code string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.throttles[operation] = &throttle{code, n}
}

// throttled counts a call and says whether it is refused.
func (s *Server) throttled(operation string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[operation]++
	t := s.throttles[operation]
	if t == nil || t.left == 0 {
		return nil
	}
	t.left--
	status := http.StatusBadRequest
	if strings.HasPrefix(t.code, "Internal") {
		status = http.StatusInternalServerError
	}
	return &apiError{status, t.code, "", "Rate exceeded"}
}
