package report

import (
	"slices"
	"time"

	"upshot.dev/upshot/pipeline/stats"
)

const (
	// quietBefore is the number of same weekdays before that a silent day is
	// held against, fewQuiet how many of them must be known.
	quietBefore, fewQuiet = 8, 4
	// busyDay is the mean number of records on such days above which a day
	// without any is no chance (a Poisson day with a mean of 5 is empty once
	// in 150).
	busyDay = 5.0
)

// silences finds, for every source, the days without a record on which it
// usually delivers: it delivered on every one of the same weekdays before that
// were not silent themselves, five records or more on average.
func silences(t table, days []string) []Silence {
	var out []Silence
	for _, source := range t.dims {
		if source == "" {
			continue
		}
		out = append(out, silent(t, source, days)...)
	}
	return out
}

// silent finds the silent days of one source. Days found silent are no yardstick
// for later ones: of an outage of two weeks the second week is found, too.
func silent(t table, source string, days []string) []Silence {
	began := slices.IndexFunc(days, func(d string) bool { return t.stat(d, source, "received") > 0 })
	s := Silence{Source: source}
	gaps := map[int]bool{}
	var like, delivered int64
	for i, d := range days {
		if began < 0 || i <= began || t.stat(d, source, "received") > 0 {
			continue
		}
		n, alive, total := 0, 0, 0.0
		for k := i - 7; k >= began && n < quietBefore; k -= 7 {
			if gaps[k] {
				continue
			}
			n++
			received := t.stat(days[k], source, "received")
			total += float64(received)
			if received > 0 {
				alive++
			}
		}
		if n >= fewQuiet && alive == n && total/float64(n) >= busyDay {
			gaps[i] = true
			s.Days = append(s.Days, d)
			like, delivered = like+int64(n), delivered+int64(alive)
		}
	}
	if len(s.Days) == 0 {
		return nil
	}
	iv := stats.Wilson(delivered, like, stats.Level)
	s.Usual = Estimate{N: like, Value: ptr(iv.Value), Low: ptr(iv.Low), High: ptr(iv.High)}
	return []Silence{s}
}

// within keeps the days of [from, to) of each silence.
func within(all []Silence, from, to string) []Silence {
	out := []Silence{}
	for _, s := range all {
		s.Days = slices.DeleteFunc(slices.Clone(s.Days), func(d string) bool { return d < from || d >= to })
		if len(s.Days) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// silentIn reports whether any source was silent in the period that starts at p.
func (b *builder) silentIn(p string, days map[string]bool) bool {
	start, err := time.Parse(time.DateOnly, p)
	if err != nil {
		return false
	}
	for d, end := start, b.cal.add(start, 1); d.Before(end); d = d.AddDate(0, 0, 1) {
		if days[iso(d)] {
			return true
		}
	}
	return false
}

// ledger sums the receipts of the days of the period, by source.
func ledger(t table, days []string) Ledger {
	l := Ledger{SQL: t.info.sql(), Sources: []LedgerRow{}}
	for _, source := range t.dims {
		row := LedgerRow{Source: source}
		for _, d := range days {
			row.Received += t.stat(d, source, "received")
			row.Stored += t.stat(d, source, "stored")
			row.Duplicate += t.stat(d, source, "duplicate")
			row.Rejected += t.stat(d, source, "rejected")
			row.Ignored += t.stat(d, source, "ignored")
		}
		l.Received += row.Received
		l.Stored += row.Stored
		l.Duplicate += row.Duplicate
		l.Rejected += row.Rejected
		l.Ignored += row.Ignored
		if row.Received > 0 {
			l.Sources = append(l.Sources, row)
		}
	}
	return l
}
