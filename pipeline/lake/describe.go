package lake

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"upshot.dev/upshot/pipeline/record"
)

// described is the order of a row in its file: by time, then by what makes it
// the same row as another, then by which of several stands.
type described struct {
	time     int64  // occurred_at or received_at
	id       string // rows with equal ids are one row
	received int64  // of several the smallest (received, delivery, seq) stands
	delivery string
	seq      int32
	place    int // in the input
}

func (a described) compare(b described) int {
	return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.id, b.id), cmp.Compare(a.received, b.received),
		cmp.Compare(a.delivery, b.delivery), cmp.Compare(a.seq, b.seq))
}

func join(parts ...string) string { return strings.Join(parts, "\x00") }

// describe knows every row type; a type that is missing is a programmer's slip.
func describe[T any](row *T) described {
	switch r := any(row).(type) {
	case *record.TicketRow:
		return ofRow(&r.Row)
	case *record.SurveyRow:
		return ofRow(&r.Row)
	case *record.EventRow:
		return ofRow(&r.Row)
	case *record.ReleaseRow:
		return ofRow(&r.Row)
	case *record.LinkRow:
		return described{
			time:     r.OccurredAt,
			id:       join(r.UserKey, r.EmailKey, r.AnonymousKey, strconv.FormatBool(r.Excluded)),
			received: r.OccurredAt, delivery: r.EventID + "\x00" + r.Source,
		}
	case *record.RejectRow:
		return described{
			time: r.ReceivedAt, id: join(r.DeliveryID, strconv.Itoa(int(r.Item)), r.Reason),
			received: r.ReceivedAt, delivery: r.Object, seq: r.Item,
		}
	case *record.ReceiptRow:
		return described{
			time: r.ReceivedAt, id: join(r.DeliveryID, strconv.Itoa(int(r.Item))),
			received: r.ReceivedAt, delivery: r.Outcome, seq: r.Item,
		}
	default:
		panic(fmt.Sprintf("the lake has no rows of type %T", row))
	}
}

func ofRow(r *record.Row) described {
	return described{
		time: r.OccurredAt, id: join(r.EventID, r.Source),
		received: r.ReceivedAt, delivery: r.DeliveryID, seq: r.DeliverySeq,
	}
}
