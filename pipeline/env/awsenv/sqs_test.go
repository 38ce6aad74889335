package awsenv_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
)

// onServers runs a test on two servers that know nothing of each other. exact
// is false where a server's counts are not those of AWS: local-aws-sqs counts
// what is in flight among what waits, and a change of visibility as a receipt.
func onServers(t *testing.T, f func(t *testing.T, cfg aws.Config, exact bool)) {
	t.Run("local-aws-sqs", func(t *testing.T) { f(t, standin.Config(t, standin.SQS(t).Endpoint), false) })
	t.Run("moto", func(t *testing.T) { f(t, standin.Config(t, standin.Moto(t).Endpoint), true) })
}

// queueNames keeps the queues of one server apart.
var queueNames atomic.Int64

// queues makes a queue with dead letters on a real server.
func queues(t *testing.T, cfg aws.Config) (*awsenv.Queue, *memenv.Store, awsenv.QueueOptions) {
	t.Helper()
	client := sqs.NewFromConfig(cfg)
	name := strings.NewReplacer("/", "-", "_", "-", ".", "-").Replace(t.Name())
	name = fmt.Sprintf("%.60s-%d", name, queueNames.Add(1))
	urls := map[string]string{}
	for _, n := range []string{name, name + "-dead"} {
		out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &n})
		if err != nil {
			t.Fatal(err)
		}
		urls[n] = *out.QueueUrl
	}
	store := memenv.NewStore(env.ClockFunc(time.Now))
	o := awsenv.QueueOptions{URL: urls[name], DeadLetterURL: urls[name+"-dead"], Claims: store, Clock: env.ClockFunc(time.Now)}
	return awsenv.NewQueue(cfg, o).NoWait(), store, o
}

func receive(t *testing.T, q *awsenv.Queue, limit int, lease time.Duration) []env.Message {
	t.Helper()
	msgs, err := q.Receive(t.Context(), limit, lease)
	if err != nil {
		t.Fatal(err)
	}
	return msgs
}

// bodies is one of every kind that a message may have.
var bodies = map[string][]byte{
	"text": []byte(`{"v":1}`), "empty": {}, "bytes": []byte("nul\x00\xff"), "control": []byte("bell\a"), "astral": []byte("\U0001F600 ok\r\n\t"),
	"noncharacter": []byte("\uffff"), "inline": bytes.Repeat([]byte("x"), 250<<10), "claim": bytes.Repeat([]byte("x"), 250<<10+1),
	"bytes-claim": bytes.Repeat([]byte{0}, 250<<10), "large": bytes.Repeat([]byte("0123456789abcdef"), 1<<20),
}

func TestQueueKeepsEveryBody(t *testing.T) { onServers(t, queueKeepsEveryBody) }

func queueKeepsEveryBody(t *testing.T, cfg aws.Config, exact bool) {
	q, store, _ := queues(t, cfg)
	for id, body := range bodies {
		if err := q.Send(t.Context(), env.Message{ID: id, Body: body}); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
	}
	got := receive(t, q, 100, time.Minute)
	if len(got) != len(bodies) {
		t.Fatalf("%d of %d came back", len(got), len(bodies))
	}
	var ids []string
	for _, m := range got {
		if !bytes.Equal(m.Body, bodies[m.ID]) || m.Attempts != 0 || time.Since(m.SentAt) > time.Minute || time.Since(m.SentAt) < -time.Minute {
			t.Errorf("%s: %d bytes of %d, attempts %d, sent %s", m.ID, len(m.Body), len(bodies[m.ID]), m.Attempts, m.SentAt)
		}
		ids = append(ids, m.ID)
	}
	claims := func() (n int) {
		for range store.List(t.Context(), "claims/") {
			n++
		}
		return n
	}
	if claims() != 3 {
		t.Errorf("%d bodies are in the store, want the 3 large ones", claims())
	}
	if d, err := q.Depth(t.Context()); err != nil || d.InFlight != len(bodies) || exact && d.Queued != 0 {
		t.Errorf("in flight: %+v, %v", d, err)
	}
	if err := q.Delete(t.Context(), append(ids, "unknown", ids[0])...); err != nil {
		t.Fatal(err)
	}
	if d, err := q.Depth(t.Context()); err != nil || d != (env.Depth{}) || claims() != 0 {
		t.Errorf("after deleting: %+v, %v, %d claims", d, err, claims())
	}
}

func TestQueueLeasesAndRelease(t *testing.T) { onServers(t, queueLeasesAndRelease) }

