package company

import (
	"embed"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

//go:embed texts/*.yaml
var textFiles embed.FS

// topic is one thing that people write about.
type topic struct {
	ID       string   `yaml:"id"`
	Theme    string   `yaml:"theme"`
	Tag      string   `yaml:"tag"`
	Weight   float64  `yaml:"weight"`
	Subjects []string `yaml:"subjects"`
	Problems []string `yaml:"problems"`
	Details  []string `yaml:"details"`
	Follows  []string `yaml:"follows"`
	Negative []string `yaml:"negative"`
	Positive []string `yaml:"positive"`
}

// language is one language other than English.
type language struct {
	Locale                                 string
	Greetings, Problems, Details, Closings []string
}

// texts are all fragments.
type texts struct {
	topics         []topic
	byID           map[string]*topic
	Greetings      []string `yaml:"greetings"`
	Openings       []string `yaml:"openings"`
	Calm           []string `yaml:"calm"`
	Angry          []string `yaml:"angry"`
	Happy          []string `yaml:"happy"`
	Closings       []string `yaml:"closings"`
	FollowOpenings []string `yaml:"follow_openings"`
	FollowClosings []string `yaml:"follow_closings"`
	Spam           []string `yaml:"spam"`
	AgentReplies   []string `yaml:"agent_replies"`
	AgentSolved    []string `yaml:"agent_solved"`
	AgentNotes     []string `yaml:"agent_notes"`
	Personal       []string `yaml:"personal"`
	Quoted         []string `yaml:"quoted"`
	NeutralSurveys []string `yaml:"neutral_surveys"`
	Projects       []string `yaml:"projects"`
	Teams          []string `yaml:"teams"`
	Cities         []string `yaml:"cities"`
	Colleagues     []string `yaml:"colleagues"`
	Browsers       []string `yaml:"browsers"`
	Sinces         []string `yaml:"sinces"`
	Agents         []string `yaml:"agents"`
	FirstNames     []string `yaml:"first_names"`
	LastNames      []string `yaml:"last_names"`
	Companies      []string `yaml:"companies"`
	Trades         []string `yaml:"trades"`

	Languages struct{ DE, FR, ES language } `yaml:"languages"`
}

func loadTexts() *texts {
	t := &texts{byID: map[string]*topic{}}
	names, err := fs.Glob(textFiles, "texts/*.yaml")
	if err != nil {
		panic("company: " + err.Error())
	}
	for _, name := range names {
		data, err := textFiles.ReadFile(name)
		if err != nil {
			panic("company: " + err.Error())
		}
		var list struct{ Topics []topic }
		into := any(&list)
		if strings.HasSuffix(name, "phrases.yaml") {
			into = t
		}
		if err := yaml.Unmarshal(data, into); err != nil {
			panic("company: " + name + ": " + err.Error())
		}
		t.topics = append(t.topics, list.Topics...)
	}
	for i := range t.topics {
		t.byID[t.topics[i].ID] = &t.topics[i]
	}
	return t
}

// writer writes as one person at one time.
type writer struct {
	*texts
	r       *rand.Rand
	name    string
	email   string
	version string
	at      time.Time
	slots   map[string]string // so that one text speaks of one project
}

// fill puts the slots in. Names keep their value for the whole conversation,
// numbers do not.
func (w *writer) fill(s string) string {
	for {
		i := strings.IndexByte(s, '{')
		if i < 0 {
			return s
		}
		j := i + strings.IndexByte(s[i:], '}')
		name := s[i+1 : j]
		v, ok := w.slots[name]
		if !ok {
			v = w.slot(name)
			if name != "n" && name != "rows" && name != "secs" {
				w.slots[name] = v
			}
		}
		s = s[:i] + v + s[j+1:]
	}
}

func (w *writer) slot(name string) string {
	r := w.r
	switch name {
	case "project":
		return pick(r, w.Projects)
	case "team":
		return pick(r, w.Teams)
	case "city":
		return pick(r, w.Cities)
	case "colleague":
		return pick(r, w.Colleagues)
	case "browser":
		return pick(r, w.Browsers)
	case "since":
		return pick(r, w.Sinces)
	case "agent":
		return pick(r, w.Agents)
	case "name":
		return strings.Fields(w.name)[0]
	case "version":
		return w.version
	case "day":
		return time.Weekday(1 + r.IntN(5)).String()
	case "month":
		return time.Month(1 + r.IntN(12)).String()
	case "date":
		return w.at.Add(-20 * time.Hour).Format("Mon, Jan 2, 2006 at 3:04 PM")
	case "n":
		return strconv.Itoa(2 + r.IntN(58))
	case "secs":
		return strconv.Itoa(8 + r.IntN(50))
	case "rows":
		return strconv.Itoa(100 + r.IntN(9000))
	default:
		return w.personal(name)
	}
}

// personal makes up what must not reach the lake.
func (w *writer) personal(name string) string {
	r := w.r
	switch name {
	case "email":
		return strings.ToLower(pick(r, w.FirstNames)+"."+pick(r, w.LastNames)) + pick(r, []string{"@example.com", "@example.org", "@mail.example.net"})
	case "phone":
		return pick(r, []string{
			fmt.Sprintf("+1 (202) 555-01%02d", r.IntN(100)), fmt.Sprintf("+44 1632 960%03d", r.IntN(1000)),
			fmt.Sprintf("+49 30 23125 %03d", r.IntN(1000)), fmt.Sprintf("0113 496 0%03d", r.IntN(1000)),
		})
	case "card":
		return pick(r, []string{"4111 1111 1111 1111", "5555 5555 5555 4444", "4242-4242-4242-4242", "378282246310005"})
	case "iban":
		return pick(r, []string{"DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "FR1420041010050500013M02606", "NL91 ABNA 0417 1643 00"})
	case "ip":
		return pick(r, []string{fmt.Sprintf("192.0.2.%d", r.IntN(255)), fmt.Sprintf("198.51.100.%d", r.IntN(255)), fmt.Sprintf("203.0.113.%d", r.IntN(255)), fmt.Sprintf("2001:db8::%x", 1+r.IntN(60000))})
	case "url":
		return pick(r, []string{"https://app.tidewater.example/reset?token=", "https://app.tidewater.example/share?access_token=", "https://user:pass@files.example.com/?key="}) + strings.ReplaceAll(uuid(r), "-", "")
	default:
		panic("company: no slot {" + name + "}")
	}
}

// mood of a text.
const (
	calm = iota
	angry
	happy
)

// body composes what a person writes to open a ticket.
func (w *writer) body(t *topic, mood int) string {
	r := w.r
	var parts []string
	if o := pick(r, w.Openings); o != "" {
		parts = append(parts, o)
	}
	parts = append(parts, pick(r, t.Problems))
	details := r.Perm(len(t.Details))
	for _, i := range details[:min(len(details), weighted(r, []float64{15, 50, 30, 5}))] {
		parts = append(parts, w.mistype(t.Details[i]))
	}
	switch mood {
	case angry:
		parts = append(parts, pick(r, w.Angry))
	case happy:
		parts = append(parts, pick(r, w.Happy))
	}
	if mood != happy && r.Float64() < .6 {
		parts = append(parts, pick(r, w.Calm))
	}
	if r.Float64() < .16 {
		parts = append(parts, pick(r, w.Personal))
	}
	return w.letter(w.fill(strings.Join(parts, w.gap())))
}

func (w *writer) gap() string {
	return []string{" ", " ", "\n", "\n\n"}[w.r.IntN(4)]
}

// letter puts a greeting before and a name after, or neither.
func (w *writer) letter(text string) string {
	r := w.r
	if r.Float64() < .07 {
		text = strings.ToLower(text) // some never use capitals
	}
	if r.Float64() < .12 {
		return text
	}
	if g := pick(r, w.Greetings); g != "" {
		text = g + "\n\n" + text
	}
	if c := pick(r, w.Closings); c != "" {
		text += "\n\n" + c + "\n" + pick(r, []string{w.name, strings.Fields(w.name)[0], w.name})
	}
	return text
}

// mistype swaps two letters in one text of nine. Problems are left alone, so
// that what a text is about stays readable.
func (w *writer) mistype(s string) string {
	if w.r.Float64() > .11 || len(s) < 12 {
		return s
	}
	b := []byte(s)
	i := 2 + w.r.IntN(len(b)-6)
	if letter(b[i]) && letter(b[i+1]) && !strings.Contains(s, "{") {
		b[i], b[i+1] = b[i+1], b[i]
	}
	return string(b)
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' }

// follow is a later comment of the customer.
func (w *writer) follow(t *topic) string {
	parts := []string{pick(w.r, w.FollowOpenings), pick(w.r, t.Follows)}
	if w.r.Float64() < .4 {
		parts = append(parts, w.mistype(pick(w.r, t.Details)))
	}
	parts = append(parts, pick(w.r, w.FollowClosings))
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return w.fill(strings.Join(kept, w.gap()))
}

// foreign is a text in another language.
func (w *writer) foreign(l *language) string {
	text := pick(w.r, l.Problems) + " " + pick(w.r, l.Details)
	return w.fill(pick(w.r, l.Greetings) + "\n\n" + text + "\n\n" + pick(w.r, l.Closings) + "\n" + w.name)
}

// quote puts the mail that is answered below the text.
func (w *writer) quote(text, before string) string {
	return text + "\n\n" + w.fill(pick(w.r, w.Quoted)) + "\n> " + strings.ReplaceAll(before, "\n", "\n> ")
}

var htmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// markup is a text as a mail program's HTML.
func markup(text string) string {
	return "<div><p>" + strings.ReplaceAll(strings.ReplaceAll(htmlEscapes.Replace(text), "\n\n", "</p><p>"), "\n", "<br>") + "</p></div>"
}
