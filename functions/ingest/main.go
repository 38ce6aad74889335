// Ingest takes deliveries behind an HTTP API or a function URL: it verifies
// them and answers once the queue has them.
package main

import (
	"crypto/rand"

	"upshot.dev/upshot/internal/onaws"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/ingest"
)

func main() {
	b := onaws.Open("UPSHOT_QUEUE_URL", "UPSHOT_SECRETS")
	sources, queue := b.Sources(), b.Queue()
	h, err := ingest.New(ingest.Options{
		Sources: sources, Secrets: b.Secrets(), Queue: queue, Gauge: queue,
		Clock: b.Clock, Random: rand.Reader, Log: b.Log,
	})
	b.Check(err)
	awsenv.StartHTTP(b.Measured(h, sources), b.Log)
}
