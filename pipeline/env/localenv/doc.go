// Package localenv is the environment of one machine: objects are files in a
// folder, the queue is an SQLite file, SQL is answered by DuckDB in the
// process, mail leaves by SMTP or lands in a folder. It runs on Linux and
// macOS. Everything that was acknowledged survives the death of the process at
// any moment, by kill -9 too.
package localenv
