// Package rows wires the stage that makes rows of deliveries, the same on one
// machine and on AWS. It is apart from wire so that ingest does not hold the
// artefacts of enrichment.
package rows

import (
	"upshot.dev/upshot/internal/wire"
	"upshot.dev/upshot/pipeline/config"
	"upshot.dev/upshot/pipeline/enrich"
	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/process"
	"upshot.dev/upshot/pipeline/record"
	"upshot.dev/upshot/pipeline/source"
)

// New makes the stage over a store. srcs are the senders by their names; that of
// the smoke test is known everywhere, so that its deliveries come to the same
// wherever they are processed, today or out of an archive.
func New(c *config.Config, s env.Blobs, srcs map[string]*source.Source, identityKey []byte) (*process.Processor, error) {
	e, err := enrich.New(enrich.Options{Keyphrases: true})
	if err != nil {
		return nil, err
	}
	return process.New(process.Options{
		Store: s, Sources: wire.WithSmoke(srcs), Enricher: e,
		Keys: record.NewKeyring(identityKey), Exclude: c.Product.Exclude.Record(),
	})
}
