package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"upshot.dev/upshot/internal/wire/rows"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/process"
	"upshot.dev/upshot/pipeline/source"
)

// defaultConfig is read when it is there and no other file is named.
const defaultConfig = "upshot.yaml"

// config reads the configuration. Without a file the defaults serve: commands
// that need more say so themselves.
func (a *app) config() (*config.Config, error) {
	file := a.cli.Config
	if file == "" {
		if _, err := os.Stat(defaultConfig); errors.Is(err, fs.ErrNotExist) {
			c := config.Default()
			if a.cli.Lake != "" {
				c.Lake = a.cli.Lake
			}
			return c, nil
		}
		file = defaultConfig
	}
	c, err := config.Load(file, a.lookup)
	if err != nil {
		return nil, err
	}
	c.Lake = c.Path(c.Lake)
	if a.cli.Lake != "" {
		c.Lake = a.cli.Lake
	}
	return c, nil
}

// store opens the lake's folder.
func store(c *config.Config) (*localenv.Store, error) {
	s, err := localenv.OpenStore(c.Lake)
	if err != nil {
		return nil, fmt.Errorf("open the lake %s: %w", c.Lake, err)
	}
	return s, nil
}

// querier opens the views over the lake.
func (a *app) querier(ctx context.Context, c *config.Config) (*localenv.Querier, error) {
	if _, err := os.Stat(c.Lake); errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Invalidf("there is no lake at %s; name one with --lake, or make one with upshot demo, import or serve", c.Lake)
	}
	return localenv.OpenQuerier(ctx, c.Lake, localenv.QuerierOptions{})
}

// processor wires the stage that turns deliveries into rows.
func (a *app) processor(c *config.Config, s env.Store, srcs map[string]*source.Source) (*process.Processor, error) {
	key, err := a.identityKey(c)
	if err != nil {
		return nil, err
	}
	return rows.New(c, s, srcs, key)
}

// identityKey is the configured key. A lake that is used without configuration
// gets a random one of its own, kept beside the data and never changed: without
// a key anybody could try out whose hash is in a table.
func (a *app) identityKey(c *config.Config) ([]byte, error) {
	if c.IdentityKey != "" {
		return []byte(c.IdentityKey), nil
	}
	if v, ok := a.lookup("UPSHOT_IDENTITY_KEY"); ok && v != "" {
		return []byte(v), nil
	}
	file := filepath.Join(c.Lake, "identity.key")
	b, err := os.ReadFile(file) //nolint:gosec // inside the lake
	if err == nil && len(b) > 0 {
		return b, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the identity key: %w", err)
	}
	var raw [32]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return nil, fmt.Errorf("make an identity key: %w", err)
	}
	key := []byte(hex.EncodeToString(raw[:]))
	if err := os.WriteFile(file, key, 0o600); err != nil {
		return nil, fmt.Errorf("keep the identity key: %w", err)
	}
	return key, nil
}

// openQueue opens the queue of a lake.
func openQueue(c *config.Config, clock env.Clock) (*localenv.Queue, error) {
	dir := filepath.Join(c.Lake, "queue")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the queue's folder: %w", err)
	}
	return localenv.OpenQueue(filepath.Join(dir, "deliveries.db"), clock)
}
