package memenv_test

import (
	"errors"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/envtest"
	"upshot.dev/upshot/pipeline/env/memenv"
)

func TestStore(t *testing.T) {
	envtest.Store(t, func(*testing.T) env.Store {
		return memenv.NewStore(memenv.NewClock(time.Unix(1, 0)))
	})
}

func TestQueue(t *testing.T) {
	envtest.Queue(t, func(_ *testing.T, clock env.Clock) envtest.FullQueue {
		return memenv.NewQueue(clock)
	})
}

func TestQueueService(t *testing.T) {
	envtest.QueueService(t, func(*testing.T) envtest.FullQueue { return memenv.NewQueue(env.ClockFunc(time.Now)) })
}

func TestMailer(t *testing.T) {
	envtest.Mailer(t, func(*testing.T) (env.Mailer, func() [][]byte) {
		m := &memenv.Mailer{}
		return m, func() (raws [][]byte) {
			for _, mail := range m.Mails() {
				raws = append(raws, mail.Raw)
			}
			return raws
		}
	})
}

func TestMailerFailsAsTold(t *testing.T) {
	m, broken := &memenv.Mailer{}, errors.New("no route")
	m.Fail(broken)
	if err := m.Send(t.Context(), env.Mail{}); !errors.Is(err, broken) || len(m.Mails()) != 0 {
		t.Errorf("got %v and %d mails", err, len(m.Mails()))
	}
	m.Fail(nil)
	if err := m.Send(t.Context(), env.Mail{}); err != nil || len(m.Mails()) != 1 {
		t.Errorf("mended: got %v and %d mails", err, len(m.Mails()))
	}
}

func TestSecretsOfUnknownSourcesAreNone(t *testing.T) {
	s := memenv.Secrets{"zendesk": {"new", "old"}}
	if got, err := s.Secrets(t.Context(), "zendesk"); len(got) != 2 || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := s.Secrets(t.Context(), "other"); len(got) != 0 || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestClockMovesOnlyWhenTold(t *testing.T) {
	c := memenv.NewClock(time.Unix(10, 0))
	c.Advance(5 * time.Second)
	if !c.Now().Equal(time.Unix(15, 0)) {
		t.Errorf("shows %v", c.Now())
	}
	c.Set(time.Unix(3, 0))
	if !c.Now().Equal(time.Unix(3, 0)) {
		t.Errorf("shows %v", c.Now())
	}
}
