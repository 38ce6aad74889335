package awsenv_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
)

// sqsError answers as SQS does when it refuses.
func sqsError(w http.ResponseWriter, r *http.Request, status int, code string) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amzn-Query-Error", code+";Sender")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"__type":"com.amazonaws.sqs#`+code+`","message":"made for a test"}`)
}

// fronted is a queue on a real server behind f.
func fronted(t *testing.T, f func(w http.ResponseWriter, r *http.Request, op string, next http.Handler)) (*awsenv.Queue, *memenv.Store) {
	t.Helper()
	e := standin.Front(t, standin.SQS(t).Endpoint, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		f(w, r, strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS."), next)
	})
	_, store, o := queues(t, standin.Config(t, standin.SQS(t).Endpoint))
	cfg := standin.Config(t, e)
	cfg.Retryer = awsenv.Impatient
	return awsenv.NewQueue(cfg, o).NoWait(), store
}

// queueOperations are all the ways in which a queue asks SQS, each with the
// permission that it needs. Every one of them has the message "held".
var queueOperations = map[string]struct {
	action string
	do     func(context.Context, *awsenv.Queue) error
}{
	"SendMessage": {"sqs:SendMessage", func(ctx context.Context, q *awsenv.Queue) error {
		return q.Send(ctx, env.Message{ID: "new", Body: []byte("x")})
	}},
	"ReceiveMessage":               {"sqs:ReceiveMessage", func(ctx context.Context, q *awsenv.Queue) error { _, err := q.Receive(ctx, 9, time.Hour); return err }},
	"DeleteMessageBatch":           {"sqs:DeleteMessage", func(ctx context.Context, q *awsenv.Queue) error { return q.Delete(ctx, "held") }},
	"ChangeMessageVisibilityBatch": {"sqs:ChangeMessageVisibility", func(ctx context.Context, q *awsenv.Queue) error { return q.Release(ctx, 0, "held") }},
	"DeleteMessage":                {"sqs:DeleteMessage", func(ctx context.Context, q *awsenv.Queue) error { return q.SetAside(ctx, "test", "held") }},
	"GetQueueAttributes":           {"sqs:GetQueueAttributes", func(ctx context.Context, q *awsenv.Queue) error { _, err := q.Depth(ctx); return err }},
}

// hold sends a message and receives it.
func hold(t *testing.T, q *awsenv.Queue) {
	t.Helper()
	if err := q.Send(t.Context(), env.Message{ID: "held", Body: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, q, 9, time.Hour); len(got) != 1 {
		t.Fatalf("received %+v", got)
	}
}

// TestQueueOutlastsThrottling: SQS that throttles for half a minute costs time
// and nothing else.
func TestQueueOutlastsThrottling(t *testing.T) {
	for name, o := range queueOperations {
		for _, code := range []string{"RequestThrottled", "ThrottlingException", "OverLimit", "KmsThrottled"} {
			t.Run(name+" "+code, func(t *testing.T) {
				t.Parallel()
				var throttle atomic.Bool
				var calls atomic.Int32
				q, _ := fronted(t, func(w http.ResponseWriter, r *http.Request, op string, next http.Handler) {
					if throttle.Load() && op == name && calls.Add(1) < awsenv.MaxAttempts {
						sqsError(w, r, http.StatusBadRequest, code)
						return
					}
					next.ServeHTTP(w, r)
				})
				hold(t, q)
				throttle.Store(true)
				if err := o.do(t.Context(), q); err != nil || calls.Load() < awsenv.MaxAttempts {
					t.Errorf("%d calls: %v", calls.Load(), err)
				}
			})
		}
	}
}

// TestQueueRefusals: what SQS refuses is told with the queue, the right retry
// decision, and what to do.
func TestQueueRefusals(t *testing.T) {
	for _, c := range []struct {
		status     int
		code, says string
		kind       fault.Kind
	}{
		{400, "RequestThrottled", "", fault.Retry},
		{500, "InternalFailure", "", fault.Retry},
		{403, "ExpiredToken", "", fault.Retry},
		{400, "OverLimit", "", fault.Retry},
		{400, "AWS.SimpleQueueService.NonExistentQueue", "UPSHOT_QUEUE_URL", fault.Permanent},
		{400, "QueueDoesNotExist", "UPSHOT_DLQ_URL", fault.Permanent},
		{403, "AccessDenied", "the role needs ", fault.Permanent},
		{400, "AccessDeniedException", "the role needs ", fault.Permanent},
		{400, "KmsAccessDenied", "kms:Decrypt", fault.Permanent},
		{400, "InvalidAddress", "SQS refuses", fault.Permanent},
	} {
		t.Run(c.code, func(t *testing.T) {
			t.Parallel()
			for name, o := range queueOperations {
				says := c.says
				if says == "the role needs " {
					says += o.action
				}
				q, refuse := refusingOp(t, name, c.status, c.code)
				hold(t, q)
				refuse.Store(true)
				err := o.do(t.Context(), q)
				if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "/TestQueueRefusals") {
					t.Errorf("%s: %v, want a fault of kind %v that says %q and names the queue", name, err, c.kind, says)
				}
				// Whatever happened, nothing is lost: SetAside has copied the
				// message before its deletion was refused.
				refuse.Store(false)
				if err := q.Release(t.Context(), 0, "held"); err != nil {
					t.Errorf("%s, afterwards: %v", name, err)
				}
				if got := receive(t, q, 9, time.Hour); !holds(got, "held") {
					t.Errorf("%s: afterwards there is %+v", name, got)
				}
			}
		})
	}
}

