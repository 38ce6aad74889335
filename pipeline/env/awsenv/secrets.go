package awsenv

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// The times of the cache of secrets.
const (
	secretTTL     = 5 * time.Minute
	absentTTL     = 30 * time.Second // a new source's secret works this soon
	staleFor      = time.Hour        // how long an expired value bridges an outage of the service
	staleRetry    = 10 * time.Second // how often the service is asked during one
	secretTimeout = 5 * time.Second
	staleTimeout  = 2 * time.Second // for a question whose answer can wait
)

// SecretsOptions say where secrets are and how long one is believed.
type SecretsOptions struct {
	// Location is "ssm:/upshot/prod" (SSM Parameter Store, SecureString) or
	// "secretsmanager:upshot/prod". Below it are "sources/<name>", one secret
	// per line, several while one is rotated, and single values by their name.
	Location string
	// TTL is how long a value is served before the service is asked again: a
	// rotated secret holds after this time without a deployment. 5 minutes
	// when zero.
	TTL   time.Duration
	Clock env.Clock
	// OnStale hears, at most every 10 s for each name, that the service failed
	// and an expired value is served in its place. It may be nil.
	OnStale func(ctx context.Context, name string, err error)
}

// Secrets is env.Secrets from SSM or Secrets Manager. Values are cached; many
// callers who want the same value at once ask once.
//
// When the service throttles or fails after a value has expired, the old value
// is served for at most an hour more, and OnStale is told: refusing genuine
// deliveries for an hour would lose more than a secret that was withdrawn in
// that very hour can do. A denial or a removed secret is believed at once.
//
// No error contains a value.
type Secrets struct {
	o      SecretsOptions
	prefix string
	read   secretReader

	mu     sync.Mutex
	values map[string]*secretEntry
}

var _ env.Secrets = (*Secrets)(nil)

// secretReader asks a service for a value; found is false when there is none
// of that name.
type secretReader func(ctx context.Context, name string) (value string, found bool, err error)

// secretEntry is what is known of one name.
type secretEntry struct {
	value   string
	found   bool
	read    bool          // value and found come from the service
	expires time.Time     // ask again from here on
	dead    time.Time     // serve no longer from here on, whatever the service does
	asking  *secretAnswer // the question that is on its way
}

// secretAnswer is a question that several callers may wait for.
type secretAnswer struct {
	done  chan struct{} // closed when the rest is set
	value string
	found bool
	err   error
}

// NewSecrets makes the cache; it asks nothing yet. A location of another form
// is a fault of kind Permanent.
func NewSecrets(cfg aws.Config, o SecretsOptions) (*Secrets, error) {
	service, prefix, err := parseLocation(o.Location)
	if err != nil {
		return nil, fault.Permanentf("location of the secrets %q: %w", o.Location, err)
	}
	if o.Clock == nil {
		return nil, fault.Permanentf("secrets: the clock is missing")
	}
	if o.TTL == 0 {
		o.TTL = secretTTL
	}
	read := parameterReader(cfg)
	if service == "secretsmanager" {
		read = secretsManagerReader(cfg)
	}
	return &Secrets{o: o, prefix: prefix, read: read, values: map[string]*secretEntry{}}, nil
}

// Secrets returns the secrets of a source, one for each line that is not
// empty; none when there is no value, so that whoever verifies refuses.
func (s *Secrets) Secrets(ctx context.Context, source string) ([]string, error) {
	value, _, err := s.get(ctx, "sources/"+source)
	if err != nil {
		return nil, err
	}
	var out []string
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out, nil
}

// Value returns one value, without white space at its ends. One that does not
// exist or is empty is a fault of kind Permanent.
func (s *Secrets) Value(ctx context.Context, name string) (string, error) {
	value, found, err := s.get(ctx, name)
	switch value = strings.TrimSpace(value); {
	case err != nil:
		return "", err
	case !found:
		return "", fault.Permanentf("the secret %s does not exist: put it there as docs/operations says", s.where(name))
	case value == "":
		return "", fault.Permanentf("the secret %s is empty", s.where(name))
	}
	return value, nil
}

