package env_test

import (
	"path"
	"path/filepath"
	"strings"
	"testing"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// A key that passes is a clean relative path that stays below its folder and
// has no hidden part; every other one is a fault of kind Invalid.
func FuzzCheckKey(f *testing.F) {
	for _, k := range []string{
		"", "a", "a/b", "a//b", "../a", "a/..", "/a", "a/", ".tmp/x", "a\x00", `a\b`, "ä", "\xff",
		strings.Repeat("x", 255), strings.Repeat("x", 256), strings.Repeat("x/", 512), strings.Repeat("x/", 511) + "xx",
	} {
		f.Add(k)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if err := env.CheckKey(key); err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%q: %v is of another kind", key, err)
			}
			return
		}
		if !filepath.IsLocal(key) || path.Clean(key) != key || strings.HasPrefix(key, ".") || strings.Contains(key, "/.") {
			t.Errorf("%q passes", key)
		}
		if len(key) > 1024 || strings.ContainsAny(key, "\x00\n\r\\") {
			t.Errorf("%q passes", key)
		}
	})
}

func TestCheckKeyTakesWhatTheStagesUse(t *testing.T) {
	for _, key := range []string{
		"events/tier=hot/dt=2026-11-01/ab12.parquet", "archive/dt=2026-11-01/ab12.jsonl.zst",
		"outbox/weekly/2026-W47/pm+1@example.com/claim.0001", "reports/weekly/2026-W47/report.html",
		strings.Repeat("x", 255), strings.Repeat("x/", 511) + "xx",
	} {
		if err := env.CheckKey(key); err != nil {
			t.Error(err)
		}
	}
	for _, key := range []string{strings.Repeat("x", 256), strings.Repeat("x/", 511) + "xxx", "a/.b", "a\x7f"} {
		if env.CheckKey(key) == nil {
			t.Errorf("%.40q... passes", key)
		}
	}
}
