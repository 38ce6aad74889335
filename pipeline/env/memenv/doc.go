// Package memenv holds in-memory twins of everything in env but the Querier:
// for tests, and for runs that keep nothing. They pass the same conformance
// suites as the adapters, are safe for concurrent use, and end with the
// process.
package memenv
