package source

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"

	"upshot.dev/upshot/pipeline/record"
)

func init() {
	Register(&Source{
		Type:  "api",
		Title: "First-party API",
		Gives: record.Tables(),
		Doc: "POST input records to /v1/records: one object, an array, or one object a line. Authenticate with " +
			"\"Authorization: Bearer SECRET\" or a Standard Webhooks signature under a whsec_ secret.",
		Scheme:    mustProfile("api"),
		Endpoints: []string{"/v1/records"},
		Parse:     parseAPI,
	})
}

// maxFaults bounds how many faults one answer of the API lists: enough to mend
// a client by, and a body full of nonsense makes no large answer.
const maxFaults = 100

// Records reads the body of POST /v1/records: one input record, an array of
// them, or one a line (NDJSON). The reading is strict: unknown fields and
// repeated keys are faults. Pointers are those of the caller's body: "/score"
// for one object, "/0/score" for the first of several. With any fault nothing
// of the body is to be stored. At most 100 faults are listed.
func Records(body []byte) ([]record.Record, []record.FieldError) {
	items, several, fault := splitRecords(body)
	if fault != nil {
		return nil, []record.FieldError{*fault}
	}
	records := make([]record.Record, 0, len(items))
	var faults []record.FieldError
	for i, item := range items {
		r, errs := record.Decode(item)
		for _, e := range errs {
			if several {
				e.Pointer = "/" + strconv.Itoa(i) + e.Pointer
			}
			if len(faults) < maxFaults {
				e.Pointer = clip(e.Pointer) // an unknown key may be of any length
				faults = append(faults, e)
			}
		}
		records = append(records, r)
	}
	if faults != nil {
		return nil, faults
	}
	return records, nil
}

// splitRecords takes the body apart without reading the records. several is
// true when the records have places.
func splitRecords(body []byte) (items []json.RawMessage, several bool, fault *record.FieldError) {
	wrong := func(pointer, detail string) ([]json.RawMessage, bool, *record.FieldError) {
		return nil, false, &record.FieldError{Pointer: pointer, Detail: detail}
	}
	body = bytes.TrimSpace(bytes.TrimPrefix(body, bom))
	if len(body) == 0 {
		return wrong("", "is empty: post one record, an array of records, or one record a line")
	}
	if err := CheckJSON(body); err != nil {
		return wrong("", err.Error())
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if body[0] == '[' {
		if err := d.Decode(&items); err != nil {
			return wrong("", notJSON(err, len(body)).Error())
		}
		if _, err := d.Token(); err != io.EOF {
			return wrong("", "has text after the array")
		}
		return items, true, nil
	}
	for {
		var item json.RawMessage
		err := d.Decode(&item)
		if err == io.EOF {
			return items, len(items) > 1, nil
		}
		if err != nil {
			pointer := ""
			if len(items) > 0 {
				pointer = "/" + strconv.Itoa(len(items))
			}
			return wrong(pointer, notJSON(err, len(body)).Error())
		}
		items = append(items, item)
	}
}

// parseAPI reads what Records has accepted before it was queued, leniently: in a
// body that it would not accept (a file given to upshot parse, a replay under
// stricter rules) only the records at fault are lost, and unknown fields are
// warnings.
func parseAPI(d Delivery) Parsed {
	items, _, fault := splitRecords(d.Body)
	if fault != nil {
		return rejected("body " + fault.Detail)
	}
	var p Parsed
	for i, item := range items {
		p.decode(i, item)
	}
	return p
}
