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

// when is the time that a statement is about, as SQL: the parameters by name,
// and the relations of its periods and days.
type when struct {
	params        map[string]string
	periods, days func() string
}

// when is the calendar as SQL, with dates and moments as literals.
func (c *calendar) when(tz string) when {
	return when{
		params: map[string]string{
			":from": date(c.from), ":to": date(c.to), ":tz": literal(tz), ":grain": literal(c.grain),
			":dt_from": date(c.dtFrom()), ":dt_to": date(c.dtTo()),
		},
		periods: c.periodsSQL,
		days:    c.daysSQL,
	}
}

// render makes the statement: parameters in their places, dimensions in place
// of the macros, and before it the relations that the text names.
func render(m *Metric, s when, by []string, p config.Product) (string, error) {
	ts, err := tokens(m.SQL)
	if err != nil {
		return "", fault.Permanentf("metric %s: %w", m.Name, err)
	}
	uses := map[string]bool{}
	var body strings.Builder
	begins := true // nothing but space and comments has come yet
	joined := false
	for _, t := range ts {
		switch t.kind {
		case parameter:
			body.WriteString(s.params[t.text])
		case macro:
			body.WriteString(expand(t.args(), by))
		case word:
			uses[t.text] = true
			if begins && t.is("with") {
				joined = true // its relations follow those of the runner
			} else {
				body.WriteString(t.text)
			}
		default:
			body.WriteString(t.text)
		}
		begins = begins && (t.kind == space || t.kind == comment)
	}
	var with []string
	for _, r := range relations(s, p) {
		if uses[r.name] {
			with = append(with, r.name+r.columns+" AS (\n"+r.sql()+"\n)")
		}
	}
	switch head := "WITH " + strings.Join(with, ",\n"); {
	case len(with) == 0 && joined:
		return "WITH " + body.String(), nil
	case len(with) == 0:
		return body.String(), nil
	case joined:
		return head + ",\n" + body.String(), nil
	default:
		return head + "\n" + body.String(), nil
	}
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
func relations(s when, p config.Product) []relation {
	return []relation{
		{"periods", "(period, starts, ends, partial, ended, seq)", s.periods},
		{"days", "(dt, day, period, starts, ends)", s.days},
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

// featureEventsSQL narrows the events to those of any feature, with the feature
// they are of. It reads the events once, however many features there are: the
// names lead to the features by a hash join, and only then are properties
// looked into.
func featureEventsSQL(p config.Product) string {
	if len(p.Features) == 0 {
		return "SELECT CAST(NULL AS varchar) AS feature, e.* FROM events AS e WHERE FALSE"
	}
	var pairs, names, where []string
	for _, f := range slices.Sorted(maps.Keys(p.Features)) {
		m := p.Features[f]
		for _, name := range slices.Compact(slices.Sorted(slices.Values(m.Events))) {
			pairs = append(pairs, "("+literal(f)+", "+literal(name)+")")
			names = append(names, name)
		}
		if cond := whereSQL(m.Where); cond != "" {
			where = append(where, fmt.Sprintf("WHEN %s THEN %s", literal(f), cond))
		}
	}
	sql := "SELECT x.feature, e.* FROM events AS e\nJOIN (VALUES " + strings.Join(pairs, ", ") + ") AS x(feature, name) ON x.name = e.name\nWHERE " +
		activeKinds + " AND e.name IN (" + literals(slices.Compact(slices.Sorted(slices.Values(names)))) + ") AND " + somebody
	if len(where) > 0 {
		sql += "\n  AND CASE x.feature " + strings.Join(where, " ") + " ELSE TRUE END"
	}
	return sql
}

// whereSQL is the condition that an event's properties have the values asked
// for; empty when none are.
func whereSQL(where map[string]any) string {
	var cond []string
	for _, k := range slices.Sorted(maps.Keys(where)) {
		cond = append(cond, propertySQL(k, where[k]))
	}
	return strings.Join(cond, " AND ")
}

// propertySQL compares a property with a value as JSON: a text equals only a
// text, a number only a number. The property is found in a map of its object
// and not by a JSON path, because the engines read paths differently once a
// key has quotes, brackets or a star. The JSON text of a value tells its type:
// only a text begins with a quote, and only a number can be cast to one.
func propertySQL(key string, want any) string {
	value := "element_at(try_cast(json_parse(e.properties) AS map(varchar, json)), " + literal(key) + ")"
	raw := "json_format(" + value + ")"
	switch v := want.(type) {
	case string:
		return fmt.Sprintf("(%s LIKE '\"%%' AND json_extract_scalar(%s, '$') = %s)", raw, value, literal(v))
	case bool:
		return fmt.Sprintf("%s = '%t'", raw, v)
	default:
		return fmt.Sprintf("try_cast(%s AS double) = CAST(%s AS double)", raw, literal(fmt.Sprint(v)))
	}
}

func literals(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = literal(s)
	}
	return strings.Join(out, ", ")
}
