package awsenv_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/env/memenv"
	"upshot.dev/upshot/pipeline/fault"
)

func metrics(t *testing.T) (*awsenv.Metrics, *bytes.Buffer) {
	t.Helper()
	out := &bytes.Buffer{}
	return awsenv.NewMetrics(out, "Upshot", "prod", memenv.NewClock(time.Date(2026, 11, 1, 12, 0, 0, 5e6, time.UTC))), out
}

func TestMetricsBytes(t *testing.T) {
	m, out := metrics(t)
	if err := m.Emit([]awsenv.Metric{
		awsenv.Count("Deliveries", 1), awsenv.Milliseconds("IngestLatency", 1500*time.Microsecond),
	}, awsenv.By("Status", "202"), awsenv.By("Source", "zendesk")); err != nil {
		t.Fatal(err)
	}
	if err := m.Emit([]awsenv.Metric{
		awsenv.Seconds("StoreLag", 90*time.Second, 100*time.Millisecond), awsenv.Bytes("AthenaBytesScanned", 1<<40), awsenv.Amount("AthenaCost", 0.005),
	}); err != nil {
		t.Fatal(err)
	}
	want := `{"_aws":{"Timestamp":1793534400005,"CloudWatchMetrics":[{"Namespace":"Upshot","Dimensions":[["Stage"],["Stage","Status"],["Stage","Status","Source"]],"Metrics":[{"Name":"Deliveries","Unit":"Count"},{"Name":"IngestLatency","Unit":"Milliseconds"}]}]},"Stage":"prod","Status":"202","Source":"zendesk","Deliveries":1,"IngestLatency":1.5}
{"_aws":{"Timestamp":1793534400005,"CloudWatchMetrics":[{"Namespace":"Upshot","Dimensions":[["Stage"]],"Metrics":[{"Name":"StoreLag","Unit":"Seconds"},{"Name":"AthenaBytesScanned","Unit":"Bytes"},{"Name":"AthenaCost","Unit":"None"}]}]},"Stage":"prod","StoreLag":[90,0.1],"AthenaBytesScanned":1099511627776,"AthenaCost":0.005}
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
	checkFormat(t, out.String(), 2)
}

// checkFormat checks lines against CloudWatch's schema, and what a schema
// cannot say: every name refers to a member of the right type.
func checkFormat(t *testing.T, lines string, n int) {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("testdata/embedded-metric-format.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(lines, "\n"); got != n {
		t.Errorf("%d lines, want %d", got, n)
	}
	for line := range strings.Lines(lines) {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatalf("%v in %.200s", err, line)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%v in %.200s", err, line)
		}
		checkMembers(t, []byte(line))
		if len(line) > 256<<10 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}

func checkMembers(t *testing.T, line []byte) {
	t.Helper()
	var head struct {
		AWS struct {
			CloudWatchMetrics []struct {
				Dimensions [][]string
				Metrics    []struct{ Name string }
			}
		} `json:"_aws"`
	}
	var members map[string]any
	if err := errors.Join(json.Unmarshal(line, &head), json.Unmarshal(line, &members)); err != nil {
		t.Fatal(err)
	}
	for _, d := range head.AWS.CloudWatchMetrics {
		for _, set := range d.Dimensions {
			for _, name := range set {
				if v, ok := members[name].(string); !ok || v == "" || len(v) > 1024 {
					t.Errorf("dimension %s is %v", name, members[name])
				}
			}
		}
		for _, m := range d.Metrics {
			values, many := members[m.Name].([]any)
			if _, one := members[m.Name].(float64); !one && (!many || len(values) == 0 || len(values) > 100) {
				t.Errorf("metric %s is %v", m.Name, members[m.Name])
			}
		}
	}
}

// TestMetricsManyValues: nothing of a large batch is lost.
func TestMetricsManyValues(t *testing.T) {
	m, out := metrics(t)
	lags := make([]time.Duration, 250)
	for i := range lags {
		lags[i] = time.Duration(i) * time.Second
	}
	if err := m.Emit([]awsenv.Metric{awsenv.Seconds("StoreLag", lags...), awsenv.Count("RecordsStored", 250), awsenv.Seconds("Nothing")}); err != nil {
		t.Fatal(err)
	}
	checkFormat(t, out.String(), 3)
	if n := strings.Count(out.String(), `"RecordsStored":250`); n != 1 {
		t.Errorf("the count was written %d times", n)
	}
	if !strings.Contains(out.String(), "248,249]") || strings.Contains(out.String(), "Nothing") {
		t.Errorf("the last values are missing, or a metric without values is named: %s", out)
	}
	out.Reset()
	if err := m.Emit(nil); err != nil || out.Len() != 0 {
		t.Errorf("no metrics wrote %q, %v", out, err)
	}
}

// TestMetricsCardinality: a value that comes from outside cannot make
// thousands of metrics, each of which is paid for.
func TestMetricsCardinality(t *testing.T) {
	m, out := metrics(t)
	for i := range 1000 {
		if err := m.Emit([]awsenv.Metric{awsenv.Count("Deliveries", 1)}, awsenv.By("Source", fmt.Sprint("s", i%500))); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(out.String(), `"Source":"other"`); n != 800 {
		t.Errorf("%d of 1000 are called other, want 800", n)
	}
	out.Reset()
	for value, want := range map[string]string{
		"": "none", " \t": "?", "new\nline": "new?line", "ü": "?", strings.Repeat("x", 300): strings.Repeat("x", 255), `q"\`: `q\"\\`,
	} {
		m, out := metrics(t)
		if err := m.Emit([]awsenv.Metric{awsenv.Count("Deliveries", 1)}, awsenv.By("Source", value)); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), `"Source":"`+want+`"`) {
			t.Errorf("%q became %s", value, out)
		}
		checkFormat(t, out.String(), 1)
	}
}

