package company_test

import (
	"regexp"
	"testing"

	"upshot.dev/upshot/pipeline/enrich"
)

// personal finds what the generator plants, in any of its spellings.
var personal = regexp.MustCompile(`(?i)@(mail\.)?example\.|555-01\d\d|1632 960|23125 \d{3}|0113 496|4111 1111|5555 5555|4242-4242|378282246310005|` +
	`DE89 3704|GB29NWBK|FR1420041|NL91 ABNA|192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|2001:db8|token=[0-9a-f]{8}|key=[0-9a-f]{8}|user:pass@`)

// TestPersonalDataIsRedacted: nothing of the planted personal data is left in
// any text after the enrichment, in tickets, comments and answers.
func TestPersonalDataIsRedacted(t *testing.T) {
	e, err := enrich.New(enrich.Options{})
	if err != nil {
		t.Fatal(err)
	}
	before, after := 0, 0
	check := func(text string) {
		if !personal.MatchString(text) {
			return
		}
		before++
		if r := e.Enrich(enrich.Text{Body: text}); personal.MatchString(r.Text) {
			after++
			if after <= 5 {
				t.Errorf("still in the text: %q", r.Text)
			}
		}
	}
	c := full()
	for _, tk := range c.Tickets {
		for _, ch := range tk.Changes {
			check(ch.Text)
		}
	}
	for _, a := range c.Answers {
		for _, u := range a.Updates {
			check(u.Comment)
		}
	}
	if before < 200 || after > 0 {
		t.Errorf("%d texts had personal data, %d still have", before, after)
	}
}
