package awsenv_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/fault"
)

func TestJob(t *testing.T) {
	due := time.Date(2026, 11, 2, 7, 0, 0, 0, time.UTC)
	for event, want := range map[string]awsenv.Job{
		`{"name":"weekly","scheduled":"2026-11-02T07:00:00Z","input":{"a":1}}`: {Name: "weekly", Scheduled: due, Input: json.RawMessage(`{"a":1}`)},
		`{"name":"weekly","scheduled":"2026-11-02T08:00:00+01:00"}`:            {Name: "weekly", Scheduled: due},
		`{"name":"weekly"}`: {Name: "weekly"},
		"{}":                {}, "": {}, " null ": {},
	} {
		var got awsenv.Job
		out, err := awsenv.JobHandler(func(_ context.Context, j awsenv.Job) (any, error) {
			got = j
			return map[string]int{"mails": 2}, nil
		}, slog.Default())(t.Context(), []byte(event))
		if err != nil || string(out) != `{"mails":2}` {
			t.Errorf("%s: answered %s, %v", event, out, err)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(time.Time.Equal)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", event, diff)
		}
	}
}

// TestJobOtherEvents: what another trigger sends is no run by hand.
func TestJobOtherEvents(t *testing.T) {
	for _, event := range []string{
		"[]", `"weekly"`, `{"name":1}`, `{"nome":"weekly"}`, `{"name":"weekly","scheduled":"<aws.scheduler.scheduled-time>"}`, `{}{}`,
		string(httpEvent(t, nil)), string(sqsEvent(t)), `{"source":"aws.events","detail-type":"Scheduled Event","time":"2026-11-02T07:00:00Z"}`,
		`{"DeploymentId":"d-1","LifecycleEventHookExecutionId":"e"}`,
	} {
		out, err := awsenv.JobHandler(func(context.Context, awsenv.Job) (any, error) {
			t.Errorf("%s: called", event)
			return nil, nil
		}, slog.New(slog.DiscardHandler))(t.Context(), []byte(event))
		if out != nil || !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "a schedule's input") {
			t.Errorf("%s: %s, %v", event, out, err)
		}
	}
}

// TestJobFailures fail the invocation and leave one line.
func TestJobFailures(t *testing.T) {
	for name, f := range map[string]func(context.Context, awsenv.Job) (any, error){
		"error": func(context.Context, awsenv.Job) (any, error) {
			return nil, fault.Permanentf("no such report")
		},
		"panic":   func(context.Context, awsenv.Job) (any, error) { panic("made-up-secret") },
		"no JSON": func(context.Context, awsenv.Job) (any, error) { return func() {}, nil },
	} {
		var log bytes.Buffer
		out, err := awsenv.JobHandler(f, slog.New(slog.NewTextHandler(&log, nil)))(t.Context(), []byte(`{"name":"weekly"}`))
		if out != nil || err == nil || fault.Is(err, fault.Permanent) != (name == "error") {
			t.Errorf("%s: %s, %v", name, out, err)
		}
		if !strings.Contains(log.String(), "name=weekly") || strings.Contains(log.String()+err.Error(), "made-up-secret") {
			t.Errorf("%s: logged %s, returned %v", name, log.String(), err)
		}
	}
}

