// Package alert watches metrics by the rules of their own files: the value of
// the whole product, over its last complete periods, is on the wrong side of a
// threshold for so many of them in a row.
//
// [Check] computes the state of every rule and changes nothing. [Tell] sends
// what has not been told: one notice when an episode begins, one when it is
// over. Nothing is remembered beside the outbox: the state follows from the
// lake, and what was told from the outbox's keys. So a check may run at any
// time, twice, or not for a week.
//
// # Episodes
//
// A period breaks the rule, is well, or says nothing: no value, fewer units
// than the metric's minimum, or no interval where the metric has one. An
// episode begins with the first of so many adjacent periods that break the
// rule, and ends with the first period after them that is well. A period that
// says nothing begins no episode and ends none.
//
// Records that come late may change periods that were told about. An episode
// that was told stays the same one until a period at or after its first is
// well, whatever period it now begins with; and one whose recovery turns out
// to be none is told again.
package alert
