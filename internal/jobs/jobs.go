// Package jobs remembers when scheduled work last succeeded, so that somebody
// can see that it did not. A mark is one small object in the store; it is
// written after the work, never before.
package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// prefix is where marks lie in the lake.
const prefix = "jobs/"

// maxMark bounds what is read of a mark.
const maxMark = 4096

// Mark is the last success of a job.
type Mark struct {
	Name     string    `json:"name"`
	Finished time.Time `json:"finished_at"`
	Seconds  float64   `json:"seconds"` // that it took
}

// Run does the work and marks its success. The work's error is returned as it
// is and leaves the mark of the last success alone.
func Run(ctx context.Context, s env.Blobs, clock env.Clock, name string, work func(context.Context) error) error {
	start := clock.Now()
	if err := work(ctx); err != nil {
		return err
	}
	end := clock.Now()
	b, err := json.Marshal(Mark{Name: name, Finished: end.UTC().Truncate(time.Millisecond), Seconds: end.Sub(start).Seconds()})
	if err != nil {
		return fmt.Errorf("mark %s: %w", name, err)
	}
	if err := s.Put(ctx, prefix+name+".json", strings.NewReader(string(b)+"\n")); err != nil {
		return fmt.Errorf("%s is done, but its mark was not written: %w", name, err)
	}
	return nil
}

// Last reads all marks, by name. A mark that cannot be read is a fault that
// names the object.
func Last(ctx context.Context, s env.Blobs) (map[string]Mark, error) {
	out := map[string]Mark{}
	for info, err := range s.List(ctx, prefix) {
		if err != nil {
			return nil, fmt.Errorf("list the marks of scheduled work: %w", err)
		}
		if !strings.HasSuffix(info.Key, ".json") {
			continue
		}
		m, err := read(ctx, s, info.Key)
		if err != nil {
			return nil, err
		}
		out[m.Name] = m
	}
	return out, nil
}

func read(ctx context.Context, s env.Blobs, key string) (m Mark, err error) {
	o, err := s.Open(ctx, key)
	if err != nil {
		return m, fmt.Errorf("read %s: %w", key, err)
	}
	defer func() { _ = o.Close() }()
	b, err := io.ReadAll(io.NewSectionReader(o, 0, min(o.Size(), maxMark)))
	if err != nil {
		return m, fmt.Errorf("read %s: %w", key, err)
	}
	if err := json.Unmarshal(b, &m); err != nil || m.Name == "" || m.Finished.IsZero() {
		return m, fault.Permanentf("%s is no mark of scheduled work; remove it, and the next success writes it anew", key)
	}
	return m, nil
}
