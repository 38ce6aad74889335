package trino

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// appender appends a value that is not null, as JSON has it.
type appender func(b array.Builder, v any) error

func appendOrNull(b array.Builder, add appender, v any) error {
	if v == nil {
		b.AppendNull()
		return nil
	}
	return add(b, v)
}

// arrowType is the Arrow type of a type, the same as DuckDB's twin gets: whole
// numbers of every width are 64 bits, decimals doubles, and what has no
// counterpart is text.
func arrowType(s signature) (arrow.DataType, appender, error) {
	switch s.RawType {
	case "boolean":
		return arrow.FixedWidthTypes.Boolean, appendBool, nil
	case "tinyint", "smallint", "integer", "bigint", "unknown":
		return arrow.PrimitiveTypes.Int64, appendWhole, nil
	case "real":
		return arrow.PrimitiveTypes.Float64, appendDouble(32), nil
	case "double", "decimal":
		return arrow.PrimitiveTypes.Float64, appendDouble(64), nil
	case "date":
		return arrow.FixedWidthTypes.Date32, appendDate, nil
	case "timestamp":
		return &arrow.TimestampType{Unit: arrow.Microsecond}, appendTime("2006-01-02 15:04:05"), nil
	case "timestamp with time zone":
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, appendTime("2006-01-02 15:04:05 MST"), nil
	case "varbinary":
		return arrow.BinaryTypes.Binary, appendBytes, nil
	case "array":
		types, adds, err := inner(s, 1)
		if err != nil {
			return nil, nil, err
		}
		return arrow.ListOf(types[0]), appendList(adds[0]), nil
	case "map":
		types, adds, err := inner(s, 2)
		if err != nil {
			return nil, nil, err
		}
		return arrow.MapOf(types[0], types[1]), appendMap(adds[0], adds[1]), nil
	default:
		return arrow.BinaryTypes.String, appendText, nil
	}
}

// inner are the n types that a type is made of.
func inner(s signature, n int) (types []arrow.DataType, adds []appender, err error) {
	if len(s.Arguments) != n {
		return nil, nil, fmt.Errorf("a %s of %d types", s.RawType, len(s.Arguments))
	}
	for _, a := range s.Arguments {
		var of signature
		if err := json.Unmarshal(a.Value, &of); err != nil {
			return nil, nil, fmt.Errorf("the type in a %s: %w", s.RawType, err)
		}
		t, add, err := arrowType(of)
		if err != nil {
			return nil, nil, err
		}
		types, adds = append(types, t), append(adds, add)
	}
	return types, adds, nil
}

// with runs f when builder and value have the types expected.
func with[B array.Builder, V any](b array.Builder, v any, f func(B, V) error) error {
	builder, ok1 := b.(B)
	value, ok2 := v.(V)
	if !ok1 || !ok2 {
		return fmt.Errorf("an unexpected %T", v)
	}
	return f(builder, value)
}

func appendBool(b array.Builder, v any) error {
	return with(b, v, func(b *array.BooleanBuilder, v bool) error { b.Append(v); return nil })
}

// appendWhole takes numbers and, as keys of maps come, texts.
func appendWhole(b array.Builder, v any) error {
	return with(b, fmt.Sprint(v), func(b *array.Int64Builder, v string) error {
		n, err := strconv.ParseInt(v, 10, 64)
		b.Append(n)
		return err
	})
}

// appendDouble takes numbers, and texts like NaN and those of decimals.
func appendDouble(bits int) appender {
	return func(b array.Builder, v any) error {
		return with(b, fmt.Sprint(v), func(b *array.Float64Builder, v string) error {
			n, err := strconv.ParseFloat(v, bits)
			b.Append(n)
			return err
		})
	}
}

func appendDate(b array.Builder, v any) error {
	return with(b, v, func(b *array.Date32Builder, v string) error {
		t, err := time.Parse(time.DateOnly, v)
		b.Append(arrow.Date32FromTime(t))
		return err
	})
}

func appendTime(layout string) appender {
	return func(b array.Builder, v any) error {
		return with(b, v, func(b *array.TimestampBuilder, v string) error {
			t, err := time.Parse(layout, v) // takes decimals that the layout lacks
			b.Append(arrow.Timestamp(t.UnixMicro()))
			return err
		})
	}
}

func appendBytes(b array.Builder, v any) error {
	return with(b, v, func(b *array.BinaryBuilder, v string) error {
		raw, err := base64.StdEncoding.DecodeString(v)
		b.Append(raw)
		return err
	})
}

func appendList(add appender) appender {
	return func(b array.Builder, v any) error {
		return with(b, v, func(b *array.ListBuilder, v []any) error {
			b.Append(true)
			for _, x := range v {
				if err := appendOrNull(b.ValueBuilder(), add, x); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// appendMap writes the entries in order of their keys.
func appendMap(addKey, addValue appender) appender {
	return func(b array.Builder, v any) error {
		return with(b, v, func(b *array.MapBuilder, v map[string]any) error {
			b.Append(true)
			for _, k := range slices.Sorted(maps.Keys(v)) {
				if err := addKey(b.KeyBuilder(), k); err != nil {
					return err
				}
				if err := appendOrNull(b.ItemBuilder(), addValue, v[k]); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// appendText writes texts as they are and whatever else as JSON.
func appendText(b array.Builder, v any) error {
	return with(b, v, func(b *array.StringBuilder, v any) error {
		if s, ok := v.(string); ok {
			b.Append(s)
			return nil
		}
		var out strings.Builder
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		err := e.Encode(v)
		b.Append(strings.TrimSuffix(out.String(), "\n"))
		return err
	})
}
