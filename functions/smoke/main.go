// Smoke sends signed deliveries through the new versions of ingest and process
// and looks for them in the lake, before CodeDeploy moves any traffic; on a
// schedule it is a canary.
package main

import (
	"context"
	"crypto/rand"
	"os"
	"time"

	"upshot.dev/upshot/internal/onaws"
	"upshot.dev/upshot/pipeline/env/awsenv"
)

func main() {
	b := onaws.Open("UPSHOT_SECRETS", "UPSHOT_ATHENA_WORKGROUP", "UPSHOT_ATHENA_DATABASE")
	smoke := onaws.Smoke{
		Base: b, Ingest: os.Getenv("UPSHOT_SMOKE_INGEST"), Process: os.Getenv("UPSHOT_SMOKE_PROCESS"),
		Secret: b.SmokeSecret(rand.Reader), Query: b.Querier(), Random: rand.Reader, Pause: pause,
		Invoke: func(ctx context.Context, function string, event []byte) ([]byte, error) {
			return awsenv.Invoke(ctx, b.Cloud, function, event)
		},
	}
	awsenv.StartHook(b.Cloud, func(ctx context.Context, _ awsenv.Hook) error { return smoke.Run(ctx) }, b.Log)
}

// pause waits, or less when ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
