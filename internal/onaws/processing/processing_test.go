package processing_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/internal/onaws"
	"upshot.dev/upshot/internal/onaws/processing"
	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/internal/standin/lambda"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/ledger"
	"upshot.dev/upshot/pipeline/record"
)

// TestMain makes the test's own binary the function where a Lambda host runs it.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		b := onaws.Open("UPSHOT_QUEUE_URL")
		batch, err := processing.New(b, "a-key-for-tests-of-good-length-0123456789")
		b.Check(err)
		awsenv.StartQueue(b.Queue(), batch, b.Log)
	}
	os.Exit(m.Run())
}

// deliveries makes an event of SQS of queued bodies, the oldest of which waited
// for wait.
func deliveries(t *testing.T, wait time.Duration, bodies ...string) []byte {
	t.Helper()
	var records []any
	for i, b := range bodies {
		at := time.Now().Add(-wait + time.Duration(i)*time.Second)
		records = append(records, map[string]any{
			"messageId": "m" + strconv.Itoa(i), "body": b, "eventSource": "aws:sqs", "messageAttributes": map[string]any{},
			"attributes": map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": strconv.FormatInt(at.UnixMilli(), 10)},
		})
	}
	event, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// envelope is a queued delivery of the first-party API.
func envelope(t *testing.T, id, source, body string) string {
	t.Helper()
	e := record.Envelope{Version: record.EnvelopeVersion, ID: id, Source: source, ReceivedAt: time.Now().UTC(), Method: "POST", Path: "/v1/records", Body: []byte(body)}
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func usage(id, person string) string {
	return `{"table":"events","event_id":"` + id + `","occurred_at":"` + time.Now().UTC().Format(time.RFC3339) + `","kind":"track","name":"Export","user_id":"` + person + `"}`
}

// function is a host with the function over a bucket, and the file of its log.
func function(t *testing.T, s3 *standin.S3Server, bucket string) (h *lambda.Host, log string) {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "upshot.yaml")
	if err := os.WriteFile(conf, []byte("timezone: UTC\nsources:\n  shop: {type: api}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h = lambda.New()
	t.Cleanup(func() { h.Close(); _ = f.Close() })
	h.Add(lambda.Function{
		Name: "process", Bootstrap: self, Timeout: time.Minute, Memory: 512, Log: f,
		Env: append(standin.Environ(s3.Endpoint), "UPSHOT_LAKE_BUCKET="+bucket, "UPSHOT_QUEUE_URL=http://127.0.0.1:1/1/q", "UPSHOT_CONFIG="+conf),
	})
	return h, f.Name()
}

// TestBatch runs the stage under a Lambda host over an S3 server: what can be in
// the lake is there when it answers, all else is told as failed, and one line
// and the measurements say the same.
func TestBatch(t *testing.T) {
	s3 := standin.S3(t)
	bucket := s3.Bucket(t, "lake")
	h, log := function(t, s3, bucket)
	out, err := h.Invoke(t.Context(), "process", deliveries(t, time.Hour,
		envelope(t, "d1", "shop", usage("e1", "u1")),
		envelope(t, "d2", "shop", "["+usage("e2", "u2")+","+usage("e3", "u3")+"]"),
		"no envelope at all",
		envelope(t, "d3", "shop", `{"table":"nothing"}`),
		envelope(t, "d4", "gone", usage("e4", "u4")),
		envelope(t, "d5", record.SmokeSource, usage("e5", onaws.SmokePerson)),
	))
	if err != nil || string(out) != `{"batchItemFailures":[{"itemIdentifier":"m2"}]}` {
		t.Errorf("answered %s, %v", out, err)
	}
	said := read(t, log)
	for msg, want := range map[string]map[string]any{
		"delivery cannot be processed": {"level": "ERROR", "id": "m2"},
		"batch processed":              {"level": "INFO", "messages": 6., "finished": 5., "failed": 1., "again": 0., "records": 4., "rejected": 2., "ignored": 0.},
	} {
		i := slices.IndexFunc(said, func(l map[string]any) bool { return l["msg"] == msg })
		if i < 0 {
			t.Errorf("no line says %q: %v", msg, said)
			continue
		}
		for k, v := range want {
			if said[i][k] != v {
				t.Errorf("%s: %s is %v, want %v", msg, k, said[i][k], v)
			}
		}
		if id, _ := said[i]["request_id"].(string); id == "" {
			t.Errorf("%s is of no invocation: %v", msg, said[i])
		}
		if age, _ := said[i]["oldest_s"].(float64); msg == "batch processed" && (age < 3600 || age > 3700) {
			t.Errorf("the oldest is %v seconds old", age)
		}
	}
	measured := map[string]any{}
	for _, l := range said {
		if l["_aws"] != nil {
			maps.Copy(measured, l)
		}
	}
	for name, want := range map[string]float64{"RecordsStored": 4, "RecordsRejected": 2, "RecordsIgnored": 0, "ProcessFailures": 1} {
		if measured[name] != want {
			t.Errorf("%s is %v, want %v", name, measured[name], want)
		}
	}
	if lag, _ := measured["StoreLag"].(float64); lag < 3600 || lag > 3700 {
		t.Errorf("StoreLag is %v", measured["StoreLag"])
	}
	q, err := localenv.OpenQuerier(t.Context(), filepath.Join(s3.Root, bucket, "lake"), localenv.QuerierOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	book, err := ledger.Read(t.Context(), q)
	if total := book.Total(); err != nil || total.Stored != 4 || total.Rejected != 2 || total.Received != 6 {
		t.Errorf("the ledger says %+v, %v", total, err)
	}
	if gaps, err := ledger.Gaps(t.Context(), q); err != nil || len(gaps) > 0 {
		t.Errorf("gaps %v, %v", gaps, err)
	}
}

// TestBatchComesAgain: a store that is away fails the batch, not the deliveries.
func TestBatchComesAgain(t *testing.T) {
	h, log := function(t, standin.S3(t), "there-is-no-such-bucket")
	out, err := h.Invoke(t.Context(), "process", deliveries(t, time.Second, envelope(t, "d1", "shop", usage("e1", "u1")), envelope(t, "d2", "shop", usage("e2", "u2"))))
	if err != nil || string(out) != `{"batchItemFailures":[{"itemIdentifier":"m0"},{"itemIdentifier":"m1"}]}` {
		t.Errorf("answered %s, %v", out, err)
	}
	said := read(t, log)
	if !slices.ContainsFunc(said, func(l map[string]any) bool {
		why, _ := l["err"].(string)
		return l["msg"] == "deliveries come again" && l["messages"] == 2. && strings.Contains(why, "bucket")
	}) {
		t.Errorf("logged %v", said)
	}
}

// read gives the lines of a log.
func read(t *testing.T, file string) (out []map[string]any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out = append(out, l)
	}
	return out
}
