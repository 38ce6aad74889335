package metric

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/queries"
)

// TestFrontMatter reads the cases of testdata/front.txtar: each is a metric
// file and what is wrong with it, by file and line.
func TestFrontMatter(t *testing.T) {
	const file = "testdata/front.txtar"
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []txtar.File
	want, got := map[string]string{}, map[string]string{}
	for _, f := range a.Files {
		if name, ok := strings.CutPrefix(f.Name, "want/"); ok {
			want[name] = strings.TrimSpace(string(f.Data))
			continue
		}
		name := strings.TrimSuffix(f.Name, ".sql")
		got[name] = "ok"
		if _, err := parse("m.sql", string(f.Data)); err != nil {
			got[name] = err.Error()
			if fault.KindOf(err) != fault.Permanent {
				t.Errorf("%s is a %v", name, fault.KindOf(err))
			}
			if !strings.HasPrefix(err.Error(), "m.sql") {
				t.Errorf("%s does not name the file: %v", name, err)
			}
		} else if !strings.HasPrefix(name, "good") {
			t.Errorf("%s was accepted", name)
		}
		out = append(out, f, txtar.File{Name: "want/" + name, Data: []byte(got[name] + "\n")})
	}
	if *update {
		a.Files = out
		if err := os.WriteFile(file, txtar.Format(a), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMinimumN: 5 for ratios, scores and means, 1 for percentiles, none for
// counts.
func TestMinimumN(t *testing.T) {
	c := catalog(t)
	for name, want := range map[string]int64{
		"nps": 5, "csat": 5, "sentiment": 5, "stickiness": 5, "contact_rate": 5, "completeness": 5,
		"first_response_time": 1, "resolution_time": 1, "active_users": 0, "ticket_volume": 0, "backlog": 0,
	} {
		if m, err := c.Get(name); err != nil || m.MinN != want {
			t.Errorf("%s: min n %d, want %d (%v)", name, m.MinN, want, err)
		}
	}
}

// TestViewsAreKnown: a metric may read every view there is, and no other.
func TestViewsAreKnown(t *testing.T) {
	if diff := cmp.Diff(queries.Views(), views, cmp.Transformer("set", func(list []string) map[string]bool {
		set := map[string]bool{}
		for _, v := range list {
			set[v] = true
		}
		return set
	})); diff != "" {
		t.Errorf("(-queries +metric):\n%s", diff)
	}
}

// TestUnknownNames: what was asked for wrongly is the asker's fault, and the
// answer names what is near.
func TestUnknownNames(t *testing.T) {
	c := catalog(t)
	good := Params{From: "2026-11-01", To: "2026-11-08", TZ: "Europe/Berlin", Grain: "week"}
	with := func(f func(*Params)) Params { p := good; f(&p); return p }
	for _, x := range []struct {
		name, metric string
		p            Params
		says         string
	}{
		{"metric", "npss", good, "did you mean nps?"},
		{"metric far from all", "x'; DROP TABLE events", good, "active_users"},
		{"dimension", "nps", with(func(p *Params) { p.By = []string{"plat_form"} }), "did you mean platform?"},
		{"dimension of another metric", "nps", with(func(p *Params) { p.By = []string{"channel"} }), "survey_id"},
		{"dimension as SQL", "nps", with(func(p *Params) { p.By = []string{"plan, 1"} }), "survey_id"},
		{"grain", "nps", with(func(p *Params) { p.Grain = "year" }), "month"},
		{"zone", "nps", with(func(p *Params) { p.TZ = "Mars/Olympus" }), "time zone"},
		{"zone as SQL", "nps", with(func(p *Params) { p.TZ = "UTC'; SELECT '" }), "time zone"},
		{"zone of the machine", "nps", with(func(p *Params) { p.TZ = "Local" }), "time zone"},
		{"zone as a path", "nps", with(func(p *Params) { p.TZ = "../../etc/passwd" }), "time zone"},
		{"date as SQL", "nps", with(func(p *Params) { p.From = "2026-11-01'" }), "date"},
	} {
		_, err := c.SQL(x.metric, product, x.p)
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %v", x.name, err)
		}
	}
}

// TestLoad: a file that is broken, or named otherwise than its metric, fails.
func TestLoad(t *testing.T) {
	nps, err := fs.ReadFile(queries.Metrics(), "nps.sql")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(fstest.MapFS{"nps.sql": {Data: nps}}); err != nil {
		t.Error(err)
	}
	for name, files := range map[string]fstest.MapFS{
		"another name": {"score.sql": {Data: nps}},
		"broken":       {"nps.sql": {Data: []byte("SELECT 1")}},
	} {
		if _, err := Load(files); fault.KindOf(err) != fault.Permanent {
			t.Errorf("%s: %v", name, err)
		}
	}
}
