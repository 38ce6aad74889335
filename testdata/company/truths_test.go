package company_test

import (
	"math"
	"testing"
	"time"

	"upshot.dev/upshot/testdata/company"
)

// week numbers an instant's week from 1.
func week(c *company.Company, t time.Time) int {
	for n := 26; n >= 1; n-- {
		if !t.Before(c.WeekStart(n)) {
			return n
		}
	}
	return 0
}

// upper is the upper tail of the standard normal distribution.
func upper(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

func TestTruthsAreWritten(t *testing.T) {
	truth := full().Truth
	if len(truth.Planted) != 6 {
		t.Fatalf("%d truths", len(truth.Planted))
	}
	for _, p := range truth.Planted {
		if p.What == "" || p.Where == "" || p.From < 1 || p.To > 26 || p.From > p.To || len(p.Metrics) == 0 {
			t.Errorf("%s is not complete: %+v", p.ID, p)
		}
	}
	if truth.Find("broken-export") == nil || truth.Find("nothing") != nil {
		t.Error("Find is wrong")
	}
}

func TestBrokenExport(t *testing.T) {
	c := full()
	var tickets [27]float64
	for _, tk := range c.Tickets {
		if tk.Theme == "export" {
			tickets[week(c, tk.Created())]++
		}
	}
	mean := 0.0
	for w := 12; w < 20; w++ {
		mean += tickets[w] / 8
	}
	for w := 20; w <= 21; w++ {
		if z := (tickets[w] - mean) / math.Sqrt(mean); z < 5 {
			t.Errorf("week %d: %v tickets about export after a mean of %.1f, z %.1f", w, tickets[w], mean, z)
		}
	}
	for w := 23; w <= 26; w++ {
		if z := (tickets[w] - mean) / math.Sqrt(mean); z > 3 {
			t.Errorf("week %d: %v tickets about export: it is not mended", w, tickets[w])
		}
	}
	// The satisfaction of those who use export.
	var good, all [2]float64
	for _, a := range c.Answers {
		at := a.Updates[0].At
		if a.Kind != "csat" || !c.People[a.Person].Exporter {
			continue
		}
		i := 0
		if !at.Before(c.BrokenFrom()) && at.Before(c.BrokenTo()) {
			i = 1
		}
		all[i]++
		if a.Updates[len(a.Updates)-1].Score >= 4 {
			good[i]++
		}
	}
	before, during := good[0]/all[0], good[1]/all[1]
	p := (good[0] + good[1]) / (all[0] + all[1])
	if z := (before - during) / math.Sqrt(p*(1-p)*(1/all[0]+1/all[1])); z < 4 {
		t.Errorf("CSAT of those who export: %.2f of %v before, %.2f of %v during: z %.1f", before, all[0], during, all[1], z)
	}
	// The task itself.
	var started, done [27]float64
	for _, e := range c.Events {
		switch e.Name {
		case "Export Started":
			started[week(c, e.At)]++
		case "Report Exported":
			done[week(c, e.At)]++
		}
	}
	if done[19]/started[19] < .9 || done[20]/started[20] > .4 || done[23]/started[23] < .9 {
		t.Errorf("exports done: %.2f before, %.2f during, %.2f after", done[19]/started[19], done[20]/started[20], done[23]/started[23])
	}
}

// The overall CSAT of the two weeks is lower too, so that a report that knows
// nothing of who exports can see it.
func TestBrokenExportLowersCSAT(t *testing.T) {
	c := full()
	rows, err := c.Facts().Metric("csat", company.Window{From: "2026-08-10", To: "2026-10-19", Grain: "week", Loc: c.Start.Location()})
	if err != nil {
		t.Fatal(err)
	}
	var good, n [2]float64
	for i, r := range rows {
		k := i / 8 // eight weeks before, two during
		good[k] += r.Stats["good"]
		n[k] += float64(r.N)
	}
	before, during := good[0]/n[0], good[1]/n[1]
	p := (good[0] + good[1]) / (n[0] + n[1])
	if z := (before - during) / math.Sqrt(p*(1-p)*(1/n[0]+1/n[1])); z < 2.6 {
		t.Errorf("CSAT %.2f of %v before, %.2f of %v during: z %.1f", before, n[0], during, n[1], z)
	}
}

// TestSlowDashboards is the Cochran-Armitage test for a trend in shares.
func TestSlowDashboards(t *testing.T) {
	c := full()
	var x, n [27]float64
	for _, tk := range c.Tickets {
		w := week(c, tk.Created())
		n[w]++
		if tk.Theme == "performance" {
			x[w]++
		}
	}
	var sumX, sumN, tx, tn, tt float64
	for w := 1; w <= 26; w++ {
		s := float64(w)
		sumX, sumN = sumX+x[w], sumN+n[w]
		tx, tn, tt = tx+s*x[w], tn+s*n[w], tt+s*s*n[w]
	}
	p := sumX / sumN
	z := (tx - p*tn) / math.Sqrt(p*(1-p)*(tt-tn*tn/sumN))
	if upper(z) > 1e-4 {
		t.Errorf("the trend has z %.2f, p %.2g", z, upper(z))
	}
	share := func(from, to int) float64 {
		a, b := 0.0, 0.0
		for w := from; w <= to; w++ {
			a, b = a+x[w], b+n[w]
		}
		return a / b
	}
	if a, b := share(1, 5), share(22, 26); math.Abs(a-.03) > .015 || math.Abs(b-.11) > .025 {
		t.Errorf("the share goes from %.3f to %.3f, want about .03 and .11", a, b)
	}
}

func TestTeamPlan(t *testing.T) {
	c := full()
	var sum, sq, n [2]float64
	for _, a := range c.Answers {
		if a.Kind != "nps" || a.Updates[0].At.Before(c.WeekStart(14)) {
			continue
		}
		i := 0
		if a.Plan == "team" {
			i = 1
		}
		v := 0.0
		switch s := a.Updates[len(a.Updates)-1].Score; {
		case s >= 9:
			v = 100
		case s <= 6:
			v = -100
		}
		n[i]++
		sum[i] += v
		sq[i] += v * v
	}
	mean := func(i int) float64 { return sum[i] / n[i] }
	variance := func(i int) float64 { return (sq[i]/n[i] - mean(i)*mean(i)) / n[i] }
	diff, half := mean(0)-mean(1), 1.96*math.Sqrt(variance(0)+variance(1))
	if diff-half < 12 {
		t.Errorf("NPS of the others less that of team: %.1f ± %.1f (%.0f and %.0f)", diff, half, mean(0), mean(1))
	}
	if math.Abs(mean(1)+5) > 9 || math.Abs(mean(0)-35) > 9 {
		t.Errorf("NPS of team %.1f, of the others %.1f", mean(1), mean(0))
	}
}

func TestScanOnIOS(t *testing.T) {
	c := full()
	active, scanned := map[[2]string]bool{}, map[[2]string]bool{}
	for _, e := range c.Events {
		key := [2]string{e.UserID, c.WeekStart(week(c, e.At)).String()}
		if e.Platform == "ios" {
			active[key] = true
		}
		if e.Name == "Document Scanned" {
			if e.Platform != "ios" {
				t.Fatalf("scanned on %s", e.Platform)
			}
			scanned[key] = true
		}
	}
	if share := float64(len(scanned)) / float64(len(active)); math.Abs(share-.35) > .04 {
		t.Errorf("%.3f of the active on ios scan, want about .35", share)
	}
}

// TestNoisyPeak: week 15 stands out by about as much as asked, and weeks that
// vary as those around it do make that plausible.
func TestNoisyPeak(t *testing.T) {
	c := full()
	var events [27]float64
	people := map[int]map[string]bool{}
	for w := 1; w <= 26; w++ {
		people[w] = map[string]bool{}
	}
	for _, e := range c.Events {
		if w := week(c, e.At); e.UserID != "" {
			events[w]++
			people[w][e.UserID] = true
		}
	}
	// Residuals from a straight line through the logarithms of weeks 5 to 26,
	// week 15 left out.
	check := func(what string, least, most float64, value func(w int) float64) {
		var x, y []float64
		for w := 5; w <= 26; w++ {
			if w != 15 {
				x, y = append(x, float64(w)), append(y, math.Log(value(w)))
			}
		}
		a, b, sd := line(x, y)
		peak := math.Log(value(15)) - (a + b*15)
		if peak < least || peak > most {
			t.Errorf("%s: week 15 is %.3f above the line", what, peak)
		}
		t.Logf("%s: week 15 is %+.3f, the spread %.3f", what, peak, sd)
		if peak/sd > 2.3 {
			t.Errorf("%s: week 15 is %.1f standard deviations (%.3f) above: not plausible as noise", what, peak/sd, sd)
		}
	}
	check("events", .06, .2, func(w int) float64 { return events[w] })
	check("people", .02, .12, func(w int) float64 { return float64(len(people[w])) })
}

// line fits by least squares and gives the standard deviation around it.
func line(x, y []float64) (a, b, sd float64) {
	n := float64(len(x))
	var sx, sy, sxx, sxy float64
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	b = (n*sxy - sx*sy) / (n*sxx - sx*sx)
	a = (sy - b*sx) / n
	for i := range x {
		r := y[i] - a - b*x[i]
		sd += r * r
	}
	return a, b, math.Sqrt(sd / (n - 2))
}

func TestSilentSupport(t *testing.T) {
	c := full()
	from := c.WeekStart(17).AddDate(0, 0, 1)
	to := from.AddDate(0, 0, 2)
	silent, thursday, opened := 0, 0, 0
	for _, d := range c.Deliveries {
		if d.Source != "support" {
			continue
		}
		if !d.At.Before(from) && d.At.Before(to) {
			silent++
		}
		if d.Late && !d.At.Before(to) && d.At.Before(to.Add(8*time.Hour)) {
			thursday++
		}
	}
	for _, tk := range c.Tickets {
		if tk.Source == "support" && !tk.Created().Before(from) && tk.Created().Before(to) {
			opened++
		}
	}
	if silent != 0 || thursday < 40 || opened < 5 {
		t.Errorf("%d deliveries in the outage, %d after it, %d tickets opened meanwhile", silent, thursday, opened)
	}
}
