package localenv

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"upshot.dev/upshot/pipeline/lake"
)

// lakeFiles are the Parquet files of a lake that a reader needs.
type lakeFiles struct {
	tables map[string]*tableFiles
}

// tableFiles are the files of a table in the order of their paths.
type tableFiles struct {
	all []*lakeFile
}

// lakeFile is a file as it was when it was listed.
type lakeFile struct {
	path string
	info fs.FileInfo
	// loose files may hold rows that others of the day hold, too; the others
	// are a day's base, in which every row is unique.
	loose bool
	dt    string
	fileFacts
}

// fileFacts is what a file says about itself.
type fileFacts struct {
	columns  string // sorted, with commas between
	rows     int64
	adjusted bool // may hold rows whose time was adjusted
}

// listLake lists the folder. Hot files are listed before base files: whatever
// a compaction moves meanwhile is then seen twice rather than not at all.
func listLake(dir string) (*lakeFiles, error) {
	out := &lakeFiles{tables: map[string]*tableFiles{}}
	for _, table := range lake.Tables() {
		days := map[string]*dayFiles{}
		for _, tier := range []string{lake.Hot, lake.Base} {
			if err := listTier(dir, filepath.Join(dir, table, "tier="+tier), days); err != nil {
				return nil, fmt.Errorf("list %s of the lake: %w", table, err)
			}
		}
		t := &tableFiles{}
		for _, dt := range slices.Sorted(maps.Keys(days)) {
			t.all = append(t.all, days[dt].current()...)
		}
		out.tables[table] = t
	}
	return out, nil
}

// dayFiles are a day's files: hot ones, and base files by generation, which is
// the number of buckets that a day is split into.
type dayFiles struct {
	hot  []*lakeFile
	base map[int][]*lakeFile
}

func listTier(dir, root string, days map[string]*dayFiles) error {
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return ignoreMissing(err)
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		key, ok := lake.ParseKey(filepath.ToSlash(rel))
		if !ok {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return ignoreMissing(err)
		}
		day := days[key.DT]
		if day == nil {
			day = &dayFiles{base: map[int][]*lakeFile{}}
			days[key.DT] = day
		}
		f := &lakeFile{path: filepath.ToSlash(p), info: info, dt: key.DT}
		if key.Tier == lake.Hot {
			day.hot = append(day.hot, f)
		} else {
			day.base[key.Buckets] = append(day.base[key.Buckets], f)
		}
		return nil
	})
	return ignoreMissing(err)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// current are the files that make up the day. While compaction splits a day
// into more files, those of two generations lie side by side: the newest that
// is complete counts, and the rows of the others are in it or still hot.
// Should none be complete, all of them are taken and compared with each other.
func (d *dayFiles) current() []*lakeFile {
	var base []*lakeFile
	for n, files := range d.base {
		if len(files) == n && n > len(base) {
			base = files
		}
	}
	out := slices.Clone(base)
	loose := slices.Clone(d.hot)
	if base == nil {
		for _, n := range slices.Sorted(maps.Keys(d.base)) {
			loose = append(loose, d.base[n]...)
		}
	}
	for _, f := range loose {
		f.loose = true
	}
	return append(out, loose...)
}

// same reports whether a file is still the one that was listed.
func (f *lakeFile) same(o fs.FileInfo) bool {
	return os.SameFile(f.info, o) && f.info.Size() == o.Size() && f.info.ModTime().Equal(o.ModTime())
}

// changed reports whether a listed file was replaced or removed since. New
// files do not count: their rows came after the question.
func (l *lakeFiles) changed() bool {
	for _, t := range l.tables {
		for _, f := range t.all {
			info, err := os.Lstat(f.path)
			if err != nil || !f.same(info) {
				return true
			}
		}
	}
	return false
}

// equal reports whether two listings of a table have the same files.
func (t *tableFiles) equal(o *tableFiles) bool {
	return o != nil && slices.EqualFunc(t.all, o.all, func(a, b *lakeFile) bool {
		return a.path == b.path && a.loose == b.loose && a.same(b.info)
	})
}
