package stats

import (
	"cmp"
	"math"
)

// DifferenceMOVER is the difference a - b of two independent estimates from
// their own intervals, in their unit. Skewed and bounded intervals keep their
// shape; the two levels must be equal, and are the level of the result. A
// bound that needs an absent one is absent. The note is the graver of the two,
// a's where neither is.
// Method of variance estimates recovery: Zou & Donner, Statistics in Medicine
// 27 (2008) 1693.
func DifferenceMOVER(a, b Interval) Interval {
	if math.IsInf(a.Value, 0) || math.IsInf(b.Value, 0) {
		return absent(NoteInvalid)
	}
	d := a.Value - b.Value
	return Interval{
		Value: d,
		Low:   d - math.Hypot(a.Value-a.Low, b.High-b.Value),
		High:  d + math.Hypot(a.High-a.Value, b.Value-b.Low),
		Note:  graver(a.Note, b.Note),
	}.settle()
}

// graver picks the note that a result from both must carry: what makes values
// absent or bounds meaningless comes first.
func graver(a, b string) string {
	for _, note := range []string{NoteInvalid, NoteNoData, NoteOneUnit, NoteNoSpread} {
		if a == note || b == note {
			return note
		}
	}
	return cmp.Or(a, b)
}
