package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones must load wherever the program runs

	"github.com/robfig/cron/v3"
	"go.yaml.in/yaml/v4"

	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/record"
)

// maxSize bounds a configuration file, in bytes.
const maxSize = 1 << 20

// Load reads a configuration file. lookup finds environment variables; only
// what is written as ${NAME} is taken from there. Every fault is reported, each
// as file:line, in one error of kind Invalid.
func Load(file string, lookup func(string) (string, bool)) (*Config, error) {
	data, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fault.Invalidf("read the configuration: %w", err)
	}
	return Parse(file, data, lookup)
}

// LoadPacked is Load for a configuration that is packed with the code of a
// function, where secrets are elsewhere: sources need none, the identity key
// may be missing, and where one of these, or the way mail leaves, is written as
// ${NAME}, it counts as missing. So one file serves a machine and AWS.
func LoadPacked(file string, lookup func(string) (string, bool)) (*Config, error) {
	data, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fault.Invalidf("read the configuration: %w", err)
	}
	return parse(file, data, lookup, true)
}

// Parse is Load for a file that was read already; file is for messages, and
// its folder is where relative paths start.
func Parse(file string, data []byte, lookup func(string) (string, bool)) (*Config, error) {
	return parse(file, data, lookup, false)
}

func parse(file string, data []byte, lookup func(string) (string, bool), packed bool) (*Config, error) {
	c := &Config{file: file, Dir: filepath.Dir(file), packed: packed}
	if len(data) > maxSize {
		return nil, fault.Invalidf("%s is larger than %d bytes", file, maxSize)
	}
	var doc yaml.Node
	if err := yaml.Load(data, &doc); err != nil {
		return nil, fault.Invalidf("%s: %w", file, err)
	}
	faults := &faults{file: file}
	if packed {
		withoutSecrets(&doc)
	}
	expand(&doc, lookup, faults)
	c.lines = indexOf(&doc)
	if err := doc.Load(c, yaml.WithKnownFields()); err != nil {
		faults.yaml(err)
	}
	c.defaults()
	c.check(faults)
	if err := faults.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Default is the configuration of a command that needs none: UTC, the lake in
// ./lake, no sources.
func Default() *Config {
	c := &Config{Dir: "."}
	c.defaults()
	c.Location = time.UTC
	return c
}

func (c *Config) defaults() {
	if c.Timezone == "" {
		c.Timezone = "UTC"
	}
	if c.Lake == "" {
		c.Lake = "./lake"
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8080"
	}
}

// Path resolves a path of the configuration against its file's folder.
func (c *Config) Path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.Dir, p)
}

// Errorf is a fault of kind Invalid at the place of a setting, for whoever
// finds out later that a value cannot be used: path is like "sources", "app",
// "type".
func (c *Config) Errorf(path []string, format string, args ...any) error {
	return fault.Invalidf("%s:%d: %s: %w", c.file, c.lines.line(path), strings.Join(path, "."), fmt.Errorf(format, args...))
}

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces ${NAME} in every value, after parsing: a variable's content
// can never change the structure. A name that is not set is a fault.
func expand(n *yaml.Node, lookup func(string) (string, bool), f *faults) {
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "${") {
		n.Value = variable.ReplaceAllStringFunc(n.Value, func(m string) string {
			name := m[2 : len(m)-1]
			if !variableName.MatchString(name) {
				f.add(n.Line, "%q is no name of an environment variable", name)
				return ""
			}
			v, ok := lookup(name)
			if !ok {
				f.add(n.Line, "the environment variable %s is not set", name)
			}
			return v
		})
		n.Tag = "!!str"
	}
	for _, c := range n.Content {
		expand(c, lookup, f)
	}
}

// index finds the line of a setting by its path.
type index map[string]int

func indexOf(doc *yaml.Node) index {
	ix := index{}
	var walk func(n *yaml.Node, path string)
	walk = func(n *yaml.Node, path string) {
		ix[path] = n.Line
		switch n.Kind {
		case yaml.DocumentNode:
			for _, c := range n.Content {
				walk(c, path)
			}
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				p := path + "\x00" + n.Content[i].Value
				walk(n.Content[i+1], p)
				ix[p] = n.Content[i].Line // the key's line is what a person looks for
			}
		case yaml.SequenceNode:
			for i, c := range n.Content {
				walk(c, path+"\x00"+strconv.Itoa(i))
			}
		}
	}
	walk(doc, "")
	return ix
}

// line is the line of the setting, or of the nearest one around it.
func (ix index) line(path []string) int {
	for n := len(path); n > 0; n-- {
		if l, ok := ix["\x00"+strings.Join(path[:n], "\x00")]; ok {
			return l
		}
	}
	return 1
}

// faults gathers everything wrong with a file.
type faults struct {
	file string
	list []lineFault
}

type lineFault struct {
	line int
	text string
}

