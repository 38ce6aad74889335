package main

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/pipeline/env/awsenv"
)

// TestServe: the command answers the querier, and ends when it is told to.
func TestServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, addr, t.TempDir(), "team", 0) }()
	cfg := standin.Config(t, standin.Endpoint{Service: "Athena", URL: "http://" + addr})
	q := awsenv.NewQuerier(cfg, awsenv.QuerierOptions{Workgroup: "team", Poll: 10 * time.Millisecond})
	r, err := q.Query(t.Context(), "SELECT count(*) AS n FROM events") // asks again until it listens
	if err != nil || !r.Next() || r.RecordBatch().Column(0).ValueStr(0) != "0" {
		t.Errorf("%v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := serve(t.Context(), "256.0.0.1:1", t.TempDir(), "team", 0); err == nil || !strings.Contains(err.Error(), "listen") {
		t.Errorf("an address that is none: %v", err)
	}
}
