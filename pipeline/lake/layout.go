// Package lake lays the Parquet files out and keeps them few. Processing adds
// immutable hot files; compaction merges them into base files with one row per
// event_id, replacing each bucket by one atomic write. A reader that takes base
// and those hot rows that base does not hold sees every row once at any time.
package lake

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"upshot.dev/upshot/pipeline/record"
)

// The tables beside those of input records.
const (
	Links   = "links"   // evidence of who is who
	Rejects = "rejects" // what could not be understood
	Ledger  = "ledger"  // receipts of everything received
)

// The tiers of a table.
const (
	Hot  = "hot"
	Base = "base"
)

// Tables lists every table of the lake.
func Tables() []string {
	return []string{
		string(record.Tickets), string(record.Surveys), string(record.Events), string(record.Releases),
		Links, Rejects, Ledger,
	}
}

// HotKey is where a batch's rows of one day go. dt is a date like 2026-11-01.
func HotKey(table, dt, batch string) string {
	return path.Join(table, "tier="+Hot, "dt="+dt, batch+".parquet")
}

// BaseKey is where a bucket of one day lies. The number of buckets is in the
// name, so that a reader needs nothing else.
func BaseKey(table, dt string, bucket, buckets int) string {
	return path.Join(table, "tier="+Base, "dt="+dt, fmt.Sprintf("%04d-of-%04d.parquet", bucket, buckets))
}

// ArchiveKey is where the raw envelopes of a batch lie; dt is the date on
// which the first of them was received.
func ArchiveKey(dt, batch string) string {
	return path.Join("archive", "dt="+dt, batch+".jsonl.zst")
}

// File is a key of the lake, taken apart.
type File struct {
	Table, Tier, DT string
	Bucket, Buckets int // of base files
}

// ParseKey takes a key apart; ok is false for keys that are no table's file.
func ParseKey(key string) (f File, ok bool) {
	parts := strings.Split(key, "/")
	if len(parts) != 4 || !strings.HasSuffix(parts[3], ".parquet") {
		return File{}, false
	}
	tier, isTier := strings.CutPrefix(parts[1], "tier=")
	dt, isDT := strings.CutPrefix(parts[2], "dt=")
	if !isTier || !isDT || tier != Hot && tier != Base {
		return File{}, false
	}
	f = File{Table: parts[0], Tier: tier, DT: dt}
	if tier == Base {
		b, n, cut := strings.Cut(strings.TrimSuffix(parts[3], ".parquet"), "-of-")
		var err1, err2 error
		f.Bucket, err1 = strconv.Atoi(b)
		f.Buckets, err2 = strconv.Atoi(n)
		if !cut || err1 != nil || err2 != nil || f.Bucket < 0 || f.Bucket >= f.Buckets {
			return File{}, false
		}
	}
	return f, true
}