func (f *faults) add(line int, format string, args ...any) {
	f.list = append(f.list, lineFault{line, fmt.Sprintf(format, args...)})
}

// unknownKey is the decoder's message, which speaks of Go types.
var unknownKey = regexp.MustCompile(`^field (.*) not found in type \S+$`)

// yaml takes over the decoder's errors with their lines.
func (f *faults) yaml(err error) {
	if many, ok := errors.AsType[*yaml.LoadErrors](err); ok {
		for _, e := range many.Errors {
			f.add(e.Mark.Line, "%s", unknownKey.ReplaceAllString(e.Message, "unknown key $1"))
		}
		return
	}
	if one, ok := errors.AsType[*yaml.LoadError](err); ok {
		f.add(one.Mark.Line, "%s", one.Message)
		return
	}
	f.add(1, "%s", err)
}

func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	slices.SortStableFunc(f.list, func(a, b lineFault) int { return a.line - b.line })
	lines := make([]string, 0, len(f.list))
	for _, l := range f.list {
		lines = append(lines, fmt.Sprintf("%s:%d: %s", f.file, l.line, l.text))
	}
	return fault.Invalidf("%s", strings.Join(slices.Compact(lines), "\n"))
}

// check holds the values against what they must be.
func (c *Config) check(f *faults) {
	bad := func(path []string, format string, args ...any) {
		f.add(c.lines.line(path), strings.Join(path, ".")+": "+format, args...)
	}
	loc, err := time.LoadLocation(c.Timezone)
	if err != nil || c.Timezone == "Local" {
		bad([]string{"timezone"}, "%q is no IANA time zone like Europe/Berlin", c.Timezone)
	}
	c.Location = loc
	if c.IdentityKey == "" && !c.packed {
		bad([]string{"identity_key"}, "is required: a long random text that never changes, best as ${UPSHOT_IDENTITY_KEY}")
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		bad([]string{"listen"}, "%q is no address like 127.0.0.1:8080", c.Listen)
	}
	c.checkSources(bad)
	c.Product.check(bad)
	c.checkMail(bad)
}

type reportFunc func(path []string, format string, args ...any)

var sourceName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

func (c *Config) checkSources(bad reportFunc) {
	owner := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Sources)) {
		s, path := c.Sources[name], []string{"sources", name}
		if !sourceName.MatchString(name) {
			bad(path, "a source's name has only a-z, 0-9, - and _")
		}
		if name == record.SmokeSource {
			bad(path, "is the name of the smoke test's own source, which no metric counts: choose another")
		}
		if (s.Type == "") == (s.Mapping == "") {
			bad(path, "needs either a type or a mapping file")
		}
		if len(s.Secrets) == 0 && !c.packed {
			bad(path, "needs secrets: without one every delivery is refused")
		}
		for i, secret := range s.Secrets {
			at := append(slices.Clone(path), "secrets", strconv.Itoa(i))
			if strings.TrimSpace(secret) == "" {
				bad(at, "is empty")
				continue
			}
			// Write keys choose the source, so one key must not mean two.
			key := s.Type + "\x00" + secret
			if first, taken := owner[key]; taken && s.Type != "" {
				bad(at, "is the same secret as in sources.%s", first)
			}
			owner[key] = name
		}
	}
}

func (c *Config) checkMail(bad reportFunc) {
	if c.Mail.SMTP != "" && c.Mail.Directory != "" {
		bad([]string{"mail"}, "has both smtp and directory: choose one")
	}
	if c.Mail.SMTP != "" {
		u, err := url.Parse(c.Mail.SMTP)
		if err != nil || u.Host == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
			// The value may hold a password: it is not quoted.
			bad([]string{"mail", "smtp"}, "must be like smtp://user:password@host:587")
		}
	}
	if c.Mail.From != "" {
		if _, err := mail.ParseAddress(c.Mail.From); err != nil {
			bad([]string{"mail", "from"}, "%q is no mail address", c.Mail.From)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Reports)) {
		r, path := c.Reports[name], []string{"reports", name}
		if !slices.Contains([]string{"day", "week", "month"}, r.Period) {
			bad(append(slices.Clone(path), "period"), "must be day, week or month")
		}
		if _, err := cron.ParseStandard(r.Schedule); err != nil || strings.Contains(r.Schedule, "TZ=") {
			bad(append(slices.Clone(path), "schedule"), "%q is no schedule like \"0 8 * * MON\" (minute, hour, day, month, weekday)", r.Schedule)
		}
		for i, to := range r.To {
			if _, err := mail.ParseAddress(to); err != nil {
				bad(append(slices.Clone(path), "to", strconv.Itoa(i)), "%q is no mail address", to)
			}
		}
		if len(r.To) > 0 && c.Mail.From == "" {
			bad(path, "has recipients, but mail.from is not set")
		}
	}
}
