// Package envtest says in code what env says in words: one conformance suite
// for each interface, run by the in-memory twins and by every adapter. An
// adapter that passes may stand behind any stage.
package envtest
