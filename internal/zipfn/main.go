// Zipfn packs a function: the bootstrap, upshot.yaml, and the mapping files
// that it names, always to the same bytes.
//
//	go run ./internal/zipfn -config upshot.yaml -out dist/ingest.zip dist/ingest
//
// It also copies the configuration beside the bootstrap, where a template's
// CodeUri finds it.
package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"upshot.dev/upshot/pipeline/config"
)

func main() {
	conf := flag.String("config", "", "the configuration to pack")
	out := flag.String("out", "", "the archive to write")
	flag.Parse()
	if err := pack(*conf, *out, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "zipfn:", err)
		os.Exit(1)
	}
}

// pack puts the configuration into the folder and the folder into the archive.
// An archive is written as a whole or not at all.
func pack(conf, out, dir string) error {
	if conf != "" {
		if err := place(conf, dir); err != nil {
			return err
		}
	}
	var files []string
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, p)
		}
		return err
	})
	if err != nil {
		return err
	}
	if !slices.Contains(files, filepath.Join(dir, "bootstrap")) {
		return fmt.Errorf("there is no bootstrap in %q: Lambda could not start it", dir)
	}
	slices.Sort(files)
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	w.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	for _, name := range files {
		if err := add(w, dir, name); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(out, packed.Bytes(), 0o644) //nolint:gosec // the Makefile names the archive
}

// place copies the configuration and what it names into the folder, to the
// places where its relative paths find it.
func place(conf, dir string) error {
	c, err := config.LoadPacked(conf, os.LookupEnv)
	if err != nil {
		return err
	}
	if err := copyFile(conf, filepath.Join(dir, "upshot.yaml")); err != nil {
		return err
	}
	for name, s := range c.Sources {
		if s.Mapping == "" {
			continue
		}
		if !filepath.IsLocal(s.Mapping) {
			return c.Errorf([]string{"sources", name, "mapping"}, "to be packed, a mapping file lies beside the configuration or below it")
		}
		if err := copyFile(c.Path(s.Mapping), filepath.Join(dir, s.Mapping)); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from) //nolint:gosec // the operator names the files
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // Lambda reads it as another user
		return err
	}
	return os.WriteFile(to, b, 0o644) //nolint:gosec // the same
}

// add writes one file with a fixed time and mode, so that two builds of the
// same code give the same archive.
func add(w *zip.Writer, dir, name string) error {
	rel, err := filepath.Rel(dir, name)
	if err != nil {
		return err
	}
	h := &zip.FileHeader{Name: filepath.ToSlash(rel), Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	h.SetMode(0o755)
	to, err := w.CreateHeader(h)
	if err != nil {
		return err
	}
	from, err := os.Open(name) //nolint:gosec // found in the folder
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	_, err = io.Copy(to, from)
	return err
}
