package localenv

import (
	"context"
	"fmt"
)

// Quota bounds the file to so many more pages than it has, as a full disk
// would; a negative number lifts the bound.
func (q *Queue) Quota(morePages int64) error {
	return q.do(context.Background(), func(db *queueDB) error {
		if morePages < 0 {
			return db.exec("PRAGMA max_page_count=1073741823")
		}
		n, err := db.number("PRAGMA page_count")
		if err != nil {
			return err
		}
		return db.exec(fmt.Sprintf("PRAGMA max_page_count=%d", n+morePages))
	})
}

// Pragma reads a setting.
func (q *Queue) Pragma(name string) (n int64, err error) {
	err = q.do(context.Background(), func(db *queueDB) (err error) {
		n, err = db.number("PRAGMA " + name)
		return err
	})
	return n, err
}

// Path is the file's.
func (q *Queue) Path() string { return q.path }
