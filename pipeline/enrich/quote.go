package enrich

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// dropQuoted leaves out of a normalised text what its writer did not write for
// it: the mail that is answered, headers of a forwarded one, signatures. It
// then joins lines that a mail program wrapped. The result may be empty.
func dropQuoted(s string) string {
	if !strings.Contains(s, "\n") && !strings.HasPrefix(s, ">") {
		return s
	}
	lines := strings.Split(s, "\n")
	kept := make([]string, 0, len(lines))
	written := false // a line of the writer's own was seen
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if strings.HasPrefix(line, ">") {
			continue
		}
		if n := headers(lines[i:]); n > 0 {
			if written {
				break
			}
			i += n - 1 // forwarded: the mail below is what the writer wants to say
			continue
		}
		switch kindOfLine(lines, i) {
		case lineReply:
			if written {
				i = len(lines)
			}
			continue
		case lineForward, lineNoise:
			continue
		case lineSignature:
			if written {
				i = len(lines)
				continue
			}
		}
		written = written || line != ""
		kept = append(kept, line)
	}
	return layout(unwrap(dropSignOff(kept)))
}

// lineKind is what a line says about itself and those below.
type lineKind int

const (
	lineText      lineKind = iota
	lineReply              // below stands the mail that is answered
	lineForward            // below stands a forwarded mail
	lineSignature          // below stands a signature
	lineNoise              // a line that a program added
)

// kindOfLine looks at one line and, where mail programs wrap, the two after.
func kindOfLine(lines []string, i int) lineKind {
	line := lines[i]
	if len(line) < 2 || len(line) > 300 {
		return lineText
	}
	switch line[0] {
	case '-', '_', '=', '*', '#':
		return ruleLine(lines, i)
	}
	lower := strings.ToLower(line)
	switch {
	case strings.HasPrefix(lower, "sent from my "), strings.HasPrefix(lower, "sent from outlook"),
		strings.HasPrefix(lower, "sent from mail for"), strings.HasPrefix(lower, "sent from yahoo"),
		strings.HasPrefix(lower, "sent from proton"), strings.HasPrefix(lower, "get outlook for "),
		strings.HasPrefix(lower, "sent via "), strings.HasPrefix(lower, "sent with "),
		strings.HasPrefix(lower, "von meinem ") && strings.HasSuffix(lower, "gesendet"),
		strings.HasPrefix(lower, "gesendet von "), strings.HasPrefix(lower, "gesendet mit "),
		strings.HasPrefix(lower, "envoyé de mon "), strings.HasPrefix(lower, "envoyé depuis "),
		strings.HasPrefix(lower, "enviado desde mi "), strings.HasPrefix(lower, "inviato da "),
		strings.HasPrefix(lower, "verstuurd vanaf "):
		if len(line) <= 80 {
			return lineNoise
		}
	case strings.HasPrefix(lower, "begin forwarded message"), strings.HasPrefix(lower, "anfang der weitergeleiteten"):
		return lineForward
	case replyIntro(lines, i, lower):
		return lineReply
	}
	return lineText
}

// ruleLine tells the lines that begin with a row of signs.
func ruleLine(lines []string, i int) lineKind {
	line := lines[i]
	inner := strings.ToLower(strings.Trim(line, "-_=*# "))
	switch {
	case strings.Contains(inner, "reply above this line"), strings.Contains(inner, "type your reply above"):
		return lineReply
	case inner == "original message", inner == "ursprüngliche nachricht", inner == "message d'origine",
		inner == "mensaje original", inner == "messaggio originale", inner == "oorspronkelijk bericht",
		inner == "original-nachricht", inner == "original appointment":
		return lineReply
	case inner == "forwarded message", inner == "weitergeleitete nachricht", inner == "message transféré",
		inner == "forwarded message follows":
		return lineForward
	case line == "--", line == "---" && remaining(lines[i+1:]) <= 6:
		if remaining(lines[i+1:]) <= 15 {
			return lineSignature
		}
	case inner == "" && len(line) >= 10:
		return lineNoise
	}
	return lineText
}

// remaining counts the lines with text.
func remaining(lines []string) int {
	n := 0
	for _, l := range lines {
		if l != "" && !strings.HasPrefix(l, ">") {
			n++
		}
	}
	return n
}

// replyIntros are how a quoted mail is announced, and how the announcement
// ends. It takes up to three lines.
var replyIntros = []struct{ start, end string }{
	{"on ", "wrote:"},
	{"am ", "schrieb:"},
	{"am ", ":"},
	{"le ", "a écrit :"},
	{"le ", "a écrit:"},
	{"el ", "escribió:"},
	{"il ", "ha scritto:"},
	{"op ", "schreef:"},
	{"em ", "escreveu:"},
	{"den ", "skrev:"},
	{"w dniu ", "pisze:"},
}

