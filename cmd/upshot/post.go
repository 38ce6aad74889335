package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/ingest"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/testdata/company"
)

// posted counts what became of deliveries.
type posted struct{ sent, accepted, refused int }

// posters is how many connections post at once.
const posters = 8

// placeHeader carries a delivery's place in the company from the poster to the
// socket's other end. The demo's own server takes it off and puts the time and
// the id of the delivery into the request's context; no other server knows it.
const placeHeader = "X-Demo-Delivery"

type placeKey struct{}

// post sends all deliveries over a real socket, each at the time at which it
// would have come.
func post(ctx context.Context, h *ingest.Handler, ds []company.Delivery, progress func(int)) (posted, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return posted{}, fmt.Errorf("open a port for the demo: %w", err)
	}
	srv := ingest.ServerFor(backdated(h, ds), h)
	go func() { _ = srv.Serve(l) }()
	defer func() { _ = srv.Close() }()

	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: posters}, Timeout: 30 * time.Second}
	base := "http://" + l.Addr().String()
	var next, accepted, refused atomic.Int64
	errs := make(chan error, posters)
	var wg sync.WaitGroup
	for range posters {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(ds) || ctx.Err() != nil {
					return
				}
				if err := postOne(ctx, client, base, i, &ds[i], &accepted, &refused); err != nil {
					errs <- err
					next.Store(int64(len(ds)))
					return
				}
				if (i+1)%5000 == 0 {
					progress(i + 1)
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return posted{len(ds), int(accepted.Load()), int(refused.Load())}, errors.Join(append(all, ctx.Err())...)
}

func postOne(ctx context.Context, client *http.Client, base string, i int, d *company.Delivery, accepted, refused *atomic.Int64) error {
	r := d.Request(d.At, company.Secrets())
	req, err := http.NewRequestWithContext(ctx, r.Method, base+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		return err
	}
	req.Header = r.Header.Clone()
	req.Header.Set(placeHeader, strconv.Itoa(i))
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("post delivery %d: %w", i, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
	if resp.StatusCode != d.Status {
		return fmt.Errorf("delivery %d to %s was answered %s instead of %d: %s", i, r.Path, resp.Status, d.Status, body)
	}
	if resp.StatusCode/100 == 2 {
		accepted.Add(1)
	} else {
		refused.Add(1)
	}
	return nil
}

// backdated makes the handler believe that each delivery comes when it did.
func backdated(h http.Handler, ds []company.Delivery) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i, err := strconv.Atoi(r.Header.Get(placeHeader))
		if err != nil || i < 0 || i >= len(ds) {
			http.Error(w, "not a delivery of the demo", http.StatusBadRequest)
			return
		}
		r.Header.Del(placeHeader)
		ctx := context.WithValue(ingest.WithReceivedAt(r.Context(), ds[i].At), placeKey{}, i)
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

// numbered gives each delivery of the demo an id that is the same in every
// run, so that a second run repeats the first one's deliveries instead of
// adding its own: no number changes, the ledger's neither.
type numbered struct{ env.Sender }

// Send replaces the id.
func (n numbered) Send(ctx context.Context, m env.Message) error {
	i, ok := ctx.Value(placeKey{}).(int)
	if !ok {
		return n.Sender.Send(ctx, m)
	}
	e, err := record.DecodeEnvelope(m.Body)
	if err != nil {
		return err
	}
	e.ID = fmt.Sprintf("demo-%08d", i)
	if m.Body, err = e.Encode(); err != nil {
		return err
	}
	m.ID = e.ID
	return n.Sender.Send(ctx, m)
}
