package metric

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"upshot.dev/upshot/pipeline/fault"
)

// Metric is one SQL file, read.
type Metric struct {
	Name        string
	Title       string
	Description string
	Owner       string
	Unit        string // count, ratio, score, mean, seconds, per_1000
	Better      string // up, down, none
	// Value says how the value follows from the statistics.
	Value Call
	// Interval says how the interval does; Func is "none" where there is none.
	Interval Call
	// N is the statistic that counts the units behind the value.
	N string
	// Statistics are the columns that the SQL returns beside period and
	// dimensions, in the order in which they are printed. Labels are those of
	// them that are no numbers to add, like feature, theme and offset.
	Statistics, Labels []string
	// Hidden are columns that only the interval needs, like the list of all
	// durations, which is text with spaces between the numbers (Athena gives
	// arrays back in a form that cannot be read): they are not printed.
	Hidden []string
	// Params are the parameters that the SQL takes, where it lists them.
	Params []string
	// Fill are the statistics that are 0 in a period where nothing happened;
	// empty: a row stands only where a unit does. The word days stands for the
	// number of the period's days.
	Fill []string
	// By are the dimensions that may be asked for.
	By     []string
	Grains []string
	// MinN is the smallest n that gives a value.
	MinN   int64
	Target *float64
	Report string
	Alert  *Alert // nil without a rule
	// SQL is the text below the front matter.
	SQL string
}

// Call is a function of statistics, like ratio(good, n).
type Call struct {
	Func string
	Args []string
}

// values are the functions of Value with their numbers of arguments.
var values = map[string]int{"stat": 1, "ratio": 2, "mean": 2, "nps": 3, "rate": 3, "daily_share": 3}

// intervals are those of Interval.
var intervals = map[string]int{"none": 0, "wilson": 2, "mean_t": 3, "poisson": 3, "nps": 3, "percentile": 2}

var (
	units   = []string{"count", "ratio", "score", "mean", "seconds", "per_1000"}
	betters = []string{"up", "down", "none"}
	grains  = []string{"day", "week", "month", "all"}
	// dimensions are the columns of records that a metric may be cut by.
	dimensions = []string{
		"plan", "locale", "country", "platform", "app_version", "product", "source",
		"channel", "priority", "team", "survey_id", "question_id", "kind", "feedback",
	}
	nameForm   = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	numberForm = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
	callForm   = regexp.MustCompile(`^([a-z_]+)(?:\(([^()]*)\))?$`)
)

// required are the keys that every front matter has.
var required = []string{"name", "title", "description", "owner", "unit", "better", "value", "interval", "n", "statistics"}

// parse reads a metric file. Every fault names the file and the line.
func parse(file, text string) (*Metric, error) {
	m := &Metric{}
	seen := map[string]int{}
	lines := strings.SplitAfter(text, "\n")
	n := 0
	for ; n < len(lines); n++ {
		line, ok := strings.CutPrefix(strings.TrimRight(lines[n], "\r\n"), "-- ")
		if !ok {
			break
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fault.Permanentf("%s:%d: %q is no key: value", file, n+1, line)
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if first, twice := seen[key]; twice {
			return nil, fault.Permanentf("%s:%d: %s stands on line %d already", file, n+1, key, first)
		}
		seen[key] = n + 1
		if err := m.set(key, value); err != nil {
			return nil, fault.Permanentf("%s:%d: %s: %w", file, n+1, key, err)
		}
	}
	for _, k := range required {
		if seen[k] == 0 {
			return nil, fault.Permanentf("%s:1: the front matter has no %s", file, k)
		}
	}
	if err := m.check(); err != nil {
		return nil, fault.Permanentf("%s:%d: %w", file, n, err)
	}
	m.SQL = strings.TrimSpace(strings.Join(lines[n:], ""))
	for n < len(lines)-1 && strings.TrimSpace(lines[n]) == "" {
		n++ // empty lines are cut off the SQL
	}
	if line, err := m.checkSQL(); err != nil {
		return nil, fault.Permanentf("%s:%d: %w", file, n+line, err)
	}
	if seen["grains"] == 0 {
		m.Grains = slices.Clone(grains)
	}
	if seen["min_n"] == 0 {
		m.MinN = m.defaultMinN()
	}
	if err := m.checkAlert(); err != nil {
		return nil, fault.Permanentf("%s:%d: alert: %w", file, seen["alert"], err)
	}
	return m, nil
}

// defaultMinN is 5 for ratios, scores and means, 1 for percentiles and 0 for
// counts and sums.
func (m *Metric) defaultMinN() int64 {
	switch {
	case m.Interval.Func == "percentile":
		return 1
	case m.Value.Func == "stat":
		return 0
	default:
		return 5
	}
}

// set takes over one line of the front matter.
func (m *Metric) set(key, value string) error {
	if value == "" {
		return fmt.Errorf("is empty")
	}
	switch key {
	case "name":
		m.Name = value
		if !nameForm.MatchString(value) {
			return fmt.Errorf("%q is no name", value)
		}
	case "title":
		m.Title = value
	case "description":
		m.Description = value
	case "owner":
		m.Owner = value
	case "params":
		return m.setParams(value)
	case "report":
		m.Report = value
	case "alert":
		return m.setAlert(value)
	case "unit":
		m.Unit = value
		return oneOf(value, units)
	case "better":
		m.Better = value
		return oneOf(value, betters)
	case "value":
		return m.Value.parse(value, values)
	case "interval":
		return m.Interval.parse(value, intervals)
	case "n":
		m.N = value
	case "statistics":
		return names(value, nil, &m.Statistics)
	case "labels":
		return names(value, nil, &m.Labels)
	case "hidden":
		return names(value, nil, &m.Hidden)
	case "fill":
		return names(value, nil, &m.Fill)
	case "by":
		return names(value, dimensions, &m.By)
	case "grains":
		return names(value, grains, &m.Grains)
	case "min_n":
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is no whole number", value)
		}
		m.MinN = n
	case "target":
		t, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return fmt.Errorf("%q is no number", value)
		}
		m.Target = &t
	default:
		return fmt.Errorf("is unknown")
	}
	return nil
}

