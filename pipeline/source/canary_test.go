package source_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"upshot.dev/upshot/pipeline/source"
)

var jsonString = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// TestReasonsQuoteNothing puts a telling text in the place of each string of
// each fixture, one at a time, keys among them: no reject may repeat it. A
// reject goes to a table that is kept without redaction.
func TestReasonsQuoteNothing(t *testing.T) {
	const canary = "canary@example.com"
	tried, rejected := 0, 0
	for name, s := range subjects(t) {
		for _, f := range fixtures(t, name) {
			d := f.delivery(t, s)
			whole := d.Body
			for _, at := range jsonString.FindAllIndex(whole, -1) {
				key := bytes.HasPrefix(bytes.TrimSpace(whole[at[1]:]), []byte(":"))
				d.Body = bytes.Join([][]byte{whole[:at[0]], []byte(`"` + canary + `"`), whole[at[1]:]}, nil)
				tried++
				for _, r := range source.Parse(s, d).Rejects {
					rejected++
					// A key that is not known has to be named, or nobody finds it.
					if strings.Contains(r.Reason, canary) && !key {
						t.Errorf("%s at %d: %q", f.file, at[0], r.Reason)
					}
				}
			}
		}
	}
	if tried < 1000 || rejected < 200 {
		t.Errorf("only %d places were tried, with %d rejects", tried, rejected)
	}
}
