package memenv

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"upshot.dev/upshot/pipeline/env"
)

// Store is env.Store in memory.
type Store struct {
	clock env.Clock

	mu      sync.RWMutex
	objects map[string]blob
	writes  int
}

type blob struct {
	body     []byte // never changed in place
	modified time.Time
	version  string
}

var _ env.Store = (*Store)(nil)

// NewStore makes an empty store; clock gives the times of its listings.
func NewStore(clock env.Clock) *Store {
	return &Store{clock: clock, objects: map[string]blob{}}
}

// Open opens key for reading.
func (s *Store) Open(_ context.Context, key string) (env.Object, error) {
	if err := env.CheckKey(key); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, ok := s.objects[key]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", key, env.ErrNotExist)
	}
	return object{bytes.NewReader(b.body)}, nil
}

// Put stores body under key.
func (s *Store) Put(ctx context.Context, key string, body io.Reader) error {
	return s.write(ctx, key, body, func(blob, bool) error { return nil })
}

// Create stores body under key unless there is something.
func (s *Store) Create(ctx context.Context, key string, body io.Reader) error {
	return s.write(ctx, key, body, func(_ blob, taken bool) error {
		if taken {
			return fmt.Errorf("create %s: %w", key, env.ErrExist)
		}
		return nil
	})
}

// Replace stores body under key if what is there has this version.
func (s *Store) Replace(ctx context.Context, key, version string, body io.Reader) error {
	return s.write(ctx, key, body, func(old blob, taken bool) error {
		if !taken || old.version != version {
			return fmt.Errorf("replace %s: %w", key, env.ErrChanged)
		}
		return nil
	})
}

// write stores body unless check refuses what is there.
func (s *Store) write(ctx context.Context, key string, body io.Reader, check func(blob, bool) error) error {
	if err := env.CheckKey(key); err != nil {
		return err
	}
	b, err := io.ReadAll(body)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, taken := s.objects[key]
	if err := check(old, taken); err != nil {
		return err
	}
	s.writes++
	s.objects[key] = blob{b, s.clock.Now(), strconv.Itoa(s.writes)}
	return nil
}

// Remove deletes key.
func (s *Store) Remove(_ context.Context, key string) error {
	if err := env.CheckKey(key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, key)
	return nil
}

// List yields the objects whose key starts with prefix as they were when the
// iteration began, sorted by key.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[env.Info, error] {
	return func(yield func(env.Info, error) bool) {
		for _, info := range s.snapshot(prefix) {
			if err := ctx.Err(); err != nil {
				yield(env.Info{}, err)
				return
			}
			if !yield(info, nil) {
				return
			}
		}
	}
}

func (s *Store) snapshot(prefix string) []env.Info {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var infos []env.Info
	for key, b := range s.objects {
		if strings.HasPrefix(key, prefix) {
			infos = append(infos, env.Info{Key: key, Size: int64(len(b.body)), Modified: b.modified, Version: b.version})
		}
	}
	slices.SortFunc(infos, func(a, b env.Info) int { return strings.Compare(a.Key, b.Key) })
	return infos
}

type object struct{ *bytes.Reader }

func (object) Close() error { return nil }
