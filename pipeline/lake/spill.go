package lake

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/klauspost/compress/s2"

	"upshot.dev/upshot/pipeline/fault"
)

// spill is a temporary file of compressed segments. It has no name from the
// start (where the system allows that), so a process that is killed leaves
// nothing behind.
type spill struct {
	f    *os.File
	dir  string
	end  int64
	name string // to remove at the end; "" when it has none
	buf  []byte
}

// segment is a place in a spill.
type segment struct {
	in  *spill
	off int64
	len int // compressed
	raw int
	row int    // how many rows
	sum uint32 // of the compressed bytes: what comes back must be what was written
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func newSpill(dir string) (*spill, error) {
	f, err := os.CreateTemp(dir, "upshot-compact-*")
	if err != nil {
		return nil, explainTemp(dir, err)
	}
	s := &spill{f: f, dir: dir, name: f.Name()}
	if os.Remove(s.name) == nil {
		s.name = ""
	}
	return s, nil
}

// write appends a segment.
func (s *spill) write(raw []byte, rows int) (segment, error) {
	if n := s2.MaxEncodedLen(len(raw)); n > cap(s.buf) {
		s.buf = make([]byte, n)
	}
	b := s2.Encode(s.buf[:cap(s.buf)], raw)
	if _, err := s.f.WriteAt(b, s.end); err != nil {
		return segment{}, explainTemp(s.dir, err)
	}
	seg := segment{s, s.end, len(b), len(raw), rows, crc32.Checksum(b, castagnoli)}
	s.end += int64(len(b))
	return seg, nil
}

// read gives the segment's bytes, in raw's memory when there is room.
func (g segment) read(packed, raw []byte) (p, r []byte, err error) {
	if cap(packed) < g.len {
		packed = make([]byte, g.len)
	}
	packed = packed[:g.len]
	if _, err := g.in.f.ReadAt(packed, g.off); errors.Is(err, io.EOF) {
		return nil, nil, errTempChanged
	} else if err != nil {
		return nil, nil, explainTemp(g.in.dir, err)
	}
	if crc32.Checksum(packed, castagnoli) != g.sum {
		return nil, nil, errTempChanged
	}
	if cap(raw) < g.raw {
		raw = make([]byte, g.raw)
	}
	raw, err = s2.Decode(raw[:cap(raw)], packed)
	if err != nil {
		return nil, nil, errTempChanged
	}
	return packed, raw, nil
}

// errTempChanged ends the merge of a day before anything of it is replaced.
var errTempChanged = tempError{fault.Retryf("a temporary file of compaction holds other bytes than were written to it; its disk is failing, or something else writes to it")}

func (s *spill) close() error {
	if s == nil {
		return nil
	}
	err := s.f.Close()
	if s.name != "" {
		if rmErr := os.Remove(s.name); !errors.Is(rmErr, fs.ErrNotExist) {
			err = errors.Join(err, rmErr)
		}
	}
	s.buf = nil
	return err
}

// tempError is a fault of the temporary files, which concerns the day that needs
// them and no other.
type tempError struct{ error }

func (e tempError) Unwrap() error { return e.error }

func isTemp(err error) bool {
	_, ok := errors.AsType[tempError](err)
	return ok
}

// explainTemp says where temporary files are and what to do about them.
func explainTemp(dir string, err error) error {
	if dir == "" {
		dir = os.TempDir()
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return tempError{fault.Retryf("the disk for temporary files is full; give %s more room, or compaction more memory: %w", dir, err)}
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EROFS):
		return tempError{fault.Permanentf("no temporary file can be made in %s; name a folder that can be written: %w", dir, err)}
	}
	return tempError{fault.Retryf("a temporary file in %s: %w", dir, err)}
}

// packedHead is the fixed part of a packed row outside memory.
const packedHead = 25

func appendPacked(buf []byte, p *packed) []byte {
	buf = append(buf, byte(p.tier))
	for _, v := range []uint32{p.hash, p.same, p.prefer, p.value, p.file, uint32(len(p.rec))} { //nolint:gosec // a row is far below 4 GB
		buf = binary.LittleEndian.AppendUint32(buf, v)
	}
	return append(buf, p.rec...)
}

// readPacked takes the first row off buf, which it shares.
func readPacked(buf []byte) (p packed, rest []byte, err error) {
	if len(buf) < packedHead {
		return p, nil, errTempChanged
	}
	u := func(i int) uint32 { return binary.LittleEndian.Uint32(buf[1+4*i:]) }
	p = packed{tier: tier(buf[0]), hash: u(0), same: u(1), prefer: u(2), value: u(3), file: u(4)}
	end := packedHead + int(u(5))
	if len(buf) < end {
		return p, nil, errTempChanged
	}
	p.rec = buf[packedHead:end:end]
	return p, buf[end:], nil
}

// run is a sorted sequence of rows in a spill, written block by block.
type run struct {
	blocks []segment
	rows   int64
}

// runWriter writes a run by blocks of about size bytes.
type runWriter struct {
	to   *spill
	size int
	run  run
	buf  []byte
	rows int // in buf
}

func (w *runWriter) add(p *packed) error {
	w.buf = appendPacked(w.buf, p)
	w.rows++
	if len(w.buf) < w.size {
		return nil
	}
	return w.flush()
}

func (w *runWriter) flush() error {
	if w.rows == 0 {
		return nil
	}
	seg, err := w.to.write(w.buf, w.rows)
	if err != nil {
		return err
	}
	w.run.blocks = append(w.run.blocks, seg)
	w.run.rows += int64(w.rows)
	w.buf, w.rows = w.buf[:0], 0
	return nil
}

// runReader reads a run from its beginning.
type runReader struct {
	run         run
	packed, raw []byte
	rest        []byte
	head        packed
}

// next moves to the next row; false at the end. The row before becomes invalid.
func (r *runReader) next() (bool, error) {
	if len(r.rest) == 0 {
		if len(r.run.blocks) == 0 {
			return false, nil
		}
		var err error
		if r.packed, r.raw, err = r.run.blocks[0].read(r.packed, r.raw); err != nil {
			return false, err
		}
		r.run.blocks, r.rest = r.run.blocks[1:], r.raw
	}
	var err error
	r.head, r.rest, err = readPacked(r.rest)
	return true, err
}
