package metric

import (
	"cmp"
	"slices"
	"strings"
)

// nearest asks whether one of the names that are close to an unknown one was
// meant; it is empty when none is close.
func nearest(unknown string, names []string) string {
	if len(unknown) > 64 {
		return "" // nobody mistypes that much
	}
	type candidate struct {
		name string
		far  int
	}
	var found []candidate
	for _, n := range names {
		far := distance(strings.ToLower(unknown), n)
		if strings.Contains(n, strings.ToLower(unknown)) && len(unknown) > 2 {
			far = 1
		}
		if far <= max(1, len(n)/3) {
			found = append(found, candidate{n, far})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.far, b.far) })
	if len(found) == 0 {
		return ""
	}
	return ": did you mean " + found[0].name + "?"
}

// distance is the number of bytes to insert, delete or replace to turn a into b
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
