package stats_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// vectorFile holds the reference values that established packages computed
// (each group names its method and source).
const vectorFile = "testdata/vectors.json"

// number is a JSON number or null, null being NaN.
type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

type vectorGroups struct {
	Groups map[string]json.RawMessage `json:"groups"`
}

func readGroups(t *testing.T, path string) map[string]json.RawMessage {
	t.Helper()
	data, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	var f vectorGroups
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return f.Groups
}

// vectorCase is one case of a group: In and Out are its own shapes.
type vectorCase[I, O any] struct {
	In  I `json:"in"`
	Out O `json:"out"`
}

// eachVector runs check on all cases of a group. A group that is missing or
// empty, or has a field that the shapes do not know, fails.
func eachVector[I, O any](t *testing.T, group string, check func(t *testing.T, in I, out O)) {
	t.Helper()
	raw, ok := readGroups(t, vectorFile)[group]
	if !ok {
		t.Fatalf("%s has no group %s", vectorFile, group)
	}
	var g struct {
		Method, Source, Tolerance, Recommended string
		Cases                                  []vectorCase[I, O] `json:"cases"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&g); err != nil {
		t.Fatalf("group %s: %v", group, err)
	}
	if len(g.Cases) == 0 {
		t.Fatalf("group %s has no cases", group)
	}
	for _, c := range g.Cases {
		check(t, c.In, c.Out)
	}
}

// near reports whether got is want to a relative tolerance (absolute at 0),
// absent exactly where want is absent.
func near(got float64, want number, tolerance float64) bool {
	w := float64(want)
	if math.IsNaN(got) || math.IsNaN(w) {
		return math.IsNaN(got) && math.IsNaN(w)
	}
	if w == 0 {
		return math.Abs(got) <= 1e-12
	}
	return math.Abs(got-w) <= tolerance*math.Abs(w)
}

// check reports a number that is not near its reference.
func check(t *testing.T, what string, in any, got float64, want number, tolerance float64) {
	t.Helper()
	if !near(got, want, tolerance) {
		t.Errorf("%s of %+v = %.15g, want %.12g", what, in, got, float64(want))
	}
}

// checkP treats p-values below 1e-12 as equal, as the reference file says.
func checkP(t *testing.T, in any, got float64, want number, tolerance float64) {
	t.Helper()
	if float64(want) < 1e-12 {
		if !(got >= 0 && got < 1e-12) {
			t.Errorf("p of %+v = %g, want below 1e-12", in, got)
		}
		return
	}
	check(t, "p", in, got, want, tolerance)
}

// TestVectorsCopy holds the copy equal to the shared original where a checkout
// has one beside it.
func TestVectorsCopy(t *testing.T) {
	const original = "../../../shared/stats_vectors.json"
	if _, err := os.Stat(original); err != nil {
		t.Skipf("NOT COMPARED: %s is not here (%v); %s stands unverified against its original", original, err, vectorFile)
	}
	want, got := readGroups(t, original), readGroups(t, vectorFile)
	for name, raw := range got {
		var a, b any
		if err := json.Unmarshal(raw, &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(want[name], &b); err != nil {
			t.Fatalf("group %s is not in %s: %v", name, original, err)
		}
		if diff := cmp.Diff(b, a); diff != "" {
			t.Errorf("group %s differs from %s (-original +copy):\n%s", name, original, diff)
		}
	}
	if got["wilson"] == nil {
		t.Error("the copy has lost its groups")
	}
}