// replyIntro tells whether the mail that is answered begins below lines[i]. A
// digit is asked for, since every program writes the date: "On Monday I wrote:"
// is what people write.
func replyIntro(lines []string, i int, lower string) bool {
	for _, intro := range replyIntros {
		if !strings.HasPrefix(lower, intro.start) {
			continue
		}
		text := lower
		for n := 0; ; n++ {
			if strings.HasSuffix(text, intro.end) && strings.ContainsAny(text, "0123456789") && introBody(text, intro.end) {
				return true
			}
			if n == 2 || i+n+1 >= len(lines) || len(text) > 300 || lines[i+n+1] == "" {
				break
			}
			text += " " + strings.ToLower(lines[i+n+1])
		}
	}
	// "Jane Doe <jane@example.com> wrote:" on a line of its own
	return strings.HasSuffix(lower, "wrote:") && strings.ContainsRune(lower, '@')
}

// introBody asks the German form, whose end is a mere colon, for its verb.
func introBody(text, end string) bool {
	return end != ":" || strings.Contains(text, " schrieb ")
}

// headers counts the lines of a block of mail headers at the start of lines:
// From first (an empty line or a rule may follow), and at least one more.
func headers(lines []string) int {
	first, _, _ := strings.Cut(lines[0], ":")
	if len(lines) < 2 || !fromNames[strings.ToLower(strings.Trim(first, "* "))] || !strings.Contains(lines[0], ":") {
		return 0
	}
	n, found := 1, 1
	for n < len(lines) && n < 12 {
		name, _, ok := strings.Cut(lines[n], ":")
		if !ok || !headerNames[strings.ToLower(strings.Trim(name, "* "))] {
			break
		}
		found++
		n++
	}
	if found < 2 {
		return 0
	}
	return n
}

// fromNames and headerNames are how mail programs name the headers they quote,
// in lower case.
var fromNames = map[string]bool{"from": true, "von": true, "de": true, "da": true, "van": true}

var headerNames = map[string]bool{
	"to": true, "cc": true, "bcc": true, "sent": true, "date": true, "subject": true, "reply-to": true, "an": true,
	"gesendet": true, "datum": true, "betreff": true, "à": true, "envoyé": true, "objet": true, "para": true,
	"enviado": true, "asunto": true, "fecha": true, "inviato": true, "oggetto": true, "a": true, "importance": true,
	"aan": true, "verzonden": true, "onderwerp": true, "attachments": true,
}

// closings begin a sign-off; "thanks" says something and stays.
var closings = []string{
	"best regards", "kind regards", "warm regards", "regards", "best wishes", "all the best", "best", "sincerely",
	"yours sincerely", "yours truly", "yours faithfully", "many thanks", "thanks", "thank you", "thanks again",
	"thanks in advance", "thanks and regards", "cheers", "cordially", "respectfully", "mit freundlichen grüßen",
	"mit freundlichen grüssen", "viele grüße", "liebe grüße", "beste grüße", "freundliche grüße", "mfg", "vg", "lg",
	"cordialement", "bien cordialement", "saludos", "un saludo", "atentamente", "cordiali saluti", "met vriendelijke groet",
}

// dropSignOff cuts what stands below a closing at the end of a text: a name, a
// title, an address. At most six short lines count as that.
func dropSignOff(lines []string) []string {
	end := len(lines)
	for end > 0 && lines[end-1] == "" {
		end--
	}
	below := 0
	for i := end - 1; i > 0 && below <= 6; i-- {
		line := lines[i]
		if line == "" {
			continue
		}
		word := strings.ToLower(strings.TrimRight(line, ",.!;: -–"))
		for _, c := range closings {
			if word != c {
				continue
			}
			if strings.HasPrefix(word, "thank") || word == "many thanks" {
				return lines[:i+1]
			}
			return lines[:i]
		}
		if len(line) > 60 || below > 0 && endsSentence(line) && len(line) > 40 {
			break
		}
		below++
	}
	return lines[:end]
}

// endsSentence tells whether a line ends like a sentence.
func endsSentence(line string) bool {
	return line != "" && strings.IndexByte(".!?:", line[len(line)-1]) >= 0
}

// unwrap joins a line with the next one where a program broke it: the line is
// long and open, and the next goes on with a small letter.
func unwrap(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			last := lines[i-1]
			r, _ := utf8.DecodeRuneInString(line)
			if len(last) >= 50 && len(last) <= 120 && !endsSentence(last) && unicode.IsLower(r) {
				b.WriteByte(' ')
			} else {
				b.WriteByte('\n')
			}
		}
		b.WriteString(line)
	}
	return b.String()
}