// parameterTypes are the types of the parameters of a text.
var parameterTypes = map[string]string{
	"from": "date", "to": "date", "dt_from": "date", "dt_to": "date", "tz": "varchar", "grain": "varchar",
}

// setParams reads a list like "from date, tz varchar".
func (m *Metric) setParams(value string) error {
	for part := range strings.SplitSeq(value, ",") {
		name, kind, _ := strings.Cut(strings.TrimSpace(part), " ")
		want, ok := parameterTypes[name]
		switch {
		case !ok:
			return fmt.Errorf("%q is no parameter; there are %s", name, strings.Join(parameters, ", "))
		case strings.TrimSpace(kind) != want:
			return fmt.Errorf("%s is a %s", name, want)
		case slices.Contains(m.Params, name):
			return fmt.Errorf("%s stands twice", name)
		}
		m.Params = append(m.Params, name)
	}
	return nil
}

func oneOf(value string, words []string) error {
	if !slices.Contains(words, value) {
		return fmt.Errorf("%q is none of %s", value, strings.Join(words, ", "))
	}
	return nil
}

// names reads a list of names, of words where those are given.
func names(value string, words []string, to *[]string) error {
	for part := range strings.SplitSeq(value, ",") {
		part = strings.TrimSpace(part)
		if !nameForm.MatchString(part) {
			return fmt.Errorf("%q is no name", part)
		}
		if words != nil {
			if err := oneOf(part, words); err != nil {
				return err
			}
		}
		if slices.Contains(*to, part) {
			return fmt.Errorf("%s stands twice", part)
		}
		*to = append(*to, part)
	}
	return nil
}

func (c *Call) parse(value string, known map[string]int) error {
	f := callForm.FindStringSubmatch(value)
	if f == nil {
		return fmt.Errorf("%q is no call like ratio(good, n)", value)
	}
	c.Func = f[1]
	if strings.TrimSpace(f[2]) != "" {
		for a := range strings.SplitSeq(f[2], ",") {
			c.Args = append(c.Args, strings.TrimSpace(a))
		}
	}
	want, ok := known[c.Func]
	if !ok {
		return fmt.Errorf("%q is no function", c.Func)
	}
	if len(c.Args) != want {
		return fmt.Errorf("%s takes %d arguments, not %d", c.Func, want, len(c.Args))
	}
	return nil
}

// check holds the parts of a metric against each other.
func (m *Metric) check() error {
	all := slices.Concat([]string{"n"}, m.Statistics, m.Hidden)
	for _, c := range []Call{m.Value, m.Interval} {
		for _, a := range c.Args {
			if !numberForm.MatchString(a) && !slices.Contains(all, a) {
				return fmt.Errorf("%s: %s is no statistic", c.Func, a)
			}
		}
	}
	if !slices.Contains(all, m.N) {
		return fmt.Errorf("n: %s is no statistic", m.N)
	}
	for _, l := range slices.Concat(m.Labels, m.Fill) {
		if !slices.Contains(m.Statistics, l) {
			return fmt.Errorf("%s is no statistic", l)
		}
	}
	return nil
}
