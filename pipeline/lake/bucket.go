package lake

import (
	"container/heap"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// tally tells whether a bucket's rows are those that its file holds already.
type tally struct {
	target         int64 // rows of the file
	rows, standing int64 // that the file shall have, and those of them that it has
	news           *news
}

// news tells which files hold rows that base did not hold before.
type news struct {
	hot  []bool // of the day's hot files, in their order
	base bool   // some older generation of base
}

// read counts a row before repetitions are dropped.
func (t *tally) read(p *packed) {
	if p.tier == fromTarget {
		t.target++
	}
}

// stand counts the rows that are left.
func (t *tally) stand(rows []packed) {
	t.rows += int64(len(rows))
	for i := range rows {
		switch rows[i].tier {
		case fromTarget:
			t.standing++
		case fromBase:
			t.news.base = true
		default:
			t.news.hot[rows[i].file] = true
		}
	}
}

func (t *tally) changed() bool { return t.rows != t.standing || t.target != t.standing }

// sortedRows are the rows of a bucket, each once, in the order of the file: in
// memory, or in runs of a temporary file.
type sortedRows struct {
	tally
	memory []packed
	runs   []run
	file   *spill
}

// bucket gives the rows of a bucket that were added so far.
func (s *sorter) bucket(b int) (*sortedRows, error) {
	if s.parts == 0 {
		return s.inMemory(b), nil
	}
	if err := s.flush(); err != nil {
		return nil, err
	}
	out := &sortedRows{tally: tally{news: &s.news}}
	var err error
	if out.file, err = newSpill(s.dir); err != nil {
		return nil, err
	}
	// While runs are merged a block of each is in memory, packed and unpacked.
	block := min(max(s.budget/(4*s.parts), 16<<10), 128<<10)
	if err = s.sort(out, b, block); err == nil {
		err = out.narrow(max(s.budget/(2*block), 16), block)
	}
	s.free = nil // the encoder needs the memory now
	if err != nil {
		_ = out.close()
		return nil, err
	}
	return out, nil
}

// sort makes each part of a bucket a run.
func (s *sorter) sort(out *sortedRows, b, block int) error {
	for part := b * s.parts; part < (b+1)*s.parts; part++ {
		pieces, err := s.split(s.segs[part], out.file)
		if err != nil {
			return err
		}
		for _, segs := range pieces {
			rows, chunks, err := s.load(segs, &out.tally)
			if err != nil {
				return err
			}
			w := runWriter{to: out.file, size: block}
			for i := range rows {
				if err := w.add(&rows[i]); err != nil {
					return err
				}
			}
			if err := w.flush(); err != nil {
				return err
			}
			out.runs = append(out.runs, w.run)
			s.recycle(chunks)
		}
	}
	return nil
}

// narrow merges runs until there are no more than can be merged at once.
func (s *sortedRows) narrow(most, block int) error {
	s.runs = slices.DeleteFunc(s.runs, func(r run) bool { return r.rows == 0 })
	for len(s.runs) > most {
		w := runWriter{to: s.file, size: block}
		err := mergeRuns(s.runs[:most], w.add)
		if err == nil {
			err = w.flush()
		}
		if err != nil {
			return err
		}
		s.runs = append(slices.Clone(s.runs[most:]), w.run)
	}
	return nil
}

func (s *sorter) inMemory(b int) *sortedRows {
	out := &sortedRows{tally: tally{news: &s.news}, memory: s.rows}
	if s.buckets > 1 {
		out.memory = nil
		for i := range s.rows {
			if s.bucketOf(&s.rows[i]) == b {
				out.memory = append(out.memory, s.rows[i])
			}
		}
	}
	for i := range out.memory {
		out.read(&out.memory[i])
	}
	out.memory = dedupe(out.memory)
	out.stand(out.memory)
	return out
}

func (s *sortedRows) close() error { return s.file.close() }

// write writes the rows as a Parquet file; step is called now and then, and
// what it returns ends the writing.
func (s *sortedRows) write(w io.Writer, l *layout, step func() error) error {
	pw := parquet.NewWriter(w, append(options(), l.schema)...)
	var recs []byte // a row of a run is gone with the next: the rows of a batch lie here
	ends := make([]int, 0, writeRows)
	batch := make([]parquet.Row, 0, writeRows)
	var group struct{ rows, bytes int } // that is being written
	flush := func() error {
		from := 0
		for i, end := range ends {
			var row parquet.Row
			if i < cap(batch) {
				row = batch[:i+1][i]
			}
			batch = append(batch[:i], l.unpack(row[:0], recs[from:end]))
			from = end
		}
		_, err := pw.WriteRows(batch[:len(ends)])
		group.rows, group.bytes = group.rows+len(ends), group.bytes+len(recs)
		recs, ends = recs[:0], ends[:0]
		if err == nil && (group.rows >= rowGroupRows || group.bytes >= rowGroupBytes) {
			err = pw.Flush()
			group.rows, group.bytes = 0, 0
		}
		if err != nil {
			return err
		}
		return step()
	}
	err := s.each(func(p *packed) error {
		recs = append(recs, p.rec[p.value:]...)
		ends = append(ends, len(recs))
		if len(ends) < min(writeRows, rowGroupRows-group.rows) && len(recs) < chunkBytes {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	if err := flush(); err != nil {
		return err
	}
	if err := pw.Close(); err != nil {
		return err
	}
	return step()
}

// each calls f with every row; the row is valid until f returns.
func (s *sortedRows) each(f func(*packed) error) error {
	for i := range s.memory {
		if err := f(&s.memory[i]); err != nil {
			return err
		}
	}
	return mergeRuns(s.runs, f)
}

// mergeRuns calls f with every row of the runs, in order.
func mergeRuns(runs []run, f func(*packed) error) error {
	var heads mergeHeap
	for _, r := range runs {
		rr := &runReader{run: r}
		rr.run.blocks = slices.Clone(r.blocks)
		more, err := rr.next()
		if err != nil {
			return err
		}
		if more {
			heads = append(heads, rr)
		}
	}
	heap.Init(&heads)
	for len(heads) > 0 {
		if err := f(&heads[0].head); err != nil {
			return err
		}
		more, err := heads[0].next()
		if err != nil {
			return err
		}
		if more {
			heap.Fix(&heads, 0)
		} else {
			heap.Pop(&heads)
		}
	}
	return nil
}

// mergeHeap has the run with the first row on top.
type mergeHeap []*runReader

func (h mergeHeap) Len() int           { return len(h) }
func (h mergeHeap) Less(i, j int) bool { return byPlace(h[i].head, h[j].head) < 0 }
func (h mergeHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *mergeHeap) Push(x any)        { *h = append(*h, x.(*runReader)) }
func (h *mergeHeap) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	*h = (*h)[:last]
	return r
}
