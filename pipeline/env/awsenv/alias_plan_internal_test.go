package awsenv

import (
	"maps"
	"testing"
	"time"
)

// TestPlanRollback names the cases in which the version with the next lower
// number is not the one to go back to.
func TestPlanRollback(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 11, d, 9, 0, 0, 0, time.UTC) }
	versions := map[int]time.Time{1: day(1), 2: day(2), 3: day(3), 4: day(4)}
	for _, c := range []struct {
		name     string
		state    aliasState
		from, to int
		stay     bool
		says     string
	}{
		{"one back", aliasState{current: 4}, 4, 3, false, "taken back: 4"},
		{"the one before was taken back", aliasState{current: 4, bad: map[int]bool{3: true}}, 4, 2, false, "taken back: 3 4"},
		{"the one before never served", aliasState{current: 4, refused: map[int]bool{3: true}}, 4, 2, false, "taken back: 4"},
		{"a roll-out is under way", aliasState{current: 3, coming: 4}, 4, 3, false, "taken back: 4"},
		{"not part of the last deployment", aliasState{current: 2}, 2, 2, true, ""},
		{"nothing is left", aliasState{current: 4, bad: map[int]bool{1: true, 2: true, 3: true}}, 4, 0, false, "taken back: 1 2 3 4"},
	} {
		c.state.published = versions
		if c.state.bad == nil {
			c.state.bad = map[int]bool{}
		}
		other := aliasState{current: 9, published: map[int]time.Time{8: day(2), 9: day(4).Add(time.Minute)}, bad: map[int]bool{}}
		m := planRollback([]aliasState{c.state, other})
		if got := m[0]; got.from != c.from || got.to != c.to || got.stay != c.stay || got.description != c.says || (got.err != nil) != (c.to == 0) {
			t.Errorf("%s: %+v", c.name, got)
		}
		if m[1].to != 8 {
			t.Errorf("%s: the other function: %+v", c.name, m[1])
		}
	}
}

// TestBadVersions holds that what is written is read, and fits.
func TestBadVersions(t *testing.T) {
	many := map[int]bool{}
	for v := range 30 {
		many[100_000_000+v] = true
	}
	text := describeBad(many)
	if len(text) > 256 || len(badVersions(text)) != keptBad || !badVersions(text)[100_000_029] {
		t.Errorf("%d characters: %s", len(text), text)
	}
	few := map[int]bool{3: true, 12: true}
	if got := badVersions(describeBad(few)); !maps.Equal(got, few) {
		t.Errorf("%v", got)
	}
	if got := badVersions("made by somebody"); len(got) != 0 {
		t.Errorf("%v", got)
	}
}
