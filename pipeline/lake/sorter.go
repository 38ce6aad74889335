package lake

import (
	"errors"
	"hash/maphash"
	"slices"
)

// chunkBytes is the memory that rows are packed into at once.
const chunkBytes = 1 << 20

// batch is some packed rows and the memory they lie in.
type batch struct {
	rows  []packed
	chunk []byte
}

// sorter takes the rows of one day, in any order and number, and gives each
// bucket's rows back, one of those that are the same, in the order of the file.
//
// While the rows fit into budget they stay in memory. Beyond it they go to a
// temporary file, cut by the hash of their identity into parts that fit: rows
// that are the same fall into the same part, wherever they stand in the order.
// Each part is then made unique and sorted in memory, and the sorted parts of a
// bucket are merged. Either way gives the same rows in the same order.
type sorter struct {
	buckets int
	budget  int    // bytes of rows in memory
	dir     string // for temporary files; "" is the system's
	total   int64  // bytes of the day's files, as stored

	rows   []packed
	chunks [][]byte
	free   [][]byte // chunks to use again
	bytes  int      // that rows take in memory
	added  int64    // rows ever
	news   news

	seen  int64       // bytes of files that were read so far, as stored
	raw   int64       // bytes that all rows ever added took in memory
	parts int         // per bucket; 0 until something was spilled
	segs  [][]segment // by bucket and part
	file  *spill      // where segments go now
	kept  *spill      // of segments that stay until the end
}

func newSorter(buckets, budget int, dir string, total int64, hot int) *sorter {
	return &sorter{buckets: buckets, budget: max(budget, 1), dir: dir, total: total, news: news{hot: make([]bool, hot)}}
}

// take hands rows over, with the chunk that they lie in.
func (s *sorter) take(b batch) error {
	s.rows = append(s.rows, b.rows...)
	s.chunks = append(s.chunks, b.chunk)
	n := len(b.chunk) + packedBytes*len(b.rows)
	s.bytes += n
	s.raw += int64(n)
	s.added += int64(len(b.rows))
	if s.bytes > s.budget {
		return s.flush()
	}
	return nil
}

// chunk is empty memory for a batch of about size bytes.
func (s *sorter) chunk(size int) []byte {
	if n := len(s.free); n > 0 {
		c := s.free[n-1]
		s.free = s.free[:n-1]
		return c[:0]
	}
	return make([]byte, 0, min(size, chunkBytes))
}

// recycle takes chunks back.
func (s *sorter) recycle(chunks [][]byte) {
	for _, c := range chunks {
		if cap(c) == chunkBytes {
			s.free = append(s.free, c)
		}
	}
}

// drop forgets the rows in memory.
func (s *sorter) drop() {
	s.recycle(s.chunks)
	clear(s.rows)
	s.rows, s.chunks, s.bytes = s.rows[:0], nil, 0
}

// part says where a row goes: bucket by bucket, and in each part by part.
func (s *sorter) part(p *packed) int {
	// The remainder chose the bucket; the product spreads what is left.
	n := (uint64(p.hash) * 0x9E3779B97F4A7C15 >> 32) % uint64(s.parts) //nolint:gosec // parts is positive
	return s.bucketOf(p)*s.parts + int(n)                              //nolint:gosec // below maxParts
}

func (s *sorter) bucketOf(p *packed) int { return int(p.hash) % s.buckets }

const (
	// maxParts bounds the parts of a bucket.
	maxParts = 256
	// unpacking is how many bytes of memory a stored byte is taken to become.
	// Usage events have 6 to 8; small files have less than large ones.
	unpacking = 10
)

// choose sets the number of parts so that a part takes a third of the budget.
func (s *sorter) choose() {
	perByte := max(float64(s.raw)/float64(max(s.seen, 1)), unpacking)
	whole := max(perByte*float64(s.total), float64(s.raw))
	s.parts = min(max(int(3*whole/float64(s.budget)/float64(s.buckets))+1, 2), maxParts)
	s.segs = make([][]segment, s.buckets*s.parts)
}

// flush writes the rows in memory to the temporary file.
func (s *sorter) flush() (err error) {
	if len(s.rows) == 0 {
		return nil
	}
	if s.parts == 0 {
		s.choose()
	}
	if s.file == nil {
		if s.file, err = newSpill(s.dir); err != nil {
			return err
		}
	}
	order, ends := s.byPart()
	for i, from := 0, 0; i < len(ends); i++ {
		if err := s.spill(i, order[from:ends[i]]); err != nil {
			return err
		}
		from = ends[i]
	}
	s.drop()
	return nil
}

// byPart gives the places of the rows in memory, part by part, and where each
// part ends.
func (s *sorter) byPart() (order []int32, ends []int) {
	ends = make([]int, len(s.segs))
	for i := range s.rows {
		ends[s.part(&s.rows[i])]++
	}
	for i, n := 0, 0; i < len(ends); i++ {
		n, ends[i] = n+ends[i], n // where it begins, so far
	}
	order = make([]int32, len(s.rows))
	for i := range s.rows {
		p := s.part(&s.rows[i])
		order[ends[p]] = int32(i)
		ends[p]++
	}
	return order, ends
}

