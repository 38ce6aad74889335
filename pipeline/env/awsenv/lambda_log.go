package awsenv

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// NewLog is the log of a function: JSON objects, one a line. What is logged
// under the context of an invocation carries Lambda's id of it as request_id,
// by which the platform's own lines and the caller's are found.
func NewLog(w io.Writer) *slog.Logger {
	return slog.New(requestHandler{slog.NewJSONHandler(w, nil)})
}

// requestHandler adds the id of the invocation.
type requestHandler struct{ slog.Handler }

// Handle is slog.Handler's.
func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	if c, ok := lambdacontext.FromContext(ctx); ok && c.AwsRequestID != "" {
		r = r.Clone()
		r.AddAttrs(slog.String("request_id", c.AwsRequestID))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs is slog.Handler's.
func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup is slog.Handler's.
func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}

// libraryLog takes what Lambda's library writes to the standard logger, like the
// error that it told Lambda, into the log of the invocation.
type libraryLog struct {
	log *slog.Logger
	ctx atomic.Pointer[context.Context] // of the last event
}

// during remembers each event's context.
func (l *libraryLog) during(f Function) Function {
	return func(ctx context.Context, event []byte) ([]byte, error) {
		l.ctx.Store(&ctx)
		return f(ctx, event)
	}
}

// Write is one line of the standard logger.
func (l *libraryLog) Write(b []byte) (int, error) {
	ctx := context.Background()
	if last := l.ctx.Load(); last != nil {
		ctx = *last
	}
	said := bytes.TrimSpace(b)
	if json.Valid(said) {
		l.log.WarnContext(ctx, "Lambda was told of an error", "error", json.RawMessage(bytes.Clone(said)))
	} else {
		l.log.WarnContext(ctx, string(said))
	}
	return len(b), nil
}

// tellColdStart makes the first event of an instance leave a line in the log,
// and a measurement ColdStart where the time is known that the instance took
// until it asked for it. Their number is the number of cold starts. metrics may
// be nil.
func tellColdStart(f Function, log *slog.Logger, metrics *Metrics, took time.Duration, known bool) Function {
	var once sync.Once
	return func(ctx context.Context, event []byte) ([]byte, error) {
		once.Do(func() {
			attrs := []any{"function", lambdacontext.FunctionName, "version", lambdacontext.FunctionVersion, "memory_mb", lambdacontext.MemoryLimitInMB}
			if !known {
				log.InfoContext(ctx, "cold start", attrs...)
				return
			}
			log.InfoContext(ctx, "cold start", append(attrs, "init_ms", took.Milliseconds())...)
			if metrics == nil {
				return
			}
			if err := metrics.Emit([]Metric{Milliseconds("ColdStart", took)}, By("Function", lambdacontext.FunctionName)); err != nil {
				log.ErrorContext(ctx, "metrics are lost", "err", err)
			}
		})
		return f(ctx, event)
	}
}

// ticks is the unit of times in /proc/<pid>/stat: 1/100 s on every Linux that
// Go runs on.
const ticks = 10 * time.Millisecond

// age is how long this process has run, to a hundredth of a second; known is
// false where the system does not tell it.
func age(read func(string) ([]byte, error)) (d time.Duration, known bool) {
	up, err := read("/proc/uptime")
	if err != nil {
		return 0, false
	}
	stat, err := read("/proc/self/stat")
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(string(up), " ")
	now, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0, false
	}
	// The second field is the program's name in brackets; it may hold anything.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const start = 22 - 3 // the first of the fields after the name is the third
	if len(fields) <= start {
		return 0, false
	}
	began, err := strconv.ParseInt(string(fields[start]), 10, 64)
	if err != nil {
		return 0, false
	}
	d = time.Duration(now*float64(time.Second)) - time.Duration(began)*ticks
	return d, d >= 0
}

// processAge is age of this process as the system tells it.
func processAge() (time.Duration, bool) { return age(os.ReadFile) }
