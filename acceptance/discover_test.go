package acceptance

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"upshot.dev/upshot/internal/discover"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/testdata/company"
)

// TestDiscover looks for what no theme covers in the company's last weeks: each
// proposal's evidence has the phrase and no theme, and a second look proposes
// the same bytes.
func TestDiscover(t *testing.T) {
	t.Parallel()
	end := company.Generate(company.Options{Scale: .01}).End
	q := querier(t, settings(t, demo(t)))
	store := memenv.NewStore(memenv.NewClock(end))
	var kept [2][]byte
	for i := range kept {
		p, err := discover.Find(t.Context(), q, end)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Phrases) == 0 || p.Feedback == 0 || p.To != "2026-11-22" || p.From != "2026-10-25" {
			t.Fatalf("%+v", p)
		}
		for j, f := range p.Phrases {
			if j > 0 && f.People > p.Phrases[j-1].People {
				t.Errorf("%q, used by more people, comes after %q", f.Phrase, p.Phrases[j-1].Phrase)
			}
			if f.Feedback < 3 || f.People > f.Feedback || len(f.Evidence) == 0 || len(f.Evidence) > 5 {
				t.Errorf("%+v", f)
			}
		}
		first := p.Phrases[0]
		sql := fmt.Sprintf("SELECT count(*) AS n FROM feedback WHERE event_id = '%s' AND contains(keyphrases, '%s') AND coalesce(cardinality(themes), 0) = 0", first.Evidence[0], first.Phrase)
		if got := upshot(t, "--lake", settings(t, demo(t)).Lake, "query", sql, "--format", "csv"); !bytes.Equal(got, []byte("n\n1\n")) {
			t.Errorf("the evidence of %q: %s", first.Phrase, got)
		}
		if err := p.Keep(t.Context(), store); err != nil {
			t.Fatal(err)
		}
		o, err := store.Open(t.Context(), p.Key())
		if err != nil {
			t.Fatal(err)
		}
		kept[i] = make([]byte, o.Size())
		if _, err := o.ReadAt(kept[i], 0); err != nil && len(kept[i]) == 0 {
			t.Fatal(err)
		}
	}
	if !slices.Equal(kept[0], kept[1]) {
		t.Error("two looks propose different bytes")
	}
}
