package athena

import (
	"fmt"
	"strings"
	"time"
)

// queryLimit is the most bytes that a query's text may have.
const queryLimit = 262144

type startInput struct {
	QueryString        string
	ClientRequestToken string
	WorkGroup          string
	ExecutionContext   queryContext `json:"QueryExecutionContext"`
	Reuse              struct {
		ByAge struct {
			Enabled         bool
			MaxAgeInMinutes *int
		} `json:"ResultReuseByAgeConfiguration"`
	} `json:"ResultReuseConfiguration"`
}

type queryContext struct {
	Database string `json:",omitempty"`
	Catalog  string `json:",omitempty"`
}

type idInput struct {
	ID string `json:"QueryExecutionId"`
}

type idOutput struct {
	ID string `json:"QueryExecutionId"`
}

// start begins a query, or finds the one that the same token began.
func (s *Server) start(in startInput) (*idOutput, error) {
	if in.WorkGroup == "" {
		in.WorkGroup = "primary"
	}
	if err := s.refuse(in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := s.tokens[in.ClientRequestToken]; in.ClientRequestToken != "" && before != nil {
		if before.sql != in.QueryString || before.workgroup != in.WorkGroup {
			return nil, invalid("INVALID_INPUT", "Idempotent parameters do not match")
		}
		return &idOutput{before.id}, nil
	}
	e := &execution{
		sql: in.QueryString, workgroup: in.WorkGroup, statement: statementType(in.QueryString),
		database: in.ExecutionContext.Database, catalog: in.ExecutionContext.Catalog,
	}
	if age := in.Reuse.ByAge; age.Enabled {
		minutes := 60
		if age.MaxAgeInMinutes != nil {
			minutes = *age.MaxAgeInMinutes
		}
		e.result = s.recent(e, time.Duration(minutes)*time.Minute)
	}
	if e.result != nil {
		e.id, e.state, e.reused, e.submitted, e.completed = newID(), succeeded, true, s.clock.Now(), s.clock.Now()
		s.executions[e.id] = e
	} else {
		s.begin(e)
	}
	if in.ClientRequestToken != "" {
		s.tokens[in.ClientRequestToken] = e
	}
	return &idOutput{e.id}, nil
}

// refuse checks what Athena checks before it takes a query.
func (s *Server) refuse(in startInput) error {
	group, known := s.workgroups[in.WorkGroup]
	switch n := len(in.ClientRequestToken); {
	case strings.TrimSpace(in.QueryString) == "":
		return invalid("MALFORMED_QUERY", "Query string is empty")
	case len(in.QueryString) > queryLimit:
		return invalid("INVALID_INPUT", fmt.Sprintf("Member must have length less than or equal to %d", queryLimit))
	case n != 0 && (n < 32 || n > 128):
		return invalid("INVALID_INPUT", "ClientRequestToken must have 32 to 128 characters")
	case !known:
		return invalid("INVALID_INPUT", "WorkGroup "+in.WorkGroup+" is not found.")
	case group.Output == "":
		return invalid("INVALID_INPUT", "No output location provided. An output location is required either through the Workgroup result configuration setting or as an API input.")
	}
	return nil
}

// recent is the result of the same query within the time; s.mu is held.
func (s *Server) recent(e *execution, within time.Duration) *result {
	for _, old := range s.executions {
		if old.state == succeeded && !old.reused && old.sql == e.sql && old.workgroup == e.workgroup && s.clock.Now().Sub(old.completed) <= within {
			return old.result
		}
	}
	return nil
}

// find gives the execution; s.mu is held.
func (s *Server) find(id string) (*execution, error) {
	e := s.executions[id]
	if e == nil {
		return nil, invalid("INVALID_INPUT", fmt.Sprintf("QueryExecution %s was not found", id))
	}
	return e, nil
}

// stop cancels a query that runs; one that is over stays as it is.
func (s *Server) stop(in idInput) (*struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(in.ID)
	if err != nil {
		return nil, err
	}
	if !e.over() || e.fault.Polls != 0 {
		e.state, e.reason, e.completed, e.fault.Polls = cancelled, "Query cancelled by user", s.clock.Now(), 0
		e.cancel()
	}
	return &struct{}{}, nil
}

type workgroupInput struct {
	WorkGroup string
}

// workgroup describes a workgroup.
func (s *Server) workgroup(in workgroupInput) (any, error) {
	g, ok := s.workgroups[in.WorkGroup]
	if !ok {
		return nil, invalid("INVALID_INPUT", "WorkGroup "+in.WorkGroup+" is not found.")
	}
	configuration := map[string]any{
		"EnforceWorkGroupConfiguration": true,
		"ResultConfiguration":           map[string]any{"OutputLocation": g.Output},
		"EngineVersion":                 map[string]any{"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"},
	}
	if g.Cutoff > 0 {
		configuration["BytesScannedCutoffPerQuery"] = g.Cutoff
	}
	return map[string]any{"WorkGroup": map[string]any{"Name": in.WorkGroup, "State": "ENABLED", "Configuration": configuration}}, nil
}
