package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
)

// here runs a command inside this process, with its input.
func here(t *testing.T, in io.Reader, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = run(t.Context(), streams{
		in: in, out: &out, err: &err,
		lookup: func(string) (string, bool) { return "", false },
		clock:  env.ClockFunc(func() time.Time { return start }),
	}, args)
	return status, out.String(), err.String()
}

// filled is text of exactly n bytes: a head, padding, a tail.
func filled(head, tail string, n int) io.Reader {
	return strings.NewReader(head + strings.Repeat(" ", n-len(head)-len(tail)) + tail)
}

// TestLimits holds every bound on what a command reads, from both sides.
func TestLimits(t *testing.T) {
	lake := t.TempDir()
	for _, c := range []struct {
		name       string
		args       []string
		head, tail string
		limit      int
		want       string
	}{
		{"payload", []string{"parse", "--source", "api"}, `{"table":"events","kind":"page","event_id":"1"`, "}", maxPayload, "the payload is larger than"},
		{"line", []string{"enrich"}, `{"text":""`, "}\n", maxLine, "a line is longer than"},
		{"statement", []string{"--lake", lake, "query", "-"}, "SELECT 1", "", maxStatement, "the statement is longer than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if status, _, stderr := here(t, filled(c.head, c.tail, c.limit), c.args...); status != exitOK {
				t.Errorf("at the limit: exit status %d: %s", status, stderr)
			}
			status, stdout, stderr := here(t, filled(c.head, c.tail, c.limit+1), c.args...)
			if status != exitUsage || !strings.Contains(stderr, c.want) || stdout != "" {
				t.Errorf("above the limit: exit status %d: %s", status, stderr)
			}
		})
	}
}

// TestNow is the clock of back-dated runs: it starts at --now and goes on.
func TestNow(t *testing.T) {
	machine := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock, err := parseNow("2026-11-02T08:00:00+01:00", env.ClockFunc(func() time.Time { return machine }))
	if err != nil {
		t.Fatal(err)
	}
	machine = machine.Add(90 * time.Second)
	if want := time.Date(2026, 11, 2, 7, 1, 30, 0, time.UTC); !clock.Now().Equal(want) {
		t.Errorf("now is %v, want %v", clock.Now(), want)
	}
}

// TestInterrupted is a command that is ended from outside: it fails, and is not
// taken for bad input.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	status := run(ctx, streams{
		in: strings.NewReader(""), out: &out, err: &errs,
		lookup: func(string) (string, bool) { return "", false },
		clock:  env.ClockFunc(func() time.Time { return start }),
	}, []string{"--lake", t.TempDir(), "query", "SELECT 1"})
	if status != exitFailed || !strings.Contains(errs.String(), "cancel") {
		t.Errorf("exit status %d: %s", status, &errs)
	}
}

// TestLoopbackHost tells this machine's names from those that others can point
// at it.
func TestLoopbackHost(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:8080": true, "127.0.0.1:8080": true, "[::1]": true, "[::1]:8080": true,
		"": false, "example.com": false, "localhost.example.com": false, "127.0.0.1.example.com:80": false, "10.0.0.1": false, "::1": false,
	} {
		if got := loopbackHost(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}
