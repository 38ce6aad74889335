package lake

import (
	"fmt"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"upshot.dev/upshot/pipeline/record"
)

// spec is what compaction knows of a table: its columns, the order of a file,
// what makes two rows the same, and which of them stands (the smallest).
type spec struct {
	schema *parquet.Schema
	order  []string
	same   []string
	rank   []string
}

var feedbackOrder = spec{
	order: []string{"occurred_at", "event_id", "source"},
	same:  []string{"source", "event_id"},
	rank:  []string{"received_at", "delivery_id", "delivery_seq"},
}

func rows[T any](s spec) spec {
	s.schema = parquet.SchemaOf(new(T))
	return s
}

// specs has every table.
var specs = map[string]spec{
	string(record.Tickets):  rows[record.TicketRow](feedbackOrder),
	string(record.Surveys):  rows[record.SurveyRow](feedbackOrder),
	string(record.Events):   rows[record.EventRow](feedbackOrder),
	string(record.Releases): rows[record.ReleaseRow](feedbackOrder),
	// Of the links that say the same only the earliest can win.
	Links: rows[record.LinkRow](spec{
		order: []string{"user_key", "email_key", "anonymous_key"},
		same:  []string{"user_key", "email_key", "anonymous_key", "excluded"},
		rank:  []string{"occurred_at", "event_id", "source"},
	}),
	Rejects: rows[record.RejectRow](spec{
		order: []string{"received_at", "delivery_id", "item"},
		same:  []string{"delivery_id", "item", "reason"},
		rank:  []string{"received_at", "archive_object", "archive_line"},
	}),
	Ledger: rows[record.ReceiptRow](spec{
		order: []string{"received_at", "delivery_id", "item"},
		same:  []string{"delivery_id", "item"},
		rank:  []string{"received_at", "outcome", "table", "event_key"},
	}),
}

// Identity says which columns make rows of a table one row, and by which
// columns the smallest of them is found, which stands. Nullable columns may be
// among them.
func Identity(table string) (same, rank []string) {
	s := specs[table]
	return slices.Clone(s.same), slices.Clone(s.rank)
}

// Column is one column of a table with its SQL type, as both engines know it.
type Column struct {
	Name string
	Type string // varchar, bigint, integer, double, boolean, timestamp(6), array(varchar), array(double), map(varchar, bigint)
}

// Columns lists a table's columns in the order of the file, without dt and
// tier, which are in the path. It is made from the row types, so DDL and typed
// empty views cannot drift from the files. Unknown tables have none.
func Columns(table string) []Column {
	s, ok := specs[table]
	if !ok {
		return nil
	}
	var out []Column
	for _, f := range s.schema.Fields() {
		out = append(out, Column{f.Name(), sqlType(f)})
	}
	return out
}

func sqlType(n parquet.Node) string {
	if lt := n.Type().LogicalType(); lt != nil {
		switch lt.Value.(type) {
		case *format.ListType:
			return "array(" + sqlType(n.Fields()[0].Fields()[0]) + ")"
		case *format.MapType:
			kv := n.Fields()[0].Fields()
			return "map(" + sqlType(kv[0]) + ", " + sqlType(kv[1]) + ")"
		case *format.TimestampType:
			return "timestamp(6)"
		}
	}
	switch n.Type().Kind() {
	case parquet.Boolean:
		return "boolean"
	case parquet.Int32:
		return "integer"
	case parquet.Int64:
		return "bigint"
	case parquet.Double:
		return "double"
	case parquet.ByteArray:
		return "varchar"
	default:
		panic(fmt.Sprintf("no SQL type for %s", n))
	}
}
