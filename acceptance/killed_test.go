package acceptance

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/ledger"
	"upshot.dev/upshot/pipeline/metric"
	"upshot.dev/upshot/pipeline/source"
	"upshot.dev/upshot/queries"
	"upshot.dev/upshot/testdata/company"
)

// TestKilledServeEqualsUndisturbed: whatever was answered with 2xx is in the
// lake once, however often the server is killed, however often and in whichever
// order deliveries come.
func TestKilledServeEqualsUndisturbed(t *testing.T) {
	t.Parallel()
	c := company.Generate(company.Options{Scale: .1})
	noon := c.End.Add(12 * time.Hour)
	awayFromMondays(t, c)

	calm := newSite(t, noon)
	calm.start()
	once := make([]int, len(c.Deliveries))
	for i := range once {
		once[i] = i
	}
	if left, _ := calm.post(c.Deliveries, once, 0); len(left) > 0 {
		t.Fatalf("%d deliveries were not answered by a server that nobody disturbs", len(left))
	}
	calm.empty()
	calm.stop()

	hit := newSite(t, noon)
	unanswered := postUnderKills(t, hit, c)
	hit.empty()
	hit.stop()

	upshot(t, "--config", hit.config(), "ledger") // fails where it and the lake disagree
	// Thousands of small files are slow to ask, and a merge must change nothing.
	for _, s := range []*site{calm, hit} {
		upshot(t, "--config", s.config(), "compact", "--grace", "0s")
	}
	sameMetrics(t, calm, hit)
	sameLedger(t, calm, hit, c, unanswered)
}

// postUnderKills posts every delivery twice, shuffled, and gives those of the
// posts that got no answer.
func postUnderKills(t *testing.T, s *site, c *company.Company) (unanswered []int) {
	t.Helper()
	r := rand.New(rand.NewPCG(20261123, 2))
	var places []int
	for i := range c.Deliveries {
		places = append(places, i, i)
	}
	const kills = 5
	for n := range kills + 1 {
		r.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
		s.start()
		killAt := 0
		if n < kills {
			killAt = 1 + r.IntN(len(places)/(kills-n+1))
		}
		left, lost := s.post(c.Deliveries, places, killAt)
		t.Logf("after %.1f s, start %d: %d of %d posts answered, %d cut off", time.Since(s.zero).Seconds(), n+1, len(places)-len(left), len(places), len(lost))
		places, unanswered = left, append(unanswered, lost...)
		if n == 2 {
			// While the next server works, the small files of the last one merge.
			upshot(t, "--config", s.config(), "compact", "--grace", "0s")
		}
	}
	for len(places) > 0 { // those that were answered 503
		left, lost := s.post(c.Deliveries, places, 0)
		places, unanswered = left, append(unanswered, lost...)
	}
	// Once more, in the middle of processing what is left.
	s.await("at work or done", func(st status) bool { return st.InFlight > 0 || st.Queued == 0 })
	s.kill()
	s.start()
	t.Logf("after %.1f s the last start, %+v", time.Since(s.zero).Seconds(), s.status())
	return unanswered
}

// awayFromMondays holds that no event of the company is so near to the border
// of a week that the time on the wire, by which the wrong clocks of phones are
// corrected, could carry it over.
func awayFromMondays(t *testing.T, c *company.Company) {
	t.Helper()
	for _, e := range c.Events {
		for n := 1; n <= 26; n++ {
			if d := e.At.Sub(c.WeekStart(n)).Abs(); d < 3*time.Second {
				t.Fatalf("an event at %v: this company does not serve the test, take another seed", e.At)
			}
		}
	}
}

// sameMetrics compares every metric but completeness, to the last digit.
func sameMetrics(t *testing.T, calm, hit *site) {
	t.Helper()
	catalog, err := metric.Load(queries.Metrics())
	if err != nil {
		t.Fatal(err)
	}
	conf := settings(t, calm.dir)
	a, b := querier(t, conf), querier(t, settings(t, hit.dir))
	for _, name := range catalog.Names() {
		if name == "completeness" {
			continue // it counts what came, which was twice as much
		}
		m, err := catalog.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, by := range [][]string{nil, m.By[:min(1, len(m.By))]} {
			p := metric.Params{From: "2026-05-25", To: "2026-11-23", TZ: company.Zone, Grain: "week", By: by}
			var out [2]bytes.Buffer
			for i, q := range []env.Querier{a, b} {
				res, err := catalog.Run(t.Context(), q, name, conf.Product, p)
				if err != nil {
					t.Fatal(err)
				}
				if err := res.Write(&out[i], "json", false); err != nil {
					t.Fatal(err)
				}
				if len(res.Rows()) == 0 {
					t.Errorf("%s by %v has no rows", name, by)
				}
			}
			if d := cmp.Diff(out[0].String(), out[1].String()); d != "" {
				t.Errorf("%s by %v (- undisturbed, + killed):\n%.2000s", name, by, d)
			}
		}
	}
}

