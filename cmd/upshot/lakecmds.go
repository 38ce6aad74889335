package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/ledger"
)

type compactCmd struct {
	Grace time.Duration `default:"1h" help:"How long merged small files stay, for readers that have them open."`
}

// Help is shown by --help.
func (compactCmd) Help() string {
	return `Safe at any time, also twice at once and when it is cut off: a reader never sees a row
twice or not at all.

  upshot compact --lake ./lake`
}

// Run compacts every table.
func (cmd *compactCmd) Run(ctx context.Context, a *app) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	s, err := store(c)
	if err != nil {
		return err
	}
	rep, err := lake.Compact(ctx, s, lake.CompactOptions{Clock: a.now, Grace: cmd.Grace, Temp: s.Temp()})
	if err != nil {
		return err
	}
	return rep.Write(a.out)
}

type ledgerCmd struct {
	Format string `enum:"table,json" default:"table" help:"table or json."`
}

// Help is shown by --help.
func (ledgerCmd) Help() string {
	return `For every source, table and hour of reception: received = stored + duplicate + rejected +
ignored, in input records. The table sums the hours; JSON has each.

  upshot ledger --format json | jq '.rows[0]'`
}

// Run prints the account.
func (cmd *ledgerCmd) Run(ctx context.Context, a *app) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	q, err := a.querier(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = q.Close() }()
	book, err := ledger.Read(ctx, q)
	if err != nil {
		return err
	}
	if cmd.Format == "json" {
		e := json.NewEncoder(a.out)
		e.SetEscapeHTML(false)
		return e.Encode(book)
	}
	gaps, err := ledger.Gaps(ctx, q)
	if err != nil {
		return err
	}
	writeLedger(a.out, book)
	for _, g := range gaps {
		_, _ = fmt.Fprintf(a.err, "gap: %s/%s has %d rows in the lake and %d in the ledger\n", g.Source, g.Table, g.Lake, g.Ledger)
	}
	if len(gaps) > 0 {
		return fmt.Errorf("the lake and the ledger disagree in %d places", len(gaps))
	}
	return nil
}

func writeLedger(w io.Writer, book ledger.Book) {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Options.DrawBorder = false
	t.AppendHeader(table.Row{"source", "table", "received", "stored", "duplicate", "rejected", "ignored"})
	var sums []ledger.Row
	for _, r := range book.Rows {
		if n := len(sums); n > 0 && sums[n-1].Source == r.Source && sums[n-1].Table == r.Table {
			sums[n-1] = sums[n-1].Add(r)
			continue
		}
		sums = append(sums, r)
	}
	for _, r := range sums {
		t.AppendRow(table.Row{r.Source, r.Table, r.Received, r.Stored, r.Duplicate, r.Rejected, r.Ignored})
	}
	total := book.Total()
	t.AppendFooter(table.Row{"all", "", total.Received, total.Stored, total.Duplicate, total.Rejected, total.Ignored})
	t.Render()
}
