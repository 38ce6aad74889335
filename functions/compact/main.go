// Compact merges the small files of the lake, on a schedule. What it cannot
// finish in its time it leaves for the next.
package main

import (
	"context"
	"time"

	"upshot.dev/upshot/internal/jobs"
	"upshot.dev/upshot/internal/onaws"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/lake"
)

// grace lets queries finish that have listed the small files.
const grace = time.Hour

func main() {
	b := onaws.Open()
	awsenv.StartJob(func(ctx context.Context, _ awsenv.Job) (any, error) {
		var rep lake.CompactReport
		err := jobs.Run(ctx, b.Store, b.Clock, "compact", func(ctx context.Context) (err error) {
			rep, err = lake.Compact(ctx, b.Store, lake.CompactOptions{Clock: b.Clock, Grace: grace})
			return err
		})
		days, files := 0, 0
		for _, t := range rep.Tables {
			days, files = days+t.Days, files+t.Merged
		}
		b.Emit([]awsenv.Metric{awsenv.Count("CompactedDays", days), awsenv.Count("CompactedFiles", files)})
		return map[string]any{"days": days, "files": files, "busy": rep.Busy}, err
	}, b.Log)
}