// sameLedger holds the accounts against each other: the same records stored,
// everything that was accepted accounted for, and nothing counted twice.
func sameLedger(t *testing.T, calm, hit *site, c *company.Company, unanswered []int) {
	t.Helper()
	want, got := books(t, calm.config()), books(t, hit.config())
	extra := map[string]int64{}
	for _, i := range unanswered {
		extra[c.Deliveries[i].Source] += records(t, &c.Deliveries[i])
	}
	for place, w := range want {
		g := got[place]
		// Each delivery was accepted twice; those that were cut off may have
		// come a third time.
		if g.Stored != w.Stored || g.Rejected < 2*w.Rejected || g.Ignored < 2*w.Ignored ||
			g.Received < 2*w.Received || g.Received > 2*w.Received+extra[place[0]] {
			t.Errorf("%v: undisturbed %+v, killed %+v, at most %d more", place, w, g, extra[place[0]])
		}
		delete(got, place)
	}
	if len(got) > 0 {
		t.Errorf("the killed server has places of its own: %v", got)
	}
	if d := cmp.Diff(c.Ledger, tallies(want)); d != "" {
		t.Errorf("undisturbed (- company, + ledger):\n%s", d)
	}
}

// books reads the ledger by source and table, every line of which adds up. The
// table form of the command looks for gaps between ledger and lake, too.
func books(t *testing.T, conf string) map[[2]string]ledger.Row {
	t.Helper()
	upshot(t, "--config", conf, "ledger")
	var book ledger.Book
	if err := json.Unmarshal(upshot(t, "--config", conf, "ledger", "--format", "json"), &book); err != nil {
		t.Fatal(err)
	}
	sums := map[[2]string]ledger.Row{}
	for _, r := range book.Rows {
		if !r.Balanced() {
			t.Errorf("a line of the ledger does not add up: %+v", r)
		}
		place := [2]string{r.Source, r.Table}
		sums[place] = sums[place].Add(r)
	}
	if len(sums) < 5 {
		t.Errorf("the ledger has %d places only: %v", len(sums), sums)
	}
	return sums
}

// tallies sums an account per source.
func tallies(sums map[[2]string]ledger.Row) map[string]company.Tally {
	list := map[string]company.Tally{}
	for place, r := range sums {
		n := list[place[0]]
		n.Received += int(r.Received)
		n.Stored += int(r.Stored)
		n.Duplicate += int(r.Duplicate)
		n.Rejected += int(r.Rejected)
		n.Ignored += int(r.Ignored)
		list[place[0]] = n
	}
	return list
}

// records is how many input records a delivery brings; one that brings none
// counts as one.
func records(t *testing.T, d *company.Delivery) int64 {
	t.Helper()
	if d.Status/100 != 2 {
		return 0
	}
	types := map[string]string{"support": "zendesk", "survey": "delighted", "app": "segment", "github": "github", "api": "api"}
	src, ok := source.Lookup(types[d.Source])
	if !ok {
		t.Fatalf("no source %s", types[d.Source])
	}
	r := d.Request(d.At, company.Secrets())
	u, err := url.Parse(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	p := source.Parse(src, source.Delivery{Source: d.Source, Method: r.Method, Path: u.Path, Header: r.Header, Body: plain(t, r), ReceivedAt: d.At})
	return max(1, int64(len(p.Records)+len(p.Rejects)))
}

// plain is a request's body, unpacked.
func plain(t *testing.T, r *company.Request) []byte {
	t.Helper()
	if !slices.Contains(r.Header["Content-Encoding"], "gzip") {
		return r.Body
	}
	z, err := gzip.NewReader(bytes.NewReader(r.Body))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
