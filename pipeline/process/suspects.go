package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"upshot.dev/upshot/pipeline/env"
)

// A delivery that comes back may have killed the process, or it may have waited
// for a full disk: its attempts do not tell. So before suspects are worked on, a
// marker with their ids is put into the store, and it is removed afterwards. A
// marker that is found is a death of the process over those in it. Whoever
// stands in one is worked on alone from then on, with a marker of its own, and
// is set aside after some deaths.

const (
	markers = "suspects/"
	// deadly is how many deaths of the process set a delivery aside.
	deadly = 3
	// maxMarker bounds what is read of a marker.
	maxMarker = 1 << 20
)

// marker is an object under suspects/: a count and the ids, one a line.
type marker struct {
	deaths int
	ids    []string
}

// suspects works on deliveries that failed before: together while nothing
// speaks against one of them, alone otherwise.
func (w *Worker) suspects(ctx context.Context, msgs []env.Message) (int, error) {
	if len(msgs) == 0 {
		return 0, nil
	}
	found, err := w.markers(ctx)
	if err != nil {
		return 0, w.release(ctx, msgs, err)
	}
	deaths := map[string]int{}
	for _, m := range found {
		for _, id := range m.ids {
			deaths[id] += m.deaths
		}
	}
	var together, alone []env.Message
	for _, m := range msgs {
		if deaths[m.ID] == 0 {
			together = append(together, m)
		} else {
			alone = append(alone, m)
		}
	}
	done, err := w.marked(ctx, found, together)
	for _, m := range alone {
		n, aloneErr := w.alone(ctx, found, m, deaths[m.ID])
		done, err = done+n, errors.Join(err, aloneErr)
	}
	return done, err
}

// alone works on one delivery over which the process died.
func (w *Worker) alone(ctx context.Context, found map[string]marker, m env.Message, deaths int) (int, error) {
	if deaths < deadly {
		if _, err := w.marked(ctx, found, []env.Message{m}); err != nil {
			return 0, err
		}
	} else if err := w.setAside(ctx, m.ID, fmt.Sprintf("the process died %d times while working on it", deaths)); err != nil {
		return 0, err
	}
	return 1, w.acquit(ctx, found, m.ID)
}

// marked runs deliveries under a marker.
func (w *Worker) marked(ctx context.Context, found map[string]marker, msgs []env.Message) (int, error) {
	if len(msgs) == 0 {
		return 0, nil
	}
	m := marker{}
	h := sha256.New()
	for _, msg := range msgs {
		m.ids = append(m.ids, msg.ID)
		h.Write([]byte(msg.ID + "\n"))
	}
	key := markers + hex.EncodeToString(h.Sum(nil)[:16])
	before, again := found[key]
	m.deaths = before.deaths + 1
	if err := w.put(ctx, key, m); err != nil {
		return 0, w.release(ctx, msgs, err) // the store is in trouble, not the delivery
	}
	n, err := w.run(ctx, msgs)
	// The process lives: the marker goes back to what it was.
	if again {
		return n, errors.Join(err, w.put(context.WithoutCancel(ctx), key, before))
	}
	return n, errors.Join(err, w.Store.Remove(context.WithoutCancel(ctx), key))
}

// acquit takes a finished delivery out of all markers.
func (w *Worker) acquit(ctx context.Context, found map[string]marker, id string) error {
	ctx = context.WithoutCancel(ctx)
	for key, m := range found {
		left := slices.DeleteFunc(slices.Clone(m.ids), func(x string) bool { return x == id })
		if len(left) == len(m.ids) {
			continue
		}
		m.ids = left
		if err := w.rewrite(ctx, key, m); err != nil {
			return fmt.Errorf("clear marker %s: %w", key, err)
		}
		found[key] = m
	}
	return nil
}

// rewrite keeps a marker as long as somebody stands in it.
func (w *Worker) rewrite(ctx context.Context, key string, m marker) error {
	if len(m.ids) == 0 {
		return w.Store.Remove(ctx, key)
	}
	return w.put(ctx, key, m)
}

// markers reads all markers. One that cannot be understood is none.
func (w *Worker) markers(ctx context.Context) (map[string]marker, error) {
	found := map[string]marker{}
	for info, err := range w.Store.List(ctx, markers) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", markers, err)
		}
		m, err := w.marker(ctx, info.Key)
		if err != nil {
			return nil, err
		}
		if m.deaths > 0 {
			found[info.Key] = m
		}
	}
	return found, nil
}

func (w *Worker) marker(ctx context.Context, key string) (marker, error) {
	o, err := w.Store.Open(ctx, key)
	if errors.Is(err, env.ErrNotExist) {
		return marker{}, nil
	}
	if err != nil {
		return marker{}, fmt.Errorf("read %s: %w", key, err)
	}
	defer func() { _ = o.Close() }()
	b, err := io.ReadAll(io.NewSectionReader(o, 0, min(o.Size(), maxMarker)))
	if err != nil {
		return marker{}, fmt.Errorf("read %s: %w", key, err)
	}
	count, ids, _ := strings.Cut(string(b), "\n")
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 {
		return marker{}, nil // an unreadable marker is none
	}
	return marker{deaths: n, ids: strings.Split(ids, "\n")}, nil
}

func (w *Worker) put(ctx context.Context, key string, m marker) error {
	text := strconv.Itoa(m.deaths) + "\n" + strings.Join(m.ids, "\n")
	if err := w.Store.Put(ctx, key, strings.NewReader(text)); err != nil {
		return fmt.Errorf("put marker %s: %w", key, err)
	}
	return nil
}