func queueLeasesAndRelease(t *testing.T, cfg aws.Config, exact bool) {
	q, _, _ := queues(t, cfg)
	for _, id := range []string{"a", "b"} {
		if err := q.Send(t.Context(), env.Message{ID: id, Body: []byte(id)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := receive(t, q, 9, time.Minute); len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	if got := receive(t, q, 9, time.Minute); len(got) != 0 {
		t.Errorf("leased messages come again: %+v", got)
	}
	if err := q.Release(t.Context(), 0, "b", "unknown"); err != nil {
		t.Fatal(err)
	}
	got := receive(t, q, 9, time.Minute)
	if len(got) != 1 || got[0].ID != "b" || got[0].Attempts < 1 || exact && got[0].Attempts != 1 {
		t.Errorf("after the release: %+v", got)
	}
}

func TestQueueDeadLetters(t *testing.T) { onServers(t, queueDeadLetters) }

func queueDeadLetters(t *testing.T, cfg aws.Config, _ bool) {
	q, _, _ := queues(t, cfg)
	for _, id := range []string{"a", "b"} {
		if err := q.Send(t.Context(), env.Message{ID: id, Body: bodies["bytes"]}); err != nil {
			t.Fatal(err)
		}
	}
	receive(t, q, 9, time.Minute)
	if err := q.SetAside(t.Context(), "no envelope\x00"+strings.Repeat("ä", 2000), "a"); err != nil {
		t.Fatal(err)
	}
	if d, err := q.Depth(t.Context()); err != nil || d.Dead != 1 || d.InFlight != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	if n, err := q.Redrive(t.Context()); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	got := receive(t, q, 9, time.Minute)
	if len(got) != 1 || got[0].ID != "a" || got[0].Attempts != 0 || !bytes.Equal(got[0].Body, bodies["bytes"]) {
		t.Errorf("after the redrive: %+v", got)
	}
	if n, err := q.Redrive(t.Context()); err != nil || n != 0 {
		t.Error(n, err)
	}
}

// Every message is seen by one of many receivers and by no other.
func TestQueueManyAtOnce(t *testing.T) { onServers(t, queueManyAtOnce) }

func queueManyAtOnce(t *testing.T, cfg aws.Config, _ bool) {
	q, _, _ := queues(t, cfg)
	var wg sync.WaitGroup
	for s := range 4 {
		wg.Go(func() {
			for i := range 50 {
				if err := q.Send(t.Context(), env.Message{ID: fmt.Sprintf("%d-%02d", s, i), Body: []byte("x")}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for {
		msgs := receive(t, q, 37, time.Minute)
		if len(msgs) == 0 {
			break
		}
		var ids []string
		for _, m := range msgs {
			if seen[m.ID] {
				t.Errorf("%s came twice", m.ID)
			}
			seen[m.ID] = true
			ids = append(ids, m.ID)
		}
		if err := q.Delete(t.Context(), ids...); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 200 {
		t.Errorf("%d of 200 came", len(seen))
	}
}

func TestQueueFaults(t *testing.T) { onServers(t, queueFaults) }

func queueFaults(t *testing.T, cfg aws.Config, _ bool) {
	q, store, o := queues(t, cfg)
	if err := q.Send(t.Context(), env.Message{ID: "large", Body: bodies["large"]}); err != nil {
		t.Fatal(err)
	}
	if err := store.Remove(t.Context(), "claims/large"); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Receive(t.Context(), 9, time.Second); !fault.Is(err, fault.Permanent) || !strings.Contains(err.Error(), "claims/large") {
		t.Errorf("a vanished body: %v", err)
	}
	for name, c := range map[string]struct {
		change func(*awsenv.QueueOptions)
		part   string
		size   int
	}{
		"no such queue": {func(o *awsenv.QueueOptions) { o.URL += "-missing" }, "UPSHOT_QUEUE_URL", 1},
		"no store":      {func(o *awsenv.QueueOptions) { o.Claims = nil }, "no store", 1 << 20},
	} {
		broken := o
		c.change(&broken)
		err := awsenv.NewQueue(cfg, broken).Send(t.Context(), env.Message{ID: "x", Body: make([]byte, c.size)})
		if !fault.Is(err, fault.Permanent) || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := q.Send(ended, env.Message{ID: "x"}); err == nil {
		t.Error("send with an ended context succeeds")
	}
	if _, err := q.Receive(ended, 1, time.Minute); err == nil {
		t.Error("receive with an ended context succeeds")
	}
	alone := o
	alone.DeadLetterURL = ""
	if _, err := awsenv.NewQueue(cfg, alone).Redrive(t.Context()); !fault.Is(err, fault.Permanent) {
		t.Errorf("no dead letters: %v", err)
	}
}
