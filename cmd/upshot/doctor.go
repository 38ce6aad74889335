package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/robfig/cron/v3"

	"upshot.dev/upshot/internal/doctor"
	"upshot.dev/upshot/internal/wire"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/localenv"
	"upshot.dev/upshot/pipeline/fault"
	"upshot.dev/upshot/pipeline/ingest"
)

type doctorCmd struct {
	Format string `enum:"table,json" default:"table" help:"table or json."`
	Stack  string `placeholder:"NAME" help:"Look over the deployment on AWS that this CloudFormation stack is."`
	costFlags
}

// Help is shown by --help.
func (doctorCmd) Help() string {
	return `Looks over this machine's deployment, running or not: secrets, queue, dead letters, lake,
ledger, schedules, mail. Exit status 1 when something is broken; each finding says what to do.

  upshot doctor --config upshot.yaml
  upshot doctor --format json | jq '.[] | select(.status != "ok")'

A deployment on AWS, with your credentials and the configuration that it was packed with:

  upshot doctor --stack upshot-prod --config upshot.yaml

What it costs on AWS, by the list:

  upshot doctor --cost --webhooks 10000000
  upshot doctor --cost --webhooks 1000000 --records 20 --front http-api`
}

// Run looks and prints.
func (cmd *doctorCmd) Run(ctx context.Context, a *app) error {
	if cmd.Cost {
		return cmd.printCost(a, cmd.Format)
	}
	if cmd.Stack != "" {
		d, err := a.cloudDeps(ctx, cmd.Stack)
		if err != nil {
			return err
		}
		return a.findings(cmd.Format, doctor.Look(ctx, d))
	}
	c, err := a.config()
	if err != nil {
		return err
	}
	if _, err := wire.Sources(c); err != nil {
		return err
	}
	if _, err := os.Stat(c.Lake); err != nil {
		return fault.Invalidf("there is no lake at %s; name one with --lake, or start upshot serve, which makes it", c.Lake)
	}
	d, done, err := a.localDeps(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	return a.findings(cmd.Format, doctor.Look(ctx, d))
}

// findings prints what was found; an error says how much of it is broken.
func (a *app) findings(format string, found []doctor.Finding) error {
	if format == "json" {
		e := json.NewEncoder(a.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(found); err != nil {
			return err
		}
	} else {
		width := 0
		for _, f := range found {
			width = max(width, len(f.Check))
		}
		for _, f := range found {
			_, _ = fmt.Fprintf(a.out, "%-7s  %-*s  %s\n", f.Status, width, f.Check, f.Detail)
			if f.Do != "" {
				_, _ = fmt.Fprintf(a.out, "%-7s  %-*s  -> %s\n", "", width, "", f.Do)
			}
		}
	}
	if !doctor.Well(found) {
		return fmt.Errorf("%d of %d checks failed", len(doctor.Names(found, doctor.Fail)), len(found))
	}
	return nil
}

// localDeps are the parts of a deployment on this machine. done gives back what
// they hold.
func (a *app) localDeps(ctx context.Context, c *config.Config) (d doctor.Deps, done func(), err error) {
	s, err := store(c)
	if err != nil {
		return d, nil, err
	}
	d = doctor.Deps{
		Clock: a.now, Random: rand.Reader, Sources: slices.Collect(maps.Keys(c.Sources)), Secrets: wire.Secrets{Config: c},
		Identity: func(context.Context) (string, error) { return a.identityIfAny(c) },
		Store:    s, Why: map[string]string{},
	}
	open := []func() error{s.Close}
	if q, err := a.querier(ctx, c); err != nil {
		d.Why["ledger"] = err.Error()
	} else {
		d.Querier, open = q, append(open, q.Close)
	}
	if d.Schedules, err = a.due(ctx, c, s); err != nil {
		return d, nil, err
	}
	if d.Mail = mailCheck(c); d.Mail == nil {
		d.Why["mail"] = "no report is mailed to anybody"
	}
	var closeQueue func() error
	if d.Queue, closeQueue = a.gauge(ctx, c); d.Queue == nil {
		d.Why["queue"], d.Why["dead letters"] = "nothing was queued here yet", "nothing was queued here yet"
	} else {
		open = append(open, closeQueue)
	}
	return d, func() {
		for _, f := range open {
			_ = f()
		}
	}, nil
}

// identityIfAny is the identity key, which is not made when there is none.
func (a *app) identityIfAny(c *config.Config) (string, error) {
	if _, inEnv := a.lookup("UPSHOT_IDENTITY_KEY"); c.IdentityKey == "" && !inEnv {
		if _, err := os.Stat(filepath.Join(c.Lake, "identity.key")); err != nil {
			return "", nil //nolint:nilerr // no file, no key
		}
	}
	key, err := a.identityKey(c)
	return string(key), err
}

// gauge measures the queue: through the server when it runs, which has the file
// for itself, and the file itself otherwise. nil when there is no queue yet.
func (a *app) gauge(ctx context.Context, c *config.Config) (env.Gauge, func() error) {
	if running := (statusPage{"http://" + c.Listen}); running.alive(ctx) {
		return running, func() error { return nil }
	}
	if _, err := os.Stat(queueFile(c)); err != nil {
		return nil, nil
	}
	q, err := openQueue(c, a.now)
	if err != nil {
		return broken{err}, func() error { return nil }
	}
	return q, q.Close
}

// broken is a queue that cannot be measured.
type broken struct{ err error }

// Depth fails.
func (b broken) Depth(context.Context) (env.Depth, error) { return env.Depth{}, b.err }

// statusPage is the queue of a running server, by its status page.
type statusPage struct{ url string }

// alive reports whether an Upshot answers there.
func (s statusPage) alive(ctx context.Context) bool {
	_, err := s.Depth(ctx)
	return err == nil
}

// Depth asks GET /v1/status.
func (s statusPage) Depth(ctx context.Context) (env.Depth, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/status", nil)
	if err != nil {
		return env.Depth{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return env.Depth{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	var body struct {
		Queued   int     `json:"queued"`
		InFlight int     `json:"in_flight"`
		Oldest   float64 `json:"oldest_seconds"`
	}
	dead, err := strconv.Atoi(resp.Header.Get(ingest.DeadLettersHeader))
	if resp.StatusCode != http.StatusOK || err != nil {
		return env.Depth{}, fmt.Errorf("%s/v1/status answers %s: no Upshot", s.url, resp.Status)
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, resp.Body, 4096)).Decode(&body); err != nil {
		return env.Depth{}, fmt.Errorf("%s/v1/status: %w", s.url, err)
	}
	return env.Depth{Queued: body.Queued, InFlight: body.InFlight, Dead: dead, Oldest: time.Duration(body.Oldest * float64(time.Second))}, nil
}

// mailCheck looks whether mail could leave; nil when no report has recipients.
func mailCheck(c *config.Config) func(context.Context) (string, error) {
	if !mailed(c) {
		return nil
	}
	return func(ctx context.Context) (string, error) {
		m, err := mailer(c)
		if err != nil {
			return "", err
		}
		switch m := m.(type) {
		case *localenv.SMTP:
			return "the server takes mail", m.Check(ctx)
		case *localenv.MailFolder:
			return "mail goes into " + c.Path(c.Mail.Directory), m.Close()
		default:
			return "", fault.Permanentf("mail of an unknown kind: %T", m)
		}
	}
}

// mailed reports whether any report has recipients.
func mailed(c *config.Config) bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(c.Reports)), func(r config.Report) bool { return len(r.To) > 0 })
}

// dueOnAWS says when each report should have been made last, by its schedule
// alone: nothing there remembers when the deployment began.
func (a *app) dueOnAWS(c *config.Config) ([]doctor.Schedule, error) {
	out := []doctor.Schedule{
		{Job: "compact", Due: a.now.Now().Add(-3 * time.Hour), Late: 0},
		{Job: "alert", Every: 49 * time.Hour}, // daily: one run may fail
	}
	for _, name := range slices.Sorted(maps.Keys(c.Reports)) {
		plan, err := cron.ParseStandard(c.Reports[name].Schedule)
		if err != nil {
			return nil, err
		}
		out = append(out, doctor.Schedule{Job: "report-" + name, Due: localSlot(lastSlot(plan, wall(a.now.Now(), c.Location)), c), Late: time.Hour})
	}
	return out, nil
}

// localSlot is the moment of a slot, which is wall-clock time as if it were UTC.
func localSlot(slot time.Time, c *config.Config) time.Time {
	if slot.IsZero() {
		return slot
	}
	return time.Date(slot.Year(), slot.Month(), slot.Day(), slot.Hour(), slot.Minute(), 0, 0, c.Location)
}

// due says when each schedule should have run last. A server that never ran
// owes nothing.
func (a *app) due(ctx context.Context, c *config.Config, s env.Store) ([]doctor.Schedule, error) {
	var out []doctor.Schedule
	now := a.now.Now()
	for _, name := range slices.Sorted(maps.Keys(c.Reports)) {
		first, err := readSlot(ctx, s, "reports/"+name+"/slot")
		if err != nil {
			return nil, err
		}
		plan, err := cron.ParseStandard(c.Reports[name].Schedule)
		if err != nil {
			return nil, err
		}
		job := doctor.Schedule{Job: "report-" + name, Late: time.Hour}
		if last := lastSlot(plan, wall(now, c.Location)); !first.IsZero() && !last.IsZero() && !last.Before(first) {
			job.Due = localSlot(last, c)
		}
		out = append(out, job)
	}
	return out, nil
}

// lastSlot is the latest slot at or before now, within a year; zero when there
// is none. Like every slot it is wall-clock time, as if it were UTC.
func lastSlot(plan cron.Schedule, now time.Time) time.Time {
	var last time.Time
	for _, back := range []time.Duration{time.Hour, 24 * time.Hour, 8 * 24 * time.Hour, 32 * 24 * time.Hour, 366 * 24 * time.Hour} {
		for t := plan.Next(now.Add(-back)); !t.IsZero() && !t.After(now); t = plan.Next(t) {
			last = t
		}
		if !last.IsZero() {
			break
		}
	}
	return last
}

// queueFile is where the queue of a lake lies.
func queueFile(c *config.Config) string { return filepath.Join(c.Lake, "queue", "deliveries.db") }

type redriveCmd struct {
	List bool `help:"Only list them, with the reason of each, as JSON lines."`
}

// Help is shown by --help.
func (redriveCmd) Help() string {
	return `Deliveries that failed for good were set aside, so that they block nobody. After their cause
is mended this puts all of them back into the queue; upshot serve processes them at its next
start. It needs the queue for itself: stop upshot serve first.

  upshot redrive --list
  upshot redrive --config upshot.yaml`
}

// listed is how many dead letters are listed at most.
const listed = 10_000

// Run puts the dead letters back.
func (cmd *redriveCmd) Run(ctx context.Context, a *app) (err error) {
	c, err := a.config()
	if err != nil {
		return err
	}
	if _, err := os.Stat(queueFile(c)); err != nil {
		return fault.Invalidf("there is no queue at %s: nothing was set aside", queueFile(c))
	}
	q, err := openQueue(c, a.now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	if cmd.List {
		letters, err := q.Dead(ctx, listed)
		if err != nil {
			return err
		}
		e := json.NewEncoder(a.out)
		e.SetEscapeHTML(false)
		for _, l := range letters {
			if err := e.Encode(l); err != nil {
				return err
			}
		}
		return nil
	}
	n, err := q.Redrive(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "redriven %d\n", n)
	return err
}
