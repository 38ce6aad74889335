package acceptance

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"upshot.dev/upshot/internal/standin/trino"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/testdata/company"
)

// scratch is the folder of this run: the binary and the demo's lake.
var scratch string

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("acceptance: left out because of -short")
		return
	}
	os.Exit(mainStatus(m))
}

// mainStatus is TestMain with a place for what is deferred.
func mainStatus(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "upshot-acceptance-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	defer func() { _ = trino.Shutdown() }()
	build := exec.Command("go", "build", "-o", binary(), "upshot.dev/upshot/cmd/upshot")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the command:", err)
		return 1
	}
	return m.Run()
}

func binary() string { return filepath.Join(scratch, "upshot") }

// upshot runs the command to its end and gives what it prints.
func upshot(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := command(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func command(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, binary(), append([]string{"--quiet"}, args...)...)
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("upshot %v: %w\n%s", args, err, talk.Bytes())
	}
	return out.Bytes(), nil
}

// demo is the folder of the full company after `upshot demo`, made once.
func demo(t *testing.T) string {
	t.Helper()
	dir, err := demoOnce()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var demoOnce = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(scratch, "demo")
	_, err := command(context.Background(), "demo", "--dir", dir)
	return dir, err
})

// fullCompany is the company that the demo posts, with what its records say.
var fullCompany = sync.OnceValue(func() *company.Company { return company.Generate(company.Options{}) })

// settings loads the configuration of a folder.
func settings(t *testing.T, dir string) *config.Config {
	t.Helper()
	c, err := config.Load(filepath.Join(dir, "upshot.yaml"), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	c.Lake = c.Path(c.Lake)
	return c
}

// querier opens the lake of a folder for the test's time.
func querier(t *testing.T, c *config.Config) *localenv.Querier {
	t.Helper()
	q, err := localenv.OpenQuerier(t.Context(), c.Lake, localenv.QuerierOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	return q
}
