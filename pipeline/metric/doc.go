// Package metric runs the numbers. A metric is one SQL file with a front
// matter that says what it is, in which unit, with which interval; the SQL
// returns periods, dimensions and sufficient statistics, and the value and its
// 95% interval are computed here from those. Periods and days come from Go's
// time zone database as small relations put before the query, so both engines
// cut time in the same places; so do the definitions that depend on the
// company (active events, features).
package metric
