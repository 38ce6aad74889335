package process

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
)

// builder gathers a batch's rows by table and day.
type builder struct {
	object   string // the archive object, for rejects
	tickets  map[string][]record.TicketRow
	surveys  map[string][]record.SurveyRow
	events   map[string][]record.EventRow
	releases map[string][]record.ReleaseRow
	links    map[string][]record.LinkRow
	rejects  map[string][]record.RejectRow
	receipts map[string][]record.ReceiptRow
}

func newBuilder(object string) *builder {
	return &builder{
		object:  object,
		tickets: map[string][]record.TicketRow{}, surveys: map[string][]record.SurveyRow{},
		events: map[string][]record.EventRow{}, releases: map[string][]record.ReleaseRow{},
		links: map[string][]record.LinkRow{}, rejects: map[string][]record.RejectRow{},
		receipts: map[string][]record.ReceiptRow{},
	}
}

// add takes over what one delivery gave; line is its place in the archive.
func (b *builder) add(e *record.Envelope, line int64, y yield) {
	received := record.Micros(e.ReceivedAt)
	today := day(received)
	var item int32
	receipt := func(table, outcome string, key int64) {
		b.receipts[today] = append(b.receipts[today], record.ReceiptRow{
			DeliveryID: e.ID, Item: item, Source: e.Source, Table: table,
			ReceivedAt: received, Outcome: outcome, EventKey: key,
		})
		item++
	}
	for _, row := range y.rows {
		table, id := b.addRow(row)
		receipt(string(table), record.OutcomeRecord, record.EventKey(e.Source, table, id))
	}
	for i := range y.links {
		put(b.links, y.links[i].OccurredAt, &y.links[i])
	}
	for _, r := range y.rejects {
		b.rejects[today] = append(b.rejects[today], record.RejectRow{
			Source: e.Source, Table: r.Table, ReceivedAt: received, DeliveryID: e.ID,
			Item: int32(r.Item), Reason: r.Reason, Object: b.object, Line: line, //nolint:gosec // see yield
		})
		receipt(r.Table, record.OutcomeRejected, 0)
	}
	if y.ignored > 0 {
		receipt("", record.OutcomeIgnored, 0)
	}
}

func (b *builder) addRow(row any) (record.Table, string) {
	switch r := row.(type) {
	case *record.TicketRow:
		put(b.tickets, r.OccurredAt, r)
		return record.Tickets, r.EventID
	case *record.SurveyRow:
		put(b.surveys, r.OccurredAt, r)
		return record.Surveys, r.EventID
	case *record.ReleaseRow:
		put(b.releases, r.OccurredAt, r)
		return record.Releases, r.EventID
	case *record.EventRow:
		put(b.events, r.OccurredAt, r)
		return record.Events, r.EventID
	default:
		panic(fmt.Sprintf("no table for %T", row))
	}
}

// put adds a row to its day.
func put[T any](days map[string][]T, us int64, row *T) {
	dt := day(us)
	days[dt] = append(days[dt], *row)
}

// write puts all files. The receipts come last: a receipt in the lake means
// that its row is there, too.
func (b *builder) write(ctx context.Context, s env.Blobs, batch string) error {
	for _, f := range []func() error{
		func() error { return writeDays(ctx, s, string(record.Tickets), batch, b.tickets) },
		func() error { return writeDays(ctx, s, string(record.Surveys), batch, b.surveys) },
		func() error { return writeDays(ctx, s, string(record.Events), batch, b.events) },
		func() error { return writeDays(ctx, s, string(record.Releases), batch, b.releases) },
		func() error { return writeDays(ctx, s, lake.Links, batch, b.earliestLinks()) },
		func() error { return writeDays(ctx, s, lake.Rejects, batch, b.rejects) },
		func() error { return writeDays(ctx, s, lake.Ledger, batch, b.receipts) },
	} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func writeDays[T any](ctx context.Context, s env.Blobs, table, batch string, days map[string][]T) error {
	for _, dt := range slices.Sorted(maps.Keys(days)) {
		if err := writeDay(ctx, s, table, dt, batch, days[dt]); err != nil {
			return fmt.Errorf("write %s of %s: %w", table, dt, err)
		}
	}
	return nil
}

// writeDay writes one file. Should a row make the encoder panic, its delivery
// is to be found and set aside, and the process to go on.
func writeDay[T any](ctx context.Context, s env.Blobs, table, dt, batch string, rows []T) (err error) {
	defer func() {
		if recover() != nil { // the value could quote a row
			err = fault.Permanentf("the rows cannot be encoded")
		}
	}()
	return lake.WriteHot(ctx, s, table, dt, batch, rows)
}

// earliestLinks keeps, of the links of a day that say the same, the earliest:
// the others can never win.
func (b *builder) earliestLinks() map[string][]record.LinkRow {
	out := make(map[string][]record.LinkRow, len(b.links))
	for dt, links := range b.links {
		slices.SortFunc(links, func(x, y record.LinkRow) int {
			return cmp.Or(cmp.Compare(x.UserKey, y.UserKey), cmp.Compare(x.EmailKey, y.EmailKey),
				cmp.Compare(x.AnonymousKey, y.AnonymousKey),
				cmp.Compare(x.OccurredAt, y.OccurredAt), cmp.Compare(x.EventID, y.EventID), cmp.Compare(x.Source, y.Source))
		})
		out[dt] = slices.CompactFunc(links, func(x, y record.LinkRow) bool {
			return x.UserKey == y.UserKey && x.EmailKey == y.EmailKey &&
				x.AnonymousKey == y.AnonymousKey && x.Excluded == y.Excluded
		})
	}
	return out
}

// day is the UTC date of stored microseconds: the dt of a row.
func day(us int64) string { return time.UnixMicro(us).UTC().Format(time.DateOnly) }
