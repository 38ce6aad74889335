package onaws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/pipeline/source"
)

// SmokePerson is who the records of the smoke test are of. That no metric counts
// them is their source's doing, see record.SmokeSource.
const SmokePerson = "upshot-smoke"

// Smoke sends signed deliveries through new versions of functions and looks for
// them in the lake.
type Smoke struct {
	Base *Base
	// Ingest and Process are the functions to try, with their versions.
	Ingest, Process string
	Invoke          func(ctx context.Context, function string, event []byte) ([]byte, error)
	Secret          func(ctx context.Context) (string, error)
	Query           env.Querier
	Random          io.Reader
	// Pause is between two looks into the lake.
	Pause func(context.Context, time.Duration) error
}

// lookEvery is the time between two looks: the queue waits for a batch to fill.
const lookEvery = 5 * time.Second

// Run fails when a delivery is refused, or is not in the lake before ctx ends.
func (s Smoke) Run(ctx context.Context) error {
	var id [16]byte
	if _, err := io.ReadFull(s.Random, id[:]); err != nil {
		return fmt.Errorf("make an id: %w", err)
	}
	now := s.Base.Clock.Now().UTC()
	var ids []string
	if s.Process != "" {
		ids = append(ids, fmt.Sprintf("process-%x", id))
		if err := s.throughProcess(ctx, ids[len(ids)-1], now); err != nil {
			return fmt.Errorf("the new version of process: %w", err)
		}
	}
	if s.Ingest != "" {
		ids = append(ids, fmt.Sprintf("ingest-%x", id))
		if err := s.throughIngest(ctx, ids[len(ids)-1], now); err != nil {
			return fmt.Errorf("the new version of ingest: %w", err)
		}
	}
	if len(ids) == 0 {
		return fault.Permanentf("there is nothing to try: neither UPSHOT_SMOKE_INGEST nor UPSHOT_SMOKE_PROCESS is set")
	}
	return s.find(ctx, ids, now)
}

// payload is one record of the smoke test.
func payload(id string, now time.Time) []byte {
	b, _ := json.Marshal(map[string]any{
		"table": "events", "event_id": id, "occurred_at": now.Format(time.RFC3339Nano), "user_id": SmokePerson,
		"kind": "track", "name": "Upshot Smoke",
	})
	return b
}

// throughIngest posts a signed delivery as API Gateway would pass it on.
func (s Smoke) throughIngest(ctx context.Context, id string, now time.Time) error {
	secret, err := s.Secret(ctx)
	if err != nil {
		return err
	}
	src, _ := source.Lookup("api")
	body := payload(id, now)
	req := source.Request{Method: http.MethodPost, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
	if err := source.Sign(src.Scheme, secret, &req, now); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	headers := map[string]string{}
	for k := range req.Header {
		headers[k] = req.Header.Get(k)
	}
	event, err := json.Marshal(map[string]any{
		"version": "2.0", "rawPath": "/v1/records", "rawQueryString": "", "headers": headers, "body": string(body), "isBase64Encoded": false,
		"requestContext": map[string]any{
			"stage": "$default", "domainName": "smoke.invalid", "requestId": id,
			"http": map[string]any{"method": http.MethodPost, "path": "/v1/records", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
		},
	})
	if err != nil {
		return err
	}
	out, err := s.Invoke(ctx, s.Ingest, event)
	if err != nil {
		return err
	}
	var answer struct {
		StatusCode int    `json:"statusCode"`
		Body       string `json:"body"`
	}
	if err := json.Unmarshal(out, &answer); err != nil || answer.StatusCode != http.StatusAccepted {
		return fault.Permanentf("a signed delivery is answered %d %.200q, want 202", answer.StatusCode, answer.Body)
	}
	return nil
}

// throughProcess hands over a queued delivery as the event source would.
func (s Smoke) throughProcess(ctx context.Context, id string, now time.Time) error {
	e := record.Envelope{
		Version: record.EnvelopeVersion, ID: id, Source: record.SmokeSource, ReceivedAt: now,
		Method: http.MethodPost, Path: "/v1/records", Body: payload(id, now),
	}
	body, err := e.Encode()
	if err != nil {
		return err
	}
	event, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
		"messageId": id, "body": string(body), "eventSource": "aws:sqs",
		"attributes":        map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": strconv.FormatInt(now.UnixMilli(), 10)},
		"messageAttributes": map[string]any{},
	}}})
	if err != nil {
		return err
	}
	out, err := s.Invoke(ctx, s.Process, event)
	if err != nil {
		return err
	}
	var answer struct {
		Failures *[]json.RawMessage `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(out, &answer); err != nil || answer.Failures == nil || len(*answer.Failures) > 0 {
		return fault.Permanentf("a delivery is not processed: %.200s", bytes.TrimSpace(out))
	}
	return nil
}

// find looks until every record is in the lake.
func (s Smoke) find(ctx context.Context, ids []string, now time.Time) error {
	// The ids are of this program's own making: letters, digits and hyphens.
	sql := fmt.Sprintf("SELECT count(DISTINCT event_id) AS n FROM events WHERE dt >= date '%s' AND source = '%s' AND event_id IN ('%s')",
		now.AddDate(0, 0, -1).Format(time.DateOnly), record.SmokeSource, strings.Join(ids, "', '"))
	for {
		n, err := count(ctx, s.Query, sql)
		if err != nil {
			return fmt.Errorf("look into the lake: %w", err)
		}
		if n == int64(len(ids)) {
			return nil
		}
		if err := s.Pause(ctx, lookEvery); err != nil {
			return fault.Permanentf("%d of %d deliveries that were accepted are not in the lake: the queue is not processed, or the tables do not see what process writes: %w", int64(len(ids))-n, len(ids), err)
		}
	}
}

func count(ctx context.Context, q env.Querier, sql string) (int64, error) {
	r, err := q.Query(ctx, sql)
	if err != nil {
		return 0, err
	}
	defer r.Release()
	var n int64
	for r.Next() {
		if c, ok := r.RecordBatch().Column(0).(*array.Int64); ok && c.Len() > 0 {
			n = c.Value(0)
		}
	}
	return n, r.Err()
}

// SmokeSecret is the secret of the smoke test's source. It is made when there is
// none.
func (b *Base) SmokeSecret(random io.Reader) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		list, err := b.Secrets().Secrets(ctx, record.SmokeSource)
		if err != nil || len(list) > 0 {
			return first(list), err
		}
		made, err := awsenv.MakeSecret(ctx, b.Cloud, b.Place.Secrets, "sources/"+record.SmokeSource, random)
		if !errors.Is(err, env.ErrExist) {
			return made, err
		}
		// Another smoke test runs, and made it since. What is held says still
		// that there is none.
		now, err := awsenv.NewSecrets(b.Cloud, awsenv.SecretsOptions{Location: b.Place.Secrets, Clock: b.Clock})
		if err != nil {
			return "", err
		}
		return now.Value(ctx, "sources/"+record.SmokeSource)
	}
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
