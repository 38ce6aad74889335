package main

import (
	"archive/zip"
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// write makes files with their folders, by their paths below dir.
func write(t *testing.T, dir string, files map[string]string, mode os.FileMode, at time.Time) {
	t.Helper()
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	conf = map[string]string{
		"upshot.yaml":         "timezone: UTC\nsources:\n  shop: {mapping: mappings/shop.yaml}\n  api: {type: api}\n",
		"mappings/shop.yaml":  "name: shop\n",
		"mappings/other.yaml": "named by nobody\n",
	}
	built = map[string]string{"bootstrap": strings.Repeat("a program ", 1000), "themes/more.yaml": "[]\n"}
)

// TestPack: the same files give the same bytes, whenever and with whatever
// modes they were written; the configuration's mapping is packed with it.
func TestPack(t *testing.T) {
	var archives [][]byte
	for _, c := range []struct {
		mode os.FileMode
		at   time.Time
	}{{0o600, time.Unix(1_000_000_000, 0)}, {0o755, time.Unix(1_700_000_000, 0)}} {
		in, dir := t.TempDir(), t.TempDir()
		write(t, in, conf, c.mode, c.at)
		write(t, dir, built, c.mode, c.at)
		out := filepath.Join(t.TempDir(), "f.zip")
		for range 2 { // the second time over what the first one placed
			if err := pack(filepath.Join(in, "upshot.yaml"), out, dir); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			archives = append(archives, b)
		}
	}
	for _, a := range archives[1:] {
		if !bytes.Equal(archives[0], a) {
			t.Error("the same files give other bytes")
		}
	}
	r, err := zip.NewReader(bytes.NewReader(archives[0]), int64(len(archives[0])))
	if err != nil {
		t.Fatal(err)
	}
	want := maps.Clone(built)
	want["upshot.yaml"], want["mappings/shop.yaml"] = conf["upshot.yaml"], conf["mappings/shop.yaml"]
	var names []string
	for _, f := range r.File {
		names = append(names, f.Name)
		if f.Mode() != 0o755 || !f.Modified.Equal(time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)) || f.Method != zip.Deflate {
			t.Errorf("%s: mode %v, time %v, method %d", f.Name, f.Mode(), f.Modified, f.Method)
		}
		o, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(o)
		if err != nil || string(b) != want[f.Name] {
			t.Errorf("%s: %.40q, %v", f.Name, b, err)
		}
	}
	if sorted := slices.Sorted(maps.Keys(want)); !slices.Equal(names, sorted) {
		t.Errorf("packed %q, want %q", names, sorted)
	}
}

// TestPackRefuses what Lambda could not run, and leaves what was there before.
func TestPackRefuses(t *testing.T) {
	for _, c := range []struct {
		name, conf string
		files      map[string]string
		says       string
	}{
		{"no bootstrap", "", map[string]string{"boot": "x"}, "bootstrap"},
		{"a bootstrap elsewhere", "", map[string]string{"bin/bootstrap": "x"}, "bootstrap"},
		{"nothing", "", nil, "bootstrap"},
		{"a wrong configuration", "timezone: Mars\n", built, "timezone"},
		{"a mapping outside", "timezone: UTC\nsources:\n  shop: {mapping: ../shop.yaml}\n", built, "sources.shop.mapping"},
		{"a mapping with a full path", "timezone: UTC\nsources:\n  shop: {mapping: /etc/shop.yaml}\n", built, "sources.shop.mapping"},
		{"a mapping that is not there", "timezone: UTC\nsources:\n  shop: {mapping: shop.yaml}\n", built, "shop.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, dir := t.TempDir(), t.TempDir()
			write(t, dir, c.files, 0o755, time.Unix(0, 0))
			file := ""
			if c.conf != "" {
				file = filepath.Join(in, "upshot.yaml")
				write(t, in, map[string]string{"upshot.yaml": c.conf}, 0o600, time.Unix(0, 0))
			}
			out := filepath.Join(in, "f.zip")
			write(t, in, map[string]string{"f.zip": "of the last build"}, 0o600, time.Unix(0, 0))
			err := pack(file, out, dir)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q in it", err, c.says)
			}
			if b, _ := os.ReadFile(out); string(b) != "of the last build" {
				t.Errorf("the archive is now %.40q", b)
			}
		})
	}
	if err := pack("", filepath.Join(t.TempDir(), "f.zip"), filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a folder that is not there is packed")
	}
	if err := pack(filepath.Join(t.TempDir(), "missing.yaml"), filepath.Join(t.TempDir(), "f.zip"), t.TempDir()); err == nil {
		t.Error("a configuration that is not there is packed")
	}
}
