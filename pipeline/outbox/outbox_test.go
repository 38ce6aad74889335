package outbox_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/outbox"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var mail = env.Mail{From: "upshot@example.com", To: []string{"pm@example.com"}, Raw: []byte("Subject: x\r\n\r\nx")}

const key = "weekly/2026-W47/pm@example.com"

func newBox() (*outbox.Outbox, *memenv.Store, *memenv.Mailer, *memenv.Clock) {
	clock := memenv.NewClock(noon)
	store, mailer := memenv.NewStore(clock), &memenv.Mailer{}
	return &outbox.Outbox{Store: store, Mailer: mailer, Clock: clock}, store, mailer, clock
}

func TestOncePerKey(t *testing.T) {
	box, _, mailer, clock := newBox()
	for i := range 3 {
		sent, err := box.Send(t.Context(), key, mail)
		if err != nil || sent != (i == 0) {
			t.Errorf("send %d: %v, %v", i, sent, err)
		}
		clock.Advance(24 * time.Hour)
	}
	if sent, err := box.Send(t.Context(), key+"2", mail); !sent || err != nil {
		t.Errorf("another key: %v, %v", sent, err)
	}
	if n := len(mailer.Mails()); n != 2 {
		t.Errorf("%d mails left, want 2", n)
	}
}

func TestOutcomeIsRecorded(t *testing.T) {
	box, store, _, _ := newBox()
	if _, err := box.Send(t.Context(), key, mail); err != nil {
		t.Fatal(err)
	}
	o, err := store.Open(t.Context(), "outbox/"+key+"/sent")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	want := `{"at":"2026-11-23T12:00:00Z","from":"upshot@example.com","recipients":1,"sha256":"`
	if !strings.HasPrefix(string(b), want) {
		t.Errorf("recorded %s", b)
	}
}

func TestFailureIsTriedAgainAtOnce(t *testing.T) {
	box, _, mailer, _ := newBox()
	broken := fault.Retryf("451 later")
	mailer.Fail(broken)
	for range 3 {
		if sent, err := box.Send(t.Context(), key, mail); sent || !errors.Is(err, broken) || !fault.Is(err, fault.Retry) {
			t.Errorf("while it fails: %v, %v", sent, err)
		}
	}
	mailer.Fail(nil)
	if sent, err := box.Send(t.Context(), key, mail); !sent || err != nil {
		t.Errorf("mended: %v, %v", sent, err)
	}
	if n := len(mailer.Mails()); n != 1 {
		t.Errorf("%d mails left", n)
	}
}

// dying is a mailer whose process ends while it sends.
type dying struct{ left int }

func (d *dying) Send(context.Context, env.Mail) error { d.left++; panic("killed") }

