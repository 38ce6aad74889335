package metric

import (
	"fmt"
	"slices"
	"strings"
)

// The pieces into which a metric's SQL is taken apart.
const (
	plain     = iota // as it stands: words, signs, quoted text
	parameter        // :name
	macro            // /*by*/, /*by:e*/, /*on:a:b*/
)

type token struct {
	kind int
	text string   // with its quotes and signs
	args []string // of a macro, split at the colons
}

// parameters are the names after a colon that have a value.
var parameters = []string{"from", "to", "tz", "grain", "dt_from", "dt_to"}

// tokens takes SQL apart. What is in quotes and comments is left alone; a
// comment that is a macro is one.
func tokens(sql string) ([]token, error) {
	var out []token
	start := 0
	flush := func(end int) {
		if end > start {
			out = append(out, token{kind: plain, text: sql[start:end]})
		}
	}
	for i := 0; i < len(sql); {
		switch {
		case sql[i] == '\'' || sql[i] == '"':
			end := strings.IndexByte(sql[i+1:], sql[i])
			if end < 0 {
				return nil, fmt.Errorf("a quote is not closed: %.20q", sql[i:])
			}
			i += end + 2 // a doubled quote begins the next quoted text
		case strings.HasPrefix(sql[i:], "--"):
			end := strings.IndexByte(sql[i:], '\n')
			if end < 0 {
				end = len(sql) - i
			}
			i += end
		case strings.HasPrefix(sql[i:], "/*"):
			end := strings.Index(sql[i+2:], "*/")
			if end < 0 {
				return nil, fmt.Errorf("a comment is not closed: %.20q", sql[i:])
			}
			args := strings.Split(sql[i+2:i+2+end], ":")
			if args[0] == "by" && len(args) <= 2 || args[0] == "on" && len(args) == 3 {
				flush(i)
				out = append(out, token{macro, sql[i : i+end+4], args})
				start = i + end + 4
			} else if strings.HasPrefix(args[0], "by") || strings.HasPrefix(args[0], "on:") {
				return nil, fmt.Errorf("/*%s*/ is no macro; there are /*by*/, /*by:alias*/ and /*on:a:b*/", strings.Join(args, ":"))
			}
			i += end + 4
		case sql[i] == ':' && i+1 < len(sql) && isLetter(sql[i+1]):
			end := i + 1
			for end < len(sql) && isLetter(sql[end]) {
				end++
			}
			name := sql[i+1 : end]
			if !slices.Contains(parameters, name) {
				return nil, fmt.Errorf(":%s is no parameter; there are :%s", name, strings.Join(parameters, ", :"))
			}
			flush(i)
			out = append(out, token{parameter, name, nil})
			start, i = end, end
		default:
			i++
		}
	}
	flush(len(sql))
	return out, nil
}

func isLetter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// scan reports which parameters and words a text uses.
func scan(sql string) (map[string]bool, error) {
	ts, err := tokens(sql)
	if err != nil {
		return nil, err
	}
	uses := map[string]bool{}
	for _, t := range ts {
		switch t.kind {
		case parameter:
			uses[t.text] = true
		case plain:
			for _, w := range words(t.text) {
				uses[w] = true
			}
		}
	}
	return uses, nil
}

// words are the names in a piece of SQL, comments and quoted text left out.
func words(sql string) []string {
	var out []string
	for i := 0; i < len(sql); {
		switch {
		case sql[i] == '\'' || sql[i] == '"':
			end := strings.IndexByte(sql[i+1:], sql[i])
			if end < 0 {
				return out
			}
			i += end + 2
		case strings.HasPrefix(sql[i:], "--"):
			end := strings.IndexByte(sql[i:], '\n')
			if end < 0 {
				return out
			}
			i += end
		case strings.HasPrefix(sql[i:], "/*"):
			end := strings.Index(sql[i+2:], "*/")
			if end < 0 {
				return out
			}
			i += end + 4
		case isLetter(sql[i]):
			end := i
			for end < len(sql) && (isLetter(sql[end]) || sql[end] >= '0' && sql[end] <= '9') {
				end++
			}
			out = append(out, strings.ToLower(sql[i:end]))
			i = end
		default:
			i++
		}
	}
	return out
}

// literal is a text as SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
