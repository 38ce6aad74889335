package enrich

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// htmlTags are the tags that make a text HTML. Others ("<foo@bar.example>",
// "List<String>") are what people write.
var htmlTags = map[string]bool{
	"a": true, "b": true, "blockquote": true, "body": true, "br": true, "code": true, "div": true, "em": true,
	"font": true, "form": true, "h1": true, "h2": true, "h3": true, "h4": true, "head": true, "hr": true,
	"html": true, "i": true, "iframe": true, "img": true, "li": true, "meta": true, "ol": true, "p": true,
	"pre": true, "script": true, "section": true, "span": true, "strong": true, "style": true, "svg": true,
	"table": true, "tbody": true, "td": true, "th": true, "tr": true, "u": true, "ul": true, "s": true,
	"object": true, "embed": true, "input": true, "button": true, "title": true, "link": true,
}

// structural tags make a text HTML when they stand alone; of the others a
// closing tag or an attribute is asked for, so that "the <b> tag is broken"
// stays as it was written.
var structuralTags = map[string]bool{
	"br": true, "p": true, "html": true, "body": true, "hr": true, "script": true, "style": true, "div": true, "table": true,
}

// isHTML tells HTML from plain text by its tags.
func isHTML(s string) bool {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '<')
		if i < 0 {
			return false
		}
		i += from + 1
		from = i
		closing := at(s, i) == '/'
		if closing {
			i++
		}
		if strings.HasPrefix(s[i:], "!DOCTYPE") || strings.HasPrefix(s[i:], "!doctype") {
			return true
		}
		j := i
		for j < len(s) && j-i < 11 && isAlnum(s[j]) {
			j++
		}
		name := strings.ToLower(s[i:j])
		if !htmlTags[name] {
			continue
		}
		switch at(s, j) {
		case '>':
			if closing || structuralTags[name] {
				return true
			}
		case '/':
			if strings.HasPrefix(s[j:], "/>") {
				return true
			}
		case ' ', '\t', '\n', '\r':
			end := strings.IndexByte(s[j:min(len(s), j+2000)], '>')
			if end >= 0 && (closing || structuralTags[name] || strings.Contains(s[j:j+end], "=")) {
				return true
			}
		}
	}
}

// htmlText walks the tokens of an HTML text, not a tree: nesting of any depth
// costs nothing. Scripts, styles, comments, hidden elements and, if asked for,
// quoted mails are left out; blocks become lines, list items get a hyphen.
func htmlText(s string, withoutQuotes bool) string {
	w := htmlWalk{withoutQuotes: withoutQuotes}
	z := html.NewTokenizer(strings.NewReader(s))
	z.SetMaxBuf(maxHTML)
	for w.out.Len() < maxText {
		switch z.Next() {
		case html.ErrorToken:
			// The end, or a token over the buffer: what was read stands.
			return w.out.String()
		case html.TextToken:
			w.text(z.Text())
		case html.StartTagToken, html.SelfClosingTagToken:
			w.open(z)
		case html.EndTagToken:
			name, _ := z.TagName()
			w.close(string(name))
		}
	}
	return w.out.String()
}

// htmlWalk is the state between two tokens. There is no stack: what it needs to
// know of the elements around it is in two counters.
type htmlWalk struct {
	out           strings.Builder
	withoutQuotes bool
	// skip is the tag whose content is left out, depth how many of that tag
	// are open in it. Counting one tag only survives unclosed others.
	skip  string
	depth int
	pre   int
	// breaks are the line breaks that out ends with when it has mark bytes.
	breaks, mark int
}

// lines ends the line and leaves n-1 empty ones. Two breaks in a row are the
// most: thousands of nested elements are no thousands of lines.
func (w *htmlWalk) lines(n int) {
	if w.mark != w.out.Len() {
		w.breaks = 0 // something was written since
	}
	for w.breaks < 2 && n > 0 {
		w.out.WriteByte('\n')
		w.breaks++
		n--
	}
	w.mark = w.out.Len()
}

// leftOut are elements whose content is no text for a reader.
var leftOut = map[atom.Atom]bool{
	atom.Script: true, atom.Style: true, atom.Head: true, atom.Title: true, atom.Template: true, atom.Noscript: true,
	atom.Iframe: true, atom.Object: true, atom.Svg: true, atom.Select: true, atom.Textarea: true, atom.Xmp: true,
	atom.Noembed: true, atom.Noframes: true,
}

