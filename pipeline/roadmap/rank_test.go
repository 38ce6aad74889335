package roadmap

import (
	"bytes"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func flat(n int64) []int64 {
	out := make([]int64, 13)
	for i := range out {
		out[i] = n
	}
	return out
}

func order(r *Roadmap) []string {
	var ids []string
	for _, i := range r.Items {
		ids = append(ids, i.Theme)
	}
	return ids
}

func TestRank(t *testing.T) {
	bugs := []Count{{"bug", 60}, {"question", 10}}
	in := Input{Active: 2000, Themes: []Theme{
		{ID: "praised", People: 200, Items: 300, Negative: 10, Weekly: flat(23), Intents: []Count{{"praise", 280}, {"other", 20}}},
		{ID: "broken", People: 120, Items: 150, Negative: 100, Weekly: flat(12), Intents: bugs},
		{ID: "rising", People: 120, Items: 150, Negative: 100, Weekly: []int64{6, 6, 6, 6, 6, 6, 6, 6, 6, 24, 24, 24, 24}, Intents: bugs},
		{ID: "thin", People: 5, Items: 5, Negative: 5, Weekly: flat(1), Intents: []Count{{"bug", 5}}},
		{ID: "rare", People: 4, Items: 9, Negative: 9, Weekly: flat(1)},
		{ID: "silent"},
	}}
	r := Rank(in)
	if d := cmp.Diff([]string{"rising", "broken", "praised", "thin"}, order(r)); d != "" {
		t.Errorf("order (-want +got):\n%s", d)
	}
	if r.Left != 1 {
		t.Errorf("left out %d, want 1", r.Left)
	}
	for i, item := range r.Items {
		if item.Rank != i+1 || item.Why == "" || item.Reach.Low == nil || item.Negative.Value == nil {
			t.Errorf("incomplete item %+v", item)
		}
	}
	one, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	two, err := Rank(in).JSON()
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("not the same bytes: %v", err)
	}
}

// The score is the printed formula, by hand: 50 of 1000 people, all 50 items
// negative and bugs, steady.
func TestScoreByHand(t *testing.T) {
	r := Rank(Input{Active: 1000, Themes: []Theme{{ID: "x", People: 50, Items: 50, Negative: 50, Weekly: flat(4), Intents: []Count{{"bug", 50}}}}})
	reach := 0.0381    // Wilson 50/1000, lower
	negative := 0.9287 // Wilson 50/50, lower
	severity := *r.Items[0].Severity.Low
	want := 1000 * reach * (negative + severity) / 2
	if math.Abs(r.Items[0].Score-want) > 0.05 {
		t.Errorf("score %.3f, by hand %.3f", r.Items[0].Score, want)
	}
	if severity < 0.9 || severity >= 1 {
		t.Errorf("lower end of the severity of 50 bugs is %v", severity)
	}
}

func TestNobodyActive(t *testing.T) {
	r := Rank(Input{Themes: []Theme{{ID: "x", People: 50, Items: 50}}})
	if len(r.Items) != 0 || r.Note == "" {
		t.Errorf("%+v", r)
	}
}

// More people behind the same shares never lowers a theme's score, and no
// score is negative or absent.
func TestScoreGrowsWithReach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		people := rapid.Int64Range(5, 500).Draw(t, "people")
		items := people + rapid.Int64Range(0, 300).Draw(t, "more items")
		theme := Theme{ID: "x", People: people, Items: items, Negative: rapid.Int64Range(0, items).Draw(t, "negative"), Weekly: flat(rapid.Int64Range(0, 20).Draw(t, "weekly"))}
		bigger := theme
		bigger.People = min(people+rapid.Int64Range(0, 100).Draw(t, "added"), items)
		a, b := Rank(Input{Active: 1000, Themes: []Theme{theme}}), Rank(Input{Active: 1000, Themes: []Theme{bigger}})
		if x, y := a.Items[0].Score, b.Items[0].Score; x < 0 || math.IsNaN(x) || y < x-1e-9 {
			t.Fatalf("score %v with %d people, %v with %d", x, people, y, bigger.People)
		}
	})
}
