// Package trino runs a real Trino over lakes in folders, for tests: Athena's
// engine v3 is Trino, and the SQL that Upshot hands out must mean the same
// there as on DuckDB. install.sh assembles the server; Start runs it on a
// loopback port; OpenLake gives it the tables and views of one lake, and a
// Lake answers as an env.Querier.
package trino
