package env

import (
	"strings"
	"unicode/utf8"

	"upshot.dev/upshot/pipeline/fault"
)

// The lengths that every store can hold: object stores allow 1,024 bytes for a
// key, file systems 255 for one part of it.
const (
	maxKey     = 1024
	maxSegment = 255
)

// CheckKey says whether every adapter can keep an object under key: slash-
// separated UTF-8 parts, none empty and none starting with a dot (which rules
// out "..", and leaves hidden names to the adapters), no backslash and no
// control character. A wrong key is a fault of kind Invalid.
func CheckKey(key string) error {
	switch {
	case key == "":
		return fault.Invalidf("the object key is empty")
	case len(key) > maxKey:
		return fault.Invalidf("the object key %q... has %d bytes, at most %d are possible", key[:32], len(key), maxKey)
	case !utf8.ValidString(key):
		return fault.Invalidf("the object key %q is not valid UTF-8", key)
	}
	for _, r := range key {
		if r < 0x20 || r == 0x7f || r == '\\' {
			return fault.Invalidf("the object key %q contains %q", key, r)
		}
	}
	for part := range strings.SplitSeq(key, "/") {
		switch {
		case part == "":
			return fault.Invalidf("the object key %q has an empty part: no slash at the start, at the end or twice", key)
		case part[0] == '.':
			return fault.Invalidf("the object key %q has a part that starts with a dot", key)
		case len(part) > maxSegment:
			return fault.Invalidf("the object key %q has a part of %d bytes, at most %d are possible", key, len(part), maxSegment)
		}
	}
	return nil
}
