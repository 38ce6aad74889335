package doctor_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"upshot.dev/upshot/internal/doctor"
	"upshot.dev/upshot/internal/jobs"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/memenv"
)

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

const long = "a-secret-of-good-length"

var errDenied = errors.New("access denied")

// gauge is a queue of a fixed depth.
type gauge struct {
	depth env.Depth
	err   error
}

func (g gauge) Depth(context.Context) (env.Depth, error) { return g.depth, g.err }

// gaps answers every query with these lines of (source, table, ledger, lake).
type gaps struct {
	rows [][2]int64
	err  error
}

func (g gaps) Query(context.Context, string) (array.RecordReader, error) {
	if g.err != nil {
		return nil, g.err
	}
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "source", Type: arrow.BinaryTypes.String},
		{Name: "table_name", Type: arrow.BinaryTypes.String},
		{Name: "booked", Type: arrow.PrimitiveTypes.Int64},
		{Name: "present", Type: arrow.PrimitiveTypes.Int64},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for _, r := range g.rows {
		b.Field(0).(*array.StringBuilder).Append("app")
		b.Field(1).(*array.StringBuilder).Append("events")
		b.Field(2).(*array.Int64Builder).Append(r[0])
		b.Field(3).(*array.Int64Builder).Append(r[1])
	}
	return array.NewRecordReader(schema, []arrow.RecordBatch{b.NewRecordBatch()})
}

// readOnly is a store that nothing can be written to.
type readOnly struct{ env.Store }

func (readOnly) Create(context.Context, string, io.Reader) error { return errDenied }

// forgetful is a store that gives back something else.
type forgetful struct{ env.Store }

func (f forgetful) Create(ctx context.Context, key string, _ io.Reader) error {
	return f.Store.Create(ctx, key, strings.NewReader("something else"))
}

