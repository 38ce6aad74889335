package envtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// querierWrong: what no repetition mends is the statement's fault, and named.
func querierWrong(t *testing.T, q env.Querier) {
	for sql, word := range map[string]string{
		"":                                   "",
		" ; ":                                "",
		"-- nothing":                         "",
		"SELEC 1":                            "",
		"SELECT 1 +":                         "",
		"SELECT unknown_column FROM events":  "unknown_column",
		"SELECT * FROM unknown_table":        "unknown_table",
		"SELECT no_such_function(1)":         "no_such_function",
		"SELECT CAST('some text' AS bigint)": "some text",
		"SELECT 1; SELECT 2":                 "",
		"SELECT 'a\x00b'":                    "NUL",
	} {
		wrong(t, q, sql, word)
	}
}

// querierWrites: nothing can be changed.
func querierWrites(t *testing.T, q env.Querier) {
	for _, sql := range []string{
		"CREATE TABLE x AS SELECT 1 AS n", "DROP VIEW events", "INSERT INTO events SELECT * FROM events", "DELETE FROM events",
		"/* SELECT */ DROP TABLE events_all", "EXPLAIN ANALYZE DELETE FROM events", "ALTER TABLE events_all ADD COLUMN x bigint", "-- SELECT\nDROP VIEW events",
	} {
		wrong(t, q, sql, "")
	}
	if got, want := answer(t, q, "SELECT count(*) AS n FROM events"), "n:int64\n2345\n"; got != want {
		t.Errorf("afterwards %q, want %q", got, want)
	}
}

// wrong checks that a statement is refused as Invalid, at once or while it is
// read, with a word in the message.
func wrong(t *testing.T, q env.Querier, sql, word string) {
	t.Helper()
	r, err := q.Query(t.Context(), sql)
	if err == nil {
		for r.Next() {
			continue
		}
		err = r.Err()
		r.Release()
	}
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), word) {
		t.Errorf("%q: %v, want an invalid one that names %q", sql, err, word)
	}
}

// querierEnded: nothing is asked for somebody who has gone.
func querierEnded(t *testing.T, q env.Querier) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := q.Query(ctx, "SELECT 1"); err == nil {
		r.Release()
		t.Error("a cancelled question was answered")
	} else if fault.Is(err, fault.Invalid) {
		t.Errorf("the statement is blamed: %v", err)
	}
}

// endlessSQL runs for hours.
const endlessSQL = `SELECT count(*) FROM events AS a CROSS JOIN events AS b CROSS JOIN events AS c CROSS JOIN events AS d
WHERE a.event_id || b.event_id || c.event_id || d.event_id = 'x'`

// querierEnds: a question ends with its context, and blames nobody.
func querierEnds(t *testing.T, q env.Querier) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	r, err := q.Query(ctx, endlessSQL)
	if err == nil {
		r.Release()
		t.Fatal("it was answered")
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it ended after %v", took)
	}
	if !fault.Is(err, fault.Retry) {
		t.Errorf("%v is %v, want retry", err, fault.KindOf(err))
	}
	if got, want := answer(t, q, "SELECT 1 AS n"), "n:int64\n1\n"; got != want {
		t.Errorf("afterwards %q, want %q", got, want)
	}
}

// querierRetain: a batch that is held stays readable when its reader has gone on.
func querierRetain(t *testing.T, q env.Querier) {
	r := ask(t, q, "SELECT event_id FROM events ORDER BY event_id")
	r.Retain()
	r.Release()
	if !r.Next() {
		t.Fatal(r.Err())
	}
	first := r.RecordBatch()
	first.Retain()
	defer first.Release()
	for r.Next() {
		continue
	}
	r.Release()
	if got := first.Column(0).ValueStr(0); got != "e0000" {
		t.Errorf("the first row became %q", got)
	}
}

// querierConcurrent: many may ask at once.
func querierConcurrent(t *testing.T, q env.Querier) {
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			got, err := tryAnswer(t.Context(), q, fmt.Sprintf("SELECT %d AS i, count(*) AS n FROM events WHERE event_id >= 'e%04d'", i, i))
			if want := fmt.Sprintf("i:int64 n:int64\n%d|%d\n", i, 2345-i); err != nil || got != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		})
	}
	all.Wait()
}
