package source_test

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"upshot.dev/upshot/pipeline/source"
)

// TestConcurrentUse parses every fixture from several goroutines at once: the
// sources, compiled programs among them, hold no state.
func TestConcurrentUse(t *testing.T) {
	for name, s := range subjects(t) {
		for _, f := range fixtures(t, name) {
			d := f.delivery(t, s)
			want := source.Parse(s, d)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					if diff := cmp.Diff(want, source.Parse(s, d)); diff != "" {
						t.Errorf("%s: %s", f.file, diff)
					}
				})
			}
			wg.Wait()
		}
	}
}
