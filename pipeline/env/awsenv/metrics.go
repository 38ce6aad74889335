package awsenv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// The limits of the embedded metric format, and one of this package's own:
// every value of a dimension is paid for as a metric of its own.
const (
	maxMetrics    = 100
	maxValues     = 100
	maxDimensions = 30
	maxEvent      = 256 << 10 // bytes of one line in CloudWatch Logs
	maxDistinct   = 100       // values of one dimension; further ones become "other"
	maxDimension  = 255       // bytes of a value
)

// Metric is some measurements of one thing.
type Metric struct {
	Name   string // PascalCase
	Unit   string // one of CloudWatch's: Count, Milliseconds, Seconds, Bytes, None...
	Values []float64
}

// Count is a number of things.
func Count(name string, n int) Metric { return Metric{name, "Count", []float64{float64(n)}} }

// Milliseconds is a duration of less than minutes.
func Milliseconds(name string, d ...time.Duration) Metric {
	return durations(name, "Milliseconds", time.Millisecond, d)
}

// Seconds is a duration of any length.
func Seconds(name string, d ...time.Duration) Metric {
	return durations(name, "Seconds", time.Second, d)
}

// Bytes is an amount of data.
func Bytes(name string, n int64) Metric { return Metric{name, "Bytes", []float64{float64(n)}} }

// Amount is a number without a unit, like dollars.
func Amount(name string, x float64) Metric { return Metric{name, "None", []float64{x}} }

func durations(name, unit string, one time.Duration, ds []time.Duration) Metric {
	m := Metric{Name: name, Unit: unit}
	for _, d := range ds {
		m.Values = append(m.Values, float64(d)/float64(one))
	}
	return m
}

// Dimension splits a metric by a value out of a small number of values: a
// configured source, a status, never an id or anything that a sender chooses.
type Dimension struct{ Name, Value string }

// By is a dimension.
func By(name, value string) Dimension { return Dimension{name, value} }

// Metrics writes CloudWatch's embedded metric format: one JSON object a line,
// which CloudWatch takes from the log of a function. Many goroutines may use
// it; each emission is one Write.
type Metrics struct {
	namespace, stage string
	clock            env.Clock

	mu   sync.Mutex
	w    io.Writer
	seen map[string]map[string]bool // values of each dimension so far
}

// NewMetrics makes metrics that are written to w, which is os.Stdout in a
// function. All of them have the dimension Stage.
func NewMetrics(w io.Writer, namespace, stage string, clock env.Clock) *Metrics {
	return &Metrics{namespace: namespace, stage: stage, clock: clock, w: w, seen: map[string]map[string]bool{}}
}

// Emit writes the metrics, in more than one line when one has more than 100
// values. Each is to be found by Stage alone, by Stage and the first dimension,
// by Stage and the first two, and so on; alarms, which cannot add up, need the
// shorter ones. Wrong names and values that are no numbers are a fault of kind
// Invalid, and nothing is written then.
func (m *Metrics) Emit(metrics []Metric, by ...Dimension) error {
	by = append([]Dimension{{"Stage", m.stage}}, by...)
	if err := checkMetrics(metrics, by); err != nil {
		return fmt.Errorf("emit metrics: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range by {
		by[i].Value = m.bounded(by[i])
	}
	var lines bytes.Buffer
	for from := 0; ; from += maxValues {
		var some []Metric
		for _, x := range metrics {
			if from < len(x.Values) {
				some = append(some, Metric{x.Name, x.Unit, x.Values[from:min(len(x.Values), from+maxValues)]})
			}
		}
		if len(some) == 0 {
			break
		}
		line, err := m.line(some, by)
		if err != nil {
			return fmt.Errorf("emit metrics: %w", err)
		}
		lines.Write(line)
	}
	if lines.Len() == 0 {
		return nil
	}
	if _, err := m.w.Write(lines.Bytes()); err != nil {
		return fmt.Errorf("emit metrics: %w", err)
	}
	return nil
}

// definition and directive are the format's own objects.
type definition struct {
	Name string
	Unit string
}

type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []definition
}

// line is one object of the format, with its members in a fixed order.
func (m *Metrics) line(metrics []Metric, by []Dimension) ([]byte, error) {
	d := directive{Namespace: m.namespace}
	var names []string
	for _, b := range by {
		names = append(names, b.Name)
		d.Dimensions = append(d.Dimensions, slices.Clone(names))
	}
	for _, x := range metrics {
		d.Metrics = append(d.Metrics, definition{x.Name, x.Unit})
	}
	var out bytes.Buffer
	member := func(before, name string, value any) {
		b, _ := json.Marshal(value) // texts and numbers, which were checked
		_, _ = fmt.Fprintf(&out, "%s%q:%s", before, name, b)
	}
	member("{", "_aws", struct {
		Timestamp         int64
		CloudWatchMetrics []directive
	}{m.clock.Now().UnixMilli(), []directive{d}})
	for _, b := range by {
		member(",", b.Name, b.Value)
	}
	for _, x := range metrics {
		if len(x.Values) == 1 {
			member(",", x.Name, x.Values[0])
			continue
		}
		member(",", x.Name, x.Values)
	}
	out.WriteString("}\n")
	if out.Len() > maxEvent {
		return nil, fault.Invalidf("a line has %d bytes, CloudWatch takes %d", out.Len(), maxEvent)
	}
	return out.Bytes(), nil
}

// bounded is a value that CloudWatch takes, or "other" when the dimension has
// too many already.
func (m *Metrics) bounded(d Dimension) string {
	value := strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, d.Value))
	if value == "" {
		value = "none"
	}
	value = value[:min(len(value), maxDimension)]
	seen := m.seen[d.Name]
	if seen == nil {
		seen = map[string]bool{}
		m.seen[d.Name] = seen
	}
	if !seen[value] && len(seen) >= maxDistinct {
		return "other"
	}
	seen[value] = true
	return value
}

// checkMetrics finds what CloudWatch would silently leave out.
func checkMetrics(metrics []Metric, by []Dimension) error {
	if len(metrics) > maxMetrics || len(by) > maxDimensions {
		return fault.Invalidf("%d metrics by %d dimensions; %d by %d are possible", len(metrics), len(by), maxMetrics, maxDimensions)
	}
	used := map[string]bool{}
	name := func(s string) error {
		if !pascal(s) || used[s] {
			return fault.Invalidf("the name %q is not PascalCase, too long, or used twice", s)
		}
		used[s] = true
		return nil
	}
	for _, b := range by {
		if err := name(b.Name); err != nil {
			return err
		}
	}
	for _, x := range metrics {
		if err := name(x.Name); err != nil {
			return err
		}
		if !slices.Contains(units, x.Unit) {
			return fault.Invalidf("%s: %q is no unit of CloudWatch", x.Name, x.Unit)
		}
		for _, v := range x.Values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fault.Invalidf("%s: %v is no number", x.Name, v)
			}
		}
	}
	return nil
}

// units are those that somebody has needed so far; CloudWatch has more.
var units = []string{"Count", "Milliseconds", "Seconds", "Bytes", "Percent", "None"}

func pascal(s string) bool {
	return s != "" && len(s) <= 250 && s[0] >= 'A' && s[0] <= 'Z' &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}
