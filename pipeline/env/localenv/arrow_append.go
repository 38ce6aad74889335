package localenv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/duckdb/duckdb-go/v2"
)

// with runs f when builder and value have the types expected.
func with[B array.Builder, V any](b array.Builder, v any, f func(B, V)) error {
	builder, ok1 := b.(B)
	value, ok2 := v.(V)
	if !ok1 || !ok2 {
		return mismatch(v)
	}
	f(builder, value)
	return nil
}

func appendBool(b array.Builder, v any) error {
	return with(b, v, func(b *array.BooleanBuilder, v bool) { b.Append(v) })
}

func appendBytes(b array.Builder, v any) error {
	return with(b, v, func(b *array.BinaryBuilder, v []byte) { b.Append(v) })
}

func appendDate(b array.Builder, v any) error {
	return with(b, v, func(b *array.Date32Builder, v time.Time) { b.Append(arrow.Date32FromTime(v)) })
}

func appendTimestamp(b array.Builder, v any) error {
	return with(b, v, func(b *array.TimestampBuilder, v time.Time) { b.Append(arrow.Timestamp(v.UnixMicro())) })
}

// errTooLarge: sums of bigints are wider in DuckDB; Athena would fail, too.
var errTooLarge = errors.New("a whole number is beyond 64 bits; cast it to double")

func appendWhole(b array.Builder, v any) error {
	n, err := whole(v)
	if err != nil {
		return err
	}
	return with(b, n, func(b *array.Int64Builder, n int64) { b.Append(n) })
}

func whole(v any) (int64, error) {
	switch x := v.(type) {
	case int64:
		return x, nil
	case int32:
		return int64(x), nil
	case int16:
		return int64(x), nil
	case int8:
		return int64(x), nil
	case uint8:
		return int64(x), nil
	case uint16:
		return int64(x), nil
	case uint32:
		return int64(x), nil
	case uint64:
		if x > math.MaxInt64 {
			return 0, errTooLarge
		}
		return int64(x), nil
	case *big.Int:
		if !x.IsInt64() {
			return 0, errTooLarge
		}
		return x.Int64(), nil
	default:
		return 0, mismatch(v)
	}
}

func appendDouble(b array.Builder, v any) error {
	switch x := v.(type) {
	case float32:
		v = float64(x)
	case duckdb.Decimal:
		v = x.Float64()
	}
	return with(b, v, func(b *array.Float64Builder, v float64) { b.Append(v) })
}

func appendList(add appender) appender {
	return func(b array.Builder, v any) error {
		list, ok := v.([]any)
		builder, isList := b.(*array.ListBuilder)
		if !ok || !isList {
			return mismatch(v)
		}
		builder.Append(true)
		for _, x := range list {
			if err := appendOrNull(builder.ValueBuilder(), add, x); err != nil {
				return err
			}
		}
		return nil
	}
}

// appendMap writes the entries in order of their keys.
func appendMap(addKey, addValue appender) appender {
	return func(b array.Builder, v any) error {
		entries, ok := mapOf(v)
		builder, isMap := b.(*array.MapBuilder)
		if !ok || !isMap {
			return mismatch(v)
		}
		builder.Append(true)
		for _, e := range entries {
			if err := addKey(builder.KeyBuilder(), e.key); err != nil {
				return err
			}
			if err := appendOrNull(builder.ItemBuilder(), addValue, e.value); err != nil {
				return err
			}
		}
		return nil
	}
}

type entry struct {
	key, value any
	text       string // of the key
}

func mapOf(v any) (out []entry, ok bool) {
	switch m := v.(type) {
	case duckdb.Map:
		for k, e := range m {
			out = append(out, entry{k, e, text(k)})
		}
	case duckdb.OrderedMap:
		for i, k := range m.Keys() {
			out = append(out, entry{k, m.Values()[i], text(k)})
		}
	default:
		return nil, false
	}
	slices.SortFunc(out, func(a, b entry) int { return strings.Compare(a.text, b.text) })
	return out, true
}

func appendStruct(names []string, adds []appender) appender {
	return func(b array.Builder, v any) error {
		fields, ok := v.(map[string]any)
		builder, isStruct := b.(*array.StructBuilder)
		if !ok || !isStruct {
			return mismatch(v)
		}
		builder.Append(true)
		for i, name := range names {
			if err := appendOrNull(builder.FieldBuilder(i), adds[i], fields[name]); err != nil {
				return err
			}
		}
		return nil
	}
}

func appendText(b array.Builder, v any) error {
	return with(b, text(v), func(b *array.StringBuilder, s string) { b.Append(s) })
}

func appendJSON(b array.Builder, v any) error {
	return with(b, jsonText(v), func(b *array.StringBuilder, s string) { b.Append(s) })
}

// text writes what has no Arrow form of its own, the same way every time.
func text(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case time.Time:
		return x.Format("15:04:05.999999")
	case duckdb.Interval:
		return intervalText(x)
	case duckdb.Union:
		return text(x.Value)
	case duckdb.UUID:
		return x.String()
	case []byte:
		if len(x) == len(duckdb.UUID{}) {
			id := duckdb.UUID(x)
			return id.String()
		}
		return fmt.Sprintf("%x", x)
	default:
		return jsonText(v)
	}
}

// intervalText is an ISO 8601 duration like P1M2DT3.5S.
func intervalText(i duckdb.Interval) string {
	s := "P"
	if i.Months != 0 {
		s += fmt.Sprintf("%dM", i.Months)
	}
	if i.Days != 0 {
		s += fmt.Sprintf("%dD", i.Days)
	}
	if i.Micros != 0 || s == "P" {
		sign, n := "", i.Micros
		if n < 0 {
			sign, n = "-", -n
		}
		s += fmt.Sprintf("T%s%d", sign, n/1e6)
		if rest := n % 1e6; rest != 0 {
			s += strings.TrimRight(fmt.Sprintf(".%06d", rest), "0")
		}
		s += "S"
	}
	return s
}

// jsonText writes a value as JSON with sorted keys.
func jsonText(v any) string {
	switch x := v.(type) {
	case duckdb.Map, duckdb.OrderedMap:
		entries, _ := mapOf(x)
		m := make(map[string]any, len(entries))
		for _, e := range entries {
			m[e.text] = e.value
		}
		return jsonObject(m)
	case map[string]any:
		return jsonObject(x)
	case []any:
		parts := make([]string, len(x))
		for i, e := range x {
			parts[i] = jsonText(e)
		}
		return "[" + strings.Join(parts, ",") + "]"
	default:
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(x); err != nil {
			return fmt.Sprint(x)
		}
		return strings.TrimSuffix(b.String(), "\n")
	}
}

func jsonObject(m map[string]any) string {
	parts := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, jsonText(k)+":"+jsonText(m[k]))
	}
	return "{" + strings.Join(parts, ",") + "}"
}