// A death between sending and recording: nobody sends within the lease, then
// it is sent again.
func TestDeathWhileSending(t *testing.T) {
	box, _, mailer, clock := newBox()
	killed := &dying{}
	func() {
		defer func() { _ = recover() }()
		box.Mailer = killed
		_, _ = box.Send(t.Context(), key, mail)
	}()
	if killed.left != 1 {
		t.Fatal("it did not get as far as sending")
	}
	box.Mailer = mailer
	clock.Advance(outbox.DefaultLease - time.Second)
	if sent, err := box.Send(t.Context(), key, mail); sent || !fault.Is(err, fault.Retry) {
		t.Errorf("within the lease: %v, %v", sent, err)
	}
	clock.Advance(time.Second)
	if sent, err := box.Send(t.Context(), key, mail); !sent || err != nil {
		t.Errorf("after the lease: %v, %v", sent, err)
	}
	if sent, err := box.Send(t.Context(), key, mail); sent || err != nil {
		t.Errorf("once more: %v, %v", sent, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	box, _, mailer, _ := newBox()
	var sentCount atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			sent, err := box.Send(t.Context(), key, mail)
			if sent {
				sentCount.Add(1)
			}
			if err != nil && !fault.Is(err, fault.Retry) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(mailer.Mails()); n != 1 || sentCount.Load() != 1 {
		t.Errorf("%d mails left, %d callers were told that theirs did", n, sentCount.Load())
	}
}

// fullAfter is a store whose disk fills up after some writes.
type fullAfter struct {
	env.Store
	writes int
}

func (f *fullAfter) Put(ctx context.Context, key string, body io.Reader) error {
	if f.writes--; f.writes < 0 {
		return fault.Retryf("the disk is full")
	}
	return f.Store.Put(ctx, key, body)
}

func TestSentAndNotRecorded(t *testing.T) {
	box, store, mailer, _ := newBox()
	box.Store = &fullAfter{Store: store}
	sent, err := box.Send(t.Context(), key, mail)
	if !sent || err == nil || len(mailer.Mails()) != 1 {
		t.Errorf("%v, %v, want that it left and an error", sent, err)
	}
	// The claim still stands: nobody doubles it soon.
	if sent, err := box.Send(t.Context(), key, mail); sent || !fault.Is(err, fault.Retry) {
		t.Errorf("next: %v, %v", sent, err)
	}
}

var notice = env.Notice{Subject: "[warn] CSAT below 80%", Body: "It fell.", Attributes: map[string]string{"metric": "csat"}}

// Notices keep the rules of mails: once per key, again after a failure, once
// of many at a time.
func TestNoticesOncePerKey(t *testing.T) {
	box, store, mailer, _ := newBox()
	bell := &memenv.Notifier{}
	box.Notifier = bell
	broken := fault.Retryf("throttled")
	bell.Fail(broken)
	if sent, err := box.Notify(t.Context(), "alert/csat/2026-10-05", notice); sent || !errors.Is(err, broken) {
		t.Errorf("while it fails: %v, %v", sent, err)
	}
	bell.Fail(nil)
	var wg sync.WaitGroup
	var left atomic.Int32
	for range 8 {
		wg.Go(func() {
			sent, err := box.Notify(t.Context(), "alert/csat/2026-10-05", notice)
			if sent {
				left.Add(1)
			}
			if err != nil && !fault.Is(err, fault.Retry) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := bell.Notices(); len(got) != 1 || left.Load() != 1 || got[0].Body != notice.Body || got[0].Attributes["metric"] != "csat" {
		t.Errorf("%d notices left, %d callers were told so: %+v", len(got), left.Load(), got)
	}
	o, err := store.Open(t.Context(), "outbox/alert/csat/2026-10-05/sent")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	if want := `{"at":"2026-11-23T12:00:00Z","subject":"[warn] CSAT below 80%","sha256":"`; !strings.HasPrefix(string(b), want) {
		t.Errorf("recorded %s", b)
	}
	if sent, err := box.Send(t.Context(), "alert/csat/2026-10-05", mail); sent || err != nil || len(mailer.Mails()) != 0 {
		t.Errorf("a mail under the notice's key: %v, %v", sent, err)
	}
}

// Sent lists what left, and nothing that was only tried.
func TestSent(t *testing.T) {
	box, _, mailer, _ := newBox()
	for _, k := range []string{"a/b-c", "a/b", "a/b/c", "b"} {
		if _, err := box.Send(t.Context(), k, mail); err != nil {
			t.Fatal(err)
		}
	}
	mailer.Fail(fault.Retryf("451 later"))
	_, _ = box.Send(t.Context(), "a/failed", mail)
	got, err := box.Sent(t.Context(), "a/")
	if want := []string{"a/b", "a/b-c", "a/b/c"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

func TestWrongKeys(t *testing.T) {
	box, _, mailer, _ := newBox()
	for _, k := range []string{"", "../x", "a//b", "a\x00"} {
		if sent, err := box.Send(t.Context(), k, mail); sent || !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v, %v", k, sent, err)
		}
	}
	if len(mailer.Mails()) != 0 {
		t.Error("a mail left under a wrong key")
	}
}
