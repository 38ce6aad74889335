package enrich

import "strings"

// ibanLengths is the length of an account number by country, from the SWIFT
// IBAN registry.
var ibanLengths = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27,
	"BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28,
	"EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23,
	"GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26,
	"IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21,
	"LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28,
	"NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22,
	"RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25,
	"SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}

// ibans finds account numbers by country, length and check digits (ISO 7064,
// mod 97), in one piece or in groups divided by single spaces or hyphens.
func (f *finder) ibans() {
	s := f.s
	for i := 2; i+1 < len(s); i++ {
		if !isDigit(s[i]) || !isDigit(s[i+1]) || !isLetter(s[i-1]) || !isLetter(s[i-2]) ||
			wordByte(at(s, i-3)) || at(s, i-3) == '_' {
			continue
		}
		length := ibanLengths[strings.ToUpper(s[i-2:i])]
		if length == 0 {
			continue
		}
		if end := ibanEnd(s, i-2, length); end > 0 {
			f.add(i-2, end, kindIBAN)
		}
	}
}

// ibanEnd is the end of the valid account number of the given length that
// begins at s[start], 0 when there is none.
func ibanEnd(s string, start, length int) int {
	var compact [34]byte
	n, i := 0, start
	for n < length && i < len(s) {
		c := s[i]
		switch {
		case isAlnum(c):
			if isLetter(c) {
				c &^= 0x20
			}
			compact[n] = c
			n++
			i++
		case (c == ' ' || c == '-') && n >= 4 && isAlnum(at(s, i+1)):
			i++
		case strings.HasPrefix(s[i:], "\u00a0") && n >= 4 && isAlnum(at(s, i+2)):
			i += 2
		default:
			return 0
		}
	}
	if n < length || wordByte(at(s, i)) {
		return 0
	}
	rest := 0
	for k := range n {
		c := compact[(k+4)%n]
		if isDigit(c) {
			rest = (rest*10 + int(c-'0')) % 97
		} else {
			rest = (rest*100 + int(c-'A') + 10) % 97
		}
	}
	if rest != 1 {
		return 0
	}
	return i
}

// group is one run of digits: s[start:end].
type group struct{ start, end int }

// cards finds payment cards: 13 to 19 digits in groups divided by single
// spaces, dots or hyphens, with an issuer's prefix and a right check digit.
func (f *finder) cards() {
	s := f.s
	var array [24]group
	groups := array[:0]
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			continue
		}
		groups = groups[:0]
		start := i
		for {
			j := i
			for j < len(s) && isDigit(s[j]) {
				j++
			}
			groups = append(groups, group{i, j})
			i = j
			if len(groups) == len(array) || strings.IndexByte(" -.", at(s, j)) < 0 || !isDigit(at(s, j+1)) || j >= len(s) {
				break
			}
			i = j + 1
		}
		if groups[len(groups)-1].end-start >= 13 {
			f.cardIn(groups)
		}
	}
}

// cardIn claims the cards among neighbouring groups, the longest first.
func (f *finder) cardIn(groups []group) {
	s := f.s
	for from := 0; from < len(groups); from++ {
		if f.glued(groups[from].start) {
			continue
		}
		for to := len(groups); to > from; to-- {
			start, end := groups[from].start, groups[to-1].end
			if end-start < 13 || end-start > 19+to-from-1 || wordByte(at(s, end)) || at(s, end) == '_' {
				continue
			}
			if isCard(s[start:end], to-from) {
				f.add(start, end, kindCard)
				from = to - 1
				break
			}
		}
	}
}

// glued tells whether a number that begins at i is the tail of something
// longer, like an identifier or a decimal.
func (f *finder) glued(i int) bool {
	c := at(f.s, i-1)
	if i == 0 {
		return false
	}
	before := at(f.s, i-2)
	return wordByte(c) || c == '_' || (c == '-' || c == '.') && isDigit(before) || c == '/' && wordByte(before)
}

// isCard checks digits in the given number of groups: Luhn, the issuer's
// prefix, and no group so short that a list of numbers would pass.
func isCard(s string, groups int) bool {
	var d [19]byte
	n := 0
	for i := range len(s) {
		if !isDigit(s[i]) {
			continue
		}
		if n == len(d) {
			return false
		}
		d[n] = s[i] - '0'
		n++
	}
	if n < 13 || groups > 1 && (groups < 3 || n/groups < 3) {
		return false
	}
	sum := 0
	for i := range n {
		v := int(d[n-1-i])
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	if sum%10 != 0 {
		return false
	}
	prefix := int(d[0])*1000 + int(d[1])*100 + int(d[2])*10 + int(d[3])
	return issuer(prefix, n)
}

// issuer tells whether cards of n digits with these first four digits exist
// (ISO/IEC 7812 ranges in use).
func issuer(prefix, n int) bool {
	two := prefix / 100
	switch {
	case two/10 == 4: // Visa
		return n == 13 || n == 16 || n == 19
	case two >= 51 && two <= 55, prefix >= 2221 && prefix <= 2720: // Mastercard
		return n == 16
	case two == 34 || two == 37: // American Express
		return n == 15
	case two == 36 || two == 38 || two == 39 || prefix >= 3000 && prefix <= 3059: // Diners
		return n >= 14
	case prefix >= 3528 && prefix <= 3589: // JCB
		return n >= 16
	case prefix == 2131 || prefix == 1800: // JCB, old
		return n == 15
	case prefix == 6011 || two == 65 || prefix >= 6440 && prefix <= 6499: // Discover
		return n >= 16
	case two == 62 || two == 81: // UnionPay
		return n >= 16
	case two == 50 || two >= 56 && two <= 64 || two >= 66 && two <= 69: // Maestro
		return n >= 13
	}
	return false
}
