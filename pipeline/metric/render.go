package metric

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/fault"
)

// render makes the statement: parameters as typed literals, dimensions in
// place of the macros, and before it the relations that the text names.
func render(m *Metric, c *calendar, tz string, by []string, p config.Product) (string, error) {
	ts, err := tokens(m.SQL)
	if err != nil {
		return "", fault.Permanentf("metric %s: %w", m.Name, err)
	}
	params := map[string]string{
		"from": date(c.from), "to": date(c.to), "tz": literal(tz), "grain": literal(c.grain),
		"dt_from": date(c.dtFrom()), "dt_to": date(c.dtTo()),
	}
	var body strings.Builder
	for _, t := range ts {
		switch t.kind {
		case parameter:
			body.WriteString(params[t.text])
		case macro:
			body.WriteString(expand(t.args, by))
		default:
			body.WriteString(t.text)
		}
	}
	uses, err := scan(m.SQL)
	if err != nil {
		return "", err
	}
	var with []string
	for _, r := range relations(c, p) {
		if uses[r.name] {
			with = append(with, r.name+r.columns+" AS (\n"+r.sql()+"\n)")
		}
	}
	text := body.String()
	if len(with) == 0 {
		return text, nil
	}
	head := "WITH " + strings.Join(with, ",\n")
	if rest, ok := cutWith(text); ok {
		return head + ",\n" + rest, nil
	}
	return head + "\n" + text, nil
}

// cutWith cuts the WITH off a text that begins with it, after its comments.
func cutWith(text string) (string, bool) {
	rest := text
	for {
		rest = strings.TrimLeft(rest, " \t\r\n")
		if !strings.HasPrefix(rest, "--") {
			break
		}
		_, rest, _ = strings.Cut(rest, "\n")
	}
	if len(rest) > 4 && strings.EqualFold(rest[:4], "with") && !isLetter(rest[4]) {
		return rest[4:], true
	}
	return text, false
}

// expand gives a macro's text for the dimensions that were asked for.
func expand(args, by []string) string {
	var b strings.Builder
	for _, d := range by {
		switch {
		case args[0] == "on":
			fmt.Fprintf(&b, " AND %s.%s IS NOT DISTINCT FROM %s.%s", args[1], d, args[2], d)
		case len(args) == 2:
			fmt.Fprintf(&b, ", %s.%s", args[1], d)
		default:
			b.WriteString(", " + d)
		}
	}
	return b.String()
}

func date(t time.Time) string { return "date '" + t.Format(time.DateOnly) + "'" }

func timestamp(t time.Time) string {
	return "timestamp '" + t.UTC().Format("2006-01-02 15:04:05.000000") + "'"
}

// relation is a small table put before a query.
type relation struct {
	name, columns string
	sql           func() string
}

// relations are all there are; each is written only into texts that name it.
func relations(c *calendar, p config.Product) []relation {
	return []relation{
		{"periods", "(period, starts, ends, partial, ended, seq)", c.periodsSQL},
		{"days", "(dt, day, period, starts, ends)", c.daysSQL},
		{"active_events", "", func() string { return activeSQL(p) }},
		{"features", "(feature)", func() string { return featuresSQL(p) }},
		{"feature_events", "", func() string { return featureEventsSQL(p) }},
	}
}

// periodsSQL has a row per period: its first date, the moments between which
// it lies inside [from, to), whether it reaches beyond, whether it is over at
// to, and its place from 0.
func (c *calendar) periodsSQL() string {
	rows := make([]string, len(c.periods))
	for i, p := range c.periods {
		rows[i] = fmt.Sprintf("(%s, %s, %s, %t, %t, %d)", date(p.first), timestamp(p.starts), timestamp(p.ends), p.partial, p.ended, i)
	}
	return "VALUES " + strings.Join(rows, ", ")
}

// daysSQL has a row per UTC date and local day that overlap, so that a record
// finds its local day by an equality on dt: join on dt, and on starts <=
// occurred_at < ends.
func (c *calendar) daysSQL() string {
	var rows []string
	for _, d := range c.days {
		for dt := dateOf(d.starts.UTC()); dt.Before(d.ends.UTC()); dt = dt.AddDate(0, 0, 1) {
			rows = append(rows, fmt.Sprintf("(%s, %s, %s, %s, %s)", date(dt), date(d.date), date(d.period), timestamp(d.starts), timestamp(d.ends)))
		}
	}
	return "VALUES " + strings.Join(rows, ", ")
}

const activeKinds = "e.kind IN ('track', 'page', 'screen')"

// somebody keeps events of nobody and of excluded people out of metrics of
// people.
const somebody = "e.person_key IS NOT NULL AND NOT e.excluded_person"

func activeSQL(p config.Product) string {
	where := activeKinds
	if len(p.ActiveEvents) > 0 {
		where += " AND e.name IN (" + literals(p.ActiveEvents) + ")"
	}
	return "SELECT e.* FROM events AS e WHERE " + where + " AND " + somebody
}

func featuresSQL(p config.Product) string {
	if len(p.Features) == 0 {
		return "SELECT CAST(NULL AS varchar) WHERE FALSE"
	}
	var rows []string
	for _, f := range slices.Sorted(maps.Keys(p.Features)) {
		rows = append(rows, "("+literal(f)+")")
	}
	return "VALUES " + strings.Join(rows, ", ")
}

func featureEventsSQL(p config.Product) string {
	if len(p.Features) == 0 {
		return "SELECT CAST(NULL AS varchar) AS feature, e.* FROM events AS e WHERE FALSE"
	}
	var parts []string
	for _, f := range slices.Sorted(maps.Keys(p.Features)) {
		parts = append(parts, fmt.Sprintf("SELECT %s AS feature, e.* FROM events AS e WHERE %s AND %s",
			literal(f), matchSQL(p.Features[f]), somebody))
	}
	return strings.Join(parts, "\nUNION ALL\n")
}

// matchSQL is the condition under which an event is one of the matcher's.
func matchSQL(m config.Matcher) string {
	cond := []string{activeKinds, "e.name IN (" + literals(m.Events) + ")"}
	for _, k := range slices.Sorted(maps.Keys(m.Where)) {
		cond = append(cond, propertySQL(k, m.Where[k]))
	}
	return strings.Join(cond, " AND ")
}

// propertySQL compares a property with a value as JSON: a text equals only a
// text, a number only a number. The JSON text of the property tells them apart:
// a text begins with a quote.
func propertySQL(key string, want any) string {
	path := literal(`$["` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"]`)
	raw := "json_format(json_extract(e.properties, " + path + "))"
	scalar := "json_extract_scalar(e.properties, " + path + ")"
	switch v := want.(type) {
	case string:
		return fmt.Sprintf("(%s LIKE '\"%%' AND %s = %s)", raw, scalar, literal(v))
	case bool:
		return fmt.Sprintf("%s = '%t'", raw, v)
	default:
		return fmt.Sprintf("(%s NOT LIKE '\"%%' AND try_cast(%s AS double) = CAST(%s AS double))", raw, scalar, literal(fmt.Sprint(v)))
	}
}

func literals(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = literal(s)
	}
	return strings.Join(out, ", ")
}
