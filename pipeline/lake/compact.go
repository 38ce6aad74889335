package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"upshot.dev/upshot/pipeline/env"
)

// CompactOptions say how to compact.
type CompactOptions struct {
	Clock env.Clock
	// Grace is how long a hot file stays after it was written, for readers
	// that listed it before it was merged. 0 deletes at once.
	Grace time.Duration
	// BucketBytes is the size from which a day is split into more base files;
	// 0 is 192 MiB.
	BucketBytes int64
	// Progress is told of every day that was rewritten, by several goroutines
	// at once; may be nil.
	Progress func(table, dt string)
}

// TableReport says what compaction did to a table.
type TableReport struct {
	Table                   string
	Days                    int // rewritten
	Merged, Deleted         int // hot files
	RowsIn, RowsOut         int64
	FilesBefore, FilesAfter int
	BytesBefore, BytesAfter int64
}

// CompactReport says what a compaction did.
type CompactReport struct {
	Tables []TableReport
	// Busy is true when another compaction held the lake: nothing was done.
	Busy bool
}

// Compact merges the hot files of every day into the day's base files. It may
// be cut off anywhere and run again, also while others read and write: a base
// file is replaced by one Put, and a hot file goes only after its rows are in
// base, at least Grace after it was written.
func Compact(ctx context.Context, s env.Store, o CompactOptions) (rep CompactReport, err error) {
	if o.BucketBytes <= 0 {
		o.BucketBytes = 192 << 20
	}
	l, err := lockLake(ctx, s, o.Clock)
	if errors.Is(err, env.ErrExist) {
		return CompactReport{Busy: true}, nil
	}
	if err != nil {
		return rep, fmt.Errorf("compact: take the lock: %w", err)
	}
	defer func() { err = errors.Join(err, l.release(ctx)) }()
	for _, t := range Tables() {
		tr, err := compactTable(ctx, s, o, l, t)
		rep.Tables = append(rep.Tables, tr)
		if err != nil {
			return rep, fmt.Errorf("compact %s: %w", t, err)
		}
	}
	return rep, nil
}

// dayFiles are the files of one day of one table.
type dayFiles struct {
	base, hot []env.Info
	buckets   int // of the newest generation of base files
}

func listTable(ctx context.Context, s env.Blobs, table string) (map[string]*dayFiles, error) {
	days := map[string]*dayFiles{}
	for info, err := range s.List(ctx, table+"/") {
		if err != nil {
			return nil, err
		}
		f, ok := ParseKey(info.Key)
		if !ok || f.Table != table {
			continue
		}
		d := days[f.DT]
		if d == nil {
			d = &dayFiles{}
			days[f.DT] = d
		}
		if f.Tier == Hot {
			d.hot = append(d.hot, info)
			continue
		}
		d.base = append(d.base, info)
		d.buckets = max(d.buckets, f.Buckets)
	}
	return days, nil
}

func compactTable(ctx context.Context, s env.Store, o CompactOptions, l *lock, name string) (TableReport, error) {
	rep := TableReport{Table: name}
	days, err := listTable(ctx, s, name)
	if err != nil {
		return rep, err
	}
	var work []string
	for _, dt := range slices.Sorted(maps.Keys(days)) {
		d := days[dt]
		rep.count(d.base, d.hot)
		if len(d.hot) > 0 || d.mixed() {
			work = append(work, dt)
			continue
		}
		rep.FilesAfter += len(d.base)
		rep.BytesAfter += sum(d.base)
	}
	reports := make([]TableReport, len(work))
	err = parallel(ctx, len(work), func(ctx context.Context, i int) error {
		if err := l.renew(ctx); err != nil {
			return err
		}
		if err := compactDay(ctx, s, o, name, work[i], days[work[i]], &reports[i]); err != nil {
			return fmt.Errorf("%s: %w", work[i], err)
		}
		if o.Progress != nil {
			o.Progress(name, work[i])
		}
		return nil
	})
	for _, r := range reports {
		rep.add(r)
	}
	return rep, err
}

// compactDays is how many days are merged at once: most of the time goes by
// waiting for the disk.
const compactDays = 4