// spill writes some of the rows in memory as segments of a part.
func (s *sorter) spill(part int, places []int32) error {
	buf := s.chunk(chunkBytes)
	defer func() { s.recycle([][]byte{buf}) }()
	from := 0
	for i, n := range places {
		buf = appendPacked(buf, &s.rows[n])
		last := i == len(places)-1
		if !last && len(buf)+packedHead+len(s.rows[places[i+1]].rec) <= chunkBytes {
			continue
		}
		seg, err := s.file.write(buf, i+1-from)
		if err != nil {
			return err
		}
		s.segs[part] = append(s.segs[part], seg)
		buf, from = buf[:0], i+1
	}
	return nil
}

// held is the memory that segments take when they are loaded.
func held(segs []segment) (n int) {
	for _, g := range segs {
		n += g.raw + packedBytes*g.row
	}
	return n
}

// split cuts a part that does not fit into some that do, in a temporary file:
// more rows came than the first files let expect, or their hashes collide. The
// hash that cuts it is drawn by lot, so nobody can choose ids against it.
func (s *sorter) split(segs []segment, to *spill) ([][]segment, error) {
	n := 2*held(segs)/s.budget + 1
	if n <= 2 {
		return [][]segment{segs}, nil
	}
	seed, out := maphash.MakeSeed(), make([][]segment, min(n, maxParts))
	parts := make([]runWriter, len(out))
	for i := range parts {
		parts[i] = runWriter{to: to, size: min(max(s.budget/(2*len(parts)), 4<<10), chunkBytes)}
	}
	var buf, raw []byte
	var err error
	for _, seg := range segs {
		if buf, raw, err = seg.read(buf, raw); err != nil {
			return nil, err
		}
		for rest := raw; len(rest) > 0; {
			var p packed
			if p, rest, err = readPacked(rest); err != nil {
				return nil, err
			}
			i := maphash.Bytes(seed, p.sameKey()) % uint64(len(parts))
			if err := parts[i].add(&p); err != nil {
				return nil, err
			}
		}
	}
	for i := range parts {
		if err := parts[i].flush(); err != nil {
			return nil, err
		}
		out[i] = parts[i].run.blocks
	}
	return out, nil
}

// load reads segments back, each row once. Where rows are repeated so often that
// they do not fit, the repetitions are dropped on the way.
func (s *sorter) load(segs []segment, t *tally) (rows []packed, chunks [][]byte, err error) {
	bytes, limit := 0, s.budget
	var buf, room []byte // room is what is left of the last chunk
	for _, seg := range segs {
		if len(room) < seg.raw {
			c := s.chunk(chunkBytes)
			if cap(c) < seg.raw {
				c = make([]byte, seg.raw)
			}
			chunks, room = append(chunks, c), c[:cap(c)]
		}
		var raw []byte
		if buf, raw, err = seg.read(buf, room[:seg.raw:seg.raw]); err != nil {
			return nil, nil, err
		}
		room = room[seg.raw:]
		bytes += len(raw)
		for rest := raw; len(rest) > 0; {
			var p packed
			if p, rest, err = readPacked(rest); err != nil {
				return nil, nil, err
			}
			t.read(&p)
			bytes += packedBytes
			rows = append(rows, p)
		}
		if bytes > limit {
			rows, chunks, bytes = s.squeeze(rows, chunks)
			limit, room = max(limit, 2*bytes), nil
		}
	}
	rows = dedupe(rows)
	t.stand(rows)
	return rows, chunks, nil
}

// squeeze drops the repetitions among rows and the memory that they take.
func (s *sorter) squeeze(rows []packed, chunks [][]byte) ([]packed, [][]byte, int) {
	rows = dedupe(rows)
	var kept [][]byte
	var to []byte
	bytes := packedBytes * len(rows)
	for i := range rows {
		rec := rows[i].rec
		bytes += len(rec)
		if cap(to)-len(to) < len(rec) {
			to = make([]byte, 0, max(chunkBytes, len(rec)))
			kept = append(kept, to[:0])
		}
		from := len(to)
		to = append(to, rec...)
		rows[i].rec = to[from:len(to):len(to)]
	}
	s.recycle(chunks)
	return rows, kept, bytes
}

// keep says that what was added so far serves several groups of buckets: it
// goes to a file of its own, which stays.
func (s *sorter) keep() error {
	err := s.flush()
	s.kept, s.file = s.file, nil
	return err
}

// forget gives back what was added since keep: the rows of the group are
// written.
func (s *sorter) forget() error {
	s.drop()
	for i, segs := range s.segs {
		s.segs[i] = slices.DeleteFunc(segs, func(g segment) bool { return g.in == s.file })
	}
	err := s.file.close()
	s.file = nil
	return err
}

// close gives the temporary files back.
func (s *sorter) close() error { return errors.Join(s.file.close(), s.kept.close()) }

// dedupe keeps one row of those that are the same and brings the rest into the
// order of the file.
func dedupe(rows []packed) []packed {
	slices.SortFunc(rows, byIdentity)
	n := len(rows)
	rows = slices.CompactFunc(rows, func(a, b packed) bool {
		return a.hash == b.hash && string(a.sameKey()) == string(b.sameKey())
	})
	clear(rows[len(rows):n])
	slices.SortFunc(rows, byPlace)
	return rows
}
