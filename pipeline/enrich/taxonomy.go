package enrich

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"upshot.dev/upshot/pipeline/fault"
)

//go:embed themes.yaml
var defaultTaxonomy []byte

// Theme is something that people talk about. Its ID is what is stored, so it
// stays the same when the name or the phrases change.
type Theme struct {
	ID       string   `yaml:"id"`
	Name     string   `yaml:"name"`
	Parent   string   `yaml:"parent"` // the ID of another theme, or empty
	Phrases  []string `yaml:"phrases"`
	Examples []string `yaml:"examples"`
}

// Taxonomy is the themes in the order of their file.
type Taxonomy []Theme

// The bounds of a taxonomy: far above what a person can keep in order.
const (
	maxTaxonomyBytes = 1 << 20
	maxThemes        = 2000
	maxPhrases       = 200 // a theme
)

// themeID is kebab-case: ids stand in URLs, columns and file names.
var themeID = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// LoadTaxonomy reads a taxonomy: YAML with a list "themes" of id, name, parent,
// phrases and examples. It is read strictly, and every fault is reported at
// once with its line: unknown keys, ids that are no kebab-case or come twice,
// parents that do not exist or go in a circle, themes without phrases, phrases
// without a word, and phrases that two themes claim (after stemming, so
// "export" and "exports" are one phrase). The error is Invalid.
func LoadTaxonomy(data []byte) (Taxonomy, error) {
	if len(data) > maxTaxonomyBytes {
		return nil, fault.Invalidf("taxonomy: %d bytes, at most %d are read", len(data), maxTaxonomyBytes)
	}
	var file struct {
		Themes []themeNode `yaml:"themes"`
	}
	if err := yaml.Load(data, &file, yaml.WithKnownFields(), yaml.WithUniqueKeys()); err != nil {
		return nil, fault.New(fault.Invalid, fmt.Errorf("taxonomy: %w", err))
	}
	if len(file.Themes) == 0 || len(file.Themes) > maxThemes {
		return nil, fault.Invalidf("taxonomy: %d themes, from 1 to %d are wanted under the key themes", len(file.Themes), maxThemes)
	}
	c := checker{lines: make(map[string]int, len(file.Themes)), phrases: map[string]string{}, stems: newStemmer()}
	taxonomy := make(Taxonomy, 0, len(file.Themes))
	for i := range file.Themes {
		taxonomy = append(taxonomy, c.theme(&file.Themes[i]))
	}
	c.parents(taxonomy)
	if len(c.faults) > 0 {
		return nil, fault.New(fault.Invalid, errors.Join(c.faults...))
	}
	return taxonomy, nil
}

// themeNode is a theme with the lines that faults are reported with.
type themeNode struct {
	ID       yaml.Node   `yaml:"id"`
	Name     string      `yaml:"name"`
	Parent   yaml.Node   `yaml:"parent"`
	Phrases  []yaml.Node `yaml:"phrases"`
	Examples []string    `yaml:"examples"`
}

// checker collects the faults of a taxonomy.
type checker struct {
	lines   map[string]int    // theme id -> line
	phrases map[string]string // stemmed phrase -> theme id
	stems   *stemmer
	faults  []error
}

// fault notes what is wrong in a line.
func (c *checker) fault(line int, format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf("taxonomy: line %d: "+format, append([]any{line}, args...)...))
}

// theme checks one theme and gives it as it is used.
func (c *checker) theme(n *themeNode) Theme {
	t := Theme{ID: n.ID.Value, Name: strings.TrimSpace(n.Name), Parent: n.Parent.Value, Examples: n.Examples}
	line := n.ID.Line
	switch {
	case !themeID.MatchString(t.ID) || len(t.ID) > 64:
		c.fault(line, "id %q: use lower-case letters, digits and single hyphens, at most 64", t.ID)
	case c.lines[t.ID] != 0:
		c.fault(line, "id %q is also that of the theme in line %d", t.ID, c.lines[t.ID])
	default:
		c.lines[t.ID] = max(line, 1)
	}
	if t.Name == "" {
		c.fault(line, "theme %q has no name", t.ID)
	}
	if len(n.Phrases) == 0 || len(n.Phrases) > maxPhrases {
		c.fault(line, "theme %q has %d phrases, from 1 to %d are wanted", t.ID, len(n.Phrases), maxPhrases)
	}
	for i := range n.Phrases {
		p := &n.Phrases[i]
		if p.Kind != yaml.ScalarNode {
			c.fault(p.Line, "theme %q: a phrase is a text", t.ID)
			continue
		}
		key := strings.Join(c.stems.phrase(p.Value), " ")
		owner, taken := c.phrases[key]
		switch {
		case key == "":
			c.fault(p.Line, "theme %q: phrase %q has no word", t.ID, p.Value)
		case taken && owner == t.ID: // another form of a phrase that is there: harmless
		case taken:
			c.fault(p.Line, "theme %q: phrase %q belongs to theme %q already", t.ID, p.Value, owner)
		default:
			c.phrases[key] = t.ID
			t.Phrases = append(t.Phrases, p.Value)
		}
	}
	return t
}

// parents asks that every parent exists and no theme is its own ancestor.
func (c *checker) parents(taxonomy Taxonomy) {
	parent := make(map[string]string, len(taxonomy))
	for _, t := range taxonomy {
		parent[t.ID] = t.Parent
	}
	for _, t := range taxonomy {
		if t.Parent == "" {
			continue
		}
		if c.lines[t.Parent] == 0 {
			c.fault(c.lines[t.ID], "theme %q: there is no parent %q", t.ID, t.Parent)
			continue
		}
		steps := 0
		for p := t.Parent; p != "" && steps <= len(taxonomy); p = parent[p] {
			steps++
		}
		if steps > len(taxonomy) {
			c.fault(c.lines[t.ID], "theme %q: its parents go in a circle", t.ID)
		}
	}
}

// digest tells taxonomies apart by what they hold, not by how they are laid
// out: 48 bits of SHA-256 in hexadecimal.
func (t Taxonomy) digest() string {
	h := sha256.New()
	for _, theme := range t {
		_, _ = fmt.Fprintf(h, "%q %q %q %q\n", theme.ID, theme.Name, theme.Parent, theme.Phrases)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}
