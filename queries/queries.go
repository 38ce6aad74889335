// Package queries holds the SQL: the views that people query, one file per
// metric, and checks. All of it is in the dialect that Athena (Trino) and
// DuckDB share; Trino's is the dialect of record. The files are embedded, so a
// binary always runs the definitions that it was built with.
package queries

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
)

// files takes whatever folders have files.
//
//go:embed */*.sql views/rows/*.sql
var files embed.FS

// order lists the views so that each stands on earlier ones. They stand on
// relations that the engine's side supplies for every table of the lake:
// <table>_all is every row of every file, with tier, dt and "$path";
// <table>_rows is each record once.
var order = []string{
	"identities", "excluded_people",
	"events", "releases", "surveys", "tickets",
	"surveys_current", "tickets_current",
	"feedback", "mentions",
	"rejects", "ledger",
}

// rowTables have a view in views/rows.
var rowTables = []string{"tickets", "surveys", "events", "releases", "rejects", "ledger"}

// Views lists the names of the views in the order in which they can be created.
func Views() []string { return slices.Clone(order) }

// View is the text of a view: a SELECT, to be put behind CREATE VIEW.
func View(name string) string { return read("views/" + name + ".sql") }

// RowTables lists the tables that have a RowView.
func RowTables() []string { return slices.Clone(rowTables) }

// RowView is the text of <table>_rows over <table>_all in the form that both
// engines understand: each record once, whichever tier it is in. Athena uses
// it; DuckDB has its own, which is faster and gives equal rows.
func RowView(table string) string { return read("views/rows/" + table + ".sql") }

// Metrics is the folder of the metric files.
func Metrics() fs.FS { return sub("metrics") }

// Checks is the folder of the checks of the lake.
func Checks() fs.FS { return sub("checks") }

func sub(dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic(fmt.Sprintf("the embedded folder %s: %v", dir, err))
	}
	return f
}

// read panics on a missing file: the test of this package reads all of them.
func read(name string) string {
	b, err := files.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("the embedded file %s: %v", name, err))
	}
	return string(b)
}
