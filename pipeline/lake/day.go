package lake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/parquet-go/parquet-go"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// dayFiles are the files of one day of one table.
type dayFiles struct {
	base, hot []env.Info
	buckets   int // of the newest generation of base files
	left      int // hot files beyond those that one compaction takes on
	leftBytes int64
	taken     int64 // bytes of hot files so far, while they are listed
}

// whole reports whether the base files are those of one generation, all of
// them. A crash between writing the new and removing the old leaves others.
func (d *dayFiles) whole() bool { return len(d.base) == d.buckets && d.has(d.buckets) }

// has reports whether a generation is there, all of it.
func (d *dayFiles) has(buckets int) bool {
	n := 0
	for _, f := range d.base {
		if k, _ := ParseKey(f.Key); k.Buckets == buckets {
			n++
		}
	}
	return n == buckets
}

func (d *dayFiles) size() int64 { return sum(d.base) + sum(d.hot) }

// oldest is when the oldest file that waits to be merged was written.
func (d *dayFiles) oldest() (t time.Time) {
	for i, f := range d.hot {
		if i == 0 || f.Modified.Before(t) {
			t = f.Modified
		}
	}
	return t
}

// growth is about what the base files will take: those of the largest
// generation, and the hot files that came since. Others are merged and wait for
// their grace.
func (d *dayFiles) growth() (n int64) {
	generations := map[int]int64{}
	var since time.Time
	for _, f := range d.base {
		k, _ := ParseKey(f.Key)
		generations[k.Buckets] += f.Size
		n = max(n, generations[k.Buckets])
		if f.Modified.After(since) {
			since = f.Modified
		}
	}
	for _, f := range d.hot {
		if f.Modified.After(since) {
			n += f.Size
		}
	}
	return n
}

// target is the number of buckets that the day shall have. It only ever grows,
// by doubling, so that the rows of a bucket stay together in two of the next
// generation and each bucket can be split on its own.
func (d *dayFiles) target(bucketBytes int64) int {
	want := int(d.growth()/bucketBytes) + 1
	if d.buckets == 0 {
		return want
	}
	n := d.buckets
	for n < want {
		n *= 2
	}
	return n
}

// groups is in how many groups of buckets the day can be worked on one after
// the other: rows of a group lie in base files of the group, in the old
// generations and in the new.
func (d *dayFiles) groups(buckets int) int {
	g := buckets
	for _, f := range d.base {
		k, _ := ParseKey(f.Key)
		for a, b := g, k.Buckets; ; a, b = b, a%b {
			if b == 0 {
				g = a
				break
			}
		}
	}
	return g
}

// dayMerge merges one day.
type dayMerge struct {
	s         env.Store
	o         CompactOptions
	l         *lock
	reading   chan struct{} // one place for every file that may be open
	layout    *layout
	table, dt string
	files     *dayFiles
	buckets   int
	mu        sync.Mutex // of rows
	rows      *sorter
	changed   bool // some base file was rewritten
	rep       *TableReport
}

// run merges the day. It may end anywhere: what is written is whole, and
// nothing is removed before everything is written.
func (m *dayMerge) run(ctx context.Context, memory int) (err error) {
	m.buckets = m.files.target(m.o.BucketBytes)
	m.rows = newSorter(m.buckets, memory, m.o.Temp, m.files.size(), len(m.files.hot))
	defer func() { err = errors.Join(err, m.rows.close()) }()
	if err := m.read(ctx, m.files.hot, func(i int) origin { return origin{fromHot, uint32(i)} }); err != nil { //nolint:gosec // far fewer
		return err
	}
	groups := m.files.groups(m.buckets)
	if groups > 1 {
		if err := m.rows.keep(); err != nil {
			return err
		}
	}
	for g := range groups {
		if err := m.group(ctx, g, groups); err != nil {
			return err
		}
	}
	m.rep.RowsIn += m.rows.added
	m.rep.Merged += len(m.files.hot)
	m.rep.FilesAfter += m.buckets
	if m.changed {
		m.rep.Days++
	}
	if err := m.removeOld(ctx); err != nil {
		return err
	}
	return m.measure(ctx)
}

// group writes the base files of every groups-th bucket from g on.
func (m *dayMerge) group(ctx context.Context, g, groups int) error {
	var base []env.Info
	held := map[int]env.Info{} // the files of buckets that have theirs
	for _, f := range m.files.base {
		k, _ := ParseKey(f.Key)
		if k.Bucket%groups == g {
			base = append(base, f)
			if k.Buckets == m.buckets {
				held[k.Bucket] = f
			}
		}
	}
	err := m.read(ctx, base, func(i int) origin {
		if k, _ := ParseKey(base[i].Key); k.Buckets == m.buckets {
			return origin{tier: fromTarget}
		}
		return origin{tier: fromBase}
	})
	if err != nil {
		return err
	}
	for b := g; b < m.buckets; b += groups {
		if err := m.bucket(ctx, b, held[b]); err != nil {
			return err
		}
	}
	if groups == 1 {
		return nil
	}
	return m.rows.forget()
}

