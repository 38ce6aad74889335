package awsenv

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// Codes of S3's errors that are asked for in more than one place.
const (
	codePrecondition = "PreconditionFailed"
	codeConflict     = "ConditionalRequestConflict"
	codeNoUpload     = "NoSuchUpload"
	codeRange        = "InvalidRange"
)

// actions are the permissions that each operation needs.
var actions = map[string]string{
	"open":    "s3:GetObject and s3:GetObjectVersion (and s3:ListBucket: without it S3 denies what is merely missing)",
	"read":    "s3:GetObject and s3:GetObjectVersion",
	"put":     "s3:PutObject and s3:AbortMultipartUpload",
	"create":  "s3:PutObject and s3:AbortMultipartUpload",
	"replace": "s3:PutObject, s3:GetObject and s3:AbortMultipartUpload",
	"remove":  "s3:DeleteObject",
	"list":    "s3:ListBucket on the bucket",
}

// explain turns an error of the SDK into one that names the object, says what
// is wrong and whether trying again helps. nil stays nil.
func (s *Store) explain(ctx context.Context, op, key string, err error) error {
	if err == nil {
		return nil
	}
	doing := op + " " + s.name(key)
	if ctx.Err() != nil { // the SDK's errors do not always tell
		return fmt.Errorf("%s: %w", doing, errors.Join(ctx.Err(), err))
	}
	switch code, status := codeOf(err); {
	case code == "NoSuchBucket":
		return fault.Permanentf("%s: there is no such bucket in this region: %w", doing, err)
	case code == "NoSuchKey", code == "NotFound", code == "NoSuchVersion", code == "MethodNotAllowed" && op == "read":
		return fmt.Errorf("%s: %w", doing, errors.Join(env.ErrNotExist, err))
	case code == "KeyTooLongError":
		return fault.Invalidf("%s: prefix and key are longer than the 1,024 bytes that S3 allows: %w", doing, err)
	case strings.HasPrefix(code, "KMS."):
		return fault.Permanentf("%s: the KMS key of the object cannot be used: %w", doing, err)
	case code == "ExpiredToken", code == "RequestTimeTooSkewed", code == codeConflict, code == codePrecondition, code == "BadDigest":
		return fault.Retryf("%s: %w", doing, err)
	case retryable(err):
		return fault.Retryf("%s: %w", doing, err)
	case status == http.StatusForbidden:
		return fault.Permanentf("%s: denied; the role needs %s%s: %w", doing, actions[op], s.kmsActions(op), err)
	case status >= 300 && status < 500:
		return fault.Permanentf("%s: S3 refuses the request: %w", doing, err)
	}
	return fault.Retryf("%s: %w", doing, err)
}

// kmsActions are the permissions that an encrypted object needs in addition.
func (s *Store) kmsActions(op string) string {
	if s.o.KMSKey == "" || op == "remove" || op == "list" {
		return ""
	}
	return ", and kms:GenerateDataKey and kms:Decrypt on " + s.o.KMSKey
}

// codeOf is the service's code of an error and the HTTP status it came with;
// empty and 0 when no answer came.
func codeOf(err error) (code string, status int) {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		code = e.ErrorCode()
	}
	if e, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status = e.HTTPStatusCode()
	}
	return code, status
}
