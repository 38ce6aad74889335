package standin

import (
	"os"
	"path/filepath"
	"testing"
)

// Installed is the absolute path of a file below .cache/standins, like
// "bin/versitygw". When it is not there the test is skipped, saying that
// notChecked was not checked, or fails when UPSHOT_STANDINS is "required".
func Installed(t testing.TB, file, notChecked string) string {
	t.Helper()
	root, err := checkout()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, ".cache", "standins", filepath.FromSlash(file))
	if _, err := os.Stat(path); err != nil {
		Missing(t, notChecked+" (.cache/standins/"+file+" is not installed: run internal/standin/install.sh)")
	}
	return path
}

// Missing skips the test, saying what was not checked, or fails it when
// UPSHOT_STANDINS is "required".
func Missing(t testing.TB, notChecked string) {
	t.Helper()
	if os.Getenv("UPSHOT_STANDINS") == "required" {
		t.Fatalf("NOT checked: %s", notChecked)
	}
	t.Skipf("NOT checked: %s", notChecked)
}

// checkout is the root of the module: the nearest folder above the test's
// working directory that has a go.mod.
func checkout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", os.ErrNotExist
		}
		dir = up
	}
}
