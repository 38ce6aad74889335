// Compact merges the small files of the lake, on a schedule. Days that it
// finished stay done when its time ends; the next run goes on.
package main

import (
	"context"
	"errors"
	"os"
	"time"

	"upshot.dev/upshot/internal/jobs"
	"upshot.dev/upshot/internal/onaws"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/lake"
)

// grace lets queries finish that have listed the small files.
const grace = time.Hour

var errBusy = errors.New("another compaction is at work")

func main() {
	b := onaws.Open()
	// Half of the memory is for rows. Temporary files are deleted when they are
	// made, so an instance that is killed leaves none to the next.
	o := lake.CompactOptions{Clock: b.Clock, Grace: grace, Memory: onaws.Memory() / 2, Temp: os.TempDir()}
	awsenv.StartJob(func(ctx context.Context, _ awsenv.Job) (any, error) {
		var rep lake.CompactReport
		err := jobs.Run(ctx, b.Store, b.Clock, "compact", func(ctx context.Context) (err error) {
			rep, err = lake.Compact(ctx, b.Store, o)
			if err == nil && rep.Busy {
				err = errBusy // no success of this run
			}
			return err
		})
		if errors.Is(err, errBusy) {
			err = nil
		}
		days, files := 0, 0
		for _, t := range rep.Tables {
			days, files = days+t.Days, files+t.Merged
		}
		b.Emit([]awsenv.Metric{
			awsenv.Count("CompactedDays", days), awsenv.Count("CompactedFiles", files), awsenv.Count("DaysLeft", rep.Remaining),
		})
		return map[string]any{"days": days, "files": files, "left": rep.Remaining, "busy": rep.Busy}, err
	}, b.Log)
}
