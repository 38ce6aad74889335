package enrich

import (
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// phoneChecker confirms candidates against the numbering plans of regions.
// The library's tables are loaded by its first use and read-only afterwards.
type phoneChecker struct {
	regions []string
	nanp    bool // one of the regions shares +1
}

// newPhoneChecker takes regions that knownRegion knows.
func newPhoneChecker(regions []string) *phoneChecker {
	p := &phoneChecker{regions: regions}
	for _, r := range regions {
		p.nanp = p.nanp || phonenumbers.IsNANPACountry(r)
	}
	return p
}

// knownRegion tells whether the library has a numbering plan for the region.
func knownRegion(region string) bool { return phonenumbers.GetCountryCodeForRegion(region) != 0 }

// valid tells whether a numbering plan of the regions knows the number, and,
// where the plan writes a trunk prefix, that it was written: otherwise nearly
// every identifier of nine digits would pass in Germany.
func (p *phoneChecker) valid(number string, digits string) bool {
	for _, region := range p.regions {
		trunk := phonenumbers.GetNddPrefixForRegion(region, true)
		if trunk == "0" && digits[0] != '0' {
			continue
		}
		if n, err := phonenumbers.Parse(number, region); err == nil && phonenumbers.IsValidNumberForRegion(n, region) {
			return true
		}
	}
	return false
}

// international tells whether a number written with its country code can
// exist. Being possible is enough: new ranges are assigned faster than tables
// are updated, and people write numbers that are one digit off.
func (p *phoneChecker) international(number string) bool {
	n, err := phonenumbers.Parse(number, "ZZ")
	return err == nil && phonenumbers.IsPossibleNumberWithReason(n) == phonenumbers.IS_POSSIBLE
}

// candidate is a run of digits that is written like a telephone number. It
// holds arrays, not slices: a text has many candidates, and none is allocated.
type candidate struct {
	start, end int // with sign, brackets and extension
	n          int // groups
	groups     [maxGroups]group
	seps       [maxGroups]byte // what stands behind each group: one of " -./()"
	plus       bool
	bracket    bool
	digits     int // without the extension
}

// maxGroups is more than a number of 15 digits is ever written in.
const maxGroups = 16

// phoneNumbers finds candidates and keeps those that form, numbering plan and
// the words around them say are telephone numbers.
func (f *finder) phoneNumbers() {
	s := f.s
	var c candidate
	for i := 0; i < len(s); {
		if !isDigit(s[i]) {
			i++
			continue
		}
		f.candidateAt(i, &c)
		if c.digits >= 6 && c.digits <= 15 && f.isPhone(&c) {
			f.add(c.start, c.end, kindPhone)
		}
		i = c.groups[c.n-1].end
	}
}

// candidateAt reads the candidate whose first digit is s[i].
func (f *finder) candidateAt(i int, c *candidate) {
	s := f.s
	*c = candidate{start: i}
	if at(s, c.start-1) == '(' {
		c.start--
		c.bracket = true
	}
	if at(s, c.start-1) == '+' {
		c.start--
		c.plus = true
	}
	for {
		j := i
		for j < len(s) && isDigit(s[j]) {
			j++
		}
		c.groups[c.n] = group{i, j}
		c.n++
		c.digits += j - i
		c.end = j
		next, sep := f.separator(j)
		if next == 0 || c.digits > 15 || c.n == maxGroups {
			break
		}
		c.seps[c.n-1] = sep
		c.bracket = c.bracket || sep == '('
		i = next
	}
	if c.bracket && at(s, c.end) == ')' && !strings.Contains(s[c.start:c.end], ")") {
		c.end++ // "(0123456)": the bracket was around all of it
	}
	c.end = extension(s, c.end)
}

// separator is where the next digit stands when s[j:] goes on with what people
// write between the digits of one number, and 0 otherwise.
func (f *finder) separator(j int) (next int, sep byte) {
	s := f.s
	for k := j; k < len(s) && k-j <= 4; k++ {
		switch c := s[k]; {
		case isDigit(c):
			if k == j {
				return 0, 0
			}
			return k, sep
		case c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')':
			if k > j && c == s[k-1] {
				return 0, 0
			}
			if sep == 0 || sep == ' ' || sep == ')' || c == '(' {
				sep = c
			}
		case strings.HasPrefix(s[k:], "\u00a0"), strings.HasPrefix(s[k:], "\u2011"), strings.HasPrefix(s[k:], "\u2013"):
			if sep == 0 {
				sep = ' '
			}
			for k+1 < len(s) && s[k+1]&0xC0 == 0x80 {
				k++
			}
		default:
			return 0, 0
		}
	}
	return 0, 0
}

// extension is the end of an extension that begins at s[i], or i.
func extension(s string, i int) int {
	j := i
	for j < len(s) && s[j] == ' ' {
		j++
	}
	rest := s[j:min(len(s), j+20)]
	for _, word := range [...]string{"extension", "ext.", "ext", "x", "#"} {
		if len(rest) < len(word) || !strings.EqualFold(rest[:len(word)], word) {
			continue
		}
		k := j + len(word)
		for k < len(s) && s[k] == ' ' && word != "x" && word != "#" {
			k++
		}
		end := k
		for end < len(s) && isDigit(s[end]) {
			end++
		}
		if end > k && end-k <= 6 && !wordByte(at(s, end)) {
			return end
		}
	}
	return i
}

// isPhone decides. In doubt a number stays: an order number or a date that is
// gone cannot be got back, and the words around a real number give it away.
func (f *finder) isPhone(c *candidate) bool {
	s := f.s
	if f.claimed(c.start, c.end) || f.attached(c) {
		return false
	}
	number, shape := s[c.start:c.end], c.shape()
	if dateLike(s, c) || c.n == 2 && c.seps[0] == '.' && !c.plus {
		return false // a date, or a decimal
	}
	verdict := f.contextOf(c)
	if verdict <= 0 && listLike(c, shape) || c.digits == 6 && (verdict <= 0 || shape != "222" || c.seps[0] != ' ') {
		return false
	}
	digits := digitsOf(s, c.groups[:c.n])
	switch {
	case c.plus:
		return verdict >= 0 && c.digits >= 8 && (verdict > 0 || f.phones.international("+"+digits))
	case verdict > 0:
		return c.n > 1 || c.digits >= 9 || verdict > 1
	case verdict < 0:
		return false
	case strings.HasPrefix(digits, "00") && c.digits >= 10 && c.n > 1:
		return f.phones.international("+" + digits[2:])
	}
	if f.phones.nanp && nanpShape(shape) {
		last := c.seps[c.n-2]
		return last != ' ' || c.bracket || f.phones.valid(number, digits)
	}
	if c.bracket && c.n > 1 && c.seps[0] == ')' && f.phones.valid(number, digits) {
		return true
	}
	if c.n == 1 && (c.digits < 10 || digits[0] != '0') {
		return false
	}
	if c.n > 1 && shape[0] == '1' && !c.bracket {
		return false // "0 204 14128" is a row of a table
	}
	return (digits[0] == '0' || c.n >= 3) && c.digits >= 9 && f.phones.valid(number, digits)
}

// attached tells whether the candidate is part of something longer: a word, an
// identifier, a decimal, a time, an amount.
func (f *finder) attached(c *candidate) bool {
	s := f.s
	switch b := at(s, c.start-1); {
	case wordByte(b) && !nbspBefore(s, c.start), b == '_', b == '#', b == '$', b == '=' && c.digits < 10 && !c.plus:
		return true
	case b == '.' || b == ',' || b == '-' || b == '/' || b == ':' || b == '+' || b == '@' || b == '&':
		if wordByte(at(s, c.start-2)) && (b != ':' || isDigit(at(s, c.start-2))) {
			return true
		}
	}
	switch a := at(s, c.end); {
	case wordByte(a) && !strings.HasPrefix(s[c.end:], "\u00a0"), a == '_', a == '%', a == '$', a == '@':
		return true
	case a == '.' || a == ',' || a == ':' || a == '/':
		return isDigit(at(s, c.end+1))
	case a == '-':
		return isDigit(at(s, c.end+1))
	}
	return false
}

// nbspBefore tells whether a no-break space ends at s[i]; its bytes look like
// those of a letter.
func nbspBefore(s string, i int) bool { return i >= 2 && s[i-2:i] == "\u00a0" }

// shape writes the lengths of the groups, like "334" for 555-123-4567.
func (c *candidate) shape() string {
	var b [maxGroups]byte
	for i, g := range c.groups[:c.n] {
		b[i] = byte('0' + min(g.end-g.start, 9)) //#nosec G115 -- one digit
	}
	return string(b[:c.n])
}

// nanpShape tells North American numbers, with 1 or 001 in front or without.
func nanpShape(shape string) bool {
	return shape == "334" || shape == "1334" || shape == "3334"
}

// dateLike tells dates, spans of years and clock times.
func dateLike(s string, c *candidate) bool {
	g := c.groups[:c.n]
	size := func(i int) int { return g[i].end - g[i].start }
	year := func(i int) bool {
		y := s[g[i].start:g[i].end]
		return len(y) == 4 && (strings.HasPrefix(y, "19") || strings.HasPrefix(y, "20"))
	}
	switch {
	case c.plus:
		return false
	case len(g) == 1:
		return size(0) == 8 && (strings.HasPrefix(s[g[0].start:], "19") || strings.HasPrefix(s[g[0].start:], "20"))
	case len(g) == 2:
		return year(0) && (year(1) || size(1) <= 2)
	}
	if year(0) && size(1) <= 2 && size(2) <= 2 {
		return true
	}
	return size(0) <= 2 && size(1) <= 2 && year(2) && c.seps[0] == c.seps[1]
}

// listLike tells grouped amounts (1 234 567), versions, decimals and lists of
// small numbers.
func listLike(c *candidate, shape string) bool {
	if c.plus || c.bracket {
		return false
	}
	thousands := len(shape) > 1 && shape[0] <= '3' && strings.Trim(shape[1:], "3") == "" && shape != "333"
	dots := c.n > 1
	for _, sep := range c.seps[:c.n-1] {
		dots = dots && sep == '.'
	}
	switch {
	case thousands && (c.seps[0] == ' ' || c.seps[0] == '.'):
		return true
	case dots && shape != "334" && shape != "1334" && shape != "3334" && shape != "22222" && shape != "3322" && shape != "333":
		return true
	case c.n > 5 && !strings.HasPrefix(shape, "22222"):
		return true
	}
	return strings.Count(shape, "1") > 1
}

// digitsOf joins the digits of groups; more than 24 are never asked for.
func digitsOf(s string, groups []group) string {
	var b [24]byte
	out := b[:0]
	for _, g := range groups {
		if len(out)+g.end-g.start > len(b) {
			break
		}
		out = append(out, s[g.start:g.end]...)
	}
	return string(out)
}
