package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// reference is where published data lies beside a checkout, for those who have
// it. Its values were computed elsewhere, by other code.
const reference = "../../../shared/data"

// referenceFile gives a file of the published data, or skips loudly.
func referenceFile(t *testing.T, name string) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join(reference, name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Skipf("NOT CHECKED against published data: %s is not there", filepath.Join(reference, name))
	}
	return file
}

func mappingFile(t *testing.T, name string) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("../../testdata/mappings", name))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// metricRow is what these tests read of a metric's row.
type metricRow struct {
	Offset   int      `json:"offset"`
	Users    int      `json:"users"`
	Retained int      `json:"retained"`
	N        int      `json:"n"`
	Value    *float64 `json:"value"`
}

func metricRows(t *testing.T, dir string, args ...string) []metricRow {
	t.Helper()
	var got struct {
		Rows []metricRow `json:"rows"`
	}
	out := upshot(t, dir, append(append([]string{"metric"}, args...), "--format", "json")...)
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return got.Rows
}

func near(t *testing.T, what string, got *float64, want, within float64) {
	t.Helper()
	if got == nil || math.Abs(*got-want) > within {
		t.Errorf("%s is %v, want %v", what, deref(got), want)
	}
}

func deref(v *float64) any {
	if v == nil {
		return nil
	}
	return *v
}

// TestReferenceMessages imports the messages of a student network of 2004 (SNAP
// CollegeMsg): mean of the active days, and retention after 1, 7 and 30 days.
func TestReferenceMessages(t *testing.T) {
	t.Parallel()
	data, dir := referenceFile(t, "events_collegemsg/collegemsg_events.csv.gz"), t.TempDir()
	upshot(t, dir, "import", "--map", mappingFile(t, "collegemsg.yaml"), data)
	sum, days := 0, 0
	for _, r := range metricRows(t, dir, "active_users", "--from", "2004-04-15", "--to", "2004-10-27", "--grain", "day") {
		if r.Users > 0 {
			sum += r.Users
			days++
		}
	}
	mean := float64(sum) / float64(days)
	near(t, "the mean of daily users over active days", &mean, 75.902, 0.0005)
	if days != 193 {
		t.Errorf("%d active days, want 193", days)
	}
	// Cohorts of all days together, each as far as its day k is over.
	retained, people := map[int]int{}, map[int]int{}
	for _, r := range metricRows(t, dir, "retention", "--from", "2004-04-15", "--to", "2004-10-27", "--grain", "day") {
		retained[r.Offset] += r.Retained
		people[r.Offset] += r.N
	}
	for _, c := range []struct{ day, retained, people int }{{1, 590, 1349}, {7, 354, 1346}, {30, 144, 1330}} {
		if retained[c.day] != c.retained || people[c.day] != c.people {
			t.Errorf("day %d: %d of %d, want %d of %d", c.day, retained[c.day], people[c.day], c.retained, c.people)
		}
	}
}

// TestReferenceSurvey imports the passenger survey of San Francisco's airport
// of 2017: its net promoter score and the share of satisfied passengers.
func TestReferenceSurvey(t *testing.T) {
	t.Parallel()
	data, dir := referenceFile(t, "sfo_nps/sfo_2017.csv.gz"), t.TempDir()
	upshot(t, dir, "import", "--map", mappingFile(t, "sfo.yaml"), data)
	for _, c := range []struct {
		metric        string
		value, within float64
		n             int
	}{
		{"nps", 39.840, 0.0005, 2746},
		{"csat", 0.82068, 0.000005, 2688},
	} {
		rows := metricRows(t, dir, c.metric, "--from", "2017-05-01", "--to", "2017-06-01", "--grain", "all")
		if len(rows) != 1 {
			t.Fatalf("%s: %d rows", c.metric, len(rows))
		}
		near(t, c.metric, rows[0].Value, c.value, c.within)
		if rows[0].N != c.n {
			t.Errorf("%s: n %d, want %d", c.metric, rows[0].N, c.n)
		}
	}
}
