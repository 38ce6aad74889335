// Package cost says what a deployment on AWS costs by the list: what each
// million webhooks adds, and what stands whether anything arrives or not. Every
// number is a price of the table times a count that follows from how the stages
// work; the assumptions that are not in the code are printed beside the result.
package cost

import (
	"bytes"
	_ "embed"
	"fmt"
	"math"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"upshot.dev/upshot/pipeline/fault"
)

//go:embed prices.yaml
var listed []byte

// Prices is a table of unit prices in USD.
type Prices struct {
	Date   string             `yaml:"date"` // when the list was read
	Region string             `yaml:"region"`
	USD    map[string]float64 `yaml:"prices"`
}

// needed are the units that an estimate asks for.
var needed = []string{
	"lambda_request", "lambda_gb_second_arm", "http_api_request", "sqs_request", "s3_put", "s3_get", "s3_gb_month",
	"athena_tb", "logs_gb", "metric_month", "alarm_month", "dashboard_month", "schedule_invocation", "mail", "notice",
}

// Listed is the table in the repository.
func Listed() (Prices, error) { return ParsePrices(listed) }

// ParsePrices reads a table; a missing, negative or unreadable price is a fault
// of kind Invalid that names it.
func ParsePrices(b []byte) (Prices, error) {
	var p Prices
	if err := yaml.Load(bytes.TrimSpace(b), &p, yaml.WithKnownFields()); err != nil {
		return p, fault.Invalidf("the table of prices: %w", err)
	}
	if p.Date == "" || p.Region == "" {
		return p, fault.Invalidf("the table of prices needs date and region: prices without them mean nothing")
	}
	for _, name := range needed {
		v, ok := p.USD[name]
		if !ok {
			return p, fault.Invalidf("the table of prices lacks %s", name)
		}
		if v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
			return p, fault.Invalidf("the price of %s is %v: not a price", name, v)
		}
	}
	return p, nil
}

// Front is how webhooks enter.
type Front string

// The two ways in.
const (
	HTTPAPI     Front = "http-api"     // own domain, throttling, access log
	FunctionURL Front = "function-url" // no charge of its own
)

// Volume is what is asked about.
type Volume struct {
	Deliveries float64 // webhooks a month
	Records    float64 // in each: 1 for a ticket, 20 or more for a batch of an SDK
	Bytes      float64 // of each body
	Front      Front
	// Days is how many days of data the lake holds; reports list them.
	Days float64
	// Window is how long the queue waits for a batch to fill, in seconds: the
	// longer, the fewer writes, and the older what a query sees.
	Window float64
}

// Line is one item of the bill.
type Line struct {
	Item  string  `json:"item"`
	Units float64 `json:"units"` // a month
	Unit  string  `json:"unit"`  // the name of the price
	USD   float64 `json:"usd"`   // a month
	Fixed bool    `json:"fixed"` // stands without any webhook this month
}

// Estimate is a month's bill.
type Estimate struct {
	Lines []Line `json:"lines"` // the dearest first
	// PerMillion is what a million webhooks add, in USD.
	PerMillion float64 `json:"per_million_usd"`
	// PerMillionRecords is the same for each million of records in them.
	PerMillionRecords float64 `json:"per_million_records_usd"`
	Fixed             float64 `json:"fixed_usd"` // a month, at no traffic
	Month             float64 `json:"month_usd"`
	Largest           string  `json:"largest"` // the item that costs most at this volume
}

// What the stages need, from how they are built and from docs/benchmarks.md.
const (
	ingestMemory  = 0.25  // GB, as in template.yaml
	ingestSeconds = 0.010 // billed for each delivery; nearly all of it waits for the queue
	processMemory = 1.0   // GB
	// processSeconds are billed for each record and for each batch: the enrichment
	// of a ticket on a part of a core, and the writes of a batch to S3.
	processSecondsRecord = 0.0002
	processSecondsBatch  = 0.5
	batch                = 2000   // deliveries in one invocation when traffic is heavy, as in template.yaml
	batchPuts            = 5      // archive, rows of a day, links, receipts, and every other batch a second day
	compactions          = 24     // a day
	compactPuts          = 9      // for each compaction: lock, one base file for each table, removals are free
	sqsChunk             = 65_536 // bytes that count as one request
	pollers              = 5      // of the event source; each waits 20 s for messages
	flush                = 60     // seconds between two lines of metrics of one instance
	lineBytes            = 700    // of one line of metrics
	batchBytes           = 350    // of the line that says what came of a batch
	accessLogBytes       = 350    // of one line of the HTTP API's access log
	rowBytes             = 90     // of one record in the tables
	archiveShare         = 0.2    // of the body, after zstd
	archiveMonths        = 3      // that the archive is kept
	metrics, alarms      = 43, 16
	reportQueries        = 40   // one report: metrics by period and dimension, evidence, roadmap
	alertQueries         = 2    // a day
	queryTB              = 1e-5 // the least that Athena bills, 10 MB
	unboundedLists       = 6    // tables that a query reads over all days, times two tiers below
	month                = 30.4 * 24 * 3600
)

