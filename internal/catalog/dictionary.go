package catalog

import (
	"bytes"
	_ "embed" // the meanings
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
)

//go:embed meanings.tsv
var meaningsText string

// meaning is what a column means, with an example.
type meaning struct{ text, example string }

// meanings are those of columns, and of tables under "table NAME".
func meanings() map[string]meaning {
	out := map[string]meaning{}
	for line := range strings.Lines(meaningsText) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, _ := strings.Cut(line, "\t")
		text, example, _ := strings.Cut(rest, "\t")
		out[name] = meaning{text, example}
	}
	return out
}

// dictionary writes the page.
type dictionary struct {
	b        bytes.Buffer
	meanings map[string]meaning
	used     map[string]bool
	words    map[string]map[string][]string // table, field: what it may hold
	unknown  []string
}

// Dictionary is the page of every table, view and column. A column without a
// meaning, and a meaning without a column, are errors.
func Dictionary(columns Columns) ([]byte, error) {
	words, err := allowedWords()
	if err != nil {
		return nil, err
	}
	d := &dictionary{meanings: meanings(), used: map[string]bool{}, words: words}
	d.b.WriteString(dictionaryHead)
	d.b.WriteString("\n## Views\n\nWhat people query: each record once, with the person behind it.\n")
	for _, v := range Views() {
		if v.People {
			d.relation(v.Name, v.about(), columns[v.Name])
		}
	}
	d.b.WriteString(`
## Tables

The physical tables: every row of every Parquet file, in the lake under the table's name. A record may be there several times; ` +
		"for each but links there is a view `<table>_rows` with the same columns but `tier`, and each record once.\n")
	for _, t := range lake.Tables() {
		d.relation(TableName(t), d.take("table "+t).text, append(lake.Columns(t), lake.Column{Name: "dt", Type: "date"}, lake.Column{Name: "tier", Type: "varchar"}))
	}
	for name := range d.meanings {
		if !d.used[name] {
			d.unknown = append(d.unknown, name+" is no column")
		}
	}
	if slices.Sort(d.unknown); len(d.unknown) > 0 {
		return nil, fmt.Errorf("meanings.tsv: %s", strings.Join(d.unknown, "; "))
	}
	return d.b.Bytes(), nil
}

const dictionaryHead = "<!-- Written by make docs; do not edit. -->\n\n# Data dictionary\n\n" +
	"Times are UTC and whole milliseconds. A text that is absent is null, never empty. Types are Athena's; " +
	"`timestamp` is `timestamp(3)` there and `TIMESTAMP` in DuckDB.\n\n" +
	"**Which days Athena sees.** The tables find their files by partition projection: from the template's parameter `FirstDay` to tomorrow, each day " +
	"and tier is looked for, whether or not it has files. Records of days before `FirstDay` are in the lake and in `upshot query`, but " +
	"in no answer of Athena: set it to the date of the oldest record before importing history. Every day more is two more folders to list for each table " +
	"of a query without a bound on `dt`; `identities`, and with it every view that has `person_key`, always reads all days of `links_all`, and " +
	"the views that remove duplicates read the ids of all days, because of the few records whose time was adjusted.\n"

func (d *dictionary) relation(name, about string, columns []lake.Column) {
	fmt.Fprintf(&d.b, "\n### %s\n\n%s\n\n| column | type | meaning | example |\n|---|---|---|---|\n", name, about)
	for _, c := range columns {
		m := d.find(name, c.Name)
		text := m.text
		if words := d.words[strings.TrimSuffix(strings.TrimSuffix(name, "_all"), "_current")][c.Name]; len(words) > 0 {
			text += ": " + strings.Join(words, ", ")
		}
		fmt.Fprintf(&d.b, "| `%s` | %s | %s | %s |\n", c.Name, strings.ReplaceAll(c.Type, "timestamp(6)", "timestamp"), escape(text), escape(m.example))
	}
}

func (d *dictionary) find(relation, column string) meaning {
	if _, own := d.meanings[relation+"."+column]; own {
		return d.take(relation + "." + column)
	}
	return d.take(column)
}

func (d *dictionary) take(name string) meaning {
	m, ok := d.meanings[name]
	if !ok {
		d.unknown = append(d.unknown, name+" has no meaning")
	}
	d.used[name] = true
	return m
}

func escape(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// allowedWords are the enumerations of the schemas of records, by table and
// field.
func allowedWords() (map[string]map[string][]string, error) {
	out := map[string]map[string][]string{}
	for _, t := range record.Tables() {
		var schema struct {
			Properties map[string]struct {
				Enum []*string
			}
		}
		if err := json.Unmarshal(record.Schema(t), &schema); err != nil {
			return nil, fmt.Errorf("the schema of %s: %w", t, err)
		}
		out[string(t)] = map[string][]string{}
		for name, p := range schema.Properties {
			for _, word := range p.Enum {
				if word != nil && *word != "" {
					out[string(t)][name] = append(out[string(t)][name], *word)
				}
			}
		}
	}
	return out, nil
}
