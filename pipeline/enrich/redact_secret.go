package enrich

import "strings"

// keyPrefixes are how well-known issuers begin their keys, with how many
// characters follow at least. Sources: the issuers' documentation.
var keyPrefixes = []struct {
	prefix string
	tail   int
}{
	{"sk_live_", 10},
	{"sk_test_", 10},
	{"rk_live_", 10},
	{"rk_test_", 10},
	{"pk_live_", 10},
	{"whsec_", 16},
	{"sk-", 20},
	{"ghp_", 20},
	{"gho_", 20},
	{"ghu_", 20},
	{"ghs_", 20},
	{"ghr_", 20},
	{"github_pat_", 20},
	{"glpat-", 16},
	{"xoxb-", 10},
	{"xoxp-", 10},
	{"xoxa-", 10},
	{"xoxr-", 10},
	{"xoxs-", 10},
	{"xapp-", 10},
	{"AKIA", 16},
	{"ASIA", 16},
	{"AIza", 30},
	{"ya29.", 20},
	{"SG.", 20},
	{"npm_", 30},
	{"pypi-", 30},
	{"dop_v1_", 30},
	{"shpat_", 20},
	{"hf_", 20},
	{"rnd_", 20},
	{"lin_api_", 20},
	{"phc_", 20},
	{"phx_", 20},
}

// secrets finds bearer tokens, keys with a known prefix, JSON web tokens and
// private keys.
func (f *finder) secrets() {
	s := f.s
	f.privateKeys()
	for i := 0; i < len(s); i++ {
		if !tokenByte[s[i]] {
			continue
		}
		start := i
		for i < len(s) && tokenByte[s[i]] {
			i++
		}
		if i-start < 16 || wordByte(at(s, start-1)) {
			continue
		}
		for i < len(s) && s[i] == '=' { // base64 padding
			i++
		}
		end := start + len(strings.TrimRight(s[start:i], ".-/"))
		if isSecret(s[start:end]) || afterBearer(s[:start]) && strings.ContainsAny(s[start:end], "0123456789_-") {
			f.add(start, end, kindSecret)
		}
	}
}

// isSecret tells a token by its prefix. Real keys hold a digit; names made of
// words do not.
func isSecret(token string) bool {
	if !strings.ContainsAny(token, "0123456789") {
		return false
	}
	if strings.HasPrefix(token, "eyJ") {
		return strings.Count(token, ".") >= 2 && len(token) >= 30
	}
	for _, k := range keyPrefixes {
		if len(token) >= len(k.prefix)+k.tail && strings.HasPrefix(token, k.prefix) {
			return true
		}
	}
	return false
}

// afterBearer tells whether s ends with "Bearer" and spaces.
func afterBearer(s string) bool {
	t := strings.TrimRight(s, " \t")
	return len(t) < len(s) && len(t) >= 6 && strings.EqualFold(t[len(t)-6:], "bearer") && !wordByte(at(t, len(t)-7))
}

// privateKeys finds PEM blocks, to the end of the text when they are cut off.
func (f *finder) privateKeys() {
	s := f.s
	for from := 0; ; {
		i := strings.Index(s[from:], "-----BEGIN ")
		if i < 0 {
			return
		}
		start := from + i
		from = start + len("-----BEGIN ")
		head := s[from:min(len(s), from+40)]
		name, _, ok := strings.Cut(head, "-----")
		if !ok || !strings.HasSuffix(name, "PRIVATE KEY") {
			continue
		}
		end := len(s)
		foot := "-----END " + name + "-----"
		if j := strings.Index(s[from:], foot); j >= 0 {
			end = from + j + len(foot)
		}
		f.add(start, end, kindSecret)
		from = end
	}
}
