package source

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"upshot.dev/upshot/pipeline/record"
)

// Parse is how a delivery is parsed. Around the source's own parser it
//   - turns a panic into a reject that quotes nothing of the payload,
//   - turns records that Validate refuses into rejects that name the fields,
//   - gives records without an event_id the digest of source and content.
//
// Repeated event_ids within a delivery are kept: they are duplicates, and the
// ledger counts them as such.
func Parse(src *Source, d Delivery) (p Parsed) {
	raw := guarded(src, d)
	p.Rejects, p.Warnings = raw.Rejects, raw.Warnings
	for i, r := range raw.Records {
		item := i
		if i < len(raw.Items) {
			item = raw.Items[i]
		}
		if faults := r.Validate(); len(faults) > 0 {
			p.Rejects = append(p.Rejects, Reject{Item: item, Table: string(r.Table), Reason: explain(faults)})
			continue
		}
		if r.EventID == "" {
			id, err := contentID(d.Source, r)
			if err != nil {
				p.Rejects = append(p.Rejects, Reject{Item: item, Table: string(r.Table), Reason: "content cannot be written as JSON"})
				continue
			}
			r.EventID = id
		}
		p.Records = append(p.Records, r)
		p.Items = append(p.Items, item)
	}
	slices.SortStableFunc(p.Rejects, func(a, b Reject) int { return a.Item - b.Item })
	return p
}

// guarded runs the parser. A parser that panics is wrong, but its delivery
// must neither be lost nor block the others.
func guarded(src *Source, d Delivery) (p Parsed) {
	defer func() {
		if recover() != nil {
			p = rejected("parser failed")
		}
	}()
	return src.Parse(d)
}

// contentID is the digest of a record in its canonical form.
func contentID(source string, r record.Record) (string, error) {
	r.EventID = ""
	raw, err := r.MarshalJSON()
	if err == nil {
		raw, err = record.Canonical(raw)
	}
	if err != nil {
		return "", err
	}
	return record.ContentID(source, raw), nil
}

// maxReasons bounds a reject's text.
const maxReasons = 5

// explain names the fields that are wrong, without their values.
func explain(faults []record.FieldError) string {
	var reasons []string
	for _, f := range faults[:min(len(faults), maxReasons)] {
		name := clip(strings.TrimPrefix(f.Pointer, "/"))
		if name == "" {
			name = "record"
		}
		// The value that was wrong may be anybody's, once fields are mixed up.
		detail, _, _ := strings.Cut(f.Detail, `, not "`)
		reasons = append(reasons, name+" "+detail)
	}
	return strings.Join(reasons, "; ")
}

// maxName is how much of a sender's own key a message shows, in bytes.
const maxName = 200

// clip cuts a long name at a character.
func clip(name string) string {
	if len(name) <= maxName {
		return name
	}
	return strings.ToValidUTF8(name[:maxName], "") + "..."
}

// decode adds one input record as JSON, or a reject. A field that no table has
// is a warning.
func (p *Parsed) decode(item int, raw json.RawMessage) {
	r, faults := record.Decode(raw)
	var bad []record.FieldError
	for _, f := range faults {
		if !f.Unknown {
			bad = append(bad, f)
		} else if len(p.Warnings) < maxFaults {
			p.Warnings = append(p.Warnings, fmt.Sprintf("item %d: %s %s", item, clip(f.Pointer), f.Detail))
		}
	}
	if len(bad) > 0 {
		p.Rejects = append(p.Rejects, Reject{Item: item, Table: string(r.Table), Reason: explain(bad)})
		return
	}
	p.Records = append(p.Records, r)
	p.Items = append(p.Items, item)
}

// rejected is a delivery of which nothing could be understood.
func rejected(reason string) Parsed {
	return Parsed{Rejects: []Reject{{Reason: reason}}}
}

// one is a delivery that is one item with some records.
func one(records ...record.Record) Parsed {
	return Parsed{Records: records, Items: make([]int, len(records))}
}
