// Package pipeline is the tour of Upshot, bottom up.
//
// A record ([upshot.dev/upshot/pipeline/record]) is the one shape that every
// sender's payload becomes: a change to a ticket, an answer to a survey, a
// usage event, a release. The package also knows the rows that are kept of it,
// how a time is decided when a clock is wrong, and how a person becomes a
// keyed hash. It imports nothing but the standard library.
//
// An error says what may be done about it (fault): the input is wrong, the
// caller is not known, try again, or give up until somebody mends something.
// What the stages need from outside (env) is said once, in interfaces of one to
// three methods, each with a twin in memory (memenv), an adapter for one
// machine (localenv) and one conformance suite (envtest) that all pass.
//
// A source knows one sender: how it signs, how it shakes hands, what its
// payloads mean. Verification is one engine driven by a table of knobs.
//
// The stages follow the line that a record travels:
//
//   - ingest answers a signed delivery once its bytes are durable, and no
//     sooner; it parses nothing but the first-party API.
//   - process archives the raw batch, parses it, redacts, enriches (enrich) and
//     writes immutable hot Parquet files whose names derive from the deliveries
//     in them, so that doing it twice changes nothing.
//   - lake lays files out and merges hot ones into sorted base files; the views
//     hide which is which and show every record once.
//   - ledger accounts for everything: what was received is what was stored,
//     duplicate, rejected and ignored, together.
//   - metric runs one SQL file per number over the views and computes the
//     interval from its sufficient statistics (stats).
//   - report and roadmap read metric results only: what changed by more than
//     its usual spread, and what to build next. Alert holds the rules that
//     stand in metrics' files against complete periods. Whatever leaves goes
//     through the outbox, once per key.
//
// Imports go one way, from the bottom of this list to its top;
// imports_test.go holds the law.
package pipeline
