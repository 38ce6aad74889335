package lake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

const (
	// daysAtOnce is how many days are merged at once: most of the time goes by
	// waiting for the store.
	daysAtOnce = 4
	// filesAtOnce is how many files are open for reading in all days together.
	filesAtOnce = 8
	// firstRate is how many stored bytes a second a day is taken to be merged
	// at, until one was.
	firstRate = 2 << 20
)

// day is one of a table.
type day struct {
	table int // in the report
	dt    string
}

// job is the work on one day.
type job struct {
	day
	files *dayFiles
	bytes int64
}

// plan is the work on all days: which is next, and what memory it may take.
type plan struct {
	s   env.Store
	o   CompactOptions
	l   *lock
	rep *CompactReport

	ends time.Time // when no more time is left; zero is never

	mu      sync.Mutex
	changed *sync.Cond // memory was given back, or all is over
	work    []job      // the oldest first
	free    int64      // bytes
	stopped bool
	remain  map[day]bool // for the next time
	failed  []error      // days that are damaged, or have no room for temporary files
	bytes   int64        // that were merged
	took    time.Duration
}

// list finds the days with something to do.
func (p *plan) list(ctx context.Context) error {
	for i, name := range Tables() {
		p.rep.Tables = append(p.rep.Tables, TableReport{Table: name})
		rep := &p.rep.Tables[i]
		days, err := listTable(ctx, p.s, name, p.o)
		if err != nil {
			return fmt.Errorf("list %s: %w", name, err)
		}
		for dt, d := range days {
			rep.FilesBefore += len(d.base) + len(d.hot) + d.left
			rep.BytesBefore += d.size() + d.leftBytes
			rep.FilesAfter += d.left
			rep.BytesAfter += d.leftBytes
			if d.left > 0 {
				p.remain[day{i, dt}] = true
			}
			if len(d.hot) > 0 || !d.whole() {
				p.work = append(p.work, job{day{i, dt}, d, d.size()})
				continue
			}
			rep.FilesAfter += len(d.base)
			rep.BytesAfter += sum(d.base)
		}
	}
	slices.SortFunc(p.work, func(a, b job) int {
		return cmp.Or(a.files.oldest().Compare(b.files.oldest()), cmp.Compare(a.table, b.table), cmp.Compare(a.dt, b.dt))
	})
	return nil
}

// run does the work until it is done or the time is over.
func (p *plan) run(ctx context.Context) error {
	p.free = p.o.Memory
	p.changed = sync.NewCond(&p.mu)
	work, stop := p.limit(ctx)
	defer stop(nil)
	defer context.AfterFunc(work, p.stop)()
	reading := make(chan struct{}, filesAtOnce)
	var wg sync.WaitGroup
	for range min(daysAtOnce, len(p.work)) {
		wg.Go(func() {
			for {
				j, memory, ok := p.take()
				if !ok {
					return
				}
				start := p.o.Clock.Now()
				rep := TableReport{Table: Tables()[j.table]}
				err := p.merge(work, j, memory, reading, &rep)
				if err != nil {
					rep.FilesAfter, rep.BytesAfter = 0, 0
				}
				p.done(j, memory, rep, p.o.Clock.Now().Sub(start))
				if err = p.judge(work, j, err); err != nil {
					stop(err)
				}
			}
		})
	}
	wg.Wait()
	for _, j := range p.work {
		p.remain[j.day] = true
		p.leave(j)
	}
	p.rep.Remaining = len(p.remain)
	if errors.Is(context.Cause(work), errTime) {
		return errors.Join(p.failed...)
	}
	return errors.Join(append(p.failed, context.Cause(work))...)
}

// errTime is the cause of the end of work when the time is over.
var errTime = errors.New("the time is over")

