package localenv

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// jsonText writes structs, maps and the like as JSON text with sorted keys.
func jsonText(v any) string {
	switch x := v.(type) {
	case duckdb.Map:
		m := make(map[string]any, len(x))
		for k, e := range x {
			m[fmt.Sprint(k)] = e
		}
		return jsonObject(m)
	case duckdb.OrderedMap:
		m := map[string]any{}
		for i, k := range x.Keys() {
			m[fmt.Sprint(k)] = x.Values()[i]
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
	case nil:
		return "null"
	default:
		b, err := json.Marshal(x)
		if err != nil {
			return fmt.Sprint(x)
		}
		return string(b)
	}
}

func jsonObject(m map[string]any) string {
	parts := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, jsonText(k)+":"+jsonText(m[k]))
	}
	return "{" + strings.Join(parts, ",") + "}"
}
