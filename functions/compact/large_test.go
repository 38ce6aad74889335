package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/internal/standin/lambda"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/lake"
	"upshot.dev/upshot/pipeline/record"
)

// memory is what the template gives the function, in MB.
const memory = 512

var start = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// function is the real binary under a Lambda host, with a bucket.
type function struct {
	lambda.Function
	t     testing.TB
	host  *lambda.Host
	store *awsenv.Store
	log   bytes.Buffer
}

func newFunction(t testing.TB, memory int) *function {
	t.Helper()
	s3 := standin.S3(t)
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", filepath.Join(dir, "bootstrap"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	conf, err := os.ReadFile("../upshot.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "upshot.yaml"), conf, 0o600); err != nil {
		t.Fatal(err)
	}
	bucket := s3.Bucket(t, "lake")
	f := &function{t: t, host: lambda.New()}
	f.store = awsenv.NewStore(standin.Config(t, s3.Endpoint), awsenv.StoreOptions{Bucket: bucket, Prefix: "lake/"})
	f.Function = lambda.Function{
		Name: "compact", Bootstrap: filepath.Join(dir, "bootstrap"), Timeout: 15 * time.Minute, Memory: memory, Log: &f.log,
		Env: append(standin.Environ(s3.Endpoint), "UPSHOT_LAKE_BUCKET="+bucket),
	}
	f.host.Add(f.Function)
	t.Cleanup(f.host.Close)
	return f
}

func (f *function) run() (answer map[string]any, err error) {
	out, err := f.host.Invoke(f.t.Context(), "compact", []byte(`{"name":"compact"}`))
	if err == nil {
		err = json.Unmarshal(out, &answer)
	}
	return answer, err
}

func (f *function) files(prefix string) (n int) {
	for _, err := range f.store.List(f.t.Context(), prefix) {
		if err != nil {
			f.t.Fatal(err)
		}
		n++
	}
	return n
}

func row(r *rand.Rand, k int) record.Row {
	at := start.UnixMicro() + int64(k)*7_000/1000*1000 + r.Int64N(60_000)*1000
	person := r.Uint64N(30_000)
	return record.Row{
		EventID: fmt.Sprintf("%016x-%08x", r.Uint64(), k), Source: "app", OccurredAt: at, ReceivedAt: at + 2_000_000,
		DeliveryID: fmt.Sprintf("01JC%022d", k/20), DeliverySeq: int32(k % 20),
		UserKey: fmt.Sprintf("%016x%016x", person*0xABCDEF12345, person), Plan: []string{"free", "pro", "team"}[person%3],
		Country: []string{"DE", "US", "FR", "JP"}[person%4], Platform: []string{"web", "ios", "android"}[person%3], AppVersion: "4.2.1",
	}
}

// events makes usage events that take about 50 bytes each in a file.
func events(n, from int) []record.EventRow {
	rows := make([]record.EventRow, n)
	for i := range rows {
		r := rand.New(rand.NewPCG(uint64(from+i), 1))
		rows[i] = record.EventRow{
			Row: row(r, from+i), Kind: "track", Name: fmt.Sprint("Event ", r.IntN(40)), SessionID: fmt.Sprintf("s-%d", r.IntN(100_000)),
			Properties: fmt.Sprintf(`{"format":"%s","count":%d,"document":"%x","title":"Quarterly results of team %d"}`,
				[]string{"pdf", "csv", "png"}[r.IntN(3)], r.IntN(500), r.Uint32(), r.IntN(200)),
		}
	}
	return rows
}

// tickets makes changes to tickets with texts of about 4,000 characters.
func tickets(n, from int) []record.TicketRow {
	rows := make([]record.TicketRow, n)
	for i := range rows {
		r := rand.New(rand.NewPCG(uint64(from+i), 2))
		var text strings.Builder
		for text.Len() < 4000 {
			fmt.Fprintf(&text, "%x ", r.Uint32N(1<<20))
		}
		rows[i] = record.TicketRow{
			Row: row(r, from+i), TicketID: fmt.Sprint(r.IntN(1_000_000)), Change: "comment", Tags: []string{"export"},
			Feedback: record.Feedback{Text: text.String()},
		}
	}
	return rows
}

// BenchmarkLargeDay merges a day from many hot files by the function as it is
// deployed. It reports the most memory that its process ever had, the time of
// processors, and the most that lay in its temporary files. It fails at what the
// template gives it.
func BenchmarkLargeDay(b *testing.B) {
	day := start.Format(time.DateOnly)
	for _, c := range []struct {
		name        string
		files, each int
		write       func(f *function, batch string, n, from int) error
	}{
		{"events-3M", 600, 5000, writeEvents},
		{"events-6M", 1200, 5000, writeEvents},
		{"events-12M", 2400, 5000, writeEvents},
		{"tickets-4KB-300k", 300, 1000, func(f *function, batch string, n, from int) error {
			return lake.WriteHot(f.t.Context(), f.store, "tickets", day, batch, tickets(n, from))
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				f := newFunction(b, memory)
				for i := range c.files {
					// Every fiftieth row repeats one of the file before.
					if err := c.write(f, fmt.Sprintf("hot-%04d", i), c.each, i*c.each*49/50); err != nil {
						b.Fatal(err)
					}
				}
				var before, after syscall.Rusage
				_ = syscall.Getrusage(syscall.RUSAGE_CHILDREN, &before)
				b.StartTimer()
				answer, err := f.run()
				b.StopTimer()
				peak := f.host.Peak("compact")
				f.host.Close()
				_ = syscall.Getrusage(syscall.RUSAGE_CHILDREN, &after)
				if err != nil || answer["files"] != float64(c.files) || answer["left"] != 0.0 {
					b.Fatalf("%v, %v\n%s", answer, err, f.log.String())
				}
				b.ReportMetric(float64(peak)/1e6, "MB-peak")
				b.ReportMetric(float64(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano())/1e9, "cpu-s")
				if peak > memory<<20 {
					b.Errorf("the function took %d MiB, it has %d", peak>>20, memory)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(b.N*c.files*c.each)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func writeEvents(f *function, batch string, n, from int) error {
	return lake.WriteHot(f.t.Context(), f.store, "events", start.Format(time.DateOnly), batch, events(n, from))
}
