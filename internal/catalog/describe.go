package catalog

import (
	"context"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/array"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/lake"
)

// Columns are the columns of every view, by its name.
type Columns map[string][]lake.Column

// Describe asks DuckDB, over any lake, for the columns of every view. Types
// have the names that lake.Columns has.
func Describe(ctx context.Context, q env.Querier) (Columns, error) {
	out := Columns{}
	for _, v := range Views() {
		columns, err := describe(ctx, q, v.Name)
		if err != nil {
			return nil, fmt.Errorf("describe the view %s: %w", v.Name, err)
		}
		out[v.Name] = columns
	}
	return out, nil
}

func describe(ctx context.Context, q env.Querier, view string) (out []lake.Column, err error) {
	r, err := q.Query(ctx, "SELECT column_name, column_type FROM (DESCRIBE "+view+")")
	if err != nil {
		return nil, err
	}
	defer r.Release()
	for r.Next() {
		names, ok1 := r.RecordBatch().Column(0).(*array.String)
		types, ok2 := r.RecordBatch().Column(1).(*array.String)
		if !ok1 || !ok2 {
			return nil, fault.Permanentf("the description is no text")
		}
		for i := range names.Len() {
			t, err := typeOf(types.Value(i))
			if err != nil {
				return nil, fmt.Errorf("column %s: %w", names.Value(i), err)
			}
			out = append(out, lake.Column{Name: names.Value(i), Type: t})
		}
	}
	return out, r.Err()
}

// typeOf is a type of DuckDB in the words of lake.Column. Decimals, sums of
// bigints and whatever else would be another type in Athena are an error: the
// view has to cast them.
func typeOf(duck string) (string, error) {
	if item, ok := strings.CutSuffix(duck, "[]"); ok {
		t, err := typeOf(item)
		return "array(" + t + ")", err
	}
	switch duck {
	case "VARCHAR", "BIGINT", "INTEGER", "DOUBLE", "BOOLEAN", "DATE", "MAP(VARCHAR, BIGINT)":
		return strings.ToLower(duck), nil
	case "TIMESTAMP":
		return "timestamp(6)", nil
	default:
		return "", fault.Permanentf("%s has no counterpart in Athena; cast it", duck)
	}
}
