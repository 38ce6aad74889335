package metric

import (
	"fmt"
	"slices"
	"strings"
)

// The kinds of tokens into which a metric's SQL is taken apart.
const (
	space     = iota
	word      // a name or a keyword
	text      // '..'
	quoted    // ".."
	comment   // -- .. or /* .. */
	sign      // one byte of anything else
	parameter // :name
	macro     // /*by*/, /*by:e*/, /*on:a:b*/
)

// token is a piece of SQL. All texts together are the SQL again.
type token struct {
	kind int
	text string
	line int // on which it begins, from 0
}

// is reports whether a token is a keyword.
func (t token) is(keyword string) bool { return t.kind == word && strings.EqualFold(t.text, keyword) }

// args are the parts of a macro.
func (t token) args() []string { return strings.Split(t.text[2:len(t.text)-2], ":") }

// parameters are the names after a colon that have a value.
var parameters = []string{"from", "to", "tz", "grain", "dt_from", "dt_to"}

// syntaxError is a fault of a text with the line on which it is, from 0.
type syntaxError struct {
	line int
	what string
}

func (e *syntaxError) Error() string { return e.what }

// tokens takes SQL apart. Colons and macros in quotes and comments mean
// nothing. A doubled quote inside quotes reads as the beginning of a second
// quoted text, which comes to the same.
func tokens(sql string) ([]token, error) {
	var out []token
	line := 0
	for i := 0; i < len(sql); {
		t, err := next(sql[i:])
		if err != nil {
			return nil, &syntaxError{line, err.Error()}
		}
		t.line = line
		out = append(out, t)
		line += strings.Count(t.text, "\n")
		i += len(t.text)
	}
	return out, nil
}

// next is the token with which a text, that is not empty, begins.
func next(s string) (token, error) {
	c := s[0]
	switch {
	case isSpace(c):
		return token{kind: space, text: s[:span(s, isSpace)]}, nil
	case isLetter(c):
		return token{kind: word, text: s[:span(s, isWord)]}, nil
	case c == '\'' || c == '"':
		end := strings.IndexByte(s[1:], c)
		if end < 0 {
			return token{}, fmt.Errorf("a quote is not closed: %.20q", s)
		}
		kind := text
		if c == '"' {
			kind = quoted
		}
		return token{kind: kind, text: s[:end+2]}, nil
	case strings.HasPrefix(s, "--"):
		return token{kind: comment, text: s[:span(s, func(b byte) bool { return b != '\n' })]}, nil
	case strings.HasPrefix(s, "/*"):
		return block(s)
	case c == ':' && len(s) > 1 && isLetter(s[1]):
		name := s[1 : 1+span(s[1:], isWord)]
		if !slices.Contains(parameters, name) {
			return token{}, fmt.Errorf(":%s is no parameter; there are :%s", name, strings.Join(parameters, ", :"))
		}
		return token{kind: parameter, text: s[:len(name)+1]}, nil
	default:
		return token{kind: sign, text: s[:1]}, nil
	}
}

// block is a comment in slashes and stars, or a macro.
func block(s string) (token, error) {
	end := strings.Index(s[2:], "*/")
	if end < 0 {
		return token{}, fmt.Errorf("a comment is not closed: %.20q", s)
	}
	t := token{kind: comment, text: s[:end+4]}
	args := t.args()
	switch {
	case args[0] == "by" && len(args) <= 2, args[0] == "on" && len(args) == 3:
		t.kind = macro
		for _, a := range args {
			if !nameForm.MatchString(a) {
				return token{}, fmt.Errorf("%s: %q is no alias", t.text, a)
			}
		}
	case strings.HasPrefix(args[0], "by"), args[0] == "on":
		return token{}, fmt.Errorf("%s is no macro; there are /*by*/, /*by:alias*/ and /*on:a:b*/", t.text)
	}
	return t, nil
}

// span is how many bytes a text begins with that are in.
func span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isLetter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isWord(c byte) bool { return isLetter(c) || c >= '0' && c <= '9' }

// literal is a text as SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
