package stats

import "math"

// DifferenceMOVER is the difference a - b of two independent estimates from
// their own intervals, in their unit. Skewed and bounded intervals keep their
// shape; the two levels must be equal, and are the level of the result. A
// bound that needs an absent one is absent; the note is a's, else b's.
// Method of variance estimates recovery: Zou & Donner, Statistics in Medicine
// 27 (2008) 1693.
func DifferenceMOVER(a, b Interval) Interval {
	if math.IsInf(a.Value, 0) || math.IsInf(b.Value, 0) {
		return absent(NoteInvalid)
	}
	note := a.Note
	if note == "" || (b.Note == NoteInvalid && note != NoteInvalid) {
		note = b.Note
	}
	d := a.Value - b.Value
	return Interval{
		Value: d,
		Low:   d - math.Hypot(a.Value-a.Low, b.High-b.Value),
		High:  d + math.Hypot(a.High-a.Value, b.Value-b.Low),
		Note:  note,
	}.settle()
}
