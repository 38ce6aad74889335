package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"
)

// UnmarshalYAML reads "90m", "24h" or "7d".
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := ParseDuration(n.Value)
	if err != nil {
		return err
	}
	*d = Duration(v)
	return nil
}

var days = regexp.MustCompile(`^(\d{1,5})d$`)

// ParseDuration reads a length of time: what time.ParseDuration reads, or
// whole days of 24 hours like "7d". It is more than zero.
func ParseDuration(s string) (time.Duration, error) {
	var v time.Duration
	var err error
	if m := days.FindStringSubmatch(s); m != nil {
		n, _ := strconv.Atoi(m[1]) // five digits fit
		v = time.Duration(n) * 24 * time.Hour
	} else {
		v, err = time.ParseDuration(s)
	}
	if err != nil || v <= 0 {
		return 0, fmt.Errorf("%q is no length of time like 90m, 24h or 7d", s)
	}
	return v, nil
}

// check holds the product's settings against what they must be.
func (p Product) check(bad reportFunc) {
	at := func(path ...string) []string { return append([]string{"product"}, path...) }
	for _, name := range slices.Sorted(maps.Keys(p.Features)) {
		p.Features[name].check(bad, at("features", name))
	}
	if p.Activation != nil {
		p.Activation.check(bad, at("activation"))
		within(bad, at("activation"), p.Activation.Within)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Funnels)) {
		f := p.Funnels[name]
		if len(f.Steps) < 2 {
			bad(at("funnels", name), "needs two steps or more")
		}
		for i, s := range f.Steps {
			s.check(bad, at("funnels", name, "steps", strconv.Itoa(i)))
		}
		within(bad, at("funnels", name), f.Within)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Tasks)) {
		t := p.Tasks[name]
		t.Start.check(bad, at("tasks", name, "start"))
		t.Done.check(bad, at("tasks", name, "done"))
		within(bad, at("tasks", name), t.Within)
	}
	if p.Errors != nil {
		p.Errors.check(bad, at("errors"))
	}
}

func within(bad reportFunc, path []string, d Duration) {
	if d <= 0 {
		bad(append(slices.Clone(path), "within"), "is required, like 7d")
	}
}

func (m Matcher) check(bad reportFunc, path []string) {
	if len(m.Events) == 0 {
		bad(append(slices.Clone(path), "events"), "needs the name of an event")
	}
	for _, k := range slices.Sorted(maps.Keys(m.Where)) {
		switch m.Where[k].(type) {
		case string, bool, int, int64, uint64, float64:
		default:
			bad(append(slices.Clone(path), "where", k), "must be a text, a number, true or false")
		}
	}
}
