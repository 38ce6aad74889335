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

// TestRedactFindsGenerated puts generated data into sentences. Each kind is
// found whole wherever it stands, and nothing of it is left.
func TestRedactFindsGenerated(t *testing.T) {
	word := rapid.StringMatching(`[a-z][a-z0-9]{1,8}`)
	octet := rapid.IntRange(10, 255)
	kinds := map[string]func(*rapid.T) string{
		kindEmail: func(t *rapid.T) string {
			return word.Draw(t, "a") + rapid.SampledFrom([]string{"", ".", "_", "+", "-"}).Draw(t, "sep") + word.Draw(t, "b") + "@" +
				word.Draw(t, "host") + "." + rapid.SampledFrom([]string{"com", "de", "co.uk", "example", "info"}).Draw(t, "tld")
		},
		kindIP: func(t *rapid.T) string {
			return fmt.Sprintf("%d.%d.%d.%d", rapid.IntRange(10, 126).Draw(t, "a"), octet.Draw(t, "b"), octet.Draw(t, "c"), octet.Draw(t, "d"))
		},
		kindPhone: func(t *rapid.T) string {
			area, middle, last := rapid.IntRange(201, 989).Draw(t, "area"), rapid.IntRange(200, 999).Draw(t, "middle"), rapid.IntRange(0, 9999).Draw(t, "last")
			form := rapid.SampledFrom([]string{"+1 %d %d %04d", "(%d) %d-%04d", "%d-%d-%04d", "1-%d-%d-%04d", "%d.%d.%04d"}).Draw(t, "form")
			return fmt.Sprintf(form, area, middle, last)
		},
		kindIBAN: func(t *rapid.T) string {
			account := rapid.StringMatching(`[0-9]{18}`).Draw(t, "account")
			rest := 0
			for _, c := range account + "131400" { // DE00 at the end, letters as numbers
				rest = (rest*10 + int(c-'0')) % 97
			}
			return fmt.Sprintf("DE%02d%s", 98-rest, account)
		},
		kindURL: func(t *rapid.T) string { return "zz" + word.Draw(t, "token") },
	}
	frames := map[string][]string{
		kindURL: {"see https://h.example/a?token=%s", "https://h.example/?x=1&api_key=%s&y=2", "postgres://app:%s@db.example/x"},
	}
	plain := []string{"%s", "It is %s.", "(%s)", "Ask %s, please", "first line\n%s\nlast line", "\"%s\""}
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{kindEmail, kindIP, kindPhone, kindIBAN, kindURL}).Draw(t, "kind")
		list := frames[kind]
		if list == nil {
			list = plain
		}
		secret := kinds[kind](t)
		text := fmt.Sprintf(rapid.SampledFrom(list).Draw(t, "frame"), secret)
		got, counts := shared().Redact(text)
		if strings.Contains(got, secret) || counts[kind] != 1 || total(counts) != 1 {
			t.Fatalf("%q -> %q, counted %v", text, got, counts)
		}
	})
}
