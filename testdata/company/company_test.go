package company_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"upshot.dev/upshot/testdata/company"
)

// full is the bundled company, made once.
var full = sync.OnceValue(func() *company.Company { return company.Generate(company.Options{}) })

// digest covers every byte of every delivery.
func digest(c *company.Company) string {
	h := sha256.New()
	secrets := company.Secrets()
	for i := range c.Deliveries {
		d := &c.Deliveries[i]
		r := d.Request(d.At, secrets)
		fmt.Fprintln(h, d.At.UnixNano(), d.Source, d.Status, r.Path, r.Header)
		h.Write(r.Body)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestSameSeedSameBytes(t *testing.T) {
	o := company.Options{Scale: .1}
	a, b := digest(company.Generate(o)), digest(company.Generate(o))
	if a != b {
		t.Errorf("two runs differ: %s and %s", a, b)
	}
	o.Seed = 2
	if digest(company.Generate(o)) == a {
		t.Error("another seed gives the same company")
	}
}

func TestSizes(t *testing.T) {
	c := full()
	for _, s := range []struct {
		what      string
		got, want int
	}{
		{"people", len(c.People), 3000},
		{"accounts", len(c.Accounts), 400},
		{"events", len(c.Events), 200_000},
		{"tickets", len(c.Tickets), 1500},
		{"answers", len(c.Answers), 1200},
		{"releases", len(c.Releases), 30},
	} {
		if math.Abs(float64(s.got-s.want)) > .03*float64(s.want) {
			t.Errorf("%d %s, want about %d", s.got, s.what, s.want)
		}
	}
	n := map[string]int{}
	for _, d := range c.Deliveries {
		n[d.Source]++
		for what, is := range map[string]bool{"repeat": d.Repeat, "late": d.Late, "forged": d.Forged, "broken": d.Broken} {
			if is {
				n[what]++
			}
		}
	}
	for what, least := range map[string]int{
		"app": 8000, "support": 5000, "api": 3000, "survey": 1700, "github": 120,
		"repeat": 500, "late": 500, "forged": 10, "broken": 8,
	} {
		if n[what] < least || n[what] > 3*least {
			t.Errorf("%d deliveries of %s, want %d to %d", n[what], what, least, 3*least)
		}
	}
}

func TestScale(t *testing.T) {
	c := company.Generate(company.Options{Scale: .02})
	if got := len(c.People); got != 60 {
		t.Errorf("%d people, want 60", got)
	}
	if got := len(c.Tickets); got < 25 || got > 35 {
		t.Errorf("%d tickets, want about 30", got)
	}
	if len(c.Releases) != 30 {
		t.Errorf("%d releases: they do not shrink", len(c.Releases))
	}
}

// The generation is quick enough for a demonstration; the bound is wide, as
// tests run on busy machines.
func TestQuick(t *testing.T) {
	start := time.Now()
	company.Generate(company.Options{Seed: 7})
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("the full company took %v", took)
	}
}

func BenchmarkGenerate(b *testing.B) {
	for b.Loop() {
		company.Generate(company.Options{})
	}
}

func TestCalendar(t *testing.T) {
	c := full()
	if got := c.Start.Format(time.RFC3339); got != "2026-05-25T00:00:00+02:00" {
		t.Errorf("starts %s", got)
	}
	if got := c.End.Format(time.RFC3339); got != "2026-11-23T00:00:00+01:00" {
		t.Errorf("ends %s", got)
	}
	if got := c.WeekStart(20).Format(time.DateOnly); got != "2026-10-05" {
		t.Errorf("week 20 starts %s", got)
	}
	last := time.Time{}
	for i, d := range c.Deliveries {
		if d.At.Before(last) || d.At.Nanosecond()%1e6 != 0 {
			t.Fatalf("delivery %d at %v after %v: not in order, or not whole milliseconds", i, d.At, last)
		}
		last = d.At
	}
	if limit := c.End.Add(6 * time.Hour); last.After(limit) {
		t.Errorf("the last delivery comes at %v", last)
	}
}

func TestWeeklyRhythm(t *testing.T) {
	c := full()
	loc := c.Start.Location()
	var days [7]float64
	for _, e := range c.Events {
		days[e.At.In(loc).Weekday()]++
	}
	for d := time.Monday; d <= time.Friday; d++ {
		if days[d] < 2*days[time.Saturday] || days[d] < 2*days[time.Sunday] {
			t.Errorf("%v has %v events, the weekend %v and %v", d, days[d], days[time.Saturday], days[time.Sunday])
		}
	}
}

func TestRetentionDecays(t *testing.T) {
	c := full()
	rows, err := c.Facts().Metric("retention", company.Window{From: "2026-06-29", To: "2026-11-23", Grain: "week", Loc: c.Start.Location()})
	if err != nil {
		t.Fatal(err)
	}
	kept, all := map[int]float64{}, map[int]float64{}
	for _, r := range rows {
		kept[r.Offset] += r.Stats["retained"]
		all[r.Offset] += float64(r.N)
	}
	at := func(k int) float64 { return kept[k] / all[k] }
	if at(0) != 1 {
		t.Errorf("offset 0 keeps %v", at(0))
	}
	if !(at(1) > at(4) && at(4) > at(12)) || at(12) < .05 || at(1) > .8 {
		t.Errorf("retention does not decay as it should: %.3f %.3f %.3f", at(1), at(4), at(12))
	}
}

func TestTextsDiffer(t *testing.T) {
	seen := map[string]int{}
	subjects := map[string]bool{}
	languages := map[string]int{}
	html, quoted, personal := 0, 0, 0
	list := full().Tickets
	for _, tk := range list {
		seen[tk.Changes[0].Text]++
		subjects[tk.Subject] = true
		languages[tk.Language]++
		for _, c := range tk.Changes {
			if strings.HasPrefix(c.Text, "<div>") {
				html++
			}
			if strings.Contains(c.Text, "\n> ") || strings.Contains(c.Text, "<br>&gt; ") {
				quoted++
			}
			if mails.MatchString(c.Text) || strings.Contains(c.Text, "+49 30 23125") {
				personal++
			}
			if strings.ContainsAny(c.Text, "{}") {
				t.Errorf("a slot was not filled: %s", c.Text)
			}
		}
	}
	if same := len(list) - len(seen); float64(same) > .03*float64(len(list)) {
		t.Errorf("%d of %d bodies are not their own", same, len(list))
	}
	if len(subjects) < 120 {
		t.Errorf("only %d subjects", len(subjects))
	}
	if html < 200 || quoted < 200 || personal < 50 {
		t.Errorf("%d HTML, %d quoted, %d with personal data: too few", html, quoted, personal)
	}
	for _, l := range []string{"de", "fr", "es"} {
		if n := languages[l]; n < 5 || n > 120 {
			t.Errorf("%d tickets in %s", n, l)
		}
	}
}

var (
	mails = regexp.MustCompile(`[\w.+-]+@[\w.-]+\.\w+`)
	made  = regexp.MustCompile(`(\.example|@(mail\.)?example\.(com|org|net))$`)
	hosts = regexp.MustCompile(`https?://(?:[^/@\s"]*@)?([\w.-]+)`)
	cards = []string{"4111 1111 1111 1111", "5555 5555 5555 4444", "4242-4242-4242-4242", "378282246310005"}
)

// Every address in every body belongs to a domain set aside for examples, and
// every long number of a card is a test number.
func TestNothingReal(t *testing.T) {
	c := company.Generate(company.Options{Scale: .3})
	secrets := company.Secrets()
	known := map[string]bool{}
	for i := range c.Deliveries {
		d := &c.Deliveries[i]
		r := d.Request(d.At, secrets)
		if r.Header.Get("Content-Encoding") != "" {
			continue // the same events as in the others
		}
		for _, m := range mails.FindAllString(string(r.Body), -1) {
			known[m] = true
		}
		for _, m := range hosts.FindAllStringSubmatch(string(r.Body), -1) {
			known["@"+m[1]] = true
		}
	}
	if len(known) < 500 {
		t.Fatalf("only %d addresses were seen", len(known))
	}
	for m := range known {
		if !made.MatchString(m) && !strings.HasSuffix(m, ".example.com") && !strings.HasSuffix(m, "@example.net") && !strings.HasSuffix(m, ".example.net") {
			t.Errorf("%s is not made up", m)
		}
	}
	number := regexp.MustCompile(`\b\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}\b`)
	for _, tk := range c.Tickets {
		for _, n := range number.FindAllString(tk.Changes[0].Text, -1) {
			if !slices.Contains(cards, n) && !strings.Contains(tk.Changes[0].Text, "DE89 "+n[3:]) && !strings.HasPrefix(n, "3704") {
				t.Errorf("%s is no test number", n)
			}
		}
	}
}
