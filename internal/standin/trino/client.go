package trino

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/fault"
)

// page is one answer of the server about a statement.
type page struct {
	ID      string
	NextURI string
	Columns []column
	Data    [][]any
	Error   *failure
	Stats   struct{ PhysicalInputBytes int64 }
}

type column struct {
	Name          string
	TypeSignature signature
}

// signature is a type, taken apart.
type signature struct {
	RawType   string
	Arguments []argument
}

// argument is a number, a type, or a named type of a row, by kind.
type argument struct {
	Kind  string
	Value json.RawMessage
}

type failure struct {
	Message, ErrorName, ErrorType string
}

// err says whose fault it is.
func (f *failure) err() error {
	switch f.ErrorType {
	case "USER_ERROR":
		return fault.Invalidf("query: %s: %s", f.ErrorName, f.Message)
	case "INSUFFICIENT_RESOURCES":
		return fault.Permanentf("query: %s: %s", f.ErrorName, f.Message)
	default:
		return fault.Retryf("query: %s: %s", f.ErrorName, f.Message)
	}
}

// statement is one that runs.
type statement struct {
	s      *Server
	header http.Header
	page   page
}

// submit sends a statement and gives its first page.
func (s *Server) submit(ctx context.Context, user, schema, sql string) (*statement, error) {
	if strings.ContainsRune(sql, 0) {
		return nil, fault.Invalidf("query: the statement has a NUL character")
	}
	// Athena takes the semicolon at the end that the server's own interface does not.
	sql = strings.TrimSuffix(strings.TrimSpace(sql), ";")
	st := &statement{s: s, header: http.Header{}}
	for k, v := range map[string]string{
		"X-Trino-User": user, "X-Trino-Catalog": catalogName, "X-Trino-Schema": schema, "X-Trino-Time-Zone": "UTC",
		// without it every time comes with 3 decimals, whatever its type
		"X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME",
	} {
		if v != "" {
			st.header.Set(k, v)
		}
	}
	return st, st.call(ctx, http.MethodPost, s.url+"/v1/statement", sql)
}

// next gets the next page; false after the last one.
func (st *statement) next(ctx context.Context) (bool, error) {
	if st.page.NextURI == "" {
		return false, nil
	}
	return true, st.call(ctx, http.MethodGet, st.page.NextURI, "")
}

// end stops a statement that has not ended.
func (st *statement) end() {
	if st.page.NextURI == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, st.page.NextURI, nil)
	if err != nil {
		return
	}
	req.Header = st.header
	if resp, err := st.s.http.Do(req); err == nil {
		_ = resp.Body.Close()
	}
	st.page.NextURI = ""
}

// call asks the server, again while it says that it is busy.
func (st *statement) call(ctx context.Context, method, url, body string) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		again, err := st.try(ctx, method, url, body)
		if !again {
			return err
		}
		select {
		case <-ctx.Done():
			st.end()
			return fault.Retryf("query: %w", ctx.Err())
		case <-time.After(wait):
		}
	}
}

func (st *statement) try(ctx context.Context, method, url, body string) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header = st.header
	resp, err := st.s.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			st.end()
		}
		return false, fault.Retryf("query: %w", err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true, nil
	default:
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		if resp.StatusCode == http.StatusBadRequest {
			return false, fault.Invalidf("query: %s", text)
		}
		return false, fault.Retryf("query: Trino answers %s: %s", resp.Status, text)
	}
	d := json.NewDecoder(resp.Body)
	d.UseNumber()
	columns := st.page.Columns
	st.page = page{}
	if err := d.Decode(&st.page); err != nil {
		return false, fault.Retryf("query: the answer of Trino: %w", err)
	}
	if st.page.Columns == nil {
		st.page.Columns = columns
	}
	if st.page.Error != nil {
		st.page.NextURI = ""
		return false, st.page.Error.err()
	}
	return false, nil
}

// exec runs a statement to its end as the user who may change things.
func (s *Server) exec(ctx context.Context, schema, sql string) error {
	st, err := s.submit(ctx, setup, schema, sql)
	for more := err == nil; more && err == nil; {
		more, err = st.next(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w in %s", err, sql)
	}
	return nil
}
