package lake

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"math"
	"slices"

	"github.com/parquet-go/parquet-go"

	"upshot.dev/upshot/pipeline/fault"
)

// layout knows the columns of a table's rows: which of them order a file, make
// two rows the same, and say which of those stands; and how to pack a row into
// bytes. Rows are moved as values of columns, never decoded into structs, so
// nothing is lost on the way.
type layout struct {
	schema              *parquet.Schema
	kinds               []parquet.Kind // of the leaf columns
	order, same, prefer []int          // leaf columns
}

func newLayout(s spec) (*layout, error) {
	l := &layout{schema: s.schema}
	for _, path := range s.schema.Columns() {
		leaf, _ := s.schema.Lookup(path...)
		l.kinds = append(l.kinds, leaf.Node.Type().Kind())
	}
	for _, c := range []struct {
		names []string
		to    *[]int
	}{{s.order, &l.order}, {s.same, &l.same}, {s.rank, &l.prefer}} {
		for _, n := range c.names {
			leaf, ok := s.schema.Lookup(n)
			if !ok {
				return nil, fault.Permanentf("no column %s", n)
			}
			*c.to = append(*c.to, leaf.ColumnIndex)
		}
	}
	return l, nil
}

// tier says where a row comes from; of rows that rank the same the one of the
// lowest tier stands.
type tier uint8

const (
	fromTarget tier = iota // the very base file that is to be written
	fromBase               // another base file
	fromHot
)

// origin is where a row comes from.
type origin struct {
	tier
	file uint32
}

// packed is a row as bytes: the keys by which it is ordered, identified and
// ranked, encoded so that they compare as the values do, then its values.
type packed struct {
	rec                 []byte
	same, prefer, value uint32 // where these parts begin; the order key is first
	hash                uint32 // of the identity
	file                uint32 // of fromHot: which one of the day's hot files
	tier                tier
}

// packedBytes is about what a packed row takes in memory beside rec.
const packedBytes = 64

func (p *packed) orderKey() []byte  { return p.rec[:p.same] }
func (p *packed) sameKey() []byte   { return p.rec[p.same:p.prefer] }
func (p *packed) preferKey() []byte { return p.rec[p.prefer:p.value] }

// byIdentity brings the rows that are the same together, the one that stands
// first. Rows that rank the same in one tier stand by their bytes, so that the
// outcome never depends on the order in which files were read.
func byIdentity(a, b packed) int {
	if c := cmp.Compare(a.hash, b.hash); c != 0 {
		return c
	}
	if c := bytes.Compare(a.sameKey(), b.sameKey()); c != 0 {
		return c
	}
	if c := bytes.Compare(a.preferKey(), b.preferKey()); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.tier, b.tier), bytes.Compare(a.rec, b.rec))
}

// byPlace is the order of a file.
func byPlace(a, b packed) int {
	if c := bytes.Compare(a.orderKey(), b.orderKey()); c != 0 {
		return c
	}
	if c := bytes.Compare(a.sameKey(), b.sameKey()); c != 0 {
		return c
	}
	return bytes.Compare(a.preferKey(), b.preferKey())
}

// pack appends the row to buf.
func (l *layout) pack(buf []byte, row parquet.Row, from origin) (packed, []byte) {
	start := len(buf)
	at := func() uint32 { return uint32(len(buf) - start) } //nolint:gosec // a row is far below 4 GB
	p := packed{tier: from.tier, file: from.file}
	buf = appendKeys(buf, row, l.order)
	p.same = at()
	buf = appendKeys(buf, row, l.same)
	p.prefer = at()
	buf = appendKeys(buf, row, l.prefer)
	p.value = at()
	for _, v := range row {
		buf = appendValue(buf, v)
	}
	p.rec = buf[start:len(buf):len(buf)]
	p.hash = hashOf(p.sameKey())
	return p, buf
}

// The head of a packed value: repetition level, definition level, null. A value
// that is not repeated begins the next column.
const (
	levelBits = 3
	levelMask = 1<<levelBits - 1
	nullBit   = 1 << (2 * levelBits)
)

