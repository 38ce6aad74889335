package localenv

import (
	"fmt"
	"slices"
	"strings"

	"upshot.dev/upshot/pipeline/lake"
)

// shape says which columns a scan gives.
type shape int

const (
	rowColumns   shape = iota // the table's own and dt
	allColumns                // with tier and "$path"
	placeColumns              // with file_row_number, too
	keyColumns                // those that tell repeats
)

// scan reads files: one read_parquet for each set of columns that they have.
// Columns that older files lack are null. It never merges columns by name in
// the engine, which would open every file for every query, also those of days
// that nobody asked for.
func scan(table string, files []*lakeFile, s shape) string {
	var parts []string
	groups := map[string][]*lakeFile{}
	var order []string
	for _, f := range files {
		if f.rows == 0 {
			continue
		}
		if _, ok := groups[f.columns]; !ok {
			order = append(order, f.columns)
		}
		groups[f.columns] = append(groups[f.columns], f)
	}
	for _, g := range order {
		has := strings.Split(g, ",")
		place := ""
		if s == placeColumns || s == keyColumns {
			place = ", file_row_number=true"
		}
		parts = append(parts, fmt.Sprintf(
			`SELECT %s FROM read_parquet(%s, hive_partitioning=true, hive_types={'dt': DATE, 'tier': VARCHAR}, filename='$path'%s)`,
			selectList(table, s, has), pathList(groups[g]), place))
	}
	if len(parts) == 0 {
		return fmt.Sprintf("SELECT %s WHERE FALSE", selectList(table, s, nil))
	}
	return strings.Join(parts, " UNION ALL ")
}

// selectList gives every column its type, those that the files lack as null.
func selectList(table string, s shape, has []string) string {
	var out []string
	add := func(name, sqlType string, there bool) {
		value := identifier(name)
		if !there {
			value = "NULL"
		}
		out = append(out, fmt.Sprintf("CAST(%s AS %s) AS %s", value, sqlType, identifier(name)))
	}
	same, rank := lake.Identity(table)
	for _, c := range lake.Columns(table) {
		if s == keyColumns && c.Name != "time_adjusted" && !slices.Contains(same, c.Name) && !slices.Contains(rank, c.Name) {
			continue
		}
		add(c.Name, duckType(c.Type), slices.Contains(has, c.Name))
	}
	add("dt", "DATE", has != nil)
	if s != rowColumns {
		add("tier", "VARCHAR", has != nil)
		add("$path", "VARCHAR", has != nil)
	}
	if s == placeColumns || s == keyColumns {
		add("file_row_number", "BIGINT", has != nil)
	}
	return strings.Join(out, ", ")
}

func pathList(files []*lakeFile) string {
	quoted := make([]string, len(files))
	for i, f := range files {
		quoted[i] = literal(f.path)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func columnNames(table string) string {
	var names []string
	for _, c := range lake.Columns(table) {
		names = append(names, c.Name)
	}
	return identifiers(names)
}

func identifiers(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = identifier(n)
	}
	return strings.Join(quoted, ", ")
}

// duckType is a column's type in DuckDB's words.
func duckType(t string) string {
	if in, ok := strings.CutPrefix(t, "array("); ok {
		return duckType(strings.TrimSuffix(in, ")")) + "[]"
	}
	if t == "timestamp(6)" {
		return "TIMESTAMP"
	}
	return strings.ToUpper(t)
}
