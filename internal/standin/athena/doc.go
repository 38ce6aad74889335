// Package athena is an endpoint that speaks Athena's protocol (AWS JSON 1.1)
// well enough for AWS's own SDK, for tests and for the run of the whole line on
// one machine. SQL is answered by an Engine: DuckDB over the lake's folder
// (OpenLake) or a Trino.
//
// Like Athena it answers in pages of 1,000 rows of text, the names of the
// columns being the first row of a SELECT, and forgets nothing while it runs.
// Faults can be put in its way: queries that fail, are cancelled or hang, and
// calls that are throttled.
package athena