func TestMetricsRefused(t *testing.T) {
	many := func(n int) (out []awsenv.Metric) {
		for i := range n {
			out = append(out, awsenv.Count(fmt.Sprint("M", i), 1))
		}
		return out
	}
	var dims []awsenv.Dimension
	for i := range 30 {
		dims = append(dims, awsenv.By(fmt.Sprint("D", i), "x"))
	}
	for name, c := range map[string]struct {
		metrics []awsenv.Metric
		by      []awsenv.Dimension
	}{
		"too many metrics":    {many(101), nil},
		"too many dimensions": {many(1), dims},
		"a name":              {[]awsenv.Metric{awsenv.Count("store-lag", 1)}, nil},
		"no name":             {[]awsenv.Metric{awsenv.Count("", 1)}, nil},
		"a reserved name":     {[]awsenv.Metric{awsenv.Count("_aws", 1)}, nil},
		"twice":               {[]awsenv.Metric{awsenv.Count("A", 1), awsenv.Count("A", 2)}, nil},
		"also a dimension":    {[]awsenv.Metric{awsenv.Count("Source", 1)}, []awsenv.Dimension{awsenv.By("Source", "x")}},
		"the stage again":     {many(1), []awsenv.Dimension{awsenv.By("Stage", "x")}},
		"a unit":              {[]awsenv.Metric{{Name: "A", Unit: "Dollars", Values: []float64{1}}}, nil},
		"not a number":        {[]awsenv.Metric{awsenv.Amount("A", math.NaN())}, nil},
		"infinite":            {[]awsenv.Metric{awsenv.Amount("A", math.Inf(1))}, nil},
	} {
		m, out := metrics(t)
		if err := m.Emit(c.metrics, c.by...); !fault.Is(err, fault.Invalid) || out.Len() != 0 {
			t.Errorf("%s: %v, wrote %.100s", name, err, out)
		}
	}
	m, out := metrics(t)
	if err := m.Emit(many(100), dims[:29]...); err != nil {
		t.Errorf("as much as is possible: %v", err)
	}
	checkFormat(t, out.String(), 1)
	full := errors.New("full")
	broken := awsenv.NewMetrics(failing{full}, "Upshot", "prod", env.ClockFunc(time.Now))
	if err := broken.Emit(many(1)); !errors.Is(err, full) {
		t.Errorf("a writer that fails: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// TestMetricsLinesAreWhole: one write for each emission, from many goroutines.
func TestMetricsLinesAreWhole(t *testing.T) {
	m, out := metrics(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 20 {
				if err := m.Emit([]awsenv.Metric{awsenv.Count("A", 1)}, awsenv.By("B", "x")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	checkFormat(t, out.String(), 400)
}