// Assumptions are those that are not prices, in words.
func Assumptions() []string {
	return []string{
		fmt.Sprintf("ingest: %g GB, %g ms billed; process: %g GB, %g ms a batch and %g ms a record", ingestMemory, ingestSeconds*1e3, processMemory, processSecondsBatch*1e3, processSecondsRecord*1e3),
		fmt.Sprintf("batches of up to %d deliveries, %d objects written for each", batch, batchPuts),
		fmt.Sprintf("%d B a row in the tables, archive %g of the body for %d months", rowBytes, archiveShare, archiveMonths),
		fmt.Sprintf("%d custom metrics, %d alarms, one dashboard; a weekly report of %d queries, %d queries for alerts a day", metrics, alarms, reportQueries, alertQueries),
	}
}

// Of gives the bill for a volume. A volume that cannot be is a fault of kind
// Invalid.
func Of(p Prices, v Volume) (Estimate, error) {
	switch {
	case !(v.Deliveries > 0) || math.IsInf(v.Deliveries, 0):
		return Estimate{}, fault.Invalidf("%v webhooks a month: give a number above 0", v.Deliveries)
	case !(v.Records >= 1) || math.IsInf(v.Records, 0):
		return Estimate{}, fault.Invalidf("%v records in each webhook: give 1 or more", v.Records)
	case !(v.Bytes > 0) || v.Bytes > 16<<20:
		return Estimate{}, fault.Invalidf("%v bytes in each webhook: give more than 0 and at most 16 MiB", v.Bytes)
	case !(v.Window >= 1 && v.Window <= 300):
		return Estimate{}, fault.Invalidf("a window of %v s: the queue can wait 1 to 300 s for a batch", v.Window)
	case v.Front != HTTPAPI && v.Front != FunctionURL:
		return Estimate{}, fault.Invalidf("front %q is unknown; use %s or %s", v.Front, HTTPAPI, FunctionURL)
	}
	e := Estimate{Lines: slices.Concat(perDelivery(p, v), fixed(p, v))}
	slices.SortStableFunc(e.Lines, func(a, b Line) int {
		switch {
		case a.USD > b.USD:
			return -1
		case a.USD < b.USD:
			return 1
		}
		return strings.Compare(a.Item, b.Item)
	})
	variable := 0.0
	for _, l := range e.Lines {
		e.Month += l.USD
		if l.Fixed {
			e.Fixed += l.USD
		} else {
			variable += l.USD
		}
	}
	e.PerMillion = variable / v.Deliveries * 1e6
	e.PerMillionRecords = e.PerMillion / v.Records
	e.Largest = e.Lines[0].Item
	return e, nil
}

// perDelivery are the items that grow with the number of webhooks.
func perDelivery(p Prices, v Volume) []Line {
	n := v.Deliveries
	// A batch closes when it is full or its time is over, whichever comes first.
	batches := math.Min(n, math.Max(n/batch, month/v.Window))
	lines := math.Min(n, math.Max(n/100, month/flush))
	chunks := math.Ceil(v.Bytes * 4 / 3 / sqsChunk)
	logs := lines*lineBytes + batches*(lineBytes+batchBytes)
	out := []Line{
		line(p, "ingest: invocations", n, "lambda_request"),
		line(p, "ingest: time", n*ingestMemory*ingestSeconds, "lambda_gb_second_arm"),
		line(p, "queue: send", n*chunks, "sqs_request"),
		line(p, "queue: receive and delete", 2*math.Min(n, math.Max(n/10, batches)), "sqs_request"),
		line(p, "process: invocations", batches, "lambda_request"),
		line(p, "process: time", processMemory*(batches*processSecondsBatch+n*v.Records*processSecondsRecord), "lambda_gb_second_arm"),
		line(p, "lake: writes", batches*batchPuts, "s3_put"),
		line(p, "storage: this month's", n*(v.Records*rowBytes+v.Bytes*archiveShare)/1e9, "s3_gb_month"),
	}
	if v.Front == HTTPAPI {
		out = append(out, line(p, "HTTP API", n*math.Ceil(v.Bytes/(512<<10)), "http_api_request"))
		logs += n * accessLogBytes
	}
	return append(out, line(p, "logs and metrics", logs/1e9, "logs_gb"))
}

// fixed are the items that stand without traffic.
func fixed(p Prices, v Volume) []Line {
	const days = month / 86400
	earlier := math.Max(0, v.Days/days-1) // months of the same traffic that are kept
	queries := reportQueries*days/7 + alertQueries*days
	out := []Line{
		line(p, "custom metrics", metrics, "metric_month"),
		line(p, "alarms", alarms, "alarm_month"),
		line(p, "dashboard", 1, "dashboard_month"),
		line(p, "storage: earlier months'", v.Deliveries*(v.Records*rowBytes*earlier+v.Bytes*archiveShare*math.Min(earlier, archiveMonths-1))/1e9, "s3_gb_month"),
		line(p, "queue: waiting", pollers*month/20, "sqs_request"),
		line(p, "compaction: writes", compactions*compactPuts*days, "s3_put"),
		line(p, "reports: data scanned", queries*queryTB, "athena_tb"),
		line(p, "reports: listing", queries*unboundedLists*2*v.Days, "s3_put"),
		line(p, "schedules", (compactions+3)*days, "schedule_invocation"),
		line(p, "mails", 5*days/7, "mail"),
		line(p, "alerts", 5, "notice"),
	}
	for i := range out {
		out[i].Fixed = true
	}
	return out
}

func line(p Prices, item string, units float64, unit string) Line {
	return Line{Item: item, Units: units, Unit: unit, USD: units * p.USD[unit]}
}
