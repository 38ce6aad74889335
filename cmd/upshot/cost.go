package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"upshot.dev/upshot/internal/cost"
	"upshot.dev/upshot/pipeline/fault"
)

// costFlags are those of upshot doctor --cost.
type costFlags struct {
	Cost     bool    `help:"Print what a deployment on AWS costs by the list, and stop."`
	Webhooks float64 `placeholder:"N" help:"Webhooks a month; without it, several volumes are shown side by side."`
	Records  float64 `placeholder:"N" default:"1" help:"Records in each webhook: 1 for a ticket, 20 or more for an SDK's batch."`
	Bytes    float64 `placeholder:"N" help:"Bytes of each webhook; 200 and 800 for each record otherwise."`
	Front    string  `enum:"http-api,function-url" default:"function-url" help:"How webhooks enter: http-api or function-url."`
	Window   float64 `placeholder:"S" default:"20" help:"Seconds that a batch is waited for."`
	Days     float64 `placeholder:"N" default:"365" help:"Days of data in the lake."`
	Prices   string  `placeholder:"FILE" help:"A table of prices of your own; the one built in otherwise."`
}

// volumes are shown side by side when none is given.
var volumes = []float64{1e5, 1e6, 1e7, 1e8, 1e9}

// bill is what --cost prints as JSON.
type bill struct {
	Date        string       `json:"date"`
	Region      string       `json:"region"`
	Assumptions []string     `json:"assumptions"`
	Estimates   []volumeBill `json:"estimates"`
}

type volumeBill struct {
	Webhooks float64    `json:"webhooks"`
	Records  float64    `json:"records"`
	Front    cost.Front `json:"front"`
	cost.Estimate
}

func (f costFlags) printCost(a *app, format string) error {
	p, err := f.prices()
	if err != nil {
		return err
	}
	b := bill{Date: p.Date, Region: p.Region, Assumptions: cost.Assumptions()}
	ask := volumes
	if f.Webhooks != 0 {
		ask = []float64{f.Webhooks}
	}
	v := cost.Volume{Records: f.Records, Bytes: f.Bytes, Front: cost.Front(f.Front), Days: f.Days, Window: f.Window}
	if v.Bytes == 0 {
		v.Bytes = 200 + 800*v.Records
	}
	for _, n := range ask {
		v.Deliveries = n
		e, err := cost.Of(p, v)
		if err != nil {
			return err
		}
		b.Estimates = append(b.Estimates, volumeBill{n, v.Records, v.Front, e})
	}
	if format == "json" {
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		return e.Encode(b)
	}
	if len(b.Estimates) == 1 {
		b.one(a)
	} else {
		b.many(a)
	}
	_, _ = fmt.Fprintf(a.out, "\nList prices of %s in %s, without free tiers. Assumed: %s.\n", b.Date, b.Region, strings.Join(b.Assumptions, "; "))
	return nil
}

func (f costFlags) prices() (cost.Prices, error) {
	if f.Prices == "" {
		return cost.Listed()
	}
	b, err := os.ReadFile(f.Prices)
	if err != nil {
		return cost.Prices{}, fault.New(fault.Invalid, err)
	}
	return cost.ParsePrices(b)
}

// many shows several volumes, a line each.
func (b bill) many(a *app) {
	t := costTable(a, table.Row{"webhooks a month", "USD per million", "per million records", "standing USD a month", "all USD a month", "largest item"})
	for _, e := range b.Estimates {
		t.AppendRow(table.Row{
			thousands(e.Webhooks), money(e.PerMillion), money(e.PerMillionRecords), money(e.Fixed), money(e.Month), e.Largest,
		})
	}
	t.Render()
}

// one shows every item of one volume.
func (b bill) one(a *app) {
	e := b.Estimates[0]
	t := costTable(a, table.Row{"item", "units a month", "price of one", "USD a month", "share"})
	for _, l := range e.Lines {
		t.AppendRow(table.Row{l.Item, fmt.Sprintf("%.4g", l.Units), priceOf(l), money(l.USD), fmt.Sprintf("%.1f%%", 100*l.USD/e.Month)})
	}
	t.AppendFooter(table.Row{"all", "", "", money(e.Month), ""})
	t.Render()
	_, _ = fmt.Fprintf(a.out, "\n%s USD for each further million webhooks (%s for each million records in them), %s USD standing.\nThe largest item is %s.\n",
		money(e.PerMillion), money(e.PerMillionRecords), money(e.Fixed), e.Largest)
}

func costTable(a *app, header table.Row) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(a.out)
	t.SetStyle(table.StyleLight)
	t.Style().Options.DrawBorder = false
	t.AppendHeader(header)
	return t
}

// priceOf writes what one unit costs, for small prices what a million does.
func priceOf(l cost.Line) string {
	if l.Units == 0 {
		return ""
	}
	if p := l.USD / l.Units; p >= 0.001 {
		return fmt.Sprintf("%.4g", p)
	}
	return fmt.Sprintf("%.4g per million", l.USD/l.Units*1e6)
}

func money(v float64) string { return fmt.Sprintf("%.2f", v) }

// thousands writes a whole number with commas.
func thousands(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
