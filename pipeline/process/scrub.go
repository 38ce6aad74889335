package process

import (
	"bytes"
	"encoding/json"
	"strings"
)

// personal are keys whose values say who somebody is or let somebody in,
// wherever they stand: lower case, without _, -, $ and spaces. No metric needs
// the values, and no scanner finds a name.
var personal = keys(`firstname lastname middlename surname familyname givenname fullname username nickname login
	email emailaddress mail phone phonenumber mobile mobilenumber mobilephone telephone tel fax whatsapp
	address street streetaddress address1 address2 addressline1 addressline2 postaladdress billingaddress shippingaddress
	avatar avatarurl photourl birthday birthdate dateofbirth dob ssn socialsecuritynumber passportnumber
	taxid nationalid iban accountnumber cardnumber creditcard creditcardnumber cvv cvc
	ip ipaddress ipv4 ipv6 remoteaddr clientip
	userid anonymousid distinctid customerid accountid groupid externalid advertisingid idfa idfv gaid
	password passwd pwd passphrase secret clientsecret token accesstoken refreshtoken idtoken authtoken csrftoken
	apikey authorization cookie cookies setcookie sessiontoken privatekey`)

// naming are keys that name a person where the object is about one; elsewhere
// they name a page, a product, a plan.
var naming = keys(`name first last displayname handle`)

// people are keys of objects about a person, and of texts that may be a name.
var people = keys(`user person people customer contact profile owner author creator recipient recipients sender
	requester assignee assignedto employee member members invitee invitees inviter guest guests attendee attendees
	manager traits participant participants passenger passengers patient student teacher`)

func keys(list string) map[string]bool {
	m := map[string]bool{}
	for k := range strings.FieldsSeq(list) {
		m[k] = true
	}
	return m
}

// scrubber replaces by null what stands under personal keys of a JSON object,
// at any depth and without recursion, and redacts the keys themselves. Truth
// values stay: that somebody has a telephone says nothing. All else stays byte
// for byte.
type scrubber struct {
	redact func(string) string
	in     []byte
	out    []byte
	copied int // in[:copied] is in out
	open   []container
}

// container is an object or array that is open where the scrubber reads.
type container struct{ array, person bool }

// run gives the scrubbed object, or the input itself where nothing was found.
// traits: the object itself is about a person (or an account, whose name would
// undo the hash beside it).
func (s *scrubber) run(traits bool) []byte {
	person := traits // whether the next value is about a person
	for i := 0; i < len(s.in); i++ {
		switch s.in[i] {
		case '{', '[':
			s.open = append(s.open, container{s.in[i] == '[', person})
		case '}', ']':
			s.open = s.open[:max(0, len(s.open)-1)]
		case '"':
			end := stringEnd(s.in, i)
			colon := skipSpace(s.in, end)
			if colon < len(s.in) && s.in[colon] == ':' {
				i, person = s.member(i, end, colon)
				continue
			}
			if person {
				s.replace(i, end, "null")
			}
			i = end - 1
		}
		// What follows in an array is of the array's kind; what follows in an
		// object has its own key.
		top := s.top()
		person = top.array && top.person
	}
	if s.copied == 0 {
		return s.in
	}
	return append(s.out, s.in[s.copied:]...)
}

// member reads the key in[start:end] and, where it is personal, its value. It
// gives the index of the last byte read, and whether the value that follows is
// about a person.
func (s *scrubber) member(start, end, colon int) (last int, person bool) {
	key := fold(s.in[start+1 : end-1])
	if name := string(s.in[start+1 : end-1]); s.redact(name) != name {
		s.replace(start, end, `"`+s.redact(name)+`"`)
	}
	if !personal[key] && (!naming[key] || !s.top().person) {
		return skipSpace(s.in, colon+1) - 1, people[key]
	}
	from := skipSpace(s.in, colon+1)
	to := valueEnd(s.in, from)
	if v := string(s.in[from:to]); v != "true" && v != "false" && v != "null" {
		s.replace(from, to, "null")
	}
	return to - 1, false
}

func (s *scrubber) top() container {
	if len(s.open) == 0 {
		return container{}
	}
	return s.open[len(s.open)-1]
}

func (s *scrubber) replace(from, to int, by string) {
	s.out = append(append(s.out, s.in[s.copied:from]...), by...)
	s.copied = to
}

// fold is a key as the lists above hold it.
func fold(key []byte) string {
	if len(key) > 64 {
		return ""
	}
	out := make([]byte, 0, 64)
	for _, c := range bytes.ToLower(key) {
		if c != '_' && c != '-' && c != '$' && c != ' ' {
			out = append(out, c)
		}
	}
	return string(out)
}

// stringEnd is the index behind the string that begins at in[i].
func stringEnd(in []byte, i int) int {
	for j := i + 1; j < len(in); j++ {
		switch in[j] {
		case '\\':
			j++
		case '"':
			return j + 1
		}
	}
	return len(in)
}

func skipSpace(in []byte, i int) int {
	for i < len(in) && (in[i] == ' ' || in[i] == '\t' || in[i] == '\n' || in[i] == '\r') {
		i++
	}
	return i
}

// valueEnd is the index behind the JSON value that begins at in[i].
func valueEnd(in []byte, i int) int {
	depth := 0
	for ; i < len(in); i++ {
		switch in[i] {
		case '"':
			i = stringEnd(in, i) - 1
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth == 0 {
				return i // of the container around it
			}
			depth--
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(in)
}

// withoutNUL removes the escapes of NUL from JSON text: engines that extract
// such a string refuse or cut it.
func withoutNUL(raw json.RawMessage) []byte {
	if !bytes.Contains(raw, []byte(`\u0000`)) {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		if bytes.HasPrefix(raw[i:], []byte(`\u0000`)) {
			i += len(`\u0000`) - 1
			continue
		}
		out = append(out, raw[i:min(i+2, len(raw))]...)
		i++
	}
	return out
}
