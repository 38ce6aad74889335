package awsenv

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"upshot.dev/upshot/pipeline/fault"
)

// aliasState is what an alias points to, and what it could.
type aliasState struct {
	function  string
	current   int
	coming    int               // gets a share of the traffic while a roll-out is under way; 0 is none
	published map[int]time.Time // of every version
	bad       map[int]bool      // was taken back before
	refused   map[int]bool      // never served all traffic
}

// move is what becomes of one alias.
type move struct {
	from, to    int
	stay        bool
	note        string
	description string // of the alias afterwards
	err         error
}

// together is how far apart the versions of one deployment are published, at
// most. A deployment makes new versions of those functions only whose code or
// settings changed; the others must stay where they are.
const together = 15 * time.Minute

// planRollback decides for each alias in turn.
func planRollback(states []aliasState) []move {
	var last time.Time
	for _, s := range states {
		if at := s.published[s.newest()]; at.After(last) {
			last = at
		}
	}
	out := make([]move, len(states))
	for i, s := range states {
		out[i] = s.plan(last)
	}
	return out
}

// newest is the version that the last deployment of this function made.
func (s aliasState) newest() int { return max(s.current, s.coming) }

func (s aliasState) plan(last time.Time) move {
	m := move{from: s.newest(), to: s.current}
	if at := s.published[m.from]; !at.IsZero() && last.Sub(at) > together {
		m.to, m.stay, m.note = m.from, true, "not part of the last deployment"
		return m
	}
	if s.coming == 0 {
		m.to = 0
		for v := range s.published {
			if v < s.current && !s.bad[v] && !s.refused[v] {
				m.to = max(m.to, v)
			}
		}
		if m.to == 0 {
			m.err = fault.Permanentf("there is no good version before %d", s.current)
		}
	}
	bad := maps.Clone(s.bad)
	bad[m.from] = true
	m.description = describeBad(bad)
	return m
}

const (
	badPrefix = "taken back: "
	keptBad   = 20 // a description has 256 characters
)

// describeBad writes the versions that were taken back, and badVersions reads
// them: of older ones than the last 20 nobody needs to know.
func describeBad(bad map[int]bool) string {
	versions := slices.Sorted(maps.Keys(bad))
	versions = versions[max(0, len(versions)-keptBad):]
	return badPrefix + strings.Trim(fmt.Sprint(versions), "[]")
}

func badVersions(description string) map[int]bool {
	out := map[int]bool{}
	if list, ok := strings.CutPrefix(description, badPrefix); ok {
		for f := range strings.FieldsSeq(list) {
			if v, err := strconv.Atoi(f); err == nil {
				out[v] = true
			}
		}
	}
	return out
}
