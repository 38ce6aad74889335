package alert

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"upshot.dev/upshot/pipeline/outbox"
)

// What a notice is about.
const (
	kindFired     = "fired"
	kindRecovered = "recovered"
)

// Told is one notice that left.
type Told struct {
	Metric string `json:"metric"`
	Kind   string `json:"kind"`  // fired, recovered
	First  string `json:"first"` // the period that names the episode
}

// Tell sends what the states say and nobody was told yet, through box and its
// notifier. A notice that cannot be sent keeps none of the others; the error
// joins all of them, and the next Tell tries again. While another process sends
// the same notice the error is a fault of kind Retry.
func Tell(ctx context.Context, box *outbox.Outbox, states []State) ([]Told, error) {
	var out []Told
	var errs []error
	for i := range states {
		told, err := states[i].tell(ctx, box)
		out = append(out, told...)
		if err != nil {
			errs = append(errs, fmt.Errorf("tell about %s: %w", states[i].Metric.Name, err))
		}
	}
	return out, errors.Join(errs...)
}

// tell ends the episodes that were told and are over, and begins the one that
// is on, when none of them is the same.
func (s *State) tell(ctx context.Context, box *outbox.Outbox) (told []Told, err error) {
	episodes, err := s.episodes(ctx, box)
	if err != nil {
		return nil, err
	}
	on := false
	for _, first := range slices.Sorted(maps.Keys(episodes)) {
		if episodes[first] {
			continue
		}
		end, over := s.recovery(first)
		if !over {
			on = true
			continue
		}
		sent, err := box.Notify(ctx, s.key(first)+kindRecovered, s.recoveredNotice(first, end))
		if sent {
			told = append(told, Told{s.Metric.Name, kindRecovered, first})
		}
		if err != nil {
			return told, err
		}
	}
	if on || s.Status != Firing {
		return told, nil
	}
	for _, p := range s.since(s.Since) {
		if _, taken := episodes[p.First]; taken || !p.Breaks {
			continue // taken: it was told to be over, and was not
		}
		sent, err := box.Notify(ctx, s.key(p.First)+kindFired, s.firedNotice())
		if sent {
			told = append(told, Told{s.Metric.Name, kindFired, p.First})
		}
		return told, err
	}
	return told, nil
}

// episodes are those that were told, by the period that names them, and whether
// their recovery was told, too.
func (s *State) episodes(ctx context.Context, box *outbox.Outbox) (map[string]bool, error) {
	keys, err := box.Sent(ctx, s.prefix())
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, k := range keys {
		first, kind, _ := strings.Cut(strings.TrimPrefix(k, s.prefix()), "/")
		out[first] = out[first] || kind == kindRecovered
	}
	return out, nil
}

// recovery is the first period that is well at or after first.
func (s *State) recovery(first string) (Period, bool) {
	for _, p := range s.since(first) {
		if p.well() {
			return p, true
		}
	}
	return Period{}, false
}

// prefix begins the outbox's keys of a rule. Another threshold is the same
// rule; another side or another length of periods is not.
func (s *State) prefix() string {
	a := s.Metric.Alert
	return "alert/" + s.Metric.Name + "/" + a.Side() + "-" + a.Grain + "/"
}

func (s *State) key(first string) string { return s.prefix() + first + "/" }
