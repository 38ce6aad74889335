package envtest

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// Notifier runs the suite of env.Notifier. open returns a notifier and a
// function that gives the notices which arrived, in order.
func Notifier(t *testing.T, open func(t *testing.T) (n env.Notifier, arrived func() []env.Notice)) {
	t.Run("notices arrive as they are", func(t *testing.T) {
		n, arrived := open(t)
		want := []env.Notice{
			{Subject: "NPS fell", Body: "NPS of enterprise fell by 12.\nSee the report.\n", Attributes: map[string]string{"metric": "nps", "severity": "page"}},
			{Subject: "x", Body: "ä€😀 \"quoted\" <tag> & \\ \t end"},
			{Body: "without a subject"},
			{Subject: strings.Repeat("s", 99), Body: strings.Repeat("0123456789abcdef", 4096)},
			{Subject: "NPS fell", Body: "NPS of enterprise fell by 12.\nSee the report.\n", Attributes: map[string]string{"metric": "nps", "severity": "page"}},
		}
		for _, notice := range want {
			if err := n.Notify(t.Context(), notice); err != nil {
				t.Fatal(err)
			}
		}
		got := arrived()
		for i := range got {
			if len(got[i].Attributes) == 0 {
				got[i].Attributes = nil
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("arrived (-want +got):\n%s", diff)
		}
	})
	t.Run("a subject is made fit", func(t *testing.T) {
		n, arrived := open(t)
		for _, subject := range []string{"two\r\nlines", "größer\x00", "  " + strings.Repeat("long ", 50), "\n", strings.Repeat("é", 200)} {
			if err := n.Notify(t.Context(), env.Notice{Subject: subject, Body: "x"}); err != nil {
				t.Fatalf("%q: %v", subject, err)
			}
		}
		got := arrived()
		if len(got) != 5 {
			t.Fatalf("%d notices arrived, 5 were sent", len(got))
		}
		for _, notice := range got {
			if s := notice.Subject; len(s) > 100 || strings.Trim(s, printable) != "" || s != strings.TrimSpace(s) {
				t.Errorf("the subject %q is not one line of at most 100 characters of ASCII", s)
			}
		}
		if s := got[0].Subject; !strings.Contains(s, "two") || !strings.Contains(s, "lines") {
			t.Errorf("two lines became %q", s)
		}
	})
	t.Run("a notice without a body is invalid", func(t *testing.T) {
		n, arrived := open(t)
		if err := n.Notify(t.Context(), env.Notice{Subject: "x"}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%v, want a fault of kind Invalid", err)
		}
		if got := arrived(); len(got) != 0 {
			t.Errorf("arrived: %+v", got)
		}
	})
	t.Run("the caller's context ends the sending", func(t *testing.T) {
		n, arrived := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := n.Notify(ctx, env.Notice{Subject: "x", Body: "x"}); err == nil {
			t.Error("a notice was sent after its context had ended")
		}
		if got := arrived(); len(got) != 0 {
			t.Errorf("arrived: %+v", got)
		}
	})
}

// printable is all of ASCII that is no control character.
const printable = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"
