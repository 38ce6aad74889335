package localenv

import (
	"cmp"
	"database/sql/driver"
	"slices"
	"time"

	"upshot.dev/upshot/pipeline/env"
)

// All methods here run inside the writer's transaction.

// insert stores m and reports whether it was new.
func (db *queueDB) insert(m env.Message, now time.Time) (bool, error) {
	body := m.Body
	if body == nil {
		body = []byte{} // nil would be NULL
	}
	n, err := db.run(`INSERT OR IGNORE INTO messages(id, sent_at, body)
		SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM dead WHERE id = ?1)`, m.ID, now.UnixNano(), body)
	db.messages += n
	db.bytes += n * int64(len(body))
	return n > 0, err
}

// claim leases up to limit visible messages, oldest first.
func (db *queueDB) claim(limit int, now, until time.Time) ([]env.Message, error) {
	if limit <= 0 {
		return nil, nil
	}
	var msgs []env.Message
	var seqs []int64
	size := 0
	err := db.query(`SELECT m.seq, m.id, m.sent_at, m.body, coalesce(l.attempts, 0)
		FROM messages m LEFT JOIN leases l ON l.seq = m.seq
		WHERE l.seq IS NULL OR l.until <= ?1 ORDER BY m.seq LIMIT ?2`, 5,
		func(row []driver.Value) bool {
			seq, _ := row[0].(int64)
			id, _ := row[1].(string)
			sent, _ := row[2].(int64)
			body, _ := row[3].([]byte)
			attempts, _ := row[4].(int64)
			if size += len(body); size > maxReceiveBytes && len(msgs) > 0 {
				return false
			}
			msgs = append(msgs, env.Message{ID: id, Body: body, Attempts: int(attempts), SentAt: time.Unix(0, sent).UTC()})
			seqs = append(seqs, seq)
			db.held[id] = heldItem{seq, int64(len(body))}
			return true
		}, now.UnixNano(), int64(limit))
	if err != nil {
		return nil, err
	}
	for first, last := range runs(seqs) {
		if _, err := db.run(`INSERT INTO leases(seq, until, attempts)
			SELECT seq, ?1, 1 FROM messages WHERE seq BETWEEN ?2 AND ?3
			ON CONFLICT(seq) DO UPDATE SET until = excluded.until, attempts = attempts + 1`,
			until.UnixNano(), first, last); err != nil {
			return nil, err
		}
	}
	return msgs, nil
}

// find gives the places and the summed size of those ids that are queued.
func (db *queueDB) find(ids []string) (seqs []int64, bytes int64, err error) {
	for _, id := range ids {
		item, ok := db.held[id]
		if !ok {
			err := db.query("SELECT seq, length(body) FROM messages WHERE id = ?1", 2, func(row []driver.Value) bool {
				item.seq, _ = row[0].(int64)
				item.size, _ = row[1].(int64)
				return false
			}, id)
			if err != nil {
				return nil, 0, err
			}
			if item.seq == 0 {
				continue
			}
			db.held[id] = item
		}
		seqs = append(seqs, item.seq)
		bytes += item.size
	}
	return seqs, bytes, nil
}

// unique removes repetitions from ids, which the caller of the queue owns.
func unique(ids []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(ids)))
}

// remove deletes messages with their leases and returns how many there were
// and the size of their bodies.
func (db *queueDB) remove(ids []string) (n, bytes int64, err error) {
	ids = unique(ids)
	seqs, bytes, err := db.find(ids)
	if err != nil {
		return 0, 0, err
	}
	for first, last := range runs(seqs) {
		gone, err := db.run("DELETE FROM messages WHERE seq BETWEEN ?1 AND ?2", first, last)
		if err != nil {
			return 0, 0, err
		}
		if _, err := db.run("DELETE FROM leases WHERE seq BETWEEN ?1 AND ?2", first, last); err != nil {
			return 0, 0, err
		}
		n += gone
	}
	for _, id := range ids {
		delete(db.held, id)
	}
	db.messages -= n
	db.bytes -= bytes
	return n, bytes, nil
}

