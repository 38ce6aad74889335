package catalog

import (
	"iter"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/lake"
)

// Unseen are the files of a lake that lie before the first day that Athena
// looks for: their records are kept, but no query there counts them.
type Unseen struct {
	Files int
	First string // the earliest of their days, like 2025-06-30; "" without files
}

// Outside goes through a listing of a lake's keys for files of days before
// firstDay. What no table has (archive, reports) does not count.
func Outside(list iter.Seq2[env.Info, error], firstDay string) (u Unseen, err error) {
	for info, err := range list {
		if err != nil {
			return u, err
		}
		f, ok := lake.ParseKey(info.Key)
		if !ok || f.DT >= firstDay {
			continue
		}
		u.Files++
		if u.First == "" || f.DT < u.First {
			u.First = f.DT
		}
	}
	return u, nil
}
