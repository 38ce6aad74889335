package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/record"
)

// dialect is the version of JSON Schema that every schema here is written in.
const dialect = "https://json-schema.org/draft/2020-12/schema"

// configSchema describes upshot.yaml as its Go types do. Unknown keys are
// refused there as they are by the loader; what the loader checks beyond the
// shape (schedules, zones, references) is not in it.
func configSchema() ([]byte, error) {
	return schemaFile("upshot.yaml", reflect.TypeFor[config.Config](), "yaml")
}

// envelopeSchema describes one delivery as it waits in the queue.
func envelopeSchema() ([]byte, error) {
	return schemaFile("envelope", reflect.TypeFor[record.Envelope](), "json")
}

func schemaFile(title string, t reflect.Type, tag string) ([]byte, error) {
	s, err := schemaOf(t, tag)
	if err != nil {
		return nil, err
	}
	s["$schema"], s["title"] = dialect, title
	var b bytes.Buffer
	e := json.NewEncoder(&b) // writes keys in order
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// schemaOf gives the schema of one type, with properties named by the tag. In
// JSON a field without omitempty is always written, so it is required; YAML is
// written by people, who leave out what they do not use.
func schemaOf(t reflect.Type, tag string) (map[string]any, error) {
	switch t {
	case reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}, nil
	case reflect.TypeFor[config.Duration]():
		return map[string]any{"type": "string", "description": `a length of time, like "90m", "24h" or "7d"`}, nil
	case reflect.TypeFor[[]byte]():
		return map[string]any{"type": "string", "contentEncoding": "base64"}, nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem(), tag)
	case reflect.String:
		return map[string]any{"type": "string"}, nil
	case reflect.Int:
		return map[string]any{"type": "integer"}, nil
	case reflect.Interface:
		return map[string]any{}, nil
	case reflect.Slice:
		items, err := schemaOf(t.Elem(), tag)
		return map[string]any{"type": "array", "items": items}, err
	case reflect.Map:
		values, err := schemaOf(t.Elem(), tag)
		return map[string]any{"type": "object", "additionalProperties": values}, err
	case reflect.Struct:
		return structSchema(t, tag)
	}
	return nil, fmt.Errorf("no schema for %s", t)
}

func structSchema(t reflect.Type, tag string) (map[string]any, error) {
	props := map[string]any{}
	required := []string{}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get(tag), ",")
		// an embedded struct's own fields come up as fields of t
		if !f.IsExported() || f.Anonymous || name == "-" {
			continue
		}
		if name == "" {
			return nil, fmt.Errorf("%s.%s has no %s name", t, f.Name, tag)
		}
		s, err := schemaOf(f.Type, tag)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t, f.Name, err)
		}
		props[name] = s
		if tag == "json" && !strings.Contains(options, "omitempty") {
			required = append(required, name)
		}
	}
	s := map[string]any{"type": "object", "properties": props, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s, nil
}
