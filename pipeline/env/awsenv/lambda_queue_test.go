package awsenv_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
)

// offline is a queue whose server cannot be reached, as a function that gets
// its messages by events does not ask it.
func offline(t testing.TB, claims env.Store) *awsenv.Queue {
	return awsenv.NewQueue(standin.Config(t), awsenv.QueueOptions{URL: "http://127.0.0.1:1/1/q", Claims: claims, Clock: env.ClockFunc(time.Now)})
}

// sqsRecord is a record as SQS makes it; attributes are name, value, ...
func sqsRecord(id, body string, attributes ...string) events.SQSMessage {
	r := events.SQSMessage{
		MessageId: id, Body: body, EventSource: "aws:sqs", ReceiptHandle: "r-" + id,
		Attributes:        map[string]string{"ApproximateReceiveCount": "3", "SentTimestamp": "1793520000123"},
		MessageAttributes: map[string]events.SQSMessageAttribute{},
	}
	for i := 0; i < len(attributes); i += 2 {
		r.MessageAttributes[attributes[i]] = events.SQSMessageAttribute{StringValue: &attributes[i+1], DataType: "String"}
	}
	return r
}

func sqsEvent(t testing.TB, records ...events.SQSMessage) []byte {
	t.Helper()
	if records == nil {
		records = []events.SQSMessage{}
	}
	b, err := json.Marshal(events.SQSEvent{Records: records})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// failures reads the answer of a batch.
func failures(t testing.TB, out []byte) []string {
	t.Helper()
	var e struct {
		Failures *[]events.SQSBatchItemFailure `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(out, &e); err != nil || e.Failures == nil {
		t.Fatalf("answered %s, %v", out, err)
	}
	ids := []string{}
	for _, f := range *e.Failures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}

// TestBatchMessages: what f gets of a record.
func TestBatchMessages(t *testing.T) {
	store := memenv.NewStore(env.ClockFunc(time.Now))
	if err := store.Put(t.Context(), "claims/c", strings.NewReader("large")); err != nil {
		t.Fatal(err)
	}
	first := sqsRecord("1", "plain", "upshot-id", "a")
	first.Attributes["ApproximateReceiveCount"] = "1"
	odd := sqsRecord("6", "x")
	odd.Attributes = nil
	event := sqsEvent(t, first,
		sqsRecord("2", "AP8=", "upshot-id", "b", "upshot-codec", "base64"),
		sqsRecord("3", "claims/c", "upshot-id", "c", "upshot-codec", "claim"),
		sqsRecord("4", "-", "upshot-id", "d", "upshot-codec", "empty"),
		sqsRecord("5", `{"v":1}`), // of a version without attributes, or sent by hand
		odd,
	)
	var got []env.Message
	out, err := awsenv.QueueHandler(offline(t, store), func(_ context.Context, msgs []env.Message) ([]string, error) {
		got = msgs
		return nil, nil
	}, slog.Default())(t.Context(), event)
	if err != nil || len(failures(t, out)) != 0 {
		t.Fatalf("%s, %v", out, err)
	}
	sent := time.Date(2026, 11, 1, 8, 0, 0, 123e6, time.UTC)
	want := []env.Message{
		{ID: "a", Body: []byte("plain"), Attempts: 0, SentAt: sent},
		{ID: "b", Body: []byte("\x00\xff"), Attempts: 2, SentAt: sent},
		{ID: "c", Body: []byte("large"), Attempts: 2, SentAt: sent},
		{ID: "d", Body: []byte{}, Attempts: 2, SentAt: sent},
		{ID: "5", Body: []byte(`{"v":1}`), Attempts: 2, SentAt: sent},
		{ID: "6", Body: []byte("x")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := store.Open(t.Context(), "claims/c"); err != nil {
		t.Errorf("the body of a message that may come again: %v", err)
	}
}

// TestBatchFailures: SQS hears of every message that is not finished, and of
// no other.
func TestBatchFailures(t *testing.T) {
	down := errors.New("the store is down")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		f    awsenv.Batch
		want []string
		err  bool
	}{
		{"none", t.Context(), func(context.Context, []env.Message) ([]string, error) { return nil, nil }, []string{"4"}, false},
		{"one, which is queued twice", t.Context(), func(context.Context, []env.Message) ([]string, error) { return []string{"a"}, nil }, []string{"1", "3", "4"}, false},
		{"all, each for itself", t.Context(), func(context.Context, []env.Message) ([]string, error) { return []string{"a", "b"}, nil }, []string{"1", "2", "3", "4"}, false},
		{"some, with the reason", t.Context(), func(context.Context, []env.Message) ([]string, error) { return []string{"b"}, down }, []string{"2", "4"}, false},
		{"all, with a reason", t.Context(), func(context.Context, []env.Message) ([]string, error) { return nil, down }, nil, true},
		{"a panic", t.Context(), func(context.Context, []env.Message) ([]string, error) { panic("made-up-secret") }, nil, true},
		{"an id of another batch", t.Context(), func(context.Context, []env.Message) ([]string, error) { return []string{"x"}, nil }, []string{"1", "2", "3", "4"}, false},
		{"no time at all", gone, func(context.Context, []env.Message) ([]string, error) { return nil, nil }, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			out, err := awsenv.QueueHandler(offline(t, nil), c.f, slog.New(slog.NewTextHandler(&log, nil)))(c.ctx, sqsEvent(t,
				sqsRecord("1", "x", "upshot-id", "a"), sqsRecord("2", "x", "upshot-id", "b"), sqsRecord("3", "x", "upshot-id", "a"),
				sqsRecord("4", "x", "upshot-id", "d", "upshot-codec", "of a newer version")))
			if strings.Contains(log.String(), "made-up-secret") {
				t.Errorf("logged %s", log.String())
			}
			if c.err {
				if err == nil || out != nil {
					t.Errorf("answered %s, %v; want an error, which fails all", out, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, failures(t, out)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestBatchOfUnreadable: messages that cannot be read call nobody, and all of them fail.
func TestBatchOfUnreadable(t *testing.T) {
	var log bytes.Buffer
	called := false
	out, err := awsenv.QueueHandler(offline(t, memenv.NewStore(env.ClockFunc(time.Now))), func(context.Context, []env.Message) ([]string, error) {
		called = true
		return nil, nil
	}, slog.New(slog.NewTextHandler(&log, nil)))(t.Context(), sqsEvent(t,
		sqsRecord("1", "claims/gone", "upshot-id", "a", "upshot-codec", "claim"),
		sqsRecord("2", "no base64", "upshot-id", "b", "upshot-codec", "base64")))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1", "2"}, failures(t, out)); diff != "" || called {
		t.Errorf("called %v, failures (-want +got):\n%s", called, diff)
	}
	for _, says := range []string{"claims/gone", "kind=permanent", "message=2", "base64"} {
		if !strings.Contains(log.String(), says) {
			t.Errorf("logged %s, want %q", log.String(), says)
		}
	}
}

// TestBatchStopsInTime: f is told to stop before Lambda ends it, and what has
// not begun by then fails.
func TestBatchStopsInTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond) // less than the margin
	defer cancel()
	called := false
	_, err := awsenv.QueueHandler(offline(t, nil), func(context.Context, []env.Message) ([]string, error) {
		called = true
		return nil, nil
	}, slog.New(slog.DiscardHandler))(ctx, sqsEvent(t, sqsRecord("1", "x"), sqsRecord("2", "x")))
	if !errors.Is(err, context.DeadlineExceeded) || called {
		t.Errorf("called %v, %v", called, err)
	}
	end := time.Now().Add(20 * time.Second)
	ctx, cancel = context.WithDeadline(t.Context(), end)
	defer cancel()
	out, err := awsenv.QueueHandler(offline(t, nil), func(ctx context.Context, msgs []env.Message) ([]string, error) {
		if d, ok := ctx.Deadline(); !ok || end.Sub(d) < 3*time.Second {
			t.Errorf("%v are left after the deadline of the work", end.Sub(d))
		}
		return []string{msgs[1].ID}, context.DeadlineExceeded // the first one was finished
	}, slog.New(slog.DiscardHandler))(ctx, sqsEvent(t, sqsRecord("1", "x"), sqsRecord("2", "x")))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"2"}, failures(t, out)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestBatchOfLargeBodies: bodies that are large together come in parts, and a
// part's failure is not another's.
func TestBatchOfLargeBodies(t *testing.T) {
	store := memenv.NewStore(env.ClockFunc(time.Now))
	var records []events.SQSMessage
	for i := range 5 {
		key := fmt.Sprint("claims/", i)
		if err := store.Put(t.Context(), key, bytes.NewReader(make([]byte, 20<<20))); err != nil {
			t.Fatal(err)
		}
		records = append(records, sqsRecord(fmt.Sprint(i), key, "upshot-id", fmt.Sprint("m", i), "upshot-codec", "claim"))
	}
	var parts []int
	out, err := awsenv.QueueHandler(offline(t, store), func(_ context.Context, msgs []env.Message) ([]string, error) {
		parts = append(parts, len(msgs))
		if len(parts) == 2 {
			return nil, errors.New("the store is down")
		}
		return nil, nil
	}, slog.New(slog.DiscardHandler))(t.Context(), sqsEvent(t, records...))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{2, 2, 1}, parts); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"2", "3"}, failures(t, out)); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}

func TestBatchEmptyAndOthers(t *testing.T) {
	h := awsenv.QueueHandler(offline(t, nil), func(context.Context, []env.Message) ([]string, error) {
		t.Error("called")
		return nil, nil
	}, slog.New(slog.DiscardHandler))
	out, err := h(t.Context(), sqsEvent(t))
	if err != nil || len(failures(t, out)) != 0 {
		t.Errorf("empty batch: %s, %v", out, err)
	}
	others := []string{
		"", "null", "{}", "[]", `{"records":1}`, `{"name":"weekly"}`, `{"Records":null}`, `{"Records":"x"}`,
		`{"Records":[{"eventSource":"aws:s3","messageId":"1"}]}`, `{"Records":[{"eventSource":"aws:sqs"}]}`, `{"Records":[null]}`,
		`{"Records":[{"EventSource":"aws:sns","messageId":"1"}]}`, string(httpEvent(t, nil)),
	}
	for _, event := range others {
		if out, err := h(t.Context(), []byte(event)); out != nil || !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %s, %v", event, out, err)
		}
	}
}

// FuzzBatch: no event panics, and every record's outcome is told once.
func FuzzBatch(f *testing.F) {
	f.Add(sqsEvent(f, sqsRecord("1", "x"), sqsRecord("2", "x", "upshot-id", "a", "upshot-codec", "claim")), byte(1))
	f.Add(sqsEvent(f, sqsRecord("1", "", "upshot-codec", "base64"), sqsRecord("1", "")), byte(2))
	f.Add([]byte(`{"Records":[{"eventSource":"aws:sqs","messageId":"1","messageAttributes":{"upshot-id":null},"attributes":{"ApproximateReceiveCount":"-1","SentTimestamp":"x"}}]}`), byte(0))
	store := memenv.NewStore(env.ClockFunc(time.Now))
	f.Fuzz(func(t *testing.T, event []byte, every byte) {
		worked := map[string]bool{}
		h := awsenv.QueueHandler(offline(t, store), func(_ context.Context, msgs []env.Message) (failed []string, err error) {
			for i, m := range msgs {
				if every > 0 && i%int(every) == 0 {
					failed = append(failed, m.ID)
				} else {
					worked[m.ID] = true
				}
			}
			return failed, nil
		}, slog.New(slog.DiscardHandler))
		out, err := h(t.Context(), event)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Error(err)
			}
			return
		}
		var e events.SQSEvent
		if err := json.Unmarshal(event, &e); err != nil {
			t.Fatal(err)
		}
		failed := failures(t, out)
		if len(failed)+len(worked) == 0 && len(e.Records) > 0 || len(failed) > len(e.Records) {
			t.Errorf("%d records, %d failed, %d done", len(e.Records), len(failed), len(worked))
		}
	})
}
