package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the commands print into the scripts")

// TestMain makes this test binary the command upshot for the scripts: they run
// the real main, in a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"upshot": main})
}

// TestScripts runs testdata/script: what each command prints, where, and with
// which exit status. $CASES is the module's testdata folder.
func TestScripts(t *testing.T) {
	cases, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: *update,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"gz":    gz,
			"cut":   cut,
			"json":  checkJSON,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %s", cond)
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("CASES", cases)
			return os.Mkdir(filepath.Join(e.WorkDir, "tmp"), 0o700)
		},
	})
}