// get serves a name from the cache, or waits for the one question about it.
func (s *Secrets) get(ctx context.Context, name string) (string, bool, error) {
	if !secretName(name) {
		return "", false, fault.Invalidf("%q cannot name a secret: letters, digits and . _ - are possible", name)
	}
	s.mu.Lock()
	e := s.values[name]
	if e == nil {
		e = &secretEntry{}
		s.values[name] = e
	}
	if e.read && s.o.Clock.Now().Before(e.expires) {
		defer s.mu.Unlock()
		return e.value, e.found, nil
	}
	if e.asking == nil {
		e.asking = &secretAnswer{done: make(chan struct{})}
		go s.ask(context.WithoutCancel(ctx), name, e, e.asking, s.stale(e))
	}
	a := e.asking
	s.mu.Unlock()
	select {
	case <-a.done:
		return a.value, a.found, a.err
	case <-ctx.Done():
		return "", false, fmt.Errorf("read the secret %s: %w", s.where(name), ctx.Err())
	}
}

// stale says whether there is an old value that may bridge an outage. A name
// that had no value has nothing to bridge.
func (s *Secrets) stale(e *secretEntry) bool {
	return e.read && e.found && s.o.Clock.Now().Before(e.dead)
}

// ask reads the value for all who wait, none of whom can end it by leaving.
func (s *Secrets) ask(ctx context.Context, name string, e *secretEntry, a *secretAnswer, stale bool) {
	timeout := secretTimeout
	if stale {
		timeout = staleTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	value, found, err := s.read(ctx, s.path(name))
	if err != nil {
		err = s.explain(name, err)
	}
	bridged := err != nil && stale && fault.Is(err, fault.Retry)
	if bridged && s.o.OnStale != nil {
		s.o.OnStale(ctx, name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Clock.Now()
	switch {
	case bridged:
		err = nil
		e.expires = now.Add(staleRetry)
	case err != nil:
		*e = secretEntry{}
	default:
		e.value, e.found, e.read = value, found, true
		e.expires = now.Add(s.o.TTL)
		e.dead = e.expires.Add(staleFor)
		if !found {
			e.expires = now.Add(min(absentTTL, s.o.TTL))
		}
	}
	a.value, a.found, a.err = e.value, e.found, err
	e.asking = nil
	close(a.done)
}

// path is the whole name in the service.
func (s *Secrets) path(name string) string { return s.prefix + "/" + name }

// where is how errors name a secret.
func (s *Secrets) where(name string) string {
	service, _, _ := strings.Cut(s.o.Location, ":")
	return service + ":" + s.path(name)
}

// explain says which secret could not be read, why, and whether trying again
// helps.
func (s *Secrets) explain(name string, err error) error {
	doing := "read the secret " + s.where(name)
	code, status := codeOf(err)
	switch {
	case fault.Is(err, fault.Permanent):
		return fault.Permanentf("%s: %w", doing, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Retryf("%s: no answer in time: %w", doing, err)
	case retryable(err):
		return fault.Retryf("%s: %w", doing, err)
	case code == "AccessDeniedException":
		return fault.Permanentf("%s: denied; the role needs ssm:GetParameter or secretsmanager:GetSecretValue on it, and kms:Decrypt on its key: %w", doing, err)
	case status >= 400 && status < 500:
		return fault.Permanentf("%s: the service refuses: %w", doing, err)
	}
	return fault.Retryf("%s: %w", doing, err)
}

// secretName keeps a name inside its prefix and inside what both services
// allow.
func secretName(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' {
			return false
		}
		for _, r := range part {
			letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
			if !letter && !strings.ContainsRune("._-", r) {
				return false
			}
		}
	}
	return true
}
