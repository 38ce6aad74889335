package enrich

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// urlSecrets finds "user:password" in front of a host and the values of query
// parameters that are secrets by their name.
func (f *finder) urlSecrets() {
	s := f.s
	for from := 0; ; {
		i := strings.Index(s[from:], "://")
		if i < 0 {
			break
		}
		start := from + i + 3
		from = start
		if end := userinfo(s[start:]); end > 0 && s[start:start+end] != placeholders[kindURL] {
			f.add(start, start+end, kindURL)
		}
	}
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '=')
		if i < 0 {
			return
		}
		eq := from + i
		from = eq + 1
		if !secretName(queryName(s[:eq])) {
			continue
		}
		end := eq + 1
		for end < len(s) && !strings.ContainsRune("&#\"'<>\\ \t\n\r", rune(s[end])) {
			end++
		}
		for end > eq+1 && strings.IndexByte(".,;!?)", s[end-1]) >= 0 {
			end--
		}
		if s[eq+1:end] != placeholders[kindURL] {
			f.add(eq+1, end, kindURL)
		}
	}
}

// userinfo is the length of what stands before the "@" of the authority that
// s begins with, 0 when there is none. A password may hold unescaped slashes:
// then what looks like a port is no number.
func userinfo(s string) int {
	end := strings.IndexAny(s, "/?# \t\n\r\"'<>")
	if end < 0 {
		end = len(s)
	}
	if i := strings.LastIndexByte(s[:end], '@'); i >= 0 {
		return i
	}
	_, port, ok := strings.Cut(s[:end], ":")
	if !ok || port == "" || strings.Trim(port, "0123456789") == "" || end == len(s) || s[end] != '/' {
		return 0
	}
	if end = strings.IndexAny(s, " \t\n\r\"'<>"); end < 0 {
		end = len(s)
	}
	return max(strings.LastIndexByte(s[:end], '@'), 0)
}

// queryName is the parameter name that s ends with, empty when it does not
// stand behind "?", "&", ";" or "#".
func queryName(s string) string {
	i := len(s)
	for i > 0 && len(s)-i < 40 && (isAlnum(s[i-1]) || s[i-1] == '_' || s[i-1] == '-' || s[i-1] == '.') {
		i--
	}
	if i == 0 || strings.IndexByte("?&;#", s[i-1]) < 0 {
		return ""
	}
	return s[i:]
}

// secretNames are query parameters that let somebody in, beside those that end
// like one (secretName).
var secretNames = map[string]bool{
	"auth": true, "authorization": true, "key": true, "apikey": true, "api_key": true, "api-key": true,
	"access_key": true, "pass": true, "passwd": true, "pwd": true, "sig": true, "hmac": true, "jwt": true,
	"otp": true, "pin": true, "session": true, "sessionid": true, "session_id": true, "sid": true,
	"credential": true, "credentials": true, "x-amz-credential": true, "sas": true, "subscription-key": true,
}

// secretName tells query parameters whose values let somebody in.
func secretName(name string) bool {
	if name == "" {
		return false
	}
	name = strings.ToLower(name)
	if secretNames[name] {
		return true
	}
	for _, suffix := range [...]string{"token", "secret", "password", "signature", "_key", "apikey"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// emails finds addresses around "@" and its escape "%40".
func (f *finder) emails() {
	s := f.s
	for i := 0; i < len(s); i++ {
		width := 1
		if s[i] == '%' && strings.HasPrefix(s[i:], "%40") {
			width = 3
		} else if s[i] != '@' {
			continue
		}
		start := localPart(s[:i])
		end := domain(s, i+width)
		if start < i && end > 0 {
			f.add(start, end, kindEmail)
		}
	}
}

// localPart is where the local part that s ends with begins. It looks at most
// 256 bytes back, four times what a mail server takes.
func localPart(s string) int {
	i := len(s)
	for i > 0 && len(s)-i < 256 {
		c := s[i-1]
		if c < 0x80 {
			if !isAlnum(c) && strings.IndexByte("._+-%~&", c) < 0 {
				break
			}
			i--
			continue
		}
		r, n := utf8.DecodeLastRuneInString(s[:i])
		if !addressRune(r) {
			break
		}
		i -= n
	}
	for i < len(s) && strings.IndexByte(".-%&~", s[i]) >= 0 {
		i++
	}
	return i
}

// domain is the end of the host name that begins at s[i], 0 when there is
// none: labels of letters, digits and hyphens, the last one at least two
// letters.
func domain(s string, i int) int {
	end, labels, first := 0, 0, i
	for i < len(s) && i-first < 253 {
		start, letters := i, true
		for i < len(s) {
			r, n := utf8.DecodeRuneInString(s[i:])
			if !addressRune(r) {
				if !isDigit(s[i]) && s[i] != '-' {
					break
				}
				letters = false
			}
			i += n
		}
		if i == start {
			break
		}
		labels++
		punycode := strings.HasPrefix(s[start:i], "xn--")
		if labels > 1 && i-start >= 2 && (letters || punycode) {
			end = i
		} else if labels > 1 {
			// "b.co-worker": a last label that ends in punctuation.
			if trimmed := strings.TrimRight(s[start:i], "-"); len(trimmed) >= 2 && lettersOnly(trimmed) {
				end = start + len(trimmed)
			}
		}
		if i >= len(s) || s[i] != '.' {
			break
		}
		i++
	}
	return end
}

// addressRune tells letters, marks, and what has no width: an invisible sign in
// an address hides it from a search, not from a mail program.
func addressRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r)
}

