// Package fault says what may be done about an error. There are four kinds,
// and every error that leaves a stage is one of them. The kind is mapped to an
// HTTP status, a queue decision or an exit code only at the edge, never below.
package fault

import (
	"errors"
	"fmt"
)

// Kind is the decision that an error carries.
type Kind int

// The four kinds. Unknown errors count as Retry: giving up on something that
// would have worked loses data, trying again does not.
const (
	// Retry: nothing is wrong with the input; the same call may succeed later.
	Retry Kind = iota
	// Invalid: the input is wrong and the same input will always be wrong.
	Invalid
	// Unauthorized: the caller did not show who it is.
	Unauthorized
	// Permanent: this side is wrong (configuration, a corrupt file); trying
	// again changes nothing until somebody mends it.
	Permanent
)

// String is the kind's name as logs and problem documents show it.
func (k Kind) String() string {
	switch k {
	case Invalid:
		return "invalid"
	case Unauthorized:
		return "unauthorized"
	case Permanent:
		return "permanent"
	default:
		return "retry"
	}
}

type fault struct {
	kind Kind
	err  error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// New wraps err with a kind. The outermost kind wins in KindOf, so a layer
// that knows better may override one below it. New(kind, nil) is nil.
func New(kind Kind, err error) error {
	if err == nil {
		return nil
	}
	return &fault{kind, err}
}

// Invalidf is fmt.Errorf with the kind Invalid; %w works.
func Invalidf(format string, args ...any) error {
	return New(Invalid, fmt.Errorf(format, args...))
}

// Unauthorizedf is fmt.Errorf with the kind Unauthorized; %w works.
func Unauthorizedf(format string, args ...any) error {
	return New(Unauthorized, fmt.Errorf(format, args...))
}

// Permanentf is fmt.Errorf with the kind Permanent; %w works.
func Permanentf(format string, args ...any) error {
	return New(Permanent, fmt.Errorf(format, args...))
}

// Retryf is fmt.Errorf with the kind Retry; %w works.
func Retryf(format string, args ...any) error {
	return New(Retry, fmt.Errorf(format, args...))
}

// KindOf is the kind of the outermost fault in err's chain, Retry when there
// is none. KindOf(nil) is Retry, too: ask only about errors.
func KindOf(err error) Kind {
	if f, ok := errors.AsType[*fault](err); ok {
		return f.kind
	}
	return Retry
}

// Is reports whether err carries the kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// Says reports whether somebody gave the error this kind, and not only that
// KindOf takes it for one because nobody gave it any.
func Says(err error, kind Kind) bool {
	f, ok := errors.AsType[*fault](err)
	return ok && f.kind == kind
}
