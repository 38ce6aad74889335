package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"upshot.dev/upshot/pipeline/env"
)

// CompactOptions say how to compact.
type CompactOptions struct {
	Clock env.Clock
	// Grace is how long a hot file stays after it was written, for readers
	// that listed it before it was merged; and it goes only in the compaction
	// after the one that merged it, for readers that had read base before that.
	// 0 deletes at once. It is measured from the time that the store gives to
	// the file to Clock's: where their clocks differ, the grace is so much
	// shorter or longer.
	Grace time.Duration
	// BucketBytes is the size from which a day is split into more base files;
	// 0 is 192 MiB.
	BucketBytes int64
	// Memory is about what all days that are merged at once may take, in bytes,
	// half of it for what is not collected yet; 0 is 256 MiB. Days that need
	// more use temporary files.
	Memory int64
	// Temp is the folder for temporary files; "" is the system's. They take
	// about four times what a day's hot files take in the lake, of which one
	// compaction takes on 1 GiB at most, and eight times what a base file takes.
	Temp string
	// Progress is told of every day that was done, by several goroutines at
	// once; may be nil.
	Progress func(table, dt string)

	listed int   // hot files of a table at most; 0 is maxListed
	taken  int64 // bytes of hot files of a day at most; 0 is maxTaken
}

const (
	defaultBucket = 192 << 20
	defaultMemory = 256 << 20
	// maxListed bounds the hot files of a table that one compaction takes on,
	// as all their names are in memory. There may be more after a long pause.
	maxListed = 50_000
	// maxTaken bounds the hot files of a day that one compaction takes on, as
	// their rows may all lie in temporary files.
	maxTaken = 1 << 30
)

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
	// Remaining counts the days of tables that are left for the next time, for
	// want of time, because their files changed meanwhile, or because there are
	// more files than one compaction takes on.
	Remaining int
}

// Compact merges the hot files of every day into the day's base files, the day
// that has waited longest first. It may be cut off anywhere and run again, also
// while others read and write: a base file is replaced by one Put, and a hot
// file goes only after its rows are in base; see CompactOptions.Grace. Of two at
// once the second does nothing (see lock); and should one have been suspended
// until another took its place, what it had under way undoes nothing, as it
// replaces only the very files that it read. It ends a while before ctx's deadline, which it compares with Clock:
// what it could not do is counted in Remaining and is no error. A day that is
// damaged, or whose temporary files have no room, is an error and keeps no other
// day from being merged.
func Compact(ctx context.Context, s env.Store, o CompactOptions) (rep CompactReport, err error) {
	if o.BucketBytes <= 0 {
		o.BucketBytes = defaultBucket
	}
	if o.Memory <= 0 {
		o.Memory = defaultMemory
	}
	if o.listed <= 0 {
		o.listed = maxListed
	}
	if o.taken <= 0 {
		o.taken = maxTaken
	}
	l, err := lockLake(ctx, s, o.Clock)
	if errors.Is(err, env.ErrExist) {
		return CompactReport{Busy: true}, nil
	}
	if err != nil {
		return rep, fmt.Errorf("compact: take the lock: %w", err)
	}
	defer func() { err = errors.Join(err, l.release(ctx)) }()
	p := &plan{s: s, o: o, l: l, rep: &rep, remain: map[day]bool{}}
	if err := p.list(ctx); err != nil {
		return rep, fmt.Errorf("compact: %w", err)
	}
	if err := p.run(ctx); err != nil {
		return rep, fmt.Errorf("compact %w", err)
	}
	return rep, nil
}

// listTable gives the files of a table by day. Hot files beyond what a compaction
// takes on are only counted: base comes first in a listing, so what is given is a
// valid part of each day.
func listTable(ctx context.Context, s env.Blobs, table string, o CompactOptions) (map[string]*dayFiles, error) {
	days := map[string]*dayFiles{}
	n := 0
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
			n++
			if d.taken += info.Size; n > o.listed || d.taken > o.taken && len(d.hot) > 0 {
				d.left++
				d.leftBytes += info.Size
				continue
			}
			info.Version = "" // which only base needs
			d.hot = append(d.hot, info)
			continue
		}
		d.base = append(d.base, info)
		d.buckets = max(d.buckets, f.Buckets)
	}
	return days, nil
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

func sum(list []env.Info) (n int64) {
	for _, i := range list {
		n += i.Size
	}
	return n
}

// stream makes what write produces the body of send. write has ended when it
// returns.
func stream(write func(io.Writer) error, send func(io.Reader) error) error {
	r, w := io.Pipe()
	var writing sync.WaitGroup
	writing.Go(func() { w.CloseWithError(write(w)) })
	err := send(r)
	_ = r.CloseWithError(errors.New("the store stopped reading")) // ends write when the store gave up early
	writing.Wait()
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
	if r.Remaining > 0 {
		_, err := fmt.Fprintf(w, "%d days of tables are left for the next time\n", r.Remaining)
		return err
	}
	return nil
}
