package lake

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"upshot.dev/upshot/pipeline/env"
)

// largeDay names the folder in which the child process of BenchmarkLargeDay
// works.
const largeDay = "UPSHOT_TEST_LARGE_DAY"

// TestLargeDayChild is the child process of BenchmarkLargeDay.
func TestLargeDayChild(t *testing.T) {
	dir := os.Getenv(largeDay)
	if dir == "" {
		t.Skip("no check: it is run by BenchmarkLargeDay")
	}
	s := &folder{dir: dir}
	if os.Getenv(largeDay+"_WRITE") != "" {
		for i := range largeFiles {
			if err := WriteHot(t.Context(), s, "events", testDay, fmt.Sprint("hot-", i), usage(largeEach, i*largeEach*49/50)); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	rep, err := Compact(t.Context(), s, CompactOptions{Clock: env.ClockFunc(time.Now), Temp: dir})
	if err != nil || rep.Tables[2].RowsIn < largeFiles*largeEach {
		t.Fatal(rep, err)
	}
}

const largeFiles, largeEach = 600, 5000

// BenchmarkLargeDay merges a day of 3 million events in 600 hot files, in a
// process of its own, and reports the most memory that the process had. It fails at what a Lambda function has.
func BenchmarkLargeDay(b *testing.B) {
	for range b.N {
		b.StopTimer()
		dir := b.TempDir()
		child := func(env ...string) (peak int64) {
			cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run", "^TestLargeDayChild$")
			cmd.Env = append(os.Environ(), append(env, largeDay+"="+dir, "GOMEMLIMIT=off", "GOGC=100")...)
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
			return cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
		}
		child(largeDay + "_WRITE=1")
		b.StartTimer()
		peak := child()
		b.ReportMetric(float64(peak)/(1<<20), "MiB-peak")
		if peak > 512<<20 {
			b.Errorf("a process took %d MiB, a Lambda function has 512", peak>>20)
		}
	}
	b.ReportMetric(float64(b.N)*largeFiles*largeEach/b.Elapsed().Seconds(), "rows/s")
}
