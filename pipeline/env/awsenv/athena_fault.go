package awsenv

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"
	"github.com/aws/smithy-go"

	"upshot.dev/upshot/pipeline/fault"
)

// ErrQueryCancelled is in the chain of the error of a query that somebody else
// stopped.
var ErrQueryCancelled = errors.New("the query was cancelled")

// errVanished is in the chain of the error of a query that met an object which
// was listed and then removed, as compaction does.
var errVanished = errors.New("an object of the lake was removed while it was read")

var (
	queryThrottles  = retry.IsErrorThrottles(retry.DefaultThrottles)
	queryRetryables = retry.IsErrorRetryables(retry.DefaultRetryables)
)

// passing reports whether the same call may succeed a little later.
func passing(err error) bool {
	return queryThrottles.IsErrorThrottle(err).Bool() || queryRetryables.IsErrorRetryable(err).Bool()
}

// refusals are the codes by which AWS says that the caller may not.
var refusals = []string{
	"AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId",
	"InvalidSignatureException", "SignatureDoesNotMatch", "MissingAuthenticationTokenException",
}

// startFault says whose fault it is that a query was not taken.
func startFault(err error) error {
	e, ok := errors.AsType[*types.InvalidRequestException](err)
	if !ok {
		return callFault("query", err)
	}
	message := e.ErrorMessage()
	if wrongSetup.MatchString(message) {
		return fault.Permanentf("query: Athena refuses the workgroup's or the deployment's settings: %s: %w", message, err)
	}
	return fault.Invalidf("query: %s: %w", message, err)
}

// wrongSetup is in the messages about what a statement cannot mend.
var wrongSetup = regexp.MustCompile(`(?i)workgroup|work group|output location|result configuration|\bbucket\b|not authorized|insufficient permissions`)

// callFault says whose fault a failed call is.
func callFault(what string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", what, err)
	}
	if queryThrottles.IsErrorThrottle(err).Bool() {
		return fault.Retryf("%s: Athena still throttles after %v: %w", what, queryPatience, err)
	}
	if passing(err) {
		return fault.Retryf("%s: %w", what, err)
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		if slices.Contains(refusals, e.ErrorCode()) {
			return fault.Permanentf("%s: the role lacks a right for Athena: %w", what, err)
		}
		return fault.Permanentf("%s: %w", what, err)
	}
	return fault.Retryf("%s: %w", what, err)
}

var (
	removedObject = regexp.MustCompile(`NoSuchKey|specified key does not exist|HIVE_FILE_NOT_FOUND|FileNotFoundException`)
	busyStorage   = regexp.MustCompile(`SlowDown|reduce your request rate|Status Code: 503`)
	corruptObject = regexp.MustCompile(`HIVE_BAD_DATA|HIVE_INVALID_METADATA`)
	deniedObject  = regexp.MustCompile(`(?i)access ?denied|insufficient (lake formation )?permission|not authorized|PERMISSION_DENIED`)
	scanLimit     = regexp.MustCompile(`(?i)bytes scanned limit`)
	userError     = regexp.MustCompile(`^[A-Z_]+: line \d+:\d+`)
)

// outcome is nil for a query that succeeded, and else says why it did not.
func (q *Querier) outcome(ctx context.Context, e *types.QueryExecution) error {
	if e.Status.State == types.QueryExecutionStateSucceeded {
		return nil
	}
	id, reason := aws.ToString(e.QueryExecutionId), aws.ToString(e.Status.StateChangeReason)
	detail := e.Status.AthenaError
	if reason == "" && detail != nil {
		reason = aws.ToString(detail.ErrorMessage)
	}
	if scanLimit.MatchString(reason) {
		return q.limitFault(ctx, id, e)
	}
	if e.Status.State == types.QueryExecutionStateCancelled {
		return fault.Retryf("query %s: %w: %s", id, ErrQueryCancelled, reason)
	}
	switch {
	case removedObject.MatchString(reason):
		return fault.Retryf("query %s: %w: %s", id, errVanished, reason)
	case busyStorage.MatchString(reason):
		return fault.Retryf("query %s: the storage was too busy: %s", id, reason)
	case deniedObject.MatchString(reason):
		return fault.Permanentf("query %s: the role may not read what the query needs: %s", id, reason)
	case corruptObject.MatchString(reason):
		return fault.Permanentf("query %s: the lake or its catalogue is damaged: %s", id, reason)
	}
	return fault.New(categoryOf(detail, reason), fmt.Errorf("query %s: %s", id, reason))
}

// categoryOf is Athena's own word about whose fault it was.
func categoryOf(detail *types.AthenaError, reason string) fault.Kind {
	switch {
	case detail == nil || detail.ErrorCategory == nil:
		if userError.MatchString(reason) {
			return fault.Invalid
		}
		return fault.Retry
	case *detail.ErrorCategory == 1:
		return fault.Retry
	case *detail.ErrorCategory == 2:
		return fault.Invalid
	case detail.Retryable:
		return fault.Retry
	default:
		return fault.Permanent
	}
}

// limitFault names the limit that a query ran into.
func (q *Querier) limitFault(ctx context.Context, id string, e *types.QueryExecution) error {
	limit := "its limit"
	out, err := patiently(ctx, q, func() (*athena.GetWorkGroupOutput, error) {
		return q.api.GetWorkGroup(ctx, &athena.GetWorkGroupInput{WorkGroup: &q.o.Workgroup})
	})
	if err == nil && out.WorkGroup != nil && out.WorkGroup.Configuration != nil {
		if n := aws.ToInt64(out.WorkGroup.Configuration.BytesScannedCutoffPerQuery); n > 0 {
			limit = bytesText(n)
		}
	}
	read := ""
	if n := statsOf(e).BytesScanned; n > 0 {
		read = " after " + bytesText(n)
	}
	return fault.Permanentf("query %s: stopped%s: the workgroup %s lets one query scan %s; narrow dt, or raise the workgroup's BytesScannedCutoffPerQuery",
		id, read, q.o.Workgroup, limit)
}

// bytesText is a number of bytes as people write it, like 10 GB.
func bytesText(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	v, i := float64(n), 0
	for v >= 1000 && i < len(units)-1 {
		v, i = v/1000, i+1
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") + " " + units[i]
}
