// Process turns queued deliveries into rows of the lake, one batch at a time.
package main

import (
	"context"

	"upshot.dev/upshot/internal/onaws"
	"upshot.dev/upshot/internal/onaws/processing"
	"upshot.dev/upshot/pipeline/env/awsenv"
)

func main() {
	b := onaws.Open("UPSHOT_QUEUE_URL", "UPSHOT_SECRETS")
	key, err := b.IdentityKey(context.Background())
	b.Check(err)
	batch, err := processing.New(b, key)
	b.Check(err)
	awsenv.StartQueue(b.Queue(), batch, b.Log)
}
