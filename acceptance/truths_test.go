package acceptance

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/report"
	"upshot.dev/upshot/testdata/company"
)

// reports are those of the company's weeks (1..26), each made once.
type reports struct {
	dir  string
	c    *company.Company
	mu   sync.Mutex
	made map[int]func() (*report.Report, error)
}

// of gives the report of a week.
func (rs *reports) of(t *testing.T, week int) *report.Report {
	t.Helper()
	rs.mu.Lock()
	if rs.made[week] == nil {
		rs.made[week] = sync.OnceValues(func() (*report.Report, error) { return rs.write(t, week) })
	}
	once := rs.made[week]
	rs.mu.Unlock()
	r, err := once()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// write runs the command; the demo itself has made the last week's.
func (rs *reports) write(t *testing.T, week int) (*report.Report, error) {
	out := filepath.Join(rs.dir, "report")
	if week < 26 {
		out = t.TempDir()
		sunday := rs.c.WeekStart(week).AddDate(0, 0, 6)
		if _, err := command(t.Context(), "--config", filepath.Join(rs.dir, "upshot.yaml"), "report",
			"--ending", sunday.Format(time.DateOnly), "--out", out); err != nil {
			return nil, err
		}
	}
	data, err := os.ReadFile(filepath.Join(out, "report.json"))
	if err != nil {
		return nil, err
	}
	return report.Read(data)
}

// TestTruths: the weekly reports say what was planted in the company, in the
// weeks in which it was, and nothing of what is only noise.
func TestTruths(t *testing.T) {
	t.Parallel()
	dir := demo(t)
	c := fullCompany()
	rs := &reports{dir: dir, c: c, made: map[int]func() (*report.Report, error){}}
	for id, check := range map[string]func(*testing.T, *reports, *company.Planted){
		"broken-export":   brokenExport,
		"slow-dashboards": slowDashboards,
		"team-plan-nps":   teamPlan,
		"scan-on-ios":     scanOnIOS,
		"noisy-peak":      noisyPeak,
		"silent-support":  silentSupport,
	} {
		truth := c.Truth.Find(id)
		if truth == nil {
			t.Fatalf("truths.yaml has no %s any more", id)
		}
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			check(t, rs, truth)
		})
	}
	if len(c.Truth.Planted) != 6 {
		t.Errorf("%d truths are planted, 6 are looked for", len(c.Truth.Planted))
	}
}

// brokenExport: in its first week feedback about exports jumps, the exports
// fall, and satisfaction with them, with the release beside it; when it is
// mended, they come back.
func brokenExport(t *testing.T, rs *reports, truth *company.Planted) {
	first := rs.of(t, truth.From)
	up := find(t, first, truth.From, "change", "theme", truth.Theme)
	if up.Tone != "bad" || !strings.Contains(up.Text, "rose") || !strings.Contains(up.Context, truth.Release) {
		t.Errorf("the theme: %+v", up)
	}
	if less := find(t, first, truth.From, "change", "adoption", truth.Feature); !strings.Contains(less.Text, "fell") || !strings.Contains(less.Context, truth.Release) {
		t.Errorf("the feature: %+v", less)
	}
	if csat := find(t, first, truth.From, "change", "csat"); csat.Tone != "bad" || !strings.Contains(csat.Text, "fell") {
		t.Errorf("CSAT: %+v", csat)
	}
	if !slices.ContainsFunc(first.Releases, func(r report.Release) bool { return strings.Contains(r.Label, truth.Release) }) {
		t.Errorf("the releases of the week are %+v", first.Releases)
	}
	find(t, rs.of(t, truth.To), truth.To, "change", "theme", truth.Theme)
	back := find(t, rs.of(t, truth.To+1), truth.To+1, "recovery", "adoption", truth.Feature)
	if back.Tone != "good" || !strings.Contains(back.Context, "v4.12.2") {
		t.Errorf("the recovery: %+v", back)
	}
}

// slowDashboards is a trend of the last weeks and never a jump.
func slowDashboards(t *testing.T, rs *reports, truth *company.Planted) {
	for _, week := range []int{truth.To - 4, truth.To} {
		h := find(t, rs.of(t, week), week, "trend", "theme", truth.Theme)
		if !strings.Contains(h.Text, "grew") || h.Effect.Low == nil || *h.Effect.Low <= 0 {
			t.Errorf("week %d: %+v", week, h)
		}
	}
	for _, week := range []int{15, 17, 20, 21, 22, 26} {
		none(t, rs.of(t, week), week, "change", "theme", truth.Theme)
	}
}

func teamPlan(t *testing.T, rs *reports, truth *company.Planted) {
	h := find(t, rs.of(t, truth.To), truth.To, "segment", "nps", "plan", truth.Plan)
	if h.Tone != "bad" || h.Effect.High == nil || *h.Effect.High >= 0 {
		t.Errorf("%+v", h)
	}
}

func scanOnIOS(t *testing.T, rs *reports, truth *company.Planted) {
	for _, week := range []int{15, truth.To} {
		h := find(t, rs.of(t, week), week, "segment", "adoption", truth.Feature, truth.Platform)
		if h.Effect.Low == nil || *h.Effect.Low <= 0 {
			t.Errorf("week %d: %+v", week, h)
		}
	}
}

// noisyPeak: nothing about how much the product is used is news in its week.
func noisyPeak(t *testing.T, rs *reports, truth *company.Planted) {
	r := rs.of(t, truth.From)
	for _, metric := range []string{"active_users", "stickiness", "adoption", "retention", "sessions", "feature_usage", "growth"} {
		none(t, r, truth.From, "change", metric)
		none(t, r, truth.From, "recovery", metric)
		none(t, r, truth.From, "trend", metric)
	}
	if len(r.Figures) == 0 || r.Compared < 20 {
		t.Errorf("the report compared %d things only", r.Compared)
	}
}

func silentSupport(t *testing.T, rs *reports, truth *company.Planted) {
	r := rs.of(t, truth.From)
	i := slices.IndexFunc(r.Ledger.Silent, func(s report.Silence) bool { return s.Source == truth.Source })
	if i < 0 || !slices.Equal(r.Ledger.Silent[i].Days, []string{"2026-09-15", "2026-09-16"}) {
		t.Errorf("silent are %+v", r.Ledger.Silent)
	}
	for _, week := range []int{15, 20, 26} {
		if s := rs.of(t, week).Ledger.Silent; len(s) > 0 {
			t.Errorf("week %d: silent are %+v", week, s)
		}
	}
}

// find gives the headline of a kind whose key has all the words, which is
// among those that the report shows.
func find(t *testing.T, r *report.Report, week int, kind string, words ...string) report.Headline {
	t.Helper()
	for _, h := range r.Headlines {
		if about(h, kind, words) {
			return h
		}
	}
	t.Errorf("week %d has no %s of %s among its headlines:%s", week, kind, strings.Join(words, " "), texts(r))
	return report.Headline{}
}

// none holds that there is no such headline.
func none(t *testing.T, r *report.Report, week int, kind string, words ...string) {
	t.Helper()
	for _, h := range r.Headlines {
		if about(h, kind, words) {
			t.Errorf("week %d: %s", week, h.Text)
		}
	}
}

func about(h report.Headline, kind string, words []string) bool {
	parts := strings.Split(h.Key, "/")
	return h.Kind == kind && !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(parts, w) })
}

func texts(r *report.Report) string {
	var b strings.Builder
	for _, h := range r.Headlines {
		b.WriteString("\n  " + h.Key + ": " + h.Text)
	}
	return b.String()
}
