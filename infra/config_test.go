package infra_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/internal/schedule"
	"upshot.dev/upshot/pipeline/config"
)

// TestPackedConfiguration holds that the reports that are made by default are
// those of the configuration that is packed by default, at the same times.
func TestPackedConfiguration(t *testing.T) {
	c, err := config.LoadPacked("../functions/upshot.yaml", os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	set, err := load(t, "..")
	if err != nil {
		t.Fatal(err)
	}
	parameters := set["template.yaml"].Parameters
	name, expression := parameters["ReportName"].Default.(string), parameters["ReportSchedule"].Default.(string)
	report, ok := c.Reports[name]
	if !ok {
		t.Fatalf("functions/upshot.yaml has no report %s", name)
	}
	same, err := schedule.FromUnix(report.Schedule)
	if err != nil {
		t.Fatal(err)
	}
	a, err := schedule.Parse(expression, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	b, err := schedule.Parse(same, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	for at, i := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), 0; i < 60; i++ {
		if at = a.Next(at); at.IsZero() || !at.Equal(b.Next(at.Add(-time.Minute))) {
			t.Fatalf("%s is due at %v, and %s at %v", expression, at, same, b.Next(at.Add(-time.Minute)))
		}
	}
}

// TestRollbackKnowsEveryFunction holds that make rollback takes them all back.
func TestRollbackKnowsEveryFunction(t *testing.T) {
	set, err := load(t, "..")
	if err != nil {
		t.Fatal(err)
	}
	st, err := deploy(set, "default")
	if err != nil {
		t.Fatal(err)
	}
	command := read(t, "../internal/rollback/main.go")
	for name, f := range st.Functions() {
		if !strings.Contains(command, `"`+name+`"`) && !strings.Contains(command, `-`+name+`"`) {
			t.Errorf("internal/rollback does not know %s", f.Ref)
		}
	}
}
