package ingest_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/ingest"
)

// BenchmarkIngest posts signed single webhooks of about 1.2 KB over HTTP, from
// 64 connections that each wait for their 202, into the queue on disk, while a
// consumer claims and deletes. Clients, server and consumer share the machine.
// "full" is as fast as it goes; "half" sends 12,500 a second and counts the
// latency from when each was due.
func BenchmarkIngest(b *testing.B) {
	for _, c := range []struct {
		name string
		rate int
	}{{"full", 0}, {"half", 12_500}} {
		b.Run(c.name, func(b *testing.B) { benchIngest(b, c.rate) })
	}
}

func benchIngest(b *testing.B, rate int) {
	clock := memenv.NewClock(noon)
	q, err := localenv.OpenQueue(filepath.Join(b.TempDir(), "queue.db"), clock)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	h, err := ingest.New(ingest.Options{
		Sources: senders(b), Secrets: secrets, Queue: q, Clock: clock, Random: rand.Reader, Gauge: q,
	})
	if err != nil {
		b.Fatal(err)
	}
	addr := serve(b, ingest.Server(h))
	const clients = 64
	conns := make([]*client, clients)
	for i := range conns {
		conns[i] = dial(b, addr, i)
	}
	for b.Loop() {
		burst(b, conns, q, rate)
	}
}

// burstSize is how many deliveries one turn of the loop makes.
const burstSize = 40_000

func burst(b *testing.B, conns []*client, q *localenv.Queue, rate int) {
	b.Helper()
	var next, consumed atomic.Int64
	times := make([][]time.Duration, len(conns))
	start := time.Now()
	var consumer, senders sync.WaitGroup
	consumer.Go(func() { consume(b, q, &consumed) })
	for i, c := range conns {
		senders.Go(func() {
			for n := next.Add(1); n <= burstSize; n = next.Add(1) {
				began := time.Now()
				if rate > 0 {
					due := start.Add(time.Duration(n) * time.Second / time.Duration(rate))
					time.Sleep(time.Until(due))
					began = due
				}
				if err := c.post(); err != nil {
					b.Error(err)
					return
				}
				times[i] = append(times[i], time.Since(began))
			}
		})
	}
	senders.Wait()
	took := time.Since(start)
	consumer.Wait()
	all := slices.Sorted(slices.Values(slices.Concat(times...)))
	if len(all) == 0 {
		return
	}
	b.ReportMetric(float64(len(all))/took.Seconds(), "deliveries/s")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
}

// consume claims and deletes a whole burst.
func consume(b *testing.B, q *localenv.Queue, consumed *atomic.Int64) {
	b.Helper()
	for consumed.Load() < burstSize && !b.Failed() {
		msgs, err := q.Receive(context.Background(), 512, time.Minute)
		if err != nil {
			b.Error(err)
			return
		}
		if len(msgs) == 0 {
			time.Sleep(time.Millisecond)
			continue
		}
		ids := make([]string, len(msgs))
		for i, m := range msgs {
			ids[i] = m.ID
		}
		if err := q.Delete(context.Background(), ids...); err != nil {
			b.Error(err)
			return
		}
		consumed.Add(int64(len(msgs)))
	}
}

// client is a connection that posts one signed request again and again. It is
// as lean as it can be: the benchmark is of the server.
type client struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
}

func dial(b *testing.B, addr string, n int) *client {
	b.Helper()
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	body := fmt.Sprintf(`{"type":"zen:event-type:ticket.created","id":"%d","time":"2026-11-02T11:59:58Z",`+
		`"detail":{"id":"%d","status":"OPEN","subject":"Export","description":%q}}`, n, n, strings.Repeat("The export fails. ", 60))
	request := fmt.Sprintf("POST /hooks/support HTTP/1.1\r\nHost: h\r\nUser-Agent: Zendesk Webhook\r\nContent-Length: %d\r\n%s\r\n\r\n%s",
		len(body), strings.Join(zendesk(b, "zendesk-new", body, noon), "\r\n"), body)
	return &client{conn, bufio.NewReader(conn), []byte(request)}
}

var accepted = []byte("HTTP/1.1 202 ")

func (c *client) post() error {
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(line), string(accepted)) {
		return fmt.Errorf("got %q", line)
	}
	for len(line) > 2 {
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return err
		}
	}
	if _, err := io.ReadFull(c.in, make([]byte, 2)); err != nil {
		return errors.New("the answer has no body")
	}
	return nil
}
