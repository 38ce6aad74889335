package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/itchyny/gojq"
)

// Limits of a jq program on one delivery, or on one line where the format has
// lines.
const (
	// programTime is far above what a program needs (3 to 25 us a record).
	programTime = 50 * time.Millisecond
	// secondTry is the time of the one repetition after programTime ran out:
	// a machine that stood still is no fault of the payload.
	secondTry = 250 * time.Millisecond
	// maxOutputs bounds the records of one delivery.
	maxOutputs = 10_000
)

// withheld hides functions behind definitions of the same name: those that make
// the result depend on more than the input or stop the program half-way, and
// those that read JSON or numbers out of texts without a bound.
const withheld = `
def _fromjson: fromjson;
def fromjson: _bounded | _fromjson;
def _tonumber: tonumber;
def tonumber: _bounded | _tonumber;
def now: error("now is not available: a mapping gives the same records every time");
def localtime: error("localtime is not available: use gmtime");
def strflocaltime($f): error("strflocaltime is not available: use strftime");
def input: error("input is not available: the input is one delivery");
def inputs: error("inputs is not available: the input is one delivery");
def debug: .;
def debug(f): .;
def stderr: .;
def halt: error("halt is not available: use empty");
def halt_error: error("halt_error is not available: use error");
def halt_error($n): error("halt_error is not available: use error");
.`

// program is a compiled jq program. It is safe for concurrent use.
type program struct{ code *gojq.Code }

// syntaxError is a fault of the program with its place.
type syntaxError struct {
	offset int
	err    error
}

// Error is the parser's own message: it names the token that was not expected.
func (e *syntaxError) Error() string { return e.err.Error() }

// compile makes a program ready. It has no modules, no environment and no
// input but its own; $headers is an object of the kept headers by lower-case
// name.
func compile(text string) (*program, error) {
	q, err := gojq.Parse(text)
	if err != nil {
		if p, ok := errors.AsType[*gojq.ParseError](err); ok {
			return nil, &syntaxError{p.Offset, err}
		}
		return nil, err
	}
	hidden, err := gojq.Parse(withheld)
	if err != nil {
		return nil, fmt.Errorf("withheld functions: %w", err)
	}
	if len(q.Imports) > 0 {
		return nil, errors.New("import and include are not available")
	}
	q.FuncDefs = append(hidden.FuncDefs, q.FuncDefs...)
	code, err := gojq.Compile(q,
		gojq.WithVariables([]string{"$headers"}), gojq.WithFunction("_bounded", 0, 0, bounded))
	if err != nil {
		return nil, err
	}
	return &program{code}, nil
}

// bounded passes on what CheckJSON finds harmless to read.
func bounded(v any, _ []any) any {
	if s, ok := v.(string); ok {
		if err := CheckJSON([]byte(s)); err != nil {
			return err
		}
	}
	return v
}

// run gives the program's outputs as JSON. The input is decoded for each run,
// because programs share structure with their results. Errors quote nothing of
// the payload.
func (p *program) run(input []byte, headers map[string]any) ([]json.RawMessage, error) {
	out, err := p.try(input, headers, programTime)
	if errors.Is(err, context.DeadlineExceeded) {
		out, err = p.try(input, headers, secondTry)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("the jq program took longer than %s", secondTry)
	}
	return out, err
}

// try is one run with a time limit. The error is context.DeadlineExceeded when
// the time ran out.
func (p *program) try(input []byte, headers map[string]any, limit time.Duration) ([]json.RawMessage, error) {
	in, err := decodeJSON(input)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var out []json.RawMessage
	iter := p.code.RunWithContext(ctx, in.v, headers)
	for {
		v, more := iter.Next()
		if !more {
			return out, nil
		}
		if err, failed := v.(error); failed {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, programError(err)
		}
		if v == nil {
			continue // null is nothing, like empty
		}
		if len(out) == maxOutputs {
			return nil, fmt.Errorf("the jq program gives more than %d records for one delivery", maxOutputs)
		}
		raw, err := gojq.Marshal(v)
		if err != nil {
			return nil, errors.New("an output of the jq program cannot be written as JSON")
		}
		out = append(out, raw)
	}
}

// programError says that the program failed. jq's own messages quote the
// values they are about, which may be somebody's data; only the message that
// the program itself gives to error() as a text is passed on.
func programError(err error) error {
	if said, ok := errors.AsType[gojq.ValueError](err); ok {
		if text, ok := said.Value().(string); ok && len(text) <= 200 {
			return fmt.Errorf("the jq program said: %s", text)
		}
	}
	return errors.New("the jq program failed on this input: a value is missing or of another type; " +
		"run upshot parse on the payload to see where")
}