// codeDeploy answers like CodeDeploy and keeps what it was told.
func codeDeploy(t *testing.T, status int, code string) (endpoint standin.Endpoint, told func() []map[string]string) {
	t.Helper()
	var got []map[string]string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in map[string]string
		b, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(b, &in); err != nil || !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".PutLifecycleEventHookExecutionStatus") {
			t.Errorf("asked %s: %s", r.Header.Get("X-Amz-Target"), b)
		}
		got = append(got, in)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"__type":"`+code+`","message":"made for a test","lifecycleEventHookExecutionId":"e-1"}`)
	}))
	t.Cleanup(srv.Close)
	return standin.Endpoint{Service: "CodeDeploy", URL: srv.URL}, func() []map[string]string { return got }
}

const lifecycleEvent = `{"DeploymentId":"d-1","LifecycleEventHookExecutionId":"e-1"}`

// TestHookTellsTheOutcome, once, whatever it is.
func TestHookTellsTheOutcome(t *testing.T) {
	hangs := make(chan struct{})
	defer close(hangs)
	for _, c := range []struct {
		name, want string
		f          func(context.Context, awsenv.Hook) error
		time       time.Duration
	}{
		{"success", "Succeeded", func(context.Context, awsenv.Hook) error { return nil }, time.Minute},
		{"error", "Failed", func(context.Context, awsenv.Hook) error { return errors.New("it is not in the lake") }, time.Minute},
		{"panic", "Failed", func(context.Context, awsenv.Hook) error { panic("made-up-secret") }, time.Minute},
		{"no time left", "Failed", func(ctx context.Context, _ awsenv.Hook) error { <-ctx.Done(); return ctx.Err() }, time.Second},
		{"no time left, unheeded", "Failed", func(context.Context, awsenv.Hook) error { <-hangs; return nil }, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			endpoint, told := codeDeploy(t, http.StatusOK, "")
			ctx, cancel := context.WithTimeout(t.Context(), c.time)
			defer cancel()
			var log bytes.Buffer
			out, err := awsenv.HookHandler(standin.Config(t, endpoint), c.f, slog.New(slog.NewTextHandler(&log, nil)))(ctx, []byte(lifecycleEvent))
			if err != nil || string(out) != `{"status":"`+c.want+`"}` {
				t.Errorf("answered %s, %v", out, err)
			}
			want := []map[string]string{{"deploymentId": "d-1", "lifecycleEventHookExecutionId": "e-1", "status": c.want}}
			if diff := cmp.Diff(want, told()); diff != "" {
				t.Errorf("CodeDeploy heard (-want +got):\n%s", diff)
			}
			if failed := strings.Contains(log.String(), "the smoke test failed"); failed != (c.want == "Failed") || strings.Contains(log.String(), "made-up-secret") {
				t.Errorf("logged %s", log.String())
			}
		})
	}
}

// TestHookUntold: when CodeDeploy cannot be told, the invocation fails, and
// Lambda asks again.
func TestHookUntold(t *testing.T) {
	endpoint, _ := codeDeploy(t, http.StatusBadRequest, "AccessDeniedException")
	_, err := awsenv.HookHandler(standin.Config(t, endpoint), func(context.Context, awsenv.Hook) error { return nil }, slog.New(slog.DiscardHandler))(t.Context(), []byte(lifecycleEvent))
	if err == nil || !strings.Contains(err.Error(), "codedeploy:PutLifecycleEventHookExecutionStatus") {
		t.Errorf("%v, want it to name the action", err)
	}
}

// TestHookByHand: nobody is told, the error is the answer.
func TestHookByHand(t *testing.T) {
	endpoint, told := codeDeploy(t, http.StatusOK, "")
	var outcome error
	h := awsenv.HookHandler(standin.Config(t, endpoint), func(_ context.Context, k awsenv.Hook) error {
		if k.ExecutionID != "" {
			t.Errorf("got %+v", k)
		}
		return outcome
	}, slog.New(slog.DiscardHandler))
	for _, event := range []string{"{}", "", `{"name":"canary","scheduled":"2026-11-02T07:00:00Z"}`} {
		outcome = nil
		if out, err := h(t.Context(), []byte(event)); err != nil || string(out) != `{"status":"Succeeded"}` {
			t.Errorf("%s: %s, %v", event, out, err)
		}
		outcome = errors.New("it is not in the lake")
		if _, err := h(t.Context(), []byte(event)); !errors.Is(err, outcome) {
			t.Errorf("%s: %v", event, err)
		}
	}
	for _, event := range []string{"[]", `{"DeploymentId":"d-1"}`, `{"LifecycleEventHookExecutionId":"e"}`, string(httpEvent(t, nil)), string(sqsEvent(t))} {
		if _, err := h(t.Context(), []byte(event)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", event, err)
		}
	}
	if len(told()) != 0 {
		t.Errorf("CodeDeploy heard %v", told())
	}
}
