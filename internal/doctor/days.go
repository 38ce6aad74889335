package doctor

import (
	"context"
	"fmt"

	"upshot.dev/upshot/internal/catalog"
	"upshot.dev/upshot/pipeline/env"
)

// Days is a check of a deployment on AWS for More: that Athena, which looks for
// the days from first on, sees all that the lake holds. An empty first is that
// of a stack which does not tell it.
func Days(lake env.Blobs, first string) func(context.Context) Finding {
	const name = "days"
	return func(ctx context.Context) Finding {
		if first == "" {
			return Finding{Check: name, Status: Skipped, Detail: "the stack has no parameter FirstDay: nobody knows from which day on Athena looks"}
		}
		unseen, err := catalog.Outside(lake.List(ctx, ""), first)
		switch {
		case err != nil:
			f := failed(fmt.Errorf("the lake cannot be listed: %w", err), "queries and compaction cannot work without")
			f.Check = name
			return f
		case unseen.Files > 0:
			return Finding{
				Check: name, Status: Warn,
				Detail: fmt.Sprintf("%d files of days before %s, the earliest %s: Athena does not see them, and no report counts them", unseen.Files, first, unseen.First),
				Do:     "deploy with FirstDay=" + unseen.First + ", or leave them out knowingly, see docs/operations/limits.md",
			}
		}
		return Finding{Check: name, Status: OK, Detail: "Athena sees every day from " + first + " on, and nothing is older"}
	}
}