// well is a deployment without a fault.
func well(t *testing.T) doctor.Deps {
	t.Helper()
	clock := memenv.NewClock(now)
	store := memenv.NewStore(clock)
	if err := jobs.Run(t.Context(), store, clock, "report-weekly", func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return doctor.Deps{
		Clock: clock, Random: bytes.NewReader(make([]byte, 64)), Sources: []string{"zendesk", "app"},
		Secrets:   memenv.Secrets{"zendesk": {long}, "app": {long, long + "2"}},
		Identity:  func(context.Context) (string, error) { return long, nil },
		Store:     store,
		Queue:     gauge{depth: env.Depth{Queued: 3, Oldest: time.Minute}},
		Querier:   gaps{},
		Schedules: []doctor.Schedule{{Job: "report-weekly", Due: now.Add(-time.Hour), Late: time.Hour}, {Job: "compact"}},
		Mail:      func(context.Context) (string, error) { return "upshot@example.com may send", nil },
	}
}

func TestAWellDeploymentHasNoFinding(t *testing.T) {
	d := well(t)
	found := doctor.Look(t.Context(), d)
	var names []string
	for _, f := range found {
		names = append(names, f.Check)
		if f.Status != doctor.OK || f.Do != "" {
			t.Errorf("%+v", f)
		}
	}
	want := []string{"source app", "source zendesk", "identity key", "queue", "dead letters", "lake", "ledger", "schedule report-weekly", "schedule compact", "mail"}
	if !slices.Equal(names, want) || !doctor.Well(found) {
		t.Errorf("the checks are %q", names)
	}
	// It leaves nothing behind.
	for info := range d.Store.List(t.Context(), "doctor/") {
		t.Errorf("%s is left", info.Key)
	}
}

func TestEveryFaultIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		harm   func(*doctor.Deps)
		check  string
		status doctor.Status
		detail string
	}{
		"no secret":        {func(d *doctor.Deps) { d.Secrets = memenv.Secrets{"app": {long}} }, "source zendesk", doctor.Fail, "no secret"},
		"a short secret":   {func(d *doctor.Deps) { d.Secrets = memenv.Secrets{"app": {long, "short"}, "zendesk": {long}} }, "source app", doctor.Warn, "fewer than 16"},
		"no identity key":  {func(d *doctor.Deps) { d.Identity = func(context.Context) (string, error) { return "", nil } }, "identity key", doctor.Fail, "none"},
		"identity denied":  {func(d *doctor.Deps) { d.Identity = func(context.Context) (string, error) { return "", errDenied } }, "identity key", doctor.Fail, "denied"},
		"a short key":      {func(d *doctor.Deps) { d.Identity = func(context.Context) (string, error) { return "tiny", nil } }, "identity key", doctor.Warn, "4 characters"},
		"no queue":         {func(d *doctor.Deps) { d.Queue = gauge{err: errDenied} }, "queue", doctor.Fail, "denied"},
		"a slow queue":     {func(d *doctor.Deps) { d.Queue = gauge{depth: env.Depth{Queued: 1, Oldest: 6 * time.Minute}} }, "queue", doctor.Warn, "oldest for 6m"},
		"a stuck queue":    {func(d *doctor.Deps) { d.Queue = gauge{depth: env.Depth{Queued: 1, Oldest: 2 * time.Hour}} }, "queue", doctor.Fail, "2h"},
		"dead letters":     {func(d *doctor.Deps) { d.Queue = gauge{depth: env.Depth{Dead: 7}} }, "dead letters", doctor.Fail, "7 deliveries"},
		"a read-only lake": {func(d *doctor.Deps) { d.Store = readOnly{d.Store} }, "lake", doctor.Fail, "cannot be written"},
		"a lake that lies": {func(d *doctor.Deps) { d.Store = forgetful{d.Store} }, "lake", doctor.Fail, "changed"},
		"a gap":            {func(d *doctor.Deps) { d.Querier = gaps{rows: [][2]int64{{10, 9}}} }, "ledger", doctor.Fail, "app/events has 9 rows, booked are 10"},
		"no SQL":           {func(d *doctor.Deps) { d.Querier = gaps{err: errDenied} }, "ledger", doctor.Fail, "denied"},
		"a late report":    {func(d *doctor.Deps) { d.Schedules[0].Due = now.Add(time.Minute) }, "schedule report-weekly", doctor.OK, "may still be at work"},
		"a missed report": {func(d *doctor.Deps) {
			d.Clock = memenv.NewClock(now.Add(3 * time.Hour))
			d.Schedules[0].Due = now.Add(time.Hour)
		}, "schedule report-weekly", doctor.Fail, "succeeded last at 2026-11-23T09:00:00Z"},
		"a daily job": {func(d *doctor.Deps) { d.Schedules[0] = doctor.Schedule{Job: "report-weekly", Every: 49 * time.Hour} }, "schedule report-weekly", doctor.OK, "succeeded"},
		"a daily job that stopped": {func(d *doctor.Deps) {
			d.Clock = memenv.NewClock(now.Add(50 * time.Hour))
			d.Schedules[0] = doctor.Schedule{Job: "report-weekly", Every: 49 * time.Hour}
		}, "schedule report-weekly", doctor.Fail, "succeeded last at 2026-11-23T09:00:00Z"},
		"a daily job that is new": {func(d *doctor.Deps) { d.Schedules[1] = doctor.Schedule{Job: "alert", Every: 49 * time.Hour} }, "schedule alert", doctor.OK, "was not due yet"},
		"never compacted":         {func(d *doctor.Deps) { d.Schedules[1].Due = now.Add(-time.Hour) }, "schedule compact", doctor.Fail, "never succeeded"},
		"no mail":                 {func(d *doctor.Deps) { d.Mail = func(context.Context) (string, error) { return "", errDenied } }, "mail", doctor.Fail, "denied"},
		"no part":                 {func(d *doctor.Deps) { d.Mail, d.Why = nil, map[string]string{"mail": "no report is mailed"} }, "mail", doctor.Skipped, "no report is mailed"},
		"one more": {func(d *doctor.Deps) {
			d.More = append(d.More, func(context.Context) doctor.Finding {
				return doctor.Finding{Check: "alias", Status: doctor.Fail, Detail: "two versions"}
			})
		}, "alias", doctor.Fail, "two versions"},
	} {
		t.Run(name, func(t *testing.T) {
			d := well(t)
			c.harm(&d)
			found := doctor.Look(t.Context(), d)
			i := slices.IndexFunc(found, func(f doctor.Finding) bool { return f.Check == c.check })
			if i < 0 {
				t.Fatalf("no check %q", c.check)
			}
			f := found[i]
			if f.Status != c.status || !strings.Contains(f.Detail, c.detail) {
				t.Errorf("%+v", f)
			}
			if doctor.Well(found) == (c.status == doctor.Fail) {
				t.Errorf("well is %v", doctor.Well(found))
			}
			for _, f := range found {
				if strings.Contains(f.Detail+f.Do, long) {
					t.Errorf("a secret is shown: %+v", f)
				}
			}
			if c.status == doctor.Fail && !slices.Contains(doctor.Names(found, doctor.Fail), c.check) {
				t.Errorf("%q is not among the failed", c.check)
			}
		})
	}
}
