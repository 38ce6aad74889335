package alert_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"upshot.dev/upshot/pipeline/alert"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/pipeline/outbox"
)

// check looks at the days that are over at now, and tells.
func check(t testing.TB, m *metric.Metric, w *world, box *outbox.Outbox, now time.Time) ([]alert.Told, error) {
	t.Helper()
	states, err := alert.Check(t.Context(), []*metric.Metric{m}, w.ask, "UTC", now)
	if err != nil {
		t.Fatal(err)
	}
	return alert.Tell(t.Context(), box, states)
}

// expected walks through the days once, forward: what is to be told after each,
// as "fired 2026-10-02".
func expected(days []rune, n int) []string {
	var out []string
	run, on, first := 0, false, ""
	for i, d := range days {
		switch d {
		case breaks:
			if run++; run == n && !on {
				on, first = true, firstDay.AddDate(0, 0, i-n+1).Format(time.DateOnly)
				out = append(out, "fired "+first)
			}
		case well:
			if on {
				out = append(out, "recovered "+first)
			}
			run, on = 0, false
		default:
			run = 0
		}
	}
	return out
}

// TestEpisodes: whatever the days bring, each episode is told once and its end
// once, though it is looked at every hour, and at some hours twice at once.
func TestEpisodes(t *testing.T) {
	metrics := map[int]*metric.Metric{}
	for n := 1; n <= 4; n++ {
		metrics[n] = csat(t, fmt.Sprintf("below 0.80 for %d periods; severity warn", n), "daily")
	}
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(r, "periods of the rule")
		days := rapid.SliceOfN(rapid.SampledFrom([]rune{breaks, breaks, breaks, well, well, few, none, bare}), 1, 40).Draw(r, "days")
		twice := rapid.IntRange(0, 23).Draw(r, "hour of two at once")
		box, _, clock := newBox(firstDay)
		w := &world{}
		var told []string
		note := func(list []alert.Told) {
			for _, x := range list {
				told = append(told, x.Kind+" "+x.First)
			}
		}
		for i, d := range days {
			w.days = append(w.days, d)
			for hour := range 24 {
				now := firstDay.AddDate(0, 0, i+1).Add(time.Duration(hour) * time.Hour)
				clock.Set(now)
				if hour == twice {
					for _, x := range atOnce(t, metrics[n], w, box, now) {
						note(x)
					}
					continue
				}
				x, err := check(t, metrics[n], w, box, now)
				if err != nil {
					r.Fatal(err)
				}
				note(x)
			}
		}
		if want := expected(days, n); !slices.Equal(told, want) {
			r.Fatalf("%s for %d: told %q, want %q", string(days), n, told, want)
		}
	})
}