// bucket writes a base file, unless it is there and holds what it shall.
func (m *dayMerge) bucket(ctx context.Context, b int, held env.Info) (err error) {
	rows, err := m.rows.bucket(b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.close()) }()
	m.rep.RowsOut += rows.rows
	if held.Key != "" && !rows.changed() {
		return nil
	}
	m.changed = true
	key := BaseKey(m.table, m.dt, b, m.buckets)
	// A write that hangs is given up before another compaction could take over.
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if err := m.l.renew(ctx); err != nil {
		return err
	}
	err = stream(func(w io.Writer) error {
		err := rows.write(w, m.layout, func() error { return cmp.Or(ctx.Err(), m.l.renew(ctx)) })
		if err == nil {
			hung := time.AfterFunc(lockLease/2, func() { stop(errHung) })
			context.AfterFunc(ctx, func() { hung.Stop() })
		}
		return err
	}, func(r io.Reader) error {
		if held.Key == "" {
			return m.s.Create(ctx, key, r)
		}
		return m.s.Replace(ctx, key, held.Version, r)
	})
	if err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, errHung) {
			err = cause
		}
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

var errHung = fault.Retryf("the store took longer than %s to finish the file", lockLease/2)

// readers is how many files of a day are read at once: of many small ones in an
// object store most of the time is waiting.
const readers = 4

// read adds the rows of files.
func (m *dayMerge) read(ctx context.Context, files []env.Info, from func(int) origin) error {
	next := make(chan int)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	for range min(readers, len(files)) {
		wg.Go(func() {
			p := &packer{m: m}
			for i := range next {
				if err := p.file(ctx, files[i], from(i)); err != nil {
					stop(err)
				}
			}
			if err := p.flush(); err != nil {
				stop(err)
			}
		})
	}
	for i := range files {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// packer packs the rows of one file after the other.
type packer struct {
	m    *dayMerge
	b    batch
	read int64 // bytes of files, as stored
	buf  []parquet.Row
}

// file packs the rows of a file. Columns that the file lacks are null.
func (p *packer) file(ctx context.Context, f env.Info, from origin) error {
	select {
	case p.m.reading <- struct{}{}:
		defer func() { <-p.m.reading }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := p.m.l.renew(ctx); err != nil {
		return err
	}
	o, err := p.m.s.Open(ctx, f.Key)
	if err != nil {
		return fmt.Errorf("open %s: %w", f.Key, err)
	}
	defer func() { _ = o.Close() }()
	if err := p.object(ctx, o, from); isTemp(err) {
		return err
	} else if err != nil {
		return fmt.Errorf("read %s: %w", f.Key, err)
	}
	p.read += f.Size
	return nil
}

func (p *packer) object(ctx context.Context, o env.Object, from origin) (err error) {
	in := &watched{Object: o}
	defer func() {
		if r := recover(); r != nil { // which the library does at some damage
			err = in.blame(fmt.Errorf("%v", r))
		}
	}()
	f, err := parquet.OpenFile(in, o.Size())
	if err != nil {
		return in.blame(err)
	}
	conv, err := parquet.Convert(p.m.layout.schema, f.Schema())
	if err != nil {
		return fault.Permanentf("its columns do not fit: %w", err)
	}
	for _, g := range f.RowGroups() {
		if err := p.rows(ctx, parquet.ConvertRowGroup(g, conv), in, from); err != nil {
			return err
		}
	}
	return nil
}

func (p *packer) rows(ctx context.Context, g parquet.RowGroup, in *watched, from origin) (err error) {
	r := g.Rows()
	defer func() { err = errors.Join(err, r.Close()) }()
	if p.buf == nil {
		p.buf = make([]parquet.Row, 256)
	}
	for ctx.Err() == nil {
		n, err := r.ReadRows(p.buf)
		for _, row := range p.buf[:n] {
			if err := p.pack(row, in.Size(), from); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return in.blame(err)
		}
	}
	return ctx.Err()
}

// watched remembers whether the store failed to read an object: the library
// gives errors of its own for that.
type watched struct {
	env.Object
	err error
}

func (w *watched) ReadAt(b []byte, off int64) (int, error) {
	n, err := w.Object.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// blame says what an error of the library means: the store's fault as it was,
// else damage.
func (w *watched) blame(err error) error {
	if w.err != nil {
		return w.err
	}
	return fault.Permanentf("the file is damaged: %w", err)
}

func (p *packer) pack(row parquet.Row, size int64, from origin) error {
	const room = 4 << 10 // more than most rows take
	if p.b.chunk == nil || len(p.b.chunk) > 0 && cap(p.b.chunk)-len(p.b.chunk) < room {
		if err := p.flush(); err != nil {
			return err
		}
		p.m.mu.Lock()
		p.b.chunk = p.m.rows.chunk(2*room + unpacking*int(size))
		p.m.mu.Unlock()
	}
	var packed packed
	packed, p.b.chunk = p.m.layout.pack(p.b.chunk, row, from)
	p.b.rows = append(p.b.rows, packed)
	return nil
}

// flush hands what is packed over.
func (p *packer) flush() error {
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	p.m.rows.seen += p.read
	p.read = 0
	if len(p.b.rows) == 0 {
		return nil
	}
	err := p.m.rows.take(p.b)
	p.b = batch{rows: p.b.rows[:0]}
	return err
}
