// Package wire makes the parts of a deployment of its configuration, the same
// ones on one machine and on AWS. It holds nothing that ingest does not need.
package wire

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"

	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/pipeline/source"
)

// Sources makes the configured senders, from the registry or from a mapping.
// Every fault is reported, each with its place in the configuration.
func Sources(c *config.Config) (map[string]*source.Source, error) {
	out := make(map[string]*source.Source, len(c.Sources))
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(c.Sources)) {
		s := c.Sources[name]
		if s.Mapping != "" {
			src, err := Mapping(c.Path(s.Mapping))
			if err != nil {
				faults = append(faults, c.Errorf([]string{"sources", name, "mapping"}, "%w", err))
				continue
			}
			out[name] = src
			continue
		}
		src, ok := source.Lookup(s.Type)
		if !ok {
			faults = append(faults, c.Errorf([]string{"sources", name, "type"},
				"%q is unknown; known are %s", s.Type, strings.Join(Types(), ", ")))
			continue
		}
		out[name] = src
	}
	return out, errors.Join(faults...)
}

// WithSmoke adds the source of the smoke test, whose records are those of the
// first-party API.
func WithSmoke(srcs map[string]*source.Source) map[string]*source.Source {
	out := maps.Clone(srcs)
	if out == nil {
		out = map[string]*source.Source{}
	}
	out[record.SmokeSource], _ = source.Lookup("api")
	return out
}

// Types lists the registered kinds of senders.
func Types() []string {
	var names []string
	for _, s := range source.All() {
		names = append(names, s.Type)
	}
	return names
}

// Mapping reads a mapping file and runs the tests in it. One that does not do
// what it says itself is refused before anything goes through it.
func Mapping(file string) (*source.Source, error) {
	data, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fault.New(fault.Invalid, err)
	}
	src, err := source.FromMapping(file, data)
	if err != nil {
		return nil, err
	}
	return src, source.RunTests(src)
}

// Secrets gives the secrets that the configuration itself holds, and asks
// Elsewhere about sources for which it holds none.
type Secrets struct {
	Config    *config.Config
	Elsewhere env.Secrets // may be nil
}

var _ env.Secrets = Secrets{}

// Secrets returns the active secrets of a source.
func (s Secrets) Secrets(ctx context.Context, name string) ([]string, error) {
	if own := s.Config.Sources[name].Secrets; len(own) > 0 || s.Elsewhere == nil {
		return own, nil
	}
	return s.Elsewhere.Secrets(ctx, name)
}
