package localenv

import (
	"slices"
	"strings"

	"upshot.dev/upshot/pipeline/fault"
)

// reading are the words with which a statement that only reads begins.
var reading = []string{"SELECT", "WITH", "VALUES", "EXPLAIN", "DESCRIBE", "SHOW"}

// forbidden are functions that look outside the lake; the engine refuses most
// of them too, when it is locked.
var forbidden = []string{"GETENV", "READ_TEXT", "READ_BLOB", "READ_CSV", "READ_CSV_AUTO", "READ_JSON", "READ_JSON_AUTO",
	"READ_NDJSON", "READ_PARQUET", "PARQUET_SCAN", "GLOB", "SNIFF_CSV", "QUERY", "QUERY_TABLE"}

// checkStatement lets through one statement that reads. The engine is locked
// as well; this gives the clear message, and stops what a lock does not.
func checkStatement(text string) error {
	words := scan(text)
	if len(words) == 0 {
		return fault.Invalidf("query: there is no statement")
	}
	if !slices.Contains(reading, words[0]) && words[0] != "(" {
		return fault.Invalidf("query: only statements that read are run (SELECT, WITH, VALUES, EXPLAIN, DESCRIBE, SHOW), not %s", words[0])
	}
	for i, w := range words {
		if w == ";" && i != len(words)-1 {
			return fault.Invalidf("query: only one statement is run at a time")
		}
		if slices.Contains(forbidden, w) && i+1 < len(words) && words[i+1] == "(" {
			return fault.Invalidf("query: %s is not available: only the views of the lake can be read", strings.ToLower(w))
		}
	}
	return nil
}

// scan gives the words and signs of a statement in upper case, without what is
// in quotes and comments. A quoted name stands as itself.
func scan(text string) []string {
	var out []string
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\'':
			i = skipQuoted(text, i, '\'')
		case c == '"':
			end := skipQuoted(text, i, '"')
			out = append(out, strings.ToUpper(strings.Trim(text[i:end], `"`)))
			i = end
		case strings.HasPrefix(text[i:], "--"):
			n := strings.IndexByte(text[i:], '\n')
			if n < 0 {
				return out
			}
			i += n + 1
		case strings.HasPrefix(text[i:], "/*"):
			n := strings.Index(text[i+2:], "*/")
			if n < 0 {
				return out
			}
			i += n + 4
		case isWord(c):
			j := i
			for j < len(text) && isWord(text[j]) {
				j++
			}
			out = append(out, strings.ToUpper(text[i:j]))
			i = j
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		default:
			out = append(out, string(c))
			i++
		}
	}
	return out
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// skipQuoted gives the place after a quoted text; a doubled quote is part of it.
func skipQuoted(text string, i int, quote byte) int {
	for i++; i < len(text); i++ {
		if text[i] != quote {
			continue
		}
		if i+1 < len(text) && text[i+1] == quote {
			i++
			continue
		}
		return i + 1
	}
	return len(text)
}