// parallel calls f for 0..n-1, a few at a time, and stops at the first error.
func parallel(ctx context.Context, n int, f func(context.Context, int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(n, compactDays) {
		wg.Go(func() {
			for i := range next {
				if err := f(ctx, i); err != nil {
					stop(err)
				}
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

func (r *TableReport) add(o TableReport) {
	r.Days += o.Days
	r.Merged += o.Merged
	r.Deleted += o.Deleted
	r.RowsIn += o.RowsIn
	r.RowsOut += o.RowsOut
	r.FilesAfter += o.FilesAfter
	r.BytesAfter += o.BytesAfter
}

// mixed reports whether the base files are anything but one whole generation: a
// crash between writing the new and removing the old leaves files of two, whose
// number may happen to be that of the new one.
func (d *dayFiles) mixed() bool {
	newest := 0
	for _, f := range d.base {
		if k, _ := ParseKey(f.Key); k.Buckets == d.buckets {
			newest++
		}
	}
	return len(d.base) > 0 && (newest != d.buckets || newest != len(d.base))
}

func (r *TableReport) count(lists ...[]env.Info) {
	for _, l := range lists {
		r.FilesBefore += len(l)
		r.BytesBefore += sum(l)
	}
}

func sum(list []env.Info) (n int64) {
	for _, i := range list {
		n += i.Size
	}
	return n
}

// compactDay merges one day.
func compactDay(ctx context.Context, s env.Store, o CompactOptions, name, dt string, d *dayFiles, rep *TableReport) error {
	m, err := newMerge(specs[name])
	if err != nil {
		return err
	}
	for _, f := range d.base {
		if err := m.read(ctx, s, f.Key, true); err != nil {
			return err
		}
	}
	for _, f := range d.hot {
		if err := m.read(ctx, s, f.Key, false); err != nil {
			return err
		}
	}
	rep.RowsIn += int64(len(m.rows))
	buckets := max(d.buckets, int((sum(d.base)+sum(d.hot))/o.BucketBytes)+1)
	fresh := m.unique() || d.mixed() || buckets != d.buckets
	rep.RowsOut += int64(len(m.rows))
	if fresh {
		rep.Days++
		for b := range buckets {
			key := BaseKey(name, dt, b, buckets)
			if err := put(ctx, s, key, m.write(b, buckets)); err != nil {
				return fmt.Errorf("write %s: %w", key, err)
			}
		}
	}
	rep.Merged += len(d.hot)
	for _, f := range d.base {
		if k, _ := ParseKey(f.Key); k.Buckets != buckets {
			if err := s.Remove(ctx, f.Key); err != nil {
				return fmt.Errorf("remove the old %s: %w", f.Key, err)
			}
		}
	}
	deadline := o.Clock.Now().Add(-o.Grace)
	for _, f := range d.hot {
		if f.Modified.After(deadline) && o.Grace > 0 {
			rep.FilesAfter++
			rep.BytesAfter += f.Size
			continue
		}
		if err := s.Remove(ctx, f.Key); err != nil {
			return fmt.Errorf("remove the merged %s: %w", f.Key, err)
		}
		rep.Deleted++
	}
	rep.FilesAfter += buckets
	return sizes(ctx, s, name, dt, rep)
}

func sizes(ctx context.Context, s env.Blobs, name, dt string, rep *TableReport) error {
	for info, err := range s.List(ctx, name+"/tier="+Base+"/dt="+dt+"/") {
		if err != nil {
			return err
		}
		rep.BytesAfter += info.Size
	}
	return nil
}

// put streams what write produces into the store.
func put(ctx context.Context, s env.Blobs, key string, write func(io.Writer) error) error {
	r, w := io.Pipe()
	go func() { w.CloseWithError(write(w)) }()
	err := s.Put(ctx, key, r)
	_ = r.CloseWithError(errors.New("the store stopped reading")) // ends write when Put gave up early
	return err
}

// Write prints the report for a person.
func (r CompactReport) Write(w io.Writer) error {
	if r.Busy {
		_, err := fmt.Fprintln(w, "another compaction is running; nothing was done")
		return err
	}
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Options.DrawBorder = false
	t.AppendHeader(table.Row{"table", "days rewritten", "files merged", "rows in", "rows out", "files", "MB"})
	for _, x := range r.Tables {
		t.AppendRow(table.Row{
			x.Table, x.Days, x.Merged, x.RowsIn, x.RowsOut,
			fmt.Sprintf("%d -> %d", x.FilesBefore, x.FilesAfter),
			fmt.Sprintf("%.1f -> %.1f", float64(x.BytesBefore)/1e6, float64(x.BytesAfter)/1e6),
		})
	}
	t.Render()
	return nil
}
