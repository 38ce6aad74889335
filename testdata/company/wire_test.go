package company_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"net/url"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/enrich"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/pipeline/source"
	"upshot.dev/upshot/testdata/company"
)

func TestConfigIsGood(t *testing.T) {
	c, err := config.Parse("upshot.yaml", company.Config("/tmp/a lake: #1"), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	if c.Lake != "/tmp/a lake: #1" || len(c.Sources) != len(company.Secrets()) || c.Timezone != company.Zone {
		t.Errorf("got lake %q, %d sources, %s", c.Lake, len(c.Sources), c.Timezone)
	}
	for name, secret := range company.Secrets() {
		if got := c.Sources[name].Secrets; len(got) != 1 || got[0] != secret {
			t.Errorf("secrets of %s: %v", name, got)
		}
	}
}

// reader runs deliveries through the real verification and parsing.
type reader struct {
	t       *testing.T
	sources map[string]*source.Source
	seen    map[string]record.Record // by source and event_id
	tally   map[string]company.Tally
}

func newReader(t *testing.T) *reader {
	r := &reader{t: t, sources: map[string]*source.Source{}, seen: map[string]record.Record{}, tally: map[string]company.Tally{}}
	for name, typ := range map[string]string{"support": "zendesk", "survey": "delighted", "app": "segment", "github": "github", "api": "api"} {
		s, ok := source.Lookup(typ)
		if !ok {
			t.Fatalf("no source %s", typ)
		}
		r.sources[name] = s
	}
	return r
}

// deliver takes one delivery as it comes at the moment now.
func (r *reader) deliver(d *company.Delivery, now time.Time) {
	t := r.t
	t.Helper()
	s := r.sources[d.Source]
	w := d.Request(now, company.Secrets())
	u, err := url.Parse(w.Path)
	if err != nil {
		t.Fatal(err)
	}
	plain := w.Body
	if w.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(w.Body))
		if err != nil {
			t.Fatal(err)
		}
		if plain, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	req := source.Request{Method: w.Method, URL: u, Header: w.Header, Body: w.Body}
	if err := s.Verify(req, plain, []string{company.Secrets()[d.Source]}, now); (err != nil) != d.Forged {
		t.Errorf("%s at %v (forged: %v): %v", d.Source, d.At, d.Forged, err)
	}
	if d.Forged || d.Status == 400 {
		return
	}
	p := source.Parse(s, source.Delivery{Source: d.Source, Method: w.Method, Path: u.Path, Header: w.Header, Body: plain, ReceivedAt: now})
	if d.Valid && len(p.Rejects) > 0 {
		t.Errorf("%s at %v: %v\n%s", d.Source, d.At, p.Rejects, plain)
	}
	n := r.tally[d.Source]
	for _, rec := range p.Records {
		rec.OccurredAt, _ = record.ResolveTime(rec.OccurredAt, rec.SentAt, now)
		key := d.Source + " " + rec.EventID
		first, again := r.seen[key]
		if again {
			n.Duplicate++
			if !first.OccurredAt.Equal(rec.OccurredAt) {
				t.Errorf("%s happened at %v, and repeated at %v", key, first.OccurredAt, rec.OccurredAt)
			}
			continue
		}
		n.Stored++
		r.seen[key] = rec
	}
	n.Rejected += len(p.Rejects)
	if len(p.Records)+len(p.Rejects) == 0 {
		n.Ignored++
	}
	n.Received = n.Stored + n.Duplicate + n.Rejected + n.Ignored
	r.tally[d.Source] = n
}

// TestDeliveriesAreRead holds signatures, shapes, times and ids of all
// deliveries against the real sources, and the generator's records against
// what they make of it. Repeated deliveries come a day later once more.
func TestDeliveriesAreRead(t *testing.T) {
	c := company.Generate(company.Options{Scale: .15})
	r := newReader(t)
	for i := range c.Deliveries {
		r.deliver(&c.Deliveries[i], c.Deliveries[i].At)
	}
	if !maps.Equal(r.tally, c.Ledger) {
		t.Errorf("the ledger would say %v, the company says %v", r.tally, c.Ledger)
	}
	for _, e := range c.Events {
		got := r.seen["app "+e.ID]
		if !got.OccurredAt.Equal(e.At) || got.UserID != e.UserID || got.AnonymousID != e.AnonymousID || got.Name != e.Name || got.Kind != e.Kind ||
			got.Plan != e.Plan || got.Platform != e.Platform || got.Country != e.Country || got.AppVersion != e.Version || got.SessionID != e.Session {
			t.Fatalf("got %+v, want %+v", got, e)
		}
	}
	for _, tk := range c.Tickets {
		for _, ch := range tk.Changes {
			got := r.seen[tk.Source+" "+ch.EventID]
			if !got.OccurredAt.Equal(ch.At) || got.TicketID != tk.ID || got.Change != ch.Kind || got.Status != ch.Status || got.Priority != ch.Priority || got.IsPublic() != (ch.Public || ch.Kind != "commented") {
				t.Fatalf("got %+v, want %+v", got, ch)
			}
			if ch.Kind == "commented" && (got.AuthorRole != ch.Role || got.Text != ch.Text) {
				t.Fatalf("got %+v, want %+v", got, ch)
			}
		}
	}
	for _, a := range c.Answers {
		for _, u := range a.Updates {
			got := r.seen["survey "+u.EventID]
			if !got.OccurredAt.Equal(u.At) || got.ResponseID != a.ResponseID || *got.Score != float64(u.Score) || got.Kind != a.Kind || got.Plan != a.Plan || got.UserID != a.UserID {
				t.Fatalf("got %+v, want %+v", got, u)
			}
		}
	}
	// Sent again later by the same clients, every time stays what it was.
	for i := 0; i < len(c.Deliveries); i += 3 {
		if d := &c.Deliveries[i]; d.Valid {
			r.deliver(d, d.At.Add(26*time.Hour+123*time.Millisecond))
		}
	}
}

// TestThemesAreFound: the enrichment recognises what the texts were written
// about, and hardly anything of the planted themes where there is none.
func TestThemesAreFound(t *testing.T) {
	e, err := enrich.New(enrich.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var texts, found, right int
	planted := map[string][2]int{}
	wrong := map[string]int{}
	for i, tk := range full().Tickets {
		if tk.Language != "en" || tk.Theme == "" || (i%3 != 0 && tk.Theme != "export" && tk.Theme != "performance") {
			continue
		}
		themes := e.Enrich(enrich.Text{Subject: tk.Subject, Body: tk.Changes[0].Text}).Themes()
		texts++
		if len(themes) > 0 {
			found++
		}
		hit := false
		for _, th := range themes {
			hit = hit || th == tk.Theme
			if th != tk.Theme && (th == "export" || th == "performance") {
				wrong[th]++
			}
		}
		n := planted[tk.Theme]
		n[1]++
		if hit {
			right++
			n[0]++
		}
		planted[tk.Theme] = n
	}
	if float64(found) < .95*float64(texts) || float64(right) < .85*float64(texts) {
		t.Errorf("of %d texts %d have a theme, %d their own", texts, found, right)
	}
	for _, th := range []string{"export", "performance"} {
		if n := planted[th]; float64(n[0]) < .9*float64(n[1]) || wrong[th] > n[1]/20 {
			t.Errorf("%s is found in %d of %d texts, and in %d others", th, n[0], n[1], wrong[th])
		}
	}
	for th, n := range planted {
		if n[0]*2 < n[1] {
			t.Errorf("%s is found in %d of %d texts", th, n[0], n[1])
		}
	}
}
