// Package catalog describes the lake to Athena: tables over the Parquet files,
// with the days found by partition projection, the views, and the named
// queries. All of it is generated from the row types and from the SQL under
// queries, so that it cannot drift from what the functions write: as
// CloudFormation, as Athena's DDL, and as Trino's DDL for the stand-in.
package catalog
