// Package enrich turns what a person wrote into the columns that metrics read.
//
// The chain, in its order:
//
//	clean       HTML, quoted mails, signatures and Unicode become plain text   clean.go html.go quote.go
//	redact      personal data and secrets become placeholders                  redact*.go
//	language    English, another language, or undetermined                     language.go
//	sentences   UAX 29, mended                                                  sentence.go
//	sentiment   each sentence, and the text from its sentences                  sentiment.go
//	intent      bug, request, question, praise, complaint, other                intent.go
//	themes      phrases of a taxonomy, each with the sentence it stands in      taxonomy.go phrases.go stem.go
//	keyphrases  noun phrases, if asked for                                      keyphrase.go tagger.go
//
// It is deterministic and local: no network, no model files, no clock. The same
// text gives the same bytes on every machine, and Result.Version says which
// rules and which taxonomy made them: a column of two versions can be told
// apart, and made one by replaying the archive.
//
// # Redaction
//
// It runs before anything else looks at the text, so that no later step can
// store what it takes out. The kinds, from the most to the least certain; a
// later one never touches what an earlier one has found:
//
//	url     user and password in front of a host; query values that are secrets by name
//	secret  bearer tokens, keys with a well-known prefix, JSON web tokens, private keys
//	email   an address, also with its "@" escaped as %40
//	iban    country, length and check digits
//	card    13 to 19 digits, an issuer's prefix, Luhn's check digit
//	ip      v4 and v6, but no version numbers
//	phone   see below
//
// For telephone numbers nothing is certain. A candidate counts when it is
// written with its country code and can exist; when a word near it says so
// ("call", "Tel.", a JSON key "phone"); when it has the North American form
// with brackets or hyphens; or when the numbering plan of a configured region
// knows it with its trunk prefix. A word like "order" or "ticket" before it, or
// the form of a date, an amount or a version, speaks against it.
//
// Names, postal addresses and national identity numbers are not looked for.
//
// # Languages
//
// Sentiment, cues and keyphrases are for English. Text in another language is
// marked and never scored as if it were English: its sentiment is nil and its
// label empty. Phrases of themes are looked for in every language, because
// product words travel ("API", "Export"), and a taxonomy may hold phrases of
// any language.
//
// # Bounds
//
// A text is cut at 100 kB and read to its 200th sentence, a sentence at 1,000
// bytes, HTML at 1 MB, a taxonomy at 1 MB and 2,000 themes. Nothing recurses.
package enrich
