package trino

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var (
	once    sync.Once
	running *Server
	startup error
)

// Running is the server of this test binary, started when it is first asked
// for. A package that asks for it calls Shutdown when its tests are over.
// Without UPSHOT_TRINO=1 the test is skipped,
// because the start takes most of a minute and a gigabyte; with
// UPSHOT_STANDINS=required as well, a server that is not installed fails it.
func Running(t testing.TB) *Server {
	t.Helper()
	if os.Getenv("UPSHOT_TRINO") != "1" {
		t.Skip("NOT CHECKED: that Trino, and with it Athena, gives the same answers as DuckDB; make trino checks it")
	}
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	home, err := Home(filepath.Dir(strings.TrimSpace(string(out))))
	switch {
	case err != nil && os.Getenv("UPSHOT_STANDINS") == "required":
		t.Fatal(err)
	case err != nil:
		t.Skip("NOT CHECKED: that Trino, and with it Athena, gives the same answers as DuckDB:", err)
	}
	once.Do(func() { running, startup = Start(context.WithoutCancel(t.Context()), home) })
	if startup != nil {
		t.Fatal(startup)
	}
	return running
}

// Shutdown ends the server, if Running started one.
func Shutdown() error {
	if running == nil {
		return nil
	}
	return running.Stop()
}
