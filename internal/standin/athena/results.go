package athena

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// pageRows is the most rows of a page, the row of names included.
const pageRows = 1000

type resultsInput struct {
	ID         string `json:"QueryExecutionId"`
	NextToken  string
	MaxResults *int
}

type resultsOutput struct {
	NextToken   string `json:",omitempty"`
	ResultSet   resultSet
	UpdateCount int64
}

type resultSet struct {
	Rows              []row
	ResultSetMetadata struct{ ColumnInfo []columnInfo }
}

type row struct{ Data []datum }

// datum has no value for NULL.
type datum struct {
	VarCharValue *string `json:",omitempty"`
}

// results gives a page of a query's rows.
func (s *Server) results(in resultsInput) (*resultsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(in.ID)
	if err != nil {
		return nil, err
	}
	switch {
	case !e.over() || e.fault.Polls != 0:
		return nil, invalid("INVALID_QUERY_STATE", "Query has not yet finished. Current state: "+e.state)
	case e.state != succeeded:
		return nil, invalid("INVALID_QUERY_STATE", "Query did not finish successfully. Final query state: "+e.state)
	}
	size := pageRows
	if in.MaxResults != nil {
		size = *in.MaxResults
	}
	if size < 1 || size > pageRows {
		return nil, invalid("INVALID_INPUT", fmt.Sprintf("MaxResults is more than maximum allowed length %d.", pageRows))
	}
	from, err := offset(in.NextToken, e.id)
	if err != nil {
		return nil, err
	}
	rows := e.result.rows
	to := min(from+size, len(rows))
	out := &resultsOutput{}
	out.ResultSet.Rows = rows[min(from, to):to]
	out.ResultSet.ResultSetMetadata.ColumnInfo = e.result.columns
	if to < len(rows) {
		out.NextToken = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s %d", e.id, to))
	}
	return out, nil
}

// offset reads where a page begins.
func offset(token, id string) (int, error) {
	if token == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if at, ok := strings.CutPrefix(string(b), id+" "); err == nil && ok {
		if n, err := strconv.Atoi(at); err == nil {
			return n, nil
		}
	}
	return 0, invalid("INVALID_INPUT", "Invalid NextToken")
}
