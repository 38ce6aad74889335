package record

import (
	"encoding/json"
	"fmt"
)

// schemaID is the base of the schemas' identifiers; they are names, nothing is
// fetched from there.
const schemaID = "https://upshot.dev/schemas/"

// ordered is a JSON object that keeps its order: schemas are read by people.
type ordered []pair

type pair struct {
	key   string
	value any
}

// MarshalJSON writes the pairs in their order.
func (o ordered) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, p := range o {
		v, err := encodeJSON(p.value)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, quote(p.key)...), ':'), v...)
	}
	return append(out, '}'), nil
}

// Schema is the JSON Schema (draft 2020-12) of a table's input records, made
// from the same list of fields that Decode reads by. It says what a schema can
// say; Validate also compares fields with each other.
func Schema(t Table) []byte {
	props := ordered{{"table", ordered{{"const", string(t)}}}}
	for _, f := range fields {
		if f.in(t) {
			props = append(props, pair{f.name, f.schema(t)})
		}
	}
	doc := ordered{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", schemaID + "record." + string(t) + ".json"},
		{"title", "Input record of the table " + string(t)},
		{"type", "object"},
		{"properties", props},
		{"required", requiredFields(t)},
		{"additionalProperties", false},
	}
	if rules := conditions(t); rules != nil {
		doc = append(doc, pair{"allOf", rules})
	}
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("schema of %s: %v", t, err)) // made of constants alone
	}
	return append(b, '\n')
}

func requiredFields(t Table) []string {
	switch t {
	case Tickets:
		return []string{"table", "ticket_id", "change"}
	case Surveys:
		return []string{"table", "response_id", "kind"}
	default:
		return []string{"table", "kind"}
	}
}

func (f field) schema(t Table) ordered {
	null := ordered{{"type", "null"}}
	var is ordered
	switch f.typ {
	case "id":
		is = ordered{{"type", []string{"string", "number", "null"}}, {"maxLength", maxID}}
	case "time":
		is = ordered{{"type", []string{"string", "number", "null"}}, {"description", "RFC 3339, or Unix seconds or milliseconds"}}
	case "object":
		is = ordered{{"type", []string{"object", "null"}}}
	case "strings":
		is = ordered{{"anyOf", []ordered{{{"type", "array"}, {"items", ordered{{"type", "string"}}}}, null}}}
	default:
		is = ordered{{"type", []string{f.typ, "null"}}}
	}
	if f.enum != nil {
		// A blank text is absent, as everywhere.
		values := []any{nil, ""}
		for _, w := range f.enum(t) {
			values = append(values, w)
		}
		return ordered{{"enum", values}}
	}
	switch f.name {
	case "rollout_percent":
		is = append(is, pair{"minimum", 0}, pair{"maximum", 100})
	case "duration_ms":
		is = append(is, pair{"minimum", 0})
	}
	return is
}

// conditions are the rules that depend on the kind.
func conditions(t Table) []ordered {
	when := func(kinds []string, then ordered) ordered {
		return ordered{
			{"if", ordered{{"properties", ordered{{"kind", ordered{{"enum", kinds}}}}}, {"required", []string{"kind"}}}},
			{"then", then},
		}
	}
	number := ordered{{"type", "number"}}
	switch t {
	case Surveys:
		return []ordered{
			when([]string{"nps"}, ordered{
				{"properties", ordered{
					{"score", ordered{{"type", "integer"}, {"minimum", 0}, {"maximum", 10}}},
					{"scale_min", ordered{{"enum", []any{nil, 0}}}},
					{"scale_max", ordered{{"enum", []any{nil, 10}}}},
				}},
				{"required", []string{"score"}},
			}),
			when([]string{"csat", "ces", "rating"}, ordered{
				{"properties", ordered{{"score", number}, {"scale_min", number}, {"scale_max", number}}},
				{"required", []string{"score", "scale_min", "scale_max"}},
			}),
		}
	case Events:
		return []ordered{when([]string{"track"}, ordered{
			{"properties", ordered{{"name", ordered{{"type", "string"}, {"pattern", `\S`}}}}},
			{"required", []string{"name"}},
		})}
	default:
		return nil
	}
}
