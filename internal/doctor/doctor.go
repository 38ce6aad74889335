// Package doctor looks a deployment over, on one machine or on AWS, and says
// of each part whether it is well, and what to do when it is not. It asks
// through the same interfaces as the stages, so it finds what they would find.
package doctor

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"upshot.dev/upshot/internal/jobs"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/ledger"
)

// Status is the outcome of a check.
type Status string

// From well to broken. Skipped checks say why they could not be made.
const (
	OK      Status = "ok"
	Warn    Status = "warn"
	Fail    Status = "fail"
	Skipped Status = "skipped"
)

// Finding is what one check found.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
	Do     string `json:"do,omitempty"` // what mends it
}

// Schedule is work that should have succeeded lately.
type Schedule struct {
	Job string // name of its mark
	// Due is the latest time before now at which it should have run; zero when
	// none was due yet.
	Due time.Time
	// Late is how long after Due it may take.
	Late time.Duration
	// Every, in place of Due, is for work of which nobody knows when it was first
	// due: once it has succeeded, it must again within this time.
	Every time.Duration
}

// Deps are the parts to look at. A nil part is skipped, with Why of its name.
type Deps struct {
	Clock     env.Clock
	Random    io.Reader
	Sources   []string    // configured names
	Secrets   env.Secrets // of the sources
	Identity  func(context.Context) (string, error)
	Store     env.Store
	Queue     env.Gauge
	Querier   env.Querier
	Schedules []Schedule
	Mail      func(context.Context) (string, error) // what was found, or why no mail would leave
	// More are checks that only this kind of deployment has.
	More []func(context.Context) Finding
	// Why says of a check whose part is nil why it is not made.
	Why map[string]string
}

// timeout bounds each check: a part that hangs is broken.
const timeout = 2 * time.Minute

// Look makes all checks, in an order that goes along the line a record
// travels. It never fails: what cannot be looked at is a finding.
func Look(ctx context.Context, d Deps) []Finding {
	var out []Finding
	add := func(name string, have bool, check func(context.Context) Finding) {
		f := Finding{Status: Skipped, Detail: cmp.Or(d.Why[name], "not part of this deployment")}
		if have {
			ctx, cancel := context.WithTimeout(ctx, timeout)
			f = check(ctx)
			cancel()
		}
		f.Check = name
		out = append(out, f)
	}
	for _, name := range slices.Sorted(slices.Values(d.Sources)) {
		add("source "+name, d.Secrets != nil, func(ctx context.Context) Finding { return d.secret(ctx, name) })
	}
	add("identity key", d.Identity != nil, d.identity)
	add("queue", d.Queue != nil, d.queue)
	add("dead letters", d.Queue != nil, d.deadLetters)
	add("lake", d.Store != nil, d.lake)
	add("ledger", d.Querier != nil, d.ledger)
	for _, s := range d.Schedules {
		add("schedule "+s.Job, d.Store != nil, func(ctx context.Context) Finding { return d.schedule(ctx, s) })
	}
	add("mail", d.Mail != nil, d.mail)
	for _, more := range d.More {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		out = append(out, more(ctx))
		cancel()
	}
	return out
}

// Well reports whether nothing failed.
func Well(findings []Finding) bool {
	return !slices.ContainsFunc(findings, func(f Finding) bool { return f.Status == Fail })
}

func failed(err error, do string) Finding { return Finding{Status: Fail, Detail: err.Error(), Do: do} }

// shortSecret is the length below which a secret can be guessed.
const shortSecret = 16

func (d Deps) secret(ctx context.Context, source string) Finding {
	list, err := d.Secrets.Secrets(ctx, source)
	if err != nil {
		return failed(err, "see that the secret can be read")
	}
	if len(list) == 0 {
		return Finding{Status: Fail, Detail: "it has no secret: every delivery is refused with 401", Do: "put its secret where the configuration looks for it, see docs/operations/rotation.md"}
	}
	for _, s := range list {
		if len(s) < shortSecret {
			return Finding{Status: Warn, Detail: fmt.Sprintf("one of its %d secrets has fewer than %d characters", len(list), shortSecret), Do: "take a longer one where the sender allows it"}
		}
	}
	if len(list) > 1 {
		return Finding{Status: OK, Detail: fmt.Sprintf("%d secrets; when a rotation is over, take the old one out", len(list))}
	}
	return Finding{Status: OK, Detail: "1 secret"}
}

func (d Deps) identity(ctx context.Context) Finding {
	key, err := d.Identity(ctx)
	switch {
	case err != nil:
		return failed(err, "see that the identity key can be read")
	case key == "":
		return Finding{Status: Fail, Detail: "there is none: no person could be told from another", Do: "set identity_key to 32 random bytes and keep it for good"}
	case len(key) < shortSecret:
		return Finding{Status: Warn, Detail: fmt.Sprintf("it has %d characters: people's hashes could be undone by trying", len(key)), Do: "a new key changes every person's hash; decide before much data is in"}
	}
	return Finding{Status: OK, Detail: "set"}
}