// lettersOnly tells ASCII letters.
func lettersOnly(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) {
			return false
		}
	}
	return true
}

// ipv4 finds four numbers up to 255, unless they are a version number: behind
// a letter, part of a longer dotted number, or near a word like "version".
func (f *finder) ipv4() {
	s := f.s
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			continue
		}
		start := i
		for i < len(s) && (isDigit(s[i]) || s[i] == '.') {
			i++
		}
		end := start + len(strings.TrimRight(s[start:i], "."))
		if end-start < 7 || end-start > 15 || wordByte(at(s, start-1)) || wordByte(at(s, i)) ||
			strings.IndexByte("._", at(s, start-1)) >= 0 && start > 0 || at(s, i) == '_' {
			continue
		}
		if at(s, end) == '-' && isLetter(at(s, end+1)) || !quad(s[start:end]) || f.near(start, 4, versionWords) {
			continue
		}
		if pinned(s[:start]) {
			continue
		}
		if addr := s[start:end]; strings.HasPrefix(addr, "127.") || addr == "0.0.0.0" {
			continue // every machine's own: nobody is behind it
		}
		f.add(start, end, kindIP)
	}
}

// quad tells four numbers from 0 to 255 without leading zeros, which no address
// has and dates and builds do.
func quad(s string) bool {
	parts := 0
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || len(part) > 3 || len(part) == 3 && part > "255" || len(part) > 1 && part[0] == '0' {
			return false
		}
		parts++
	}
	return parts == 4
}

// pinned tells whether s ends with an operator that a version follows, as in
// "numpy==1.2.3.4" or "OpenCV => 4.5.5.64".
func pinned(s string) bool {
	s = strings.TrimRight(s, " ")
	for _, op := range [...]string{"==", "=>", ">=", "<=", "~=", "~>", "^"} {
		if strings.HasSuffix(s, op) {
			return true
		}
	}
	return false
}

// versionWords before four numbers make them a version.
var versionWords = map[string]bool{
	"v": true, "ver": true, "version": true, "versions": true, "release": true, "releases": true,
	"released": true, "build": true, "firmware": true, "driver": true, "upgraded": true, "upgrade": true,
	"updated": true, "update": true, "patch": true, "chrome": true, "firefox": true, "safari": true,
	"app_version": true, "appversion": true,
}

// ipv6 finds addresses that netip accepts. Two names with "::" between them
// are code: at least one group of four, or four groups are asked for.
func (f *finder) ipv6() {
	s := f.s
	for i := 0; i < len(s); i++ {
		if s[i] != ':' {
			continue
		}
		start := i
		for start > 0 && isHex(s[start-1]) {
			start--
		}
		end := i
		for end < len(s) && (isHex(s[end]) || s[end] == ':' || s[end] == '.') {
			end++
		}
		i = max(i, end-1)
		if end-start > 45 || wordByte(at(s, start-1)) || at(s, start-1) == '_' || wordByte(at(s, end)) || at(s, end) == '_' {
			continue
		}
		token := strings.TrimRight(s[start:end], ".")
		if strings.Count(token, ":") < 2 {
			continue
		}
		if _, err := netip.ParseAddr(token); err != nil {
			token = strings.TrimRight(token, ":")
			if addr, err := netip.ParseAddr(token); err != nil || !addr.Is6() {
				continue
			}
		}
		if addressLike(token) {
			f.add(start, start+len(token), kindIP)
		}
	}
}

// addressLike tells addresses that somebody would write from what merely
// parses: "a::b" and "dead::beef" are names in code as often as addresses.
func addressLike(token string) bool {
	groups, long, digit := 0, false, false
	for g := range strings.SplitSeq(token, ":") {
		if g != "" {
			groups++
		}
		long = long || len(g) == 4
		digit = digit || strings.ContainsAny(g, "0123456789")
	}
	return digit && (groups >= 4 || long && groups >= 2)
}
