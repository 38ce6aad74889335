package catalog

import (
	"fmt"
	"strings"

	"upshot.dev/upshot/queries"
)

// View is a view over the tables, or over earlier views.
type View struct {
	Name string
	SQL  string // a SELECT without a semicolon
	// People says that it is meant for people; the others are its parts.
	People bool
}

// Views lists all views in an order in which they can be created: first
// <table>_rows, each record once, then those that people query.
func Views() []View {
	var out []View
	for _, t := range queries.RowTables() {
		out = append(out, View{Name: t + "_rows", SQL: strings.TrimSpace(queries.RowView(t))})
	}
	for _, name := range queries.Views() {
		out = append(out, View{Name: name, SQL: strings.TrimSpace(queries.View(name)), People: true})
	}
	return out
}

// Create is the statement that creates the view, in Athena and in Trino.
func (v View) Create() string { return fmt.Sprintf("CREATE OR REPLACE VIEW %s AS\n%s", v.Name, v.SQL) }