// release makes claimed messages visible at a time.
func (db *queueDB) release(ids []string, at time.Time) error {
	seqs, _, err := db.find(unique(ids))
	if err != nil {
		return err
	}
	for first, last := range runs(seqs) {
		if _, err := db.run("UPDATE leases SET until = ?1 WHERE seq BETWEEN ?2 AND ?3", at.UnixNano(), first, last); err != nil {
			return err
		}
	}
	return nil
}

// setAside moves messages to the table dead.
func (db *queueDB) setAside(ids []string, reason string, now time.Time) (n, bytes int64, err error) {
	ids = unique(ids)
	seqs, _, err := db.find(ids)
	if err != nil {
		return 0, 0, err
	}
	for first, last := range runs(seqs) {
		if _, err := db.run(`INSERT OR REPLACE INTO dead(seq, id, sent_at, set_aside_at, reason, body)
			SELECT seq, id, sent_at, ?1, ?2, body FROM messages WHERE seq BETWEEN ?3 AND ?4`,
			now.UnixNano(), reason, first, last); err != nil {
			return 0, 0, err
		}
	}
	return db.remove(ids)
}

// redrive moves everything back from dead.
func (db *queueDB) redrive() (n, bytes int64, err error) {
	if bytes, err = db.number("SELECT coalesce(sum(length(body)), 0) FROM dead"); err != nil {
		return 0, 0, err
	}
	n, err = db.run("INSERT INTO messages(seq, id, sent_at, body) SELECT seq, id, sent_at, body FROM dead ORDER BY seq")
	if err != nil {
		return 0, 0, err
	}
	if _, err = db.run("DELETE FROM dead"); err != nil {
		return 0, 0, err
	}
	db.messages += n
	db.bytes += bytes
	return n, bytes, nil
}

// dead lists what was set aside.
func (db *queueDB) dead(limit int) (out []DeadLetter, err error) {
	err = db.query("SELECT id, sent_at, set_aside_at, reason, length(body) FROM dead ORDER BY seq LIMIT ?1", 5, func(row []driver.Value) bool {
		var d DeadLetter
		var sent, aside int64
		d.ID, _ = row[0].(string)
		sent, _ = row[1].(int64)
		aside, _ = row[2].(int64)
		d.Reason, _ = row[3].(string)
		d.Bytes, _ = row[4].(int64)
		d.SentAt, d.SetAside = time.Unix(0, sent).UTC(), time.Unix(0, aside).UTC()
		out = append(out, d)
		return true
	}, int64(limit))
	return out, err
}

// depth counts.
func (db *queueDB) depth(now time.Time) (env.Depth, error) {
	waiting, err := db.number("SELECT count(*) FROM leases WHERE until > ?1", now.UnixNano())
	if err != nil {
		return env.Depth{}, err
	}
	dead, err := db.number("SELECT count(*) FROM dead")
	if err != nil {
		return env.Depth{}, err
	}
	d := env.Depth{Queued: int(db.messages - waiting), InFlight: int(waiting), Dead: int(dead)}
	if db.messages == 0 {
		return d, nil
	}
	oldest, err := db.number("SELECT sent_at FROM messages ORDER BY seq LIMIT 1")
	d.Oldest = max(0, now.Sub(time.Unix(0, oldest)))
	return d, err
}

// runs yields the first and last number of each run without a gap: what was
// claimed together is mostly deleted together, with one statement.
func runs(seqs []int64) func(yield func(first, last int64) bool) {
	return func(yield func(first, last int64) bool) {
		sorted := slices.SortedFunc(slices.Values(seqs), cmp.Compare[int64])
		for i := 0; i < len(sorted); {
			j := i + 1
			for j < len(sorted) && sorted[j] == sorted[j-1]+1 {
				j++
			}
			if !yield(sorted[i], sorted[j-1]) {
				return
			}
			i = j
		}
	}
}