// atOnce checks in two processes at the same time. One may find the other at
// work.
func atOnce(t testing.TB, m *metric.Metric, w *world, box *outbox.Outbox, now time.Time) [2][]alert.Told {
	var out [2][]alert.Told
	var wg sync.WaitGroup
	for i := range out {
		wg.Go(func() {
			var err error
			if out[i], err = check(t, m, w, box, now); err != nil && !fault.Is(err, fault.Retry) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return out
}

// TestSeldom: however seldom it is looked at, nothing is told twice, nothing
// that was not told recovers, and at the end it is known what is.
func TestSeldom(t *testing.T) {
	m := csat(t, "below 0.80 for 2 periods; severity warn", "daily")
	rapid.Check(t, func(r *rapid.T) {
		days := rapid.SliceOfN(rapid.SampledFrom([]rune{breaks, breaks, well, few}), 1, 40).Draw(r, "days")
		looks := rapid.SliceOfN(rapid.Bool(), len(days), len(days)).Draw(r, "looks")
		looks[len(looks)-1] = true
		box, _, clock := newBox(firstDay)
		seen, open := map[string]bool{}, ""
		for i := range days {
			if !looks[i] {
				continue
			}
			clock.Set(morning(i))
			told, err := check(t, m, &world{days: days[:i+1]}, box, morning(i))
			if err != nil {
				r.Fatal(err)
			}
			for _, x := range told {
				if k := x.Kind + x.First; seen[k] || x.Kind == "recovered" && open != x.First || x.Kind == "fired" && open != "" {
					r.Fatalf("%s: %+v, while %q was on", string(days), x, open)
				} else {
					seen[k] = true
				}
				open = ""
				if x.Kind == "fired" {
					open = x.First
				}
			}
		}
		want := expected(days, 2)
		on := len(want) > 0 && strings.HasPrefix(want[len(want)-1], "fired")
		if days[len(days)-1] == breaks && on != (open != "") || !on && open != "" {
			r.Fatalf("%s: %q is told to be on, want %q", string(days), open, want)
		}
	})
}

// TestLateRecords: days that change after they were told about.
func TestLateRecords(t *testing.T) {
	m := csat(t, "below 0.80 for 2 periods; severity warn", "daily")
	for _, c := range []struct {
		name   string
		states []string // the days as they look each day
		told   string
	}{
		{"an earlier day breaks, too", []string{"ooxx", "oxxxx"}, "fired 10-03"},
		{"a day in the middle is well", []string{"oxxxx", "oxxoxx"}, "fired 10-02, recovered 10-02, fired 10-05"},
		{"the first day is well", []string{"oxx", "ooxx"}, "fired 10-02, recovered 10-02, fired 10-03"},
		{"a recovery that was none", []string{"oxx", "oxxo", "oxxxx"}, "fired 10-02, recovered 10-02, fired 10-03"},
		{"a recovery that was none, twice", []string{"oxx", "oxxo", "oxxxx", "oxxxxo"}, "fired 10-02, recovered 10-02, fired 10-03, recovered 10-03"},
		{"a day gets enough data and is well", []string{"oxx.", "oxxo"}, "recovered 10-02"},
		{"a gap closes", []string{"ox.x", "oxxx"}, "fired 10-02"},
	} {
		box, _, clock := newBox(firstDay)
		var told []string
		if strings.HasPrefix(c.told, "recovered") { // told when it began
			if _, err := check(t, m, &world{days: []rune("oxx")}, box, morning(2)); err != nil {
				t.Fatal(err)
			}
		}
		for _, days := range c.states {
			at := morning(len(days) - 1)
			clock.Set(at)
			for range 2 {
				x, err := check(t, m, &world{days: []rune(days)}, box, at)
				if err != nil {
					t.Fatal(err)
				}
				for _, n := range x {
					told = append(told, n.Kind+" "+strings.TrimPrefix(n.First, "2026-"))
				}
			}
		}
		if got := strings.Join(told, ", "); got != c.told {
			t.Errorf("%s: told %q, want %q", c.name, got, c.told)
		}
	}
}

// TestNothingOld: an episode that was over before anybody looked, and one of
// which nothing is known any more, are not told.
func TestNothingOld(t *testing.T) {
	m := csat(t, "below 0.80 for 2 periods; severity warn", "daily")
	for _, days := range []string{"xxxo", "xx.", "oxx-------------------"} {
		box, bell, _ := newBox(firstDay)
		if _, err := check(t, m, &world{days: []rune(days)}, box, morning(len(days)-1)); err != nil || len(bell.Notices()) != 0 {
			t.Errorf("%s: %v, %+v", days, err, bell.Notices())
		}
	}
}

// TestLongEpisode: one that lasts longer than what is looked at stays one.
func TestLongEpisode(t *testing.T) {
	m := csat(t, "below 0.80 for 2 periods; severity warn", "daily")
	box, bell, clock := newBox(firstDay)
	days := []rune("o" + strings.Repeat("x", 60))
	for i := range days {
		clock.Set(morning(i))
		if _, err := check(t, m, &world{days: days[:i+1]}, box, morning(i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(bell.Notices()); n != 1 {
		t.Errorf("%d notices, want 1", n)
	}
	if _, err := check(t, m, &world{days: append(days, 'o')}, box, morning(len(days))); err != nil || len(bell.Notices()) != 2 {
		t.Errorf("its end: %v, %d notices", err, len(bell.Notices()))
	}
}

// TestNotifierAway: what could not be told is told as soon as it can.
func TestNotifierAway(t *testing.T) {
	m := csat(t, "below 0.80 for 2 periods; severity warn", "daily")
	box, bell, clock := newBox(firstDay)
	bell.Fail(fault.Retryf("throttled"))
	for i, days := range []string{"oxx", "oxxx"} {
		clock.Set(morning(i + 2))
		if told, err := check(t, m, &world{days: []rune(days)}, box, morning(i+2)); !fault.Is(err, fault.Retry) || len(told) != 0 {
			t.Errorf("%s: %v, %v", days, told, err)
		}
	}
	bell.Fail(nil)
	told, err := check(t, m, &world{days: []rune("oxxxx")}, box, morning(4))
	if err != nil || len(told) != 1 || told[0] != (alert.Told{Metric: "csat", Kind: "fired", First: "2026-10-02"}) {
		t.Errorf("%+v, %v", told, err)
	}
}

// TestStoreAway: when it cannot be known what was told, nothing is told.
func TestStoreAway(t *testing.T) {
	m := csat(t, "below 0.80 for 2 periods; severity warn", "daily")
	box, bell, _ := newBox(firstDay)
	down := fault.Retryf("the store is away")
	box.Store = unlisted{memenv.NewStore(memenv.NewClock(firstDay)), down}
	if _, err := check(t, m, &world{days: []rune("oxx")}, box, morning(2)); !fault.Is(err, fault.Retry) || len(bell.Notices()) != 0 {
		t.Errorf("%v, %+v", err, bell.Notices())
	}
}

// unlisted is a store that cannot list.
type unlisted struct {
	env.Store
	err error
}

func (u unlisted) List(context.Context, string) iter.Seq2[env.Info, error] {
	return func(yield func(env.Info, error) bool) { yield(env.Info{}, u.err) }
}