// limit gives the context of the work: it ends some time before ctx's deadline,
// a tenth of the time and at most 10 s, so that the lock can be released.
func (p *plan) limit(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	work, stop := context.WithCancelCause(ctx)
	deadline, ok := ctx.Deadline()
	if !ok {
		return work, stop
	}
	left := deadline.Sub(p.o.Clock.Now())
	left -= min(left/10, 10*time.Second)
	p.ends = p.o.Clock.Now().Add(left)
	t := time.AfterFunc(max(left, 0), func() { stop(errTime) })
	context.AfterFunc(work, func() { t.Stop() })
	return work, stop
}

func (p *plan) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	p.changed.Broadcast()
}

// take waits until the next day's memory is free, and takes the day: the oldest
// that fits into the time that is left, or else the oldest of all, which may
// get some of its buckets done. false when nothing is left to do.
func (p *plan) take() (j job, memory int64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if p.stopped || len(p.work) == 0 {
			return job{}, 0, false
		}
		i := max(slices.IndexFunc(p.work, p.fits), 0)
		j = p.work[i]
		if memory = min(p.need(j), p.o.Memory); memory <= p.free {
			p.work = slices.Delete(p.work, i, i+1)
			p.free -= memory
			return j, memory, true
		}
		p.changed.Wait()
	}
}

func (p *plan) fits(j job) bool {
	if p.ends.IsZero() {
		return true
	}
	rate := float64(firstRate)
	if p.took > 0 && p.bytes > 0 {
		rate = float64(p.bytes) / p.took.Seconds()
	}
	return time.Duration(float64(j.bytes)/rate*float64(time.Second)) <= p.ends.Sub(p.o.Clock.Now())
}

// overhead is the memory that merging a day takes beside its rows: decoders,
// the encoder's row group, the parts of an upload.
func overhead(bytes int64) int64 { return 16<<20 + min(2*bytes, 48<<20) }

// need is the memory for a day whose rows all stay in memory: as much again is
// not collected yet.
func (p *plan) need(j job) int64 { return overhead(j.bytes) + 2*unpacking*j.bytes }

// merge merges one day.
func (p *plan) merge(ctx context.Context, j job, memory int64, reading chan struct{}, rep *TableReport) error {
	lay, err := newLayout(specs[rep.Table])
	if err != nil {
		return err
	}
	m := &dayMerge{
		s: p.s, o: p.o, l: p.l, reading: reading, layout: lay,
		table: rep.Table, dt: j.dt, files: j.files, rep: rep,
	}
	if err := m.run(ctx, int(max(memory-overhead(j.bytes), memory/4)/2)); err != nil {
		return err
	}
	if p.o.Progress != nil {
		p.o.Progress(rep.Table, j.dt)
	}
	return nil
}

// done takes the report of a day over and gives its memory back.
func (p *plan) done(j job, memory int64, rep TableReport, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rep.Tables[j.table].add(rep)
	p.bytes += j.bytes
	p.took += took
	p.free += memory
	p.changed.Broadcast()
}

// judge decides what the error of a day means: nil where it only is left for
// the next time, or was noted and the other days go on.
func (p *plan) judge(work context.Context, j job, err error) error {
	if err == nil {
		return nil
	}
	outOfTime := errors.Is(context.Cause(work), errTime)
	err = fmt.Errorf("%s %s: %w", Tables()[j.table], j.dt, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case outOfTime, errors.Is(err, env.ErrNotExist), errors.Is(err, env.ErrChanged), errors.Is(err, env.ErrExist):
		p.remain[j.day] = true
		p.leave(j)
	case fault.Is(err, fault.Permanent), isTemp(err):
		p.failed = append(p.failed, err)
		p.leave(j)
	default:
		return err
	}
	return nil
}

// leave counts the files of a day that was not done as they were found.
func (p *plan) leave(j job) {
	rep := &p.rep.Tables[j.table]
	rep.FilesAfter += len(j.files.base) + len(j.files.hot)
	rep.BytesAfter += j.bytes
}

// each calls f for 0..n-1, some at a time, and stops at the first error.
func each(ctx context.Context, n, atOnce int, f func(context.Context, int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(n, atOnce) {
		wg.Go(func() {
			for i := range next {
				if ctx.Err() != nil {
					continue
				}
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