// The ages of the oldest waiting delivery at which somebody should look.
const (
	slow  = 5 * time.Minute
	stuck = time.Hour
)

func (d Deps) queue(ctx context.Context) Finding {
	depth, err := d.Queue.Depth(ctx)
	if err != nil {
		return failed(err, "the queue cannot be reached; deliveries are answered 503 and come again")
	}
	f := Finding{Status: OK, Detail: fmt.Sprintf("%d waiting, %d being processed", depth.Queued, depth.InFlight)}
	if depth.Oldest > slow {
		f.Status, f.Do = Warn, "see docs/operations/alarms.md under queue age"
		f.Detail += fmt.Sprintf(", the oldest for %s", depth.Oldest.Round(time.Second))
	}
	if depth.Oldest > stuck {
		f.Status = Fail
	}
	return f
}

func (d Deps) deadLetters(ctx context.Context) Finding {
	depth, err := d.Queue.Depth(ctx)
	if err != nil {
		return failed(err, "the queue cannot be reached")
	}
	if depth.Dead == 0 {
		return Finding{Status: OK, Detail: "none"}
	}
	return Finding{Status: Fail, Detail: fmt.Sprintf("%d deliveries were set aside: they are not in the lake", depth.Dead), Do: "find out why, mend it, and put them back with upshot redrive"}
}

// lake writes an object, reads it and removes it.
func (d Deps) lake(ctx context.Context) Finding {
	var id [8]byte
	if _, err := io.ReadFull(d.Random, id[:]); err != nil {
		return failed(err, "")
	}
	key, body := "doctor/"+hex.EncodeToString(id[:]), "upshot doctor wrote this to see whether it can\n"
	if err := d.Store.Create(ctx, key, strings.NewReader(body)); err != nil {
		return failed(fmt.Errorf("it cannot be written: %w", err), "deliveries wait in the queue until it can")
	}
	read := d.readBack(ctx, key, body)
	if err := d.Store.Remove(ctx, key); err != nil {
		return failed(fmt.Errorf("%s cannot be removed: %w", key, err), "compaction and erasure cannot work without")
	}
	if read != nil {
		return failed(fmt.Errorf("what was written cannot be read: %w", read), "")
	}
	return Finding{Status: OK, Detail: "can be written, read and removed from"}
}

func (d Deps) readBack(ctx context.Context, key, want string) error {
	o, err := d.Store.Open(ctx, key)
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }()
	got, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	if err != nil {
		return err
	}
	if string(got) != want {
		return errors.New("it came back changed")
	}
	return nil
}

func (d Deps) ledger(ctx context.Context) Finding {
	gaps, err := ledger.Gaps(ctx, d.Querier)
	if err != nil {
		return failed(err, "the lake cannot be queried: reports and alerts cannot be made")
	}
	if len(gaps) == 0 {
		return Finding{Status: OK, Detail: "the lake holds what the ledger says"}
	}
	var where []string
	for _, g := range gaps[:min(len(gaps), 3)] {
		where = append(where, fmt.Sprintf("%s/%s has %d rows, booked are %d", g.Source, g.Table, g.Lake, g.Ledger))
	}
	return Finding{Status: Fail, Detail: fmt.Sprintf("%d gaps: %s", len(gaps), strings.Join(where, "; ")), Do: "see docs/operations/alarms.md under ledger gap"}
}

func (d Deps) schedule(ctx context.Context, s Schedule) Finding {
	marks, err := jobs.Last(ctx, d.Store)
	if err != nil {
		return failed(err, "")
	}
	now := d.Clock.Now()
	m, ran := marks[s.Job]
	if ran && s.Every > 0 {
		s.Due = now.Add(-s.Every)
	}
	switch {
	case s.Due.IsZero() && !ran:
		return Finding{Status: OK, Detail: "was not due yet"}
	case ran && !m.Finished.Before(s.Due):
		return Finding{Status: OK, Detail: fmt.Sprintf("succeeded %s ago, in %.1f s", now.Sub(m.Finished).Round(time.Second), m.Seconds)}
	case now.Before(s.Due.Add(s.Late)):
		return Finding{Status: OK, Detail: fmt.Sprintf("was due %s ago and may still be at work", now.Sub(s.Due).Round(time.Second))}
	case !ran:
		return Finding{Status: Fail, Detail: fmt.Sprintf("never succeeded; it was due %s", s.Due.UTC().Format(time.RFC3339)), Do: "look for its error in the log"}
	}
	return Finding{Status: Fail, Detail: fmt.Sprintf("succeeded last at %s; it was due %s", m.Finished.Format(time.RFC3339), s.Due.UTC().Format(time.RFC3339)), Do: "look for its error in the log"}
}

func (d Deps) mail(ctx context.Context) Finding {
	detail, err := d.Mail(ctx)
	if err != nil {
		return failed(err, "reports are made and kept, but nobody gets them")
	}
	return Finding{Status: OK, Detail: detail}
}

// Names lists the checks of the findings that have a status, for a last line.
func Names(findings []Finding, s Status) []string {
	set := map[string]bool{}
	for _, f := range findings {
		if f.Status == s {
			set[f.Check] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}