// text takes the characters between two tags, entities resolved already.
func (w *htmlWalk) text(raw []byte) {
	if w.skip != "" {
		return
	}
	if w.pre > 0 {
		w.out.Write(raw)
		return
	}
	// White space is one space, whatever it is; a line break is a tag.
	rest := raw
	for len(rest) > 0 {
		n := bytes.IndexAny(rest, " \t\r\n\f")
		if n < 0 {
			w.out.Write(rest)
			return
		}
		w.out.Write(rest[:n])
		w.out.WriteByte(' ')
		rest = bytes.TrimLeft(rest[n:], " \t\r\n\f")
	}
}

// open takes a start tag: it begins to leave something out, or breaks the line.
func (w *htmlWalk) open(z *html.Tokenizer) {
	raw, hasAttr := z.TagName()
	name := string(raw)
	a := atom.Lookup(raw)
	if w.skip != "" {
		if name == w.skip {
			w.depth++
		}
		return
	}
	if leftOut[a] || w.leaveOut(z, a, hasAttr) {
		if !void[a] {
			w.skip, w.depth = name, 1
		}
		return
	}
	switch a {
	case atom.Li:
		w.lines(1)
		w.out.WriteString("- ")
	case atom.Td, atom.Th:
		w.out.WriteByte(' ')
	case atom.Pre:
		w.pre++
		w.lines(1)
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Blockquote:
		w.lines(2)
	default:
		if lineTags[a] {
			w.lines(1)
		}
	}
}

// close takes an end tag, which may belong to nothing.
func (w *htmlWalk) close(name string) {
	if w.skip != "" {
		if name == w.skip {
			if w.depth--; w.depth == 0 {
				w.skip = ""
			}
		}
		// A head that is never closed must not swallow the body.
		if w.skip == "head" && name == "body" {
			w.skip = ""
		}
		return
	}
	switch a := atom.Lookup([]byte(name)); a {
	case atom.Pre:
		w.pre = max(w.pre-1, 0)
		w.lines(1)
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Blockquote, atom.Ul, atom.Ol:
		w.lines(2)
	default:
		if lineTags[a] {
			w.lines(1)
		}
	}
}

// lineTags begin and end a line.
var lineTags = map[atom.Atom]bool{
	atom.Br: true, atom.Div: true, atom.Tr: true, atom.Table: true, atom.Section: true, atom.Article: true,
	atom.Header: true, atom.Footer: true, atom.Hr: true, atom.Dt: true, atom.Dd: true, atom.Ul: true, atom.Ol: true,
	atom.Form: true, atom.Body: true, atom.Li: true, atom.Center: true, atom.Address: true, atom.Main: true,
}

// void elements have no content and no end tag.
var void = map[atom.Atom]bool{
	atom.Br: true, atom.Hr: true, atom.Img: true, atom.Input: true, atom.Meta: true, atom.Link: true, atom.Col: true,
	atom.Area: true, atom.Base: true, atom.Embed: true, atom.Source: true, atom.Track: true, atom.Wbr: true, atom.Param: true,
}

// quoteMarks are the classes and ids by which mail programs mark the mail that
// is answered, and their own signatures.
var quoteMarks = []string{
	"gmail_quote", "gmail_extra", "gmail_signature", "yahoo_quoted", "moz-cite-prefix", "protonmail_quote",
	"divrplyfwdmsg", "appendonsend", "zmail_extra", "tutanota_quote", "moz-signature", "ms-outlook-mobile-signature",
	"quoted_text", "zd-comment-quoted", "front-blockquote", "adm-quote", "x_gmail_quote",
}

// leaveOut reads the attributes: hidden elements, quoted mails, signatures.
func (w *htmlWalk) leaveOut(z *html.Tokenizer, a atom.Atom, more bool) bool {
	if w.withoutQuotes && a == atom.Blockquote {
		return true
	}
	for range 64 {
		if !more {
			return false
		}
		var key, value []byte
		key, value, more = z.TagAttr()
		switch string(key) {
		case "hidden":
			return true
		case "style":
			style := strings.ReplaceAll(strings.ToLower(string(value)), " ", "")
			if strings.Contains(style, "display:none") || strings.Contains(style, "visibility:hidden") ||
				strings.Contains(style, "font-size:0;") || strings.HasSuffix(style, "font-size:0") ||
				strings.Contains(style, "font-size:0px") || strings.Contains(style, "opacity:0;") || strings.HasSuffix(style, "opacity:0") {
				return true
			}
		case "class", "id":
			if w.withoutQuotes && marked(string(value)) {
				return true
			}
		}
	}
	return false
}

// marked tells whether a class or id holds one of quoteMarks. Programs put
// prefixes of their own in front ("x_gmail_quote"), so any part counts.
func marked(value string) bool {
	value = strings.ToLower(value)
	for _, m := range quoteMarks {
		if strings.Contains(value, m) {
			return true
		}
	}
	return false
}