// refusingOp is a queue that answers one operation with an error while told so.
func refusingOp(t *testing.T, name string, status int, code string) (*awsenv.Queue, *atomic.Bool) {
	var refuse atomic.Bool
	q, _ := fronted(t, func(w http.ResponseWriter, r *http.Request, op string, next http.Handler) {
		if refuse.Load() && op == name {
			sqsError(w, r, status, code)
			return
		}
		next.ServeHTTP(w, r)
	})
	return q, &refuse
}

func holds(msgs []env.Message, id string) bool {
	for _, m := range msgs {
		if m.ID == id {
			return true
		}
	}
	return false
}

// TestQueuePartialFailures: of a batch, SQS may refuse some. They are tried
// again; those it never takes are told, and stay in hand; all others are done.
func TestQueuePartialFailures(t *testing.T) {
	for _, c := range []struct {
		name, code string
		times      int32
		fails      bool
	}{
		{"once", "InternalError", 1, false},
		{"always", "InternalError", 1e6, true},
		{"the lease has ended", "ReceiptHandleIsInvalid", 1e6, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var refused atomic.Int32
			q, store := fronted(t, func(w http.ResponseWriter, r *http.Request, op string, next http.Handler) {
				if op == "DeleteMessageBatch" && refused.Add(1) <= c.times {
					refuseFirst(t, w, r, c.code, next)
					return
				}
				next.ServeHTTP(w, r)
			})
			var ids []string
			for i := range 23 {
				ids = append(ids, fmt.Sprintf("m%02d", i))
				if err := q.Send(t.Context(), env.Message{ID: ids[i], Body: bodies["claim"]}); err != nil {
					t.Fatal(err)
				}
			}
			if got := receive(t, q, 50, time.Hour); len(got) != len(ids) {
				t.Fatalf("received %d", len(got))
			}
			err := q.Delete(t.Context(), ids...)
			if c.fails != fault.Is(err, fault.Retry) || !c.fails && err != nil {
				t.Errorf("delete: %v", err)
			}
			claims := 0
			for range store.List(t.Context(), "claims/") {
				claims++
			}
			if want := map[bool]int{true: 3}[c.fails]; claims != want {
				t.Errorf("%d bodies are left in the store, want %d", claims, want)
			}
			if !c.fails {
				return
			}
			refused.Store(1e6)
			if err := q.Delete(t.Context(), ids...); err != nil {
				t.Errorf("second delete: %v", err)
			}
			if d, err := q.Depth(t.Context()); err != nil || d != (env.Depth{}) {
				t.Errorf("afterwards: %+v, %v", d, err)
			}
		})
	}
}

// refuseFirst hands a batch on without its first entry, which it refuses.
func refuseFirst(t *testing.T, w http.ResponseWriter, r *http.Request, code string, next http.Handler) {
	var in map[string]any
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		t.Error(err)
	}
	entries := in["Entries"].([]any)
	out := map[string]any{}
	if len(entries) > 1 {
		in["Entries"] = entries[1:]
		b, _ := json.Marshal(in)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
		r.Header.Del("Content-Length")
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
			t.Errorf("%s: %v", rec.Body, err)
		}
	}
	out["Failed"] = []any{map[string]any{"Id": entries[0].(map[string]any)["Id"], "Code": code, "Message": "made for a test", "SenderFault": false}}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(out)
}

// TestQueueSendIsDurableOrAnError: a body whose claim cannot be kept is not
// announced.
func TestQueueSendIsDurableOrAnError(t *testing.T) {
	var sends atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sends.Add(1)
		sqsError(w, r, http.StatusBadRequest, "InvalidAddress")
	}))
	defer srv.Close()
	s3 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		standin.S3Error(w, r, http.StatusForbidden, "AccessDenied")
	}))
	defer s3.Close()
	cfg := standin.Config(t, standin.Endpoint{Service: "SQS", URL: srv.URL}, standin.Endpoint{Service: "S3", URL: s3.URL})
	cfg.Retryer = awsenv.Impatient
	q := awsenv.NewQueue(cfg, awsenv.QueueOptions{URL: srv.URL + "/1/q", Claims: awsenv.NewStore(cfg, awsenv.StoreOptions{Bucket: "acme"}), Clock: env.ClockFunc(time.Now)})
	err := q.Send(t.Context(), env.Message{ID: "a", Body: bodies["claim"]})
	if !fault.Is(err, fault.Permanent) || !strings.Contains(err.Error(), "s3:PutObject") || sends.Load() != 0 {
		t.Errorf("%d messages were sent: %v", sends.Load(), err)
	}
}
