package enrich

import "strings"

// phoneWords stand before telephone numbers; 2 says that a short number in one
// piece is one, too.
var phoneWords = map[string]int{
	"phone": 2, "phones": 2, "phonenumber": 2, "tel": 2, "telephone": 2, "telefon": 2, "telefonnummer": 2,
	"mobile": 2, "mobil": 2, "cell": 2, "cellphone": 2, "fax": 2, "whatsapp": 2, "handy": 2, "rufnummer": 2,
	"handynummer": 2, "landline": 2, "hotline": 2, "voicemail": 2, "ph": 2, "mob": 2, "téléphone": 2, "tél": 2,
	"teléfono": 2, "telefono": 2, "móvil": 2, "cellulare": 2, "msisdn": 2,
	"call": 1, "calls": 1, "called": 1, "calling": 1, "ring": 1, "dial": 1, "dialed": 1, "reach": 1, "sms": 1,
	"text": 1, "texted": 1, "contact": 1, "answering": 1, "callback": 1, "anrufen": 1, "erreichen": 1,
	"erreichbar": 1, "appeler": 1, "appelez": 1, "joindre": 1, "llamar": 1, "signal": 1,
}

// afterWords stand behind telephone numbers.
var afterWords = map[string]bool{
	"fax": true, "mobile": true, "office": true, "cell": true, "home": true, "phone": true, "direct": true,
}

// otherWords stand before numbers that are no telephone numbers.
var otherWords = map[string]bool{
	"order": true, "orders": true, "invoice": true, "invoices": true, "ticket": true, "tickets": true, "case": true,
	"ref": true, "reference": true, "id": true, "ids": true, "account": true, "tracking": true, "serial": true,
	"sku": true, "po": true, "build": true, "version": true, "release": true, "error": true, "code": true,
	"issue": true, "pr": true, "isbn": true, "issn": true, "ean": true, "upc": true, "gtin": true, "barcode": true, "part": true, "model": true,
	"transaction": true, "confirmation": true, "customer": true, "policy": true, "booking": true, "license": true,
	"licence": true, "ssn": true, "vat": true, "tax": true, "iban": true, "zip": true, "timestamp": true,
	"bestellung": true, "bestellnummer": true, "rechnung": true, "rechnungsnummer": true, "auftrag": true,
	"kundennummer": true, "usd": true, "eur": true, "gbp": true, "commande": true, "facture": true, "request": true,
	"card": true, "flight": true, "subscription": true, "user": true, "uid": true, "device": true, "batch": true,
}

// contextOf weighs the words around a candidate: above 0 for a telephone
// number, below 0 for something else, 0 when they say nothing. The nearest
// word that says something decides.
func (f *finder) contextOf(c *candidate) int {
	verdict := 0
	f.wordsBefore(c.start, 6, func(word string) bool {
		switch {
		case phoneWords[word] > 0:
			verdict = phoneWords[word]
		case otherWords[word]:
			verdict = -1
		}
		return verdict == 0
	})
	if verdict != 0 {
		return verdict
	}
	rest := strings.TrimLeft(f.s[c.end:min(len(f.s), c.end+16)], " -,(:")
	n := 0
	for n < len(rest) && isLetter(rest[n]) {
		n++
	}
	if afterWords[strings.ToLower(rest[:n])] {
		return 1
	}
	return 0
}

// near tells whether one of the n words before i is in the set.
func (f *finder) near(i, n int, set map[string]bool) bool {
	found := false
	f.wordsBefore(i, n, func(word string) bool {
		found = set[word]
		return !found
	})
	return found
}

// wordsBefore calls visit with the lower-cased words before i on the same
// line, the nearest first: at most n of them from at most 64 bytes, and until
// visit says no. Words of a JSON key go on where the text begins.
func (f *finder) wordsBefore(i, n int, visit func(string) bool) {
	window := f.s[max(0, i-64):i]
	if nl := strings.LastIndexByte(window, '\n'); nl >= 0 {
		window = window[nl+1:]
	} else if i <= 64 && f.context != "" {
		window = f.context + " " + window
	}
	for end := len(window); end > 0 && n > 0; {
		for end > 0 && (!wordByte(window[end-1]) || isDigit(window[end-1])) {
			end--
		}
		start := end
		for start > 0 && wordByte(window[start-1]) && !isDigit(window[start-1]) {
			start--
		}
		if start < end {
			n--
			if !visit(strings.ToLower(window[start:end])) {
				return
			}
		}
		end = start
	}
}
