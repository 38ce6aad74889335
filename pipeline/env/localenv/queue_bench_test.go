package localenv_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
)

// BenchmarkQueueSend has 64 producers, each waiting for its message of 2 KB to
// be on the disk before it sends the next, while one consumer claims and
// deletes. The time runs until the consumer has everything.
func BenchmarkQueueSend(b *testing.B) {
	q := openQueue(b, filepath.Join(b.TempDir(), "queue.db"), env.ClockFunc(time.Now), localenv.QueueLimits{})
	body := make([]byte, 2048)
	const producers = 64
	var next, consumed atomic.Int64
	times := make([][]time.Duration, producers)
	b.SetBytes(int64(len(body)))
	b.ResetTimer()
	start := time.Now()
	var wg sync.WaitGroup
	wg.Go(func() { consume(b, q, &consumed, int64(b.N)) })
	var senders sync.WaitGroup
	for p := range producers {
		senders.Go(func() {
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					return
				}
				began := time.Now()
				if err := q.Send(context.Background(), env.Message{ID: fmt.Sprintf("%016d", n), Body: body}); err != nil {
					b.Error(err)
					return
				}
				times[p] = append(times[p], time.Since(began))
			}
		})
	}
	senders.Wait()
	sent := time.Since(start)
	wg.Wait()
	b.StopTimer()
	all := slices.Sorted(slices.Values(slices.Concat(times...)))
	b.ReportMetric(float64(b.N)/sent.Seconds(), "sends/s")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
}

// consume claims and deletes until it has had n messages.
func consume(b *testing.B, q *localenv.Queue, consumed *atomic.Int64, n int64) {
	b.Helper()
	for consumed.Load() < n && !b.Failed() {
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
