package awsenv

import (
	"regexp"
	"slices"
	"strings"

	"upshot.dev/upshot/pipeline/fault"
)

// statementLimit is the most bytes that Athena takes as a query's text.
const statementLimit = 262144

var (
	// beforeStatement is what may stand before a statement's first word.
	beforeStatement = regexp.MustCompile(`^(?:\s+|--[^\n]*(?:\n|$)|/\*(?s:.*?)\*/|\()+`)
	statementWord   = regexp.MustCompile(`^[A-Za-z]+`)
	// explainHead comes before a statement that is shown, or run by ANALYZE.
	explainHead = regexp.MustCompile(`(?i)^EXPLAIN\b(?:\s+ANALYZE\b)?(?:\s+VERBOSE\b)?(?:\s*\(\s*(?:TYPE|FORMAT)\b[^)]*\))?`)
	readWords   = []string{"SELECT", "WITH", "VALUES", "TABLE", "DESCRIBE", "SHOW"}
)

// readingStatement checks what need not be sent to be refused, and takes off
// what Athena does not want at the end. The right to write is the role's, not
// this check's, to withhold.
func readingStatement(text string) (string, error) {
	text = strings.TrimRight(text, "; \t\r\n")
	switch {
	case strings.Contains(text, "\x00"):
		return "", fault.Invalidf("query: the statement contains a NUL byte")
	case len(text) > statementLimit:
		return "", fault.Invalidf("query: the statement has %d bytes, Athena takes %d; ask for a shorter time or less at once", len(text), statementLimit)
	}
	body := text[len(beforeStatement.FindString(text)):]
	if head := explainHead.FindString(body); head != "" {
		body = body[len(head):]
		body = body[len(beforeStatement.FindString(body)):]
	}
	if !slices.Contains(readWords, strings.ToUpper(statementWord.FindString(body))) {
		return "", fault.Invalidf("query: exactly one statement that reads is run: %s, EXPLAIN", strings.Join(readWords, ", "))
	}
	return text, nil
}
