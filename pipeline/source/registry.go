package source

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/fault"
)

// registry holds the sources built in, by type. It is written by init
// functions only.
var registry = map[string]*Source{}

// Register adds a source. It is called from the init function of the source's
// file and panics on a source that is incomplete or there already: both are
// slips that no program should start with.
func Register(s *Source) {
	switch {
	case s.Type == "" || s.Title == "" || s.Doc == "" || len(s.Gives) == 0 || s.Parse == nil:
		panic(fmt.Sprintf("source %q is incomplete", s.Type))
	case registry[s.Type] != nil:
		panic(fmt.Sprintf("source %q is registered twice", s.Type))
	}
	if err := s.Scheme.Check(); err != nil {
		panic(fmt.Sprintf("source %q: %v", s.Type, err))
	}
	registry[s.Type] = s
}

// Lookup finds a source by its type.
func Lookup(typ string) (*Source, bool) {
	s, ok := registry[typ]
	return s, ok
}

// All lists the sources built in, sorted by type.
func All() []*Source {
	all := make([]*Source, 0, len(registry))
	for _, s := range registry {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Source) int { return strings.Compare(a.Type, b.Type) })
	return all
}

// Verify authenticates a call to this source: by its key where it has keys, by
// its scheme otherwise. plain is the decompressed body; only keys that stand
// in the body need it. Errors are fault.Unauthorized, as Scheme.Verify says.
func (s *Source) Verify(req Request, plain []byte, secrets []string, now time.Time) error {
	if s.Key == nil {
		return s.Scheme.Verify(req, secrets, now)
	}
	key := s.Key(req, plain)
	switch {
	case key == "":
		return fault.Unauthorizedf("the write key is missing: it is the Basic user name or writeKey in the body")
	case !MatchSecret(key, secrets):
		return fault.Unauthorizedf("the write key does not match")
	}
	return nil
}

// CheckSecrets reports the first of the configured secrets that could never
// match, by its place. The secret itself is not quoted.
func (s *Source) CheckSecrets(secrets []string) error {
	if len(secrets) == 0 {
		return fmt.Errorf("source type %s needs at least one secret", s.Type)
	}
	for i, secret := range secrets {
		if err := s.Scheme.CheckSecret(secret); err != nil {
			return fmt.Errorf("secrets[%d]: %w", i, err)
		}
	}
	return nil
}
