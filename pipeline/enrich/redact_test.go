package enrich

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestRedact holds findings and, as important, what only looks like one.
func TestRedact(t *testing.T) {
	for _, c := range table(t, "redact.csv") {
		got, counts := shared().Redact(c["in"])
		if got != c["want"] {
			t.Errorf("%q\n got %q\nwant %q", c["in"], got, c["want"])
		}
		if again, more := shared().Redact(got); again != got || more != nil {
			t.Errorf("%q: redacting twice gives %q", c["in"], again)
		}
		if n := strings.Count(got, "[") - strings.Count(c["in"], "["); int64(n) != total(counts) {
			t.Errorf("%q: %d placeholders, counted %v", c["in"], n, counts)
		}
	}
}

func total(counts map[string]int64) (n int64) {
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		n += counts[k]
	}
	return n
}

func TestRedactJSON(t *testing.T) {
	for _, c := range table(t, "redact_json.csv") {
		got, counts := shared().RedactJSON(json.RawMessage(c["in"]))
		if string(got) != c["want"] {
			t.Errorf("%s\n got %s\nwant %s", c["in"], got, c["want"])
		}
		if (counts != nil) != (c["in"] != c["want"]) {
			t.Errorf("%s: counts %v", c["in"], counts)
		}
	}
}

// TestRegions: a local number is one only where its plan is in use.
func TestRegions(t *testing.T) {
	spain, err := New(Options{Regions: []string{"ES"}})
	if err != nil {
		t.Fatal(err)
	}
	const text = "Mi casa 912 345 678 gracias"
	if got, _ := spain.Redact(text); !strings.Contains(got, "[phone]") {
		t.Errorf("in Spain: %q", got)
	}
	if got, _ := shared().Redact(text); got != text {
		t.Errorf("elsewhere: %q", got)
	}
}

// TestCardsByCheckDigit: of ten numbers that differ in the last digit only,
// exactly one is a card.
func TestCardsByCheckDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stem := "4" + rapid.StringMatching(`[0-9]{14}`).Draw(t, "stem")
		n := 0
		for d := range 10 {
			s := fmt.Sprintf("%s%d", stem, d)
			if got, _ := shared().Redact("Karte " + s + " danke"); got == "Karte [card] danke" {
				n++
			}
			spaced := s[:4] + " " + s[4:8] + " " + s[8:12] + " " + s[12:]
			if isCard(s, 1) != isCard(spaced, 4) {
				t.Fatalf("%s and %s differ", s, spaced)
			}
		}
		if n != 1 {
			t.Fatalf("%d of ten numbers with the stem %s are cards", n, stem)
		}
	})
}

// TestIBANCheckDigits: one wrong digit is always found, as ISO 7064 promises.
func TestIBANCheckDigits(t *testing.T) {
	const good = "DE89370400440532013000"
	if ibanEnd(good, 0, 22) != 22 {
		t.Fatal("the registry's own example is refused")
	}
	for i := 2; i < len(good); i++ {
		for d := byte('0'); d <= '9'; d++ {
			if d == good[i] {
				continue
			}
			if bad := good[:i] + string(d) + good[i+1:]; ibanEnd(bad, 0, 22) != 0 {
				t.Errorf("%s passes", bad)
			}
		}
	}
}