func appendValue(buf []byte, v parquet.Value) []byte {
	head := byte(v.RepetitionLevel()&levelMask | (v.DefinitionLevel()&levelMask)<<levelBits) //nolint:gosec // both are masked
	if v.IsNull() {
		return append(buf, head|nullBit)
	}
	buf = append(buf, head)
	switch v.Kind() {
	case parquet.Boolean:
		if v.Boolean() {
			return append(buf, 1)
		}
		return append(buf, 0)
	case parquet.Int32:
		return binary.LittleEndian.AppendUint32(buf, uint32(v.Int32())) //nolint:gosec // its bits
	case parquet.Int64:
		return binary.LittleEndian.AppendUint64(buf, uint64(v.Int64())) //nolint:gosec // its bits
	case parquet.Double:
		return binary.LittleEndian.AppendUint64(buf, math.Float64bits(v.Double()))
	default:
		b := v.ByteArray()
		return append(binary.AppendUvarint(buf, uint64(len(b))), b...)
	}
}

// unpack appends the values of a packed row to row; texts share its memory.
func (l *layout) unpack(row parquet.Row, rec []byte) parquet.Row {
	for c := -1; len(rec) > 0; {
		head := rec[0]
		rec = rec[1:]
		rep, def := int(head&levelMask), int(head>>levelBits&levelMask)
		if rep == 0 {
			c++
		}
		var v parquet.Value
		if head&nullBit == 0 {
			v, rec = readValue(l.kinds[c], rec)
		}
		row = append(row, v.Level(rep, def, c))
	}
	return row
}

func readValue(k parquet.Kind, b []byte) (parquet.Value, []byte) {
	switch k {
	case parquet.Boolean:
		return parquet.BooleanValue(b[0] == 1), b[1:]
	case parquet.Int32:
		return parquet.Int32Value(int32(binary.LittleEndian.Uint32(b))), b[4:] //nolint:gosec // its bits
	case parquet.Int64:
		return parquet.Int64Value(int64(binary.LittleEndian.Uint64(b))), b[8:] //nolint:gosec // its bits
	case parquet.Double:
		return parquet.DoubleValue(math.Float64frombits(binary.LittleEndian.Uint64(b))), b[8:]
	default:
		n, w := binary.Uvarint(b)
		end := w + int(n) //nolint:gosec // pack wrote it
		return parquet.ByteArrayValue(b[w:end:end]), b[end:]
	}
}

func hashOf(same []byte) uint32 {
	h := fnv.New32a()
	h.Write(same)
	return h.Sum32()
}

// column finds a column's value in a row; the columns compared are no lists,
// so there is one value. Rows hold their values in the order of columns.
func column(row parquet.Row, c int) parquet.Value {
	i, ok := slices.BinarySearchFunc(row, c, func(v parquet.Value, c int) int { return cmp.Compare(v.Column(), c) })
	if !ok {
		return parquet.Value{}
	}
	return row[i]
}

// appendKeys encodes the columns so that the keys of two rows compare as their
// values do, one column after the other, null first.
func appendKeys(key []byte, row parquet.Row, columns []int) []byte {
	for _, c := range columns {
		key = appendKey(key, column(row, c))
	}
	return key
}

func appendKey(key []byte, v parquet.Value) []byte {
	if v.IsNull() {
		return append(key, 0)
	}
	key = append(key, 1)
	switch v.Kind() {
	case parquet.Boolean:
		if v.Boolean() {
			return append(key, 1)
		}
		return append(key, 0)
	case parquet.Int32:
		return binary.BigEndian.AppendUint32(key, uint32(v.Int32())^1<<31) //nolint:gosec // the sign bit is turned over on purpose
	case parquet.Int64:
		return binary.BigEndian.AppendUint64(key, uint64(v.Int64())^1<<63) //nolint:gosec // the same
	default:
		// A zero byte inside is marked, and two of them end the text, so that a
		// text sorts before those it begins.
		for _, b := range v.ByteArray() {
			if key = append(key, b); b == 0 {
				key = append(key, 0xff)
			}
		}
		return append(key, 0, 0)
	}
}

// compareValues orders values of one column, null first.
func compareValues(a, b parquet.Value) int {
	return bytes.Compare(appendKey(nil, a), appendKey(nil, b))
}
